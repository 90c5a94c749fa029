"""What the page after a launch shows: the order, its verdict, what was told, and the next question."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import FactDefinition, Value
from criteria.ratings import Verdict
from hooks.spoken import in_words
from hooks.wording import Wording, wording
from service.smart.answers import askable
from service.smart.consults import OpenConsult
from service.smart.models import AppAnswer
from service.smart.reconsider import reconsider


@dataclass(frozen=True, slots=True)
class Question:
    """``choices`` are the values of a code with their names; ``unit`` that of a number."""

    fact: str
    text: str
    type: str
    choices: Sequence[tuple[str, str]] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ToldLine:
    fact: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Screen:
    """``left`` counts the open questions, those passed over included."""

    study: str
    reasons: Sequence[str]
    verdict: Verdict
    why: str
    told: Sequence[ToldLine]
    question: Question | None
    left: int


def screen(consult: OpenConsult, answers: Sequence[AppAnswer], skipped: Collection[str] = ()) -> Screen:
    say, kept = wording(consult.language), consult.kept
    verdict, vocabulary = reconsider(kept, answers), kept.library.vocabulary
    told = {a.fact for a in answers}
    asks = [vocabulary[f] for f in verdict.asks if f in vocabulary and f not in told and askable(vocabulary[f])]
    following = next((fact for fact in asks if fact.name not in skipped), None)
    why = say.quote(verdict.message) or (say.say(f"because.{verdict.because.value}") if verdict.because else "")
    indications: Mapping[str, Any] = kept.library.indications
    names = [indications[i].name for r in kept.order.reasons for i in r.indications if i in indications]
    return Screen(
        say.study(kept.order.study) if kept.order.study else say.say("order-unnamed"),
        list(dict.fromkeys(say.quote(name) or name for name in names)),
        verdict,
        why,
        [told_line(vocabulary[a.fact], a.value, say) for a in answers],
        _question(following, say) if following else None,
        len(asks),
    )


def told_line(fact: FactDefinition, value: Value, say: Wording) -> ToldLine:
    return ToldLine(fact.name, say.question(fact), in_words(value, fact, say) or str(value).replace("_", " "))


def _question(fact: FactDefinition, say: Wording) -> Question:
    choices = [(value, value.replace("_", " ")) for value in fact.values or ()] if fact.type == "code" else []
    return Question(
        fact.name,
        say.question(fact),
        fact.type,
        choices,
        "days-ago" if fact.name.endswith("days_ago") else fact.unit or "",
    )
