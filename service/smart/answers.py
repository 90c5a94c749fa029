"""Answers as a form sends them, as they are kept, and as a chart would hold them."""

from __future__ import annotations

import datetime as dt
import math
from functools import cache
from pathlib import Path
from typing import Any

from criteria.facts import Basis, FactDefinition, Facts, Value, Vocabulary
from criteria.indications import value_problem
from criteria.reading import read_yaml
from criteria.vocabulary import FACT_SYSTEM
from service.smart.models import AppAnswer

Json = dict[str, Any]
BOUNDS = Path(__file__).parent / "bounds.yaml"
TOLD = "told-"
"""How the ids of the Observations begin that answers of the app become; they stand in no EHR's chart."""
ANSWERED = ("boolean", "integer", "quantity")
UCUM = "http://unitsofmeasure.org"
AGO, AHEAD = "days_ago", "in_days"
"""How the facts end that count days from today: a day is easier to say than their number."""


class NotAnAnswer(ValueError):
    """``why`` is a key of words.yaml, `problems`; ``slots`` what stands in its braces."""

    def __init__(self, why: str, **slots: str) -> None:
        super().__init__(why)
        self.why, self.slots = why, slots


def askable(fact: FactDefinition) -> bool:
    """Whether there is a question that a form can take the answer to."""
    return bool(fact.ask) and (fact.type in ANSWERED or bool(fact.values))


def is_day(fact: FactDefinition) -> bool:
    """Whether it is asked for as a day."""
    return fact.type in ANSWERED and fact.name.endswith((AGO, AHEAD))


def day_of(fact: FactDefinition, days: float, today: dt.date) -> dt.date:
    """The day that a count of days from ``today`` means."""
    away = dt.timedelta(days=int(days))
    return today + away if fact.name.endswith(AHEAD) else today - away


def bounds(fact: FactDefinition) -> tuple[int, int]:
    """The least and the most that a number may be."""
    least, most = _bounds()["facts"].get(fact.name) or _bounds()["units"][fact.unit or "1"]
    return least, most


@cache
def _bounds() -> dict[str, Any]:
    return dict(read_yaml(BOUNDS))


def read_answer(fact: FactDefinition, said: str, today: dt.date) -> Value:
    """The value that a form's field means. Raises `NotAnAnswer`."""
    said = said.strip()
    if fact.type == "boolean":
        if said not in ("yes", "no"):
            raise NotAnAnswer("choose")
        return said == "yes"
    if fact.type == "code":
        if not said or value_problem(fact, said):
            raise NotAnAnswer("choose")
        return said
    if is_day(fact) and "-" in said.lstrip("-"):
        return _days(fact, said, today)
    return _number(fact, said)


def _days(fact: FactDefinition, said: str, today: dt.date) -> int:
    try:
        away = (today - dt.date.fromisoformat(said)).days
    except ValueError:
        raise NotAnAnswer("day") from None
    ahead = fact.name.endswith(AHEAD)
    if (-away if ahead else away) < 0:
        raise NotAnAnswer("day-over" if ahead else "day-to-come")
    if abs(away) > bounds(fact)[1]:
        raise NotAnAnswer("day-far")
    return abs(away)


def _number(fact: FactDefinition, said: str) -> int | float:
    """A number; of days as well, where somebody writes their count."""
    try:
        number = float(said.replace(",", "."))
    except ValueError:
        number = math.nan
    least, most = bounds(fact)
    if not least <= number <= most:  # no number is in no range
        raise NotAnAnswer("day") if is_day(fact) else NotAnAnswer("range", least=str(least), most=str(most))
    if number.is_integer():
        return int(number)
    if fact.type == "integer":
        raise NotAnAnswer("day" if is_day(fact) else "whole")
    return number


def observation(row: AppAnswer, fact: FactDefinition, order: str, patient: str, user: str) -> Json:
    """The answer in FHIR R4, as an EHR would send it back: about this order, by whom, and when."""
    out: Json = {
        "resourceType": "Observation",
        "id": f"{TOLD}{row.mark[:32]}",
        "status": "final",
        "code": {"coding": [{"system": FACT_SYSTEM, "code": fact.name}], "text": fact.ask},
        "subject": {"reference": f"Patient/{patient}"},
        "focus": [{"reference": order}],
        "effectiveDateTime": row.answered.isoformat(timespec="seconds"),
        "performer": [{"reference": user}],
    }
    if isinstance(row.value, bool):
        out["valueBoolean"] = row.value
    elif isinstance(row.value, int | float):
        unit = fact.unit or "1"
        out["valueQuantity"] = {"value": row.value, "unit": unit, "system": UCUM, "code": unit}
    else:
        out["valueCodeableConcept"] = {"coding": [{"system": FACT_SYSTEM, "code": row.value}]}
    return out


def told_in(facts: Facts, vocabulary: Vocabulary) -> dict[str, Value]:
    """Of what an order was judged on: the answers given in the app that were believed."""
    return {
        fact.name: fact.value for fact in facts
        if fact.name in vocabulary and fact.basis is Basis.ATTESTED
        and any(s.startswith(f"Observation/{TOLD}") for s in fact.sources)
    }  # fmt: skip
