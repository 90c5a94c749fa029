"""A question as a form puts it: its control, its bounds, and what is suggested with where that comes from.

Nothing that is suggested counts until it is sent.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from criteria.facts import Fact, FactDefinition, Value
from criteria.orders import Proposal
from hooks.spoken import in_words
from hooks.wording import Wording
from service.explain.words import day, known
from service.smart.answers import AGO, AHEAD, NotAnAnswer, bounds, day_of, is_day
from service.smart.models import AppAnswer
from service.smart.words import value_name, words

LISTED = 9
"""Choices that stand one below the other; more of them are a list to open."""
QUOTED = 120
TYPED = 40
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
SOURCES = 3
SINCE = {"months_since": "months-ago", "years_since": "years-ago", "hours_ago": "hours-ago", "days_ago": "days-ago"}
"""Part of a fact's name -> its unit in words.yaml, where it counts back from today."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a suggestion comes from: a sentence, and resources of the chart."""

    text: str
    sources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """``control`` is yes-no, choice, list, number, day or typed-day; ``choices`` are the values of a code
    with their names.

    ``value`` is what the field holds before anybody touches it. ``again``: it was opened by hand, to change or correct.
    """

    fact: str
    text: str
    control: str
    choices: Sequence[tuple[str, str]] = ()
    unit: str = ""
    least: str = ""
    most: str = ""
    help: str = ""
    value: str = ""
    origins: Sequence[Origin] = ()
    again: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known to suggest an answer with: what was told, is on file, the order's words say, or was presumed."""

    told: AppAnswer | None = None
    chart: Fact | None = None
    proposal: Proposal | None = None
    presumed: bool = False


@dataclass(frozen=True, slots=True)
class Days:
    """Today, the day on which the chart was read, and the one on which an earlier answer was given."""

    today: dt.date
    chart: dt.date
    told: dt.date | None = None


def question(fact: FactDefinition, known: Known, days: Days, say: Wording, again: bool = False) -> Question:
    """One question, prefilled."""
    said, control = words(say.language), control_of(fact)
    least = most = hint = ""
    if control == "number":
        least, most = (str(n) for n in bounds(fact))
        hint = said["number-help"].format(least=least, most=most)
    elif control == "day":
        far = dt.timedelta(days=bounds(fact)[1])
        first, last = (days.today, days.today + far) if fact.name.endswith(AHEAD) else (days.today - far, days.today)
        least, most = first.isoformat(), last.isoformat()
        hint = said["day-help"].format(example=days.today.isoformat())
    listed = [(v, value_name(v, say.language)) for v in fact.values or ()] if fact.type == "code" else []
    value = _suggested(fact, known, days)
    origins = tuple(_origins(fact, known, days, say))
    unit = said["units"][unit_of(fact)] if control == "number" else ""
    return Question(
        fact.name, say.question(fact), control, listed, unit, least, most, hint, value, origins, again
    )  # fmt: skip


def asked_again(asked: Question, said: str, problem: NotAnAnswer, language: str) -> Question:
    """The same with what was typed, and why that is no answer."""
    text = words(language)["problems"][problem.why].format(**problem.slots)
    control = "typed-day" if asked.control == "day" and not DAY.fullmatch(said) else asked.control
    return replace(asked, control=control, value=said[:TYPED], problem=text)


def control_of(fact: FactDefinition) -> str:
    if fact.type == "boolean":
        return "yes-no"
    if fact.type == "code":
        return "choice" if len(fact.values or ()) <= LISTED else "list"
    return "day" if is_day(fact) else "number"


def unit_of(fact: FactDefinition) -> str:
    """A key of words.yaml, `units`."""
    return next((unit for part, unit in SINCE.items() if part in fact.name), fact.unit or "1")


def in_field(fact: FactDefinition, value: Value, on: dt.date) -> str:
    """A value as the field holds it; ``on`` is the day from which it counts."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return day_of(fact, value, on).isoformat() if is_day(fact) else f"{value:g}"
    return str(value)


def spoken(fact: FactDefinition, value: Value, on: dt.date, say: Wording) -> str:
    """A value in words, of a count of days the day as well."""
    if isinstance(value, str):
        return value_name(value, say.language)
    if not isinstance(value, bool) and isinstance(value, int | float) and is_day(fact):
        written = day(known(say.language), day_of(fact, value, on))
        ago = words(say.language)["units"]["days-ago"] if fact.name.endswith(AGO) else ""
        return f"{written} ({value:g} {ago})" if ago and value != 1 else written
    return in_words(value, fact, say)


def _suggested(fact: FactDefinition, known: Known, days: Days) -> str:
    """What was told, else what is on file, else what the order's words say; nothing where they only doubt."""
    if known.told is not None:
        return in_field(fact, known.told.value, days.told or days.today)
    if known.chart is not None:
        return in_field(fact, known.chart.value, days.chart)
    stated = known.proposal if known.proposal and not known.proposal.doubted else None
    return in_field(fact, stated.value, days.chart) if stated else ""


def _origins(fact: FactDefinition, known: Known, days: Days, say: Wording) -> Iterator[Origin]:
    said = words(say.language)
    if known.told is not None:
        yield Origin(said["from-told"].format(value=spoken(fact, known.told.value, days.told or days.today, say)))
    if known.chart is not None:
        yield from_chart(fact, known.chart, days.chart, say)
    if known.proposal is not None:
        quoted, value = known.proposal.words[:QUOTED], spoken(fact, known.proposal.value, days.chart, say)
        yield Origin(said["from-doubt" if known.proposal.doubted else "from-words"].format(words=quoted, value=value))
    if known.presumed and known.told is None:
        yield Origin(said["from-silence"].format(value=taken_as(fact, say)))


def from_chart(fact: FactDefinition, found: Fact, on: dt.date, say: Wording) -> Origin:
    """What is on file, with the evidence in a few words (which are English) or its day."""
    told = [spoken(fact, found.value, on, say)]
    if found.note and say.quotes:
        told.append(found.note)
    elif found.on and not is_day(fact):
        told.append(day(known(say.language), found.on))
    return Origin(words(say.language)["from-chart"].format(value=", ".join(told)), found.sources[:SOURCES])


def taken_as(fact: FactDefinition, say: Wording) -> str:
    """What silence was taken for."""
    return in_words(fact.absence == "presumed_true", fact, say)
