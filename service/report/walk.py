"""Send generated orders through the walk in this process, and every suggestion through it once more."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from criteria.ratings import Because, Rating, Verdict
from hooks.markdown import escape
from hooks.request import read_request
from hooks.wording import wording
from service.clients import open_client
from service.decide import Decision, editions
from service.fhir import FhirClient
from service.journal import Consultation
from service.parts import library_of
from service.report.folder import Folder, Json, Truth
from service.settings import Settings

OURS = "io.github.imaging-cds"
CODES = frozenset({"http://www.ama-assn.org/go/cpt", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"})


@dataclass
class Last:
    """In place of the journal: what was decided last."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def keep(self, consultation: Consultation) -> None:
        self.verdicts = {verdict.order: verdict for verdict in consultation.verdicts}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One order: what is right, what came back. ``offers``: what became of the best suggestion, see `offered`."""

    truth: Truth
    verdict: Verdict
    cards: tuple[Json, ...]
    offers: str
    codes: frozenset[str]

    @property
    def rating(self) -> str:
        return str(self.verdict.rating)

    @property
    def rated(self) -> bool:
        return self.verdict.rating is not Rating.NEEDS_INFORMATION

    @property
    def wrong(self) -> bool:
        """A definite rating that is not among the right ones."""
        return self.rated and self.rating not in self.truth.ratings

    @property
    def questions(self) -> int:
        """Up to a definite rating; one that is given already needs none."""
        return 0 if self.rated else len(self.verdict.asks)

    @property
    def for_safety(self) -> bool:
        return any(note.kind in ("safety", "unchecked") for note in self.verdict.notes)


class Walk:
    """The service without HTTP and without a journal, on the day for which the orders were made."""

    def __init__(self, settings: Settings, today: dt.date) -> None:
        library = library_of(settings)
        noon = dt.datetime.combine(today, dt.time(12), dt.UTC)
        self.last = Last()
        self.decision = Decision(settings, library, editions(library), FhirClient(settings), self.last, lambda: noon)
        self.client = open_client(None)
        self.none = wording().say("no-alternative")

    def outcomes(self, folder: Folder) -> Iterator[Outcome]:
        for body, truths in folder.requests():
            cards, verdicts = self.answer(body)
            for truth in truths:
                its = tuple(c for c in cards if c["extension"][OURS]["order"] == truth.order)
                verdict = verdicts[truth.order]
                codes = frozenset(code for action in _actions(its) for code in _codes(action))
                offers = self.offered(body, truth.order, verdict, its)
                yield Outcome(truth, verdict, its, offers, codes)

    def answer(self, body: Json) -> tuple[list[Json], dict[str, Verdict]]:
        cards = self.decision.decide(read_request(body, {body["hook"]}), self.client)["cards"]
        return cards, self.last.verdicts

    def offered(self, body: Json, order: str, verdict: Verdict, cards: tuple[Json, ...]) -> str:
        """What a not-appropriate card offers: `appropriate` (a suggestion that rates so when it is sent back),
        `removal`, `companion`, `says-why`, `says-what` (may rate once questions are answered that the card shows),
        `asks` (others too), `broken`, `nothing`; best first.
        """
        if verdict.rating is not Rating.NOT_APPROPRIATE or not cards:
            return ""
        shown = " ".join(card["detail"] for card in cards)
        found = {self._sent_back(body, verdict, action, shown) for action in _actions(cards)}
        if verdict.because is Because.REQUIREMENT_MISSING or self.none in shown:
            found.add("says-why")
        kinds = ("appropriate", "removal", "companion", "says-why", "says-what", "asks", "broken")
        return next((kind for kind in kinds if kind in found), "nothing")

    def _sent_back(self, body: Json, refused: Verdict, action: Json, shown: str) -> str:
        if action["type"] == "delete":
            return "removal"
        if action["type"] == "create":
            return "companion" if action["resource"]["resourceType"] == "ServiceRequest" else "attests"
        changed = copy.deepcopy(body)
        for entry in changed["context"]["draftOrders"]["entry"]:
            if f"ServiceRequest/{entry['resource']['id']}" == refused.order:
                entry["resource"] = action["resource"]
        again = self.answer(changed)[1][refused.order]
        if again.rating is Rating.NEEDS_INFORMATION:
            vocabulary = self.decision.library.vocabulary
            return "says-what" if all(escape(vocabulary[f].ask or f) in shown for f in again.asks) else "asks"
        return "appropriate" if again.rating is Rating.APPROPRIATE else "broken"


def _actions(cards: tuple[Json, ...]) -> Iterator[Json]:
    for card in cards:
        for suggestion in card.get("suggestions", ()):
            yield from suggestion.get("actions", ())


def _codes(action: Json) -> Iterator[str]:
    resource: Any = action.get("resource") or {}
    for coding in resource.get("code", {}).get("coding", ()):
        if coding.get("system") in CODES:
            yield coding["code"]
