"""Answers as a form sends them, as they are kept, and as a chart would hold them."""

from __future__ import annotations

import math
from typing import Any

from criteria.facts import Basis, FactDefinition, Facts, Value, Vocabulary
from criteria.indications import value_problem
from criteria.vocabulary import FACT_SYSTEM
from service.smart.models import AppAnswer

Json = dict[str, Any]
LARGEST = 10_000
TOLD = "told-"
"""How the ids of the Observations begin that answers of the app become; they stand in no EHR's chart."""
ANSWERED = ("boolean", "integer", "quantity")
UCUM = "http://unitsofmeasure.org"


def askable(fact: FactDefinition) -> bool:
    """Whether there is a question that a form can take the answer to; what the service itself knows has none."""
    return bool(fact.ask) and fact.absence != "known" and (fact.type in ANSWERED or bool(fact.values))


def read_answer(fact: FactDefinition, said: str) -> Value | None:
    """The value that a form's field means; None for what is no answer to this question."""
    if not askable(fact):
        return None
    if fact.type == "boolean":
        return {"yes": True, "no": False}.get(said)
    if fact.type == "code":
        return said if said and not value_problem(fact, said) else None
    try:
        number = float(said.strip().replace(",", "."))
    except ValueError:
        return None
    if not math.isfinite(number) or not 0 <= number <= LARGEST:
        return None
    if number.is_integer():
        return int(number)
    return None if fact.type == "integer" else number


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
