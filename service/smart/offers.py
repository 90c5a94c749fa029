"""Other studies beside the one ordered, and the order as it is after one was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from criteria.ratings import Alternative, Rating, Verdict
from criteria.studies import Study
from hooks.wording import wording
from service.smart.answers import askable
from service.smart.consults import OpenConsult
from service.smart.models import AppAnswer
from service.smart.screen import study_of

KEEP = "keep"
"""What is chosen where nothing is: the order as it is."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One column beside the order. ``choice`` is what its button sends, ``asks`` what is still open about it; ``title``
    is its rule's, in the rules' language."""

    choice: str
    action: str
    study: str
    rating: Rating
    asks: Mapping[str, str]
    contrast: str
    radiation: bool | None
    rule: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The order as the clinician leaves it: with ``alternative`` in place of it or beside it, or as it was."""

    consult: OpenConsult
    answers: Sequence[AppAnswer]
    verdict: Verdict
    alternative: Alternative | None = None

    @property
    def action(self) -> str:
        """keep, update, create or delete."""
        return self.alternative.action if self.alternative else KEEP

    @property
    def study(self) -> Study | None:
        """What is ordered in the end; None for nothing, or for a study that was not recognised."""
        if self.alternative and self.alternative.action == "update":
            return self.alternative.study
        return None if self.action == "delete" else self.consult.kept.order.study

    @property
    def open(self) -> Mapping[str, str]:
        """The questions that are open about it, by fact."""
        if self.action == "delete":
            return {}
        chosen = self.alternative if self.alternative and self.alternative.action == "update" else None
        return _questions(self.consult, chosen.asks if chosen else self.verdict.asks)

    @property
    def studies(self) -> list[str]:
        """What is ordered in the end, in words; the order's own study where it is withdrawn."""
        say, chosen = wording(self.consult.language), self.alternative
        own = study_of(self.consult.kept.order, say)
        if chosen is None or chosen.study is None:
            return [own]
        return [say.study(chosen.study)] if chosen.action == "update" else [own, say.study(chosen.study)]

    @property
    def rating(self) -> Rating:
        """That of the finished order."""
        if self.alternative and self.alternative.action == "update":
            return self.alternative.rating
        return self.verdict.rating or Rating.NEEDS_INFORMATION


def offered(consult: OpenConsult, verdict: Verdict) -> dict[str, Alternative]:
    """By what a button sends: what may be chosen, without the study that is ordered already."""
    ordered = consult.kept.order.study
    out: dict[str, Alternative] = {}
    for one in verdict.alternatives:
        same = one.action == "update" and one.study and ordered and one.study.id == ordered.id
        if not same and (one.study or one.action == "delete"):
            out.setdefault(f"{one.action}:{one.study.id}" if one.study else one.action, one)
    return out


def finished(consult: OpenConsult, answers: Sequence[AppAnswer], verdict: Verdict, choice: str = "") -> Finished | None:
    """The order with what was chosen; None where that is no longer offered."""
    if choice in ("", KEEP):
        return Finished(consult, answers, verdict)
    chosen = offered(consult, verdict).get(choice)
    return Finished(consult, answers, verdict, chosen) if chosen else None


def side_by_side(consult: OpenConsult, verdict: Verdict) -> Iterator[Offer]:
    """The order first, then what is offered."""
    say, kept = wording(consult.language), consult.kept
    ordered = kept.order.study
    rule = next((r for r in verdict.rulings if r.decisive), None)
    yield Offer(
        KEEP, KEEP, study_of(kept.order, say), verdict.rating or Rating.NEEDS_INFORMATION,
        _questions(consult, verdict.asks),
        ordered.contrast if ordered else "", ordered.radiation if ordered else None,
        rule.criterion if rule else "", rule.title if rule else "",
    )  # fmt: skip
    for choice, one in offered(consult, verdict).items():
        study = one.study
        yield Offer(
            choice, one.action, say.study(study) if study else "", one.rating,
            _questions(consult, one.asks), study.contrast if study else "",
            study.radiation if study else None, one.criterion, one.why,
        )  # fmt: skip


def _questions(consult: OpenConsult, facts: Sequence[str]) -> Mapping[str, str]:
    vocabulary, say = consult.kept.library.vocabulary, wording(consult.language)
    known = [vocabulary[f] for f in facts if f in vocabulary and askable(vocabulary[f])]
    return {f.name: say.question(f) for f in known}
