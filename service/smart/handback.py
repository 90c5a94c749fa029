"""The finished order on its way back: what the EHR is sent, and the same as text.

`hooks.compose` makes the order, as it would at the next hook: with its rating; where another study was chosen, the
order of the card's suggestion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

import hooks
import mappings
from criteria.ratings import Alternative, Verdict
from hooks.actions import AUC, CONSULT, PAMA, codings, study_code
from hooks.request import HookRequest, relative
from hooks.wording import wording
from service.clients import load_profiles
from service.decide import Decision
from service.smart.consults import OpenConsult
from service.smart.models import AppAnswer
from service.smart.reconsider import reconsider
from service.smart.screen import told_line

Json = dict[str, Any]


class NotOffered(Exception):
    """What was chosen cannot be handed back: this order's card does not offer it."""


@dataclass(frozen=True, slots=True)
class HandBack:
    """``actions`` are those of CDS Hooks, in order; ``consult`` is the consult id that the order carries, or empty."""

    study: str
    reasons: Sequence[str]
    codes: Sequence[str]
    rating: str
    consult: str
    criteria: str
    told: Sequence[tuple[str, str]]
    actions: Sequence[Json]

    @property
    def messages(self) -> list[Json]:
        """The actions as SMART Web Messaging has them (its `scratchpad` mirrors the actions of CDS Hooks)."""
        return [{"messageType": f"scratchpad.{a['type']}", "payload": _payload(a)} for a in self.actions]

    @property
    def digest(self) -> str:
        """The same for the same messages, so that a page that is loaded again sends nothing again."""
        return hashlib.sha256(orjson.dumps(self.messages)).hexdigest()[:32]


def hand_back(
    decision: Decision,
    consult: OpenConsult,
    patient: str,
    answers: Sequence[AppAnswer],
    chosen: Alternative | None = None,
) -> HandBack:
    """The order itself, or what was chosen in place of it or beside it. Raises `NotOffered`.

    Nothing is handed back for another patient than the session's.
    """
    kept, draft = consult.kept, consult.draft
    subject = draft.get("subject")
    about = subject.get("reference") if isinstance(subject, dict) else None
    if about and relative(str(about)) not in (f"Patient/{patient}", f"urn:uuid:{patient}"):
        raise NotOffered
    verdict = replace(reconsider(kept, answers), order=consult.reference)
    answer = _answer(decision, consult, verdict, patient, answers)
    rated = [action for action in answer.get("systemActions", ()) if action["resource"].get("id") == draft.get("id")]
    actions = [*rated]
    shown = next((a["resource"] for a in rated), draft)
    if chosen:
        action = _suggested(answer, draft, chosen)
        if action is None:
            raise NotOffered
        actions = [*rated, action] if action["type"] == "create" else [action]
        shown = action.get("resource", draft) if action["type"] == "update" else shown
    return HandBack(
        _words(shown.get("code")) or (kept.order.study.name if kept.order.study else ""),
        _reasons(draft),
        [str(c["code"]) for c in codings(shown.get("code")) if c.get("code")],
        _rating(shown),
        str(_extension(shown, CONSULT).get("valueUri", "")),
        str(_extension(shown, AUC).get("valueUri", "")),
        _told(decision, consult, answers),
        actions,
    )


def _answer(
    decision: Decision, consult: OpenConsult, verdict: Verdict, patient: str, answers: Sequence[AppAnswer]
) -> Mapping[str, Any]:
    """The answer to order-sign as the order stands now, with all that is offered on its card."""
    kept, settings = consult.kept, decision.settings
    profile = load_profiles()[consult.profile].shows
    [read] = mappings.read_orders([consult.draft], mappings.read_records((), patient))  # for what its own words say
    order = replace(kept.order, reference=consult.reference, proposals=read.proposals)
    request = HookRequest("order-sign", "", consult.user, patient, (consult.draft,), (consult.reference,))
    return hooks.compose(
        [verdict],
        request,
        library_view=decision.view(kept.policy),
        profile=replace(
            profile, attestations=False, max_suggestions=len(verdict.alternatives), system_actions_top=True
        ),
        site=replace(decision.site, confirm_appropriate=True),
        keys=hooks.Keys(consult.row.tenant, settings.secret_key.get_secret_value().encode()),
        orders=[order],
        told={consult.reference: {a.fact: a.value for a in answers}} if answers else {},
    )


def _suggested(answer: Mapping[str, Any], draft: Json, chosen: Alternative) -> Json | None:
    """The action of the card's suggestion for an alternative."""
    for card in answer["cards"]:
        for suggestion in card.get("suggestions", ()):
            [action] = suggestion["actions"]
            code = study_code(draft, chosen.study) if chosen.study else None
            same = chosen.action == "delete" or action.get("resource", {}).get("code") == code
            if action["type"] == chosen.action and same:
                return dict(action)
    return None


def _payload(action: Json) -> Json:
    return {"location": action["resourceId"]} if action["type"] == "delete" else {"resource": action["resource"]}


def _extension(resource: Json, url: str) -> Json:
    return next((e for e in resource.get("extension", ()) if isinstance(e, dict) and e.get("url") == url), {})


def _rating(resource: Json) -> str:
    rated = _extension(resource, PAMA)
    return next((str(c["code"]) for c in codings(rated.get("valueCodeableConcept")) if "code" in c), "")


def _words(concept: Any) -> str:
    """A CodeableConcept as the client shows it."""
    text = concept.get("text") if isinstance(concept, dict) else None
    return str(text or next((c["display"] for c in codings(concept) if c.get("display")), ""))


def _reasons(draft: Json) -> list[str]:
    held = draft.get("reasonCode")
    return [text for reason in (held if isinstance(held, list) else ()) if (text := _words(reason))]


def _told(decision: Decision, consult: OpenConsult, answers: Sequence[AppAnswer]) -> list[tuple[str, str]]:
    say, vocabulary = wording(consult.language), consult.kept.library.vocabulary
    day = decision.settings.today
    lines = [told_line(vocabulary[a.fact], a.value, day(a.answered), say) for a in answers]
    return [(line.question, line.answer) for line in lines]
