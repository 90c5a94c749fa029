"""One-tap answers on a card: suggestions that record an open question's answer as an Observation.

The EHR creates it, calls the hook again with it in the prefetch, and it counts as stated by the clinician (DESIGN
section 3, attested facts). No answer is ever recommended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from criteria.facts import FactDefinition, Value
from criteria.ratings import Rating
from criteria.vocabulary import FACT_SYSTEM, LASTING
from hooks.consult import Consult
from hooks.ids import stable_uuid
from hooks.proposed import answers
from hooks.spoken import in_words

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"


def attestations(consult: Consult) -> list[Json]:
    """Buttons for the first open question that one tap can answer; none where the client cannot take them."""
    setting = consult.setting
    able = setting.profile.attestations and not setting.words.staff  # only a clinician's answer counts as one
    if not able or setting.today is None or consult.verdict.rating is Rating.APPROPRIATE:
        return []
    for fact in consult.verdict.asks:
        definition = setting.view.vocabulary.facts.get(fact)
        if definition is not None and definition.ask and (found := list(_values(consult, definition))):
            return [_suggestion(consult, definition, setting.words.question(definition), value) for value in found]
    return []


def _values(consult: Consult, definition: FactDefinition) -> Iterator[Value]:
    """Yes and no; of a number what the order's own words say, to confirm."""
    if definition.type == "boolean":
        yield from (True, False)
    proposal = answers(consult.order).get(definition.name)
    if definition.type in ("integer", "quantity") and proposal is not None:
        yield proposal.value


def _suggestion(consult: Consult, definition: FactDefinition, question: str, value: Value) -> Json:
    words = consult.setting.words
    slots = {"answer": in_words(value, definition, words), "question": question}
    return {
        "label": words.say("suggestion.answer", **slots),
        "uuid": stable_uuid(consult.setting.keys, f"answer {definition.name} {value}", consult.content),
        "actions": [
            {
                "type": "create",
                "description": words.say("action.answer", **slots),
                "resource": observation(consult, definition, value),
            }
        ],
    }


def observation(consult: Consult, definition: FactDefinition, value: Value) -> Json:
    """The answer as FHIR R4; about this order, unless it is about what lasts."""
    setting = consult.setting
    out: Json = {
        "resourceType": "Observation",
        "status": "final",
        "code": {
            "coding": [{"system": FACT_SYSTEM, "code": definition.name}],
            "text": setting.words.question(definition),
        },
        "subject": {"reference": f"Patient/{setting.patient_id}"},
        "effectiveDateTime": setting.today.isoformat() if setting.today else None,
    }
    if not definition.name.startswith(LASTING):
        out["focus"] = [{"reference": consult.verdict.order}]
    if isinstance(value, bool):
        out["valueBoolean"] = value
    else:
        unit = definition.unit or "1"
        out["valueQuantity"] = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return out
