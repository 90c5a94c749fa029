"""One order's answer, with everything that its card and its rating are made from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from criteria.facts import Value
from criteria.orders import Order
from criteria.ratings import Alternative, Because, Note, Rating, Ruling, Verdict
from hooks.actions import SYSTEMS, codings
from hooks.markdown import plain
from hooks.site import Edition, Keys, LibraryView, Profile, SetAside, Site
from hooks.wording import Wording

NO_TAGS = str.maketrans({"<": "(", ">": ")"})
"""A summary is plain text, yet not every client shows it as such."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all orders of one call."""

    view: LibraryView
    profile: Profile
    site: Site
    keys: Keys
    words: Wording
    patient_id: str
    unread: Sequence[str] = ()
    set_aside: Sequence[SetAside] = ()
    strange_devices: Sequence[str] = ()
    today: dt.date | None = None
    insurer: str = ""  # in whose name a CRD client gets its cards
    selecting: bool = False  # the orders are still being chosen
    user_id: str = ""
    told: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)  # order -> fact -> answered in the app

    def edition(self, guideline: str) -> Edition:
        return self.view.editions.get(guideline, Edition(guideline))


@dataclass(frozen=True, slots=True)
class Consult:
    """The answer for one order. ``study`` is the order in words, plain text; ``content`` what its ids are made of."""

    verdict: Verdict
    order: Order | None
    draft: dict[str, Any]
    study: str
    consult: str  # urn:uuid
    content: str
    setting: Setting = field(repr=False)

    @property
    def decisive(self) -> tuple[Ruling, ...]:
        return tuple(r for r in self.verdict.rulings if r.decisive)

    @property
    def safety(self) -> tuple[Note, ...]:
        """What the patient's safety asks for, the gravest first; then what could not be checked."""
        kinds = {"safety": 1, "unchecked": 2}
        notes = [n for n in self.verdict.notes if n.kind in kinds]
        return tuple(sorted(notes, key=lambda n: 0 if n.critical and n.kind == "safety" else kinds[n.kind]))

    @property
    def critical(self) -> bool:
        return self.verdict.safety_critical or any(n.critical and n.kind == "safety" for n in self.verdict.notes)

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """What to offer instead, without the study that is ordered already."""
        ordered = self.order.study.id if self.order and self.order.study else None
        return tuple(
            a for a in self.verdict.alternatives if not (a.action == "update" and a.study and a.study.id == ordered)
        )


def study_words(draft: dict[str, Any], order: Order | None, setting: Setting) -> str:
    """The order's study in our words; else as the client shows it; else "this imaging order"."""
    if order is not None and order.study is not None:
        return setting.words.study(order.study)
    found = codings(draft.get("code"))
    for coding in found:
        system = SYSTEMS.get(coding["system"]) if isinstance(coding.get("system"), str) else None
        if system and isinstance(coding.get("code"), str):
            study = setting.view.catalogue.of_code(system, coding["code"])
            if study is not None and order is None:
                return setting.words.study(study)
    code = draft.get("code")
    text = code.get("text") if isinstance(code, dict) else None
    for shown in [*(c.get("display") for c in found), text]:
        if isinstance(shown, str) and plain(shown):
            return plain(shown, 80).translate(NO_TAGS)
    return setting.words.say("order-unnamed")


def needs_card(consult: Consult) -> bool:
    """Few cards: what must be acted on, what the patient's safety asks for, and why nothing applies if that helps."""
    verdict = consult.verdict
    safety = any(n.kind == "safety" for n in verdict.notes) or verdict.safety_critical
    unchecked = any(n.kind == "unchecked" for n in verdict.notes)
    match verdict.rating:
        case Rating.NOT_APPROPRIATE | Rating.NEEDS_INFORMATION:
            return True
        case Rating.APPROPRIATE:
            return safety or unchecked or consult.setting.site.confirm_appropriate
        case Rating.NO_CRITERIA:
            told = verdict.because in (Because.PEDIATRIC, Because.OTHER_GUIDELINE)
            return told or bool(verdict.message) or safety
    return False
