"""What a criterion asks, as a FHIR questionnaire (SDC): the same questions as on cards, for DTR and form apps.

``linkId`` and ``code`` of an item are the fact, so a QuestionnaireResponse counts as the clinician's statement
(DESIGN section 3, attested facts). An item is enabled while its answer can matter: a fact that follows from another is
asked only where that one is yes, and of alternatives the later ones only while none before is yes. Each item is
prepopulated with the newest such statement on file (SDC 3.0, populate: variable and initialExpression).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from criteria.criterion import Criterion
from criteria.facts import FactDefinition, Vocabulary
from criteria.logic import All, Any_, Leaf, Node, children
from criteria.vocabulary import FACT_SYSTEM
from hooks.wording import Wording

Json = dict[str, Any]
Guards = frozenset[str]
"""Facts that must not have been answered with yes."""
SDC = "http://hl7.org/fhir/uv/sdc"
PROFILES = [f"{SDC}/StructureDefinition/{name}" for name in ("sdc-questionnaire", "sdc-questionnaire-pop-exp")]
LAUNCH_CONTEXT = {
    "url": f"{SDC}/StructureDefinition/sdc-questionnaire-launchContext",
    "extension": [
        {"url": "name", "valueCoding": {"system": f"{SDC}/CodeSystem/launchContext", "code": "patient"}},
        {"url": "type", "valueCode": "Patient"},
    ],
}
UCUM = "http://unitsofmeasure.org"
KINDS = {"boolean": "boolean", "integer": "integer", "quantity": "quantity", "code": "choice"}
"""Item type of each type of fact that is ever asked."""


def questionnaire(
    criterion: Criterion,
    conditions: Iterable[Node],
    definitions: Mapping[str, Node],
    vocabulary: Vocabulary,
    words: Wording,
    url: str,
) -> Json:
    """The form of one criterion. ``conditions``: all that it depends on, its prerequisites included; ``url``: its
    canonical. A criterion that asks nothing has a form without items."""
    asked = _asked(conditions, definitions, vocabulary)
    out: Json = {
        "resourceType": "Questionnaire",
        "id": form_id(criterion.id),
        "meta": {"profile": PROFILES},
        "language": words.language,
        "extension": [LAUNCH_CONTEXT],
        "url": url,
        "version": criterion.reviewed.isoformat(),
        "name": "".join(part.capitalize() for part in criterion.id.replace("/", "_").replace("-", "_").split("_")),
        "title": criterion.title,
        "status": "active",
        "subjectType": ["Patient"],
        "date": criterion.reviewed.isoformat(),
        "lastReviewDate": criterion.reviewed.isoformat(),
    }
    if criterion.message:
        out["description"] = criterion.message
    if asked:
        out["item"] = [_item(vocabulary[fact], guards, asked, words) for fact, guards in asked.items()]
    return out


def form_id(criterion: str) -> str:
    """The FHIR id of a criterion's form: letters, digits, - and . only."""
    return criterion.replace("/", ".").replace("_", "-")[:64]


def _asked(conditions: Iterable[Node], definitions: Mapping[str, Node], vocabulary: Vocabulary) -> Mapping[str, Guards]:
    """Each fact that is asked, in reading order, with what must not be yes for it to matter wherever it stands."""
    out: dict[str, Guards] = {}
    for node in conditions:
        for fact, guards in _facts(node, frozenset(), definitions, vocabulary):
            given = vocabulary[fact].given
            if given and vocabulary[given].ask:
                out.setdefault(given, guards)
            out[fact] = out[fact] & guards if fact in out else guards
    return out


def _facts(
    node: Node, guards: Guards, definitions: Mapping[str, Node], vocabulary: Vocabulary
) -> Iterator[tuple[str, Guards]]:
    if isinstance(node, Leaf):
        if vocabulary[node.fact].ask:
            yield node.fact, guards
        elif node.fact in definitions:
            yield from _facts(definitions[node.fact], guards, definitions, vocabulary)
        return
    for child in children(node):
        yield from _facts(child, guards, definitions, vocabulary)
        if isinstance(node, Any_) and (settles := _settles(child, vocabulary)):
            guards |= {settles}


def _settles(node: Node, vocabulary: Vocabulary) -> str:
    """The fact whose yes makes an alternative hold by itself; empty where it takes more than one yes."""
    while isinstance(node, All) and len(node.children) == 1:
        [node] = node.children
    if not isinstance(node, Leaf) or vocabulary[node.fact].type != "boolean" or not vocabulary[node.fact].ask:
        return ""
    return node.fact if (node.operator == "is") == (node.values[-1][1] is True) else ""


def _item(fact: FactDefinition, guards: Guards, asked: Mapping[str, Guards], words: Wording) -> Json:
    out: Json = {
        "linkId": fact.name,
        "code": [{"system": FACT_SYSTEM, "code": fact.name}],
        "text": words.question(fact),
        "type": KINDS[fact.type],
        "extension": list(_prepopulation(fact)),
    }
    if fact.type == "quantity" and fact.unit:
        unit = {"system": UCUM, "code": fact.unit}
        out["extension"].append(
            {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit", "valueCoding": unit}
        )
    if fact.values:
        plain = (value.replace("_", " ") for value in fact.values)
        out["answerOption"] = [
            {"valueCoding": {"system": FACT_SYSTEM, "code": value, "display": display}}
            for value, display in zip(fact.values, plain, strict=True)
        ]
    if when := [*_given(fact, asked), *_unless(guards - {fact.name})]:
        out["enableWhen"] = when
        if len(when) > 1:
            out["enableBehavior"] = "all"
    return out


def _given(fact: FactDefinition, asked: Mapping[str, Guards]) -> Iterator[Json]:
    if fact.given in asked:
        yield {"question": fact.given, "operator": "=", "answerBoolean": True}


def _unless(guards: Guards) -> Iterator[Json]:
    for guard in sorted(guards):
        yield {"question": guard, "operator": "!=", "answerBoolean": True}


def _prepopulation(fact: FactDefinition) -> Iterator[Json]:
    """The newest statement of the fact in the chart, as the first value."""
    search = f"Observation?patient={{{{%patient.id}}}}&code={FACT_SYSTEM}|{fact.name}&status=final&_sort=-date&_count=1"
    yield {
        "url": "http://hl7.org/fhir/StructureDefinition/variable",
        "valueExpression": {"name": "stated", "language": "application/x-fhir-query", "expression": search},
    }
    path = "value.coding" if fact.type == "code" else "value"
    yield {
        "url": f"{SDC}/StructureDefinition/sdc-questionnaire-initialExpression",
        "valueExpression": {"language": "text/fhirpath", "expression": f"%stated.entry.resource.{path}"},
    }
