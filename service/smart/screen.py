"""What the page after a launch shows: the order, its verdict, what was told, and the next question."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from criteria.facts import Fact, FactDefinition, Value
from criteria.orders import Order
from criteria.ratings import Step, Verdict
from hooks.proposed import answers as proposed
from hooks.proposed import in_order
from hooks.wording import Wording, wording
from mappings import read_records
from mappings.notes import read_proposals
from service.journal import Kept
from service.smart.answers import TOLD, askable
from service.smart.consults import OpenConsult
from service.smart.models import AppAnswer
from service.smart.questions import Days, Known, Origin, Question, from_chart, question, spoken, taken_as
from service.smart.reconsider import reconsider

ON_FILE = 8
"""Facts on file that a page lists."""
CITED = 3


@dataclass(frozen=True, slots=True)
class ToldLine:
    fact: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Presumed:
    """``taken`` says for what; ``open``: a form can correct it."""

    fact: str
    means: str
    taken: str
    open: bool


@dataclass(frozen=True, slots=True)
class OnFile:
    fact: str
    question: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Screen:
    """``left`` counts the open questions, those passed over included; ``open`` are they, by fact. ``rests_on`` are
    (guideline, section) of the rules that decide."""

    study: str
    reasons: Sequence[str]
    verdict: Verdict
    why: str
    rests_on: Sequence[tuple[str, str]]
    policy: str
    notice: str
    safety: Sequence[str]
    told: Sequence[ToldLine]
    question: Question | None
    open: Mapping[str, str]
    presumed: Sequence[Presumed]
    on_file: Sequence[OnFile]

    @property
    def left(self) -> int:
        return len(self.open)


def screen(
    consult: OpenConsult,
    answers: Sequence[AppAnswer],
    now: dt.datetime,
    day_at: Callable[[dt.datetime], dt.date],
    skipped: Collection[str] = (),
    asked: str = "",
) -> Screen:
    """``asked`` is a fact that the clinician opens by hand; ``day_at`` the day of a moment where the site is."""
    say, kept = wording(consult.language), consult.kept
    said = {**consult.draft, "reasonReference": []} if kept.order.withdrawn else consult.draft
    order = replace(kept.order, proposals=read_proposals(said, read_records([], "")))
    verdict = in_order(reconsider(kept, answers), order)
    vocabulary = kept.library.vocabulary
    told = {a.fact: a for a in answers}
    open_yet = {f: vocabulary[f] for f in verdict.asks if f in vocabulary and f not in told and askable(vocabulary[f])}
    chart = _chart(kept)

    def put(fact: FactDefinition, again: bool) -> Question:
        earlier = told.get(fact.name)
        days = Days(day_at(now), kept.row.day, day_at(earlier.answered) if earlier else None)
        presumed = fact.name in verdict.presumes
        known = Known(earlier, chart.get(fact.name), proposed(order).get(fact.name), presumed)
        return question(fact, known, days, say, again)

    following = next((fact for fact in open_yet.values() if fact.name not in skipped), None)
    by_hand = vocabulary.facts.get(asked)
    if by_hand is not None and askable(by_hand):
        shown: Question | None = put(by_hand, by_hand is not following)
    else:
        shown = put(following, False) if following else None
    return Screen(
        study_of(order, say),
        _reasons(kept, say),
        verdict,
        say.quote(verdict.message) or (say.say(f"because.{verdict.because.value}") if verdict.because else ""),
        list(_rests_on(verdict, kept)),
        kept.policy.id,
        say.say(f"notice.{kept.policy.notice}") if f"notice.{kept.policy.notice}" in say else "",
        list(_safety(verdict, kept, say)),
        [told_line(vocabulary[a.fact], a.value, day_at(a.answered), say) for a in answers],
        shown,
        {name: say.question(fact) for name, fact in open_yet.items()},
        list(_presumed(verdict, kept, say, open_yet)),
        list(_on_file(verdict, kept, say)),
    )


def told_line(fact: FactDefinition, value: Value, on: dt.date, say: Wording) -> ToldLine:
    return ToldLine(fact.name, say.question(fact), spoken(fact, value, on, say))


def study_of(order: Order, say: Wording) -> str:
    return say.study(order.study) if order.study else say.say("order-unnamed")


def _chart(kept: Kept) -> Mapping[str, Fact]:
    """What the chart and the order said of the ordered study, without earlier answers of the app."""
    study = kept.order.study
    held = kept.facts(kept.order, study) if study else ()
    return {f.name: f for f in held if not any(s.startswith(f"Observation/{TOLD}") for s in f.sources)}


def _reasons(kept: Kept, say: Wording) -> list[str]:
    indications: Mapping[str, Any] = kept.library.indications
    names = [indications[i].name for r in kept.order.reasons for i in r.indications if i in indications]
    return list(dict.fromkeys(say.quote(name) or name for name in names))


def _rests_on(verdict: Verdict, kept: Kept) -> Iterator[tuple[str, str]]:
    cited = dict.fromkeys((r.guideline, r.section) for r in verdict.rulings if r.decisive)
    for guideline, section in list(cited)[:CITED]:
        if known := kept.library.guidelines.get(guideline):
            yield f"{known.title} {known.edition}".strip(), section


def _safety(verdict: Verdict, kept: Kept, say: Wording) -> Iterator[str]:
    for note in verdict.notes:
        if note.kind in ("safety", "unchecked"):
            known = kept.library.guidelines.get(note.guideline)
            place = ", ".join(filter(None, (known.title if known else "", note.section)))
            text = say.quote(note.text) or say.say("note-cited-safety", place=place)
            yield say.say("note-unchecked", text=text) if note.kind == "unchecked" else text


def _presumed(verdict: Verdict, kept: Kept, say: Wording, asked: Collection[str]) -> Iterator[Presumed]:
    vocabulary = kept.library.vocabulary
    for name in verdict.presumes:
        if name in vocabulary and name not in asked:
            fact = vocabulary[name]
            means = say.presumed.get(name) or say.quote(fact.means).split(";")[0].rstrip(".") or say.question(fact)
            yield Presumed(name, means or fact.means, taken_as(fact, say), askable(fact))


def _on_file(verdict: Verdict, kept: Kept, say: Wording) -> Iterator[OnFile]:
    """What the deciding rules found recorded, and a form could correct."""
    steps = [r.trace for r in verdict.rulings if r.decisive]
    found: dict[str, Fact] = {}
    while steps:
        step: Step = steps.pop(0)
        if step.found is not None and not any(s.startswith(f"Observation/{TOLD}") for s in step.found.sources):
            found.setdefault(step.found.name, step.found)
        steps += step.children
    vocabulary = kept.library.vocabulary
    able = [f for f in found.values() if f.name in vocabulary and askable(vocabulary[f.name])]
    for fact in able[:ON_FILE]:
        definition = vocabulary[fact.name]
        yield OnFile(fact.name, say.question(definition), from_chart(definition, fact, kept.row.day, say))
