"""A chart read with only what is looked at gives the answer that the whole chart gives."""

from __future__ import annotations

import ast
import copy
import datetime as dt
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

import mappings
from bench.chart import made_chart, made_order
from hooks.body import read_body
from hooks.prefetch import Prefetched, State, read_prefetch
from mappings.concepts import CONCEPTS
from mappings.lean import WHOLE
from mappings.records import shapes
from service.fhir import lean
from tests.requests_loader import good_requests

ROOT = Path(__file__).parent.parent
TODAY = dt.date(2026, 11, 2)
NEVER = {"id", "resourceType", "meta", "subject", "patient", "beneficiary", "text", "language", "identifier"}
"""Read of every resource, or of none: the narrative, who else has what number for it."""


def both(body: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The chart as it is read straight from JSON, and as it is read from parsed JSON."""
    text = orjson.dumps(body)
    return _records(read_body(text, lean()), body), _records(orjson.loads(text), body)


def _records(read: Any, body: dict[str, Any]) -> list[Any]:
    patient = body["context"]["patientId"]
    held = read_prefetch(read.get("prefetch") or {}, mappings.QUERIES, lean())
    resources = [r for state in held.values() for r in (*state.resources, *[None] * state.broken)]
    drafts = [e["resource"] for e in body["context"]["draftOrders"]["entry"]]
    whole = mappings.read_in_full(resources, patient, TODAY, drafts)
    missing = {mappings.QUERIES[key].type for key, state in held.items() if not state.complete}
    records = mappings.read_records(whole, patient, missing)
    orders = mappings.read_orders(drafts, records)
    chart = mappings.Chart(records, orders, TODAY, drafts=drafts)
    facts = [chart.facts(order, order.study).recorded for order in orders if order.study]
    return [orders, chart.session, facts, chart.set_aside, sorted(records.missing), chart.strange_devices]


def bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}


def large() -> dict[str, Any]:
    """A thousand resources, with a narrative and numbers as record systems send them."""
    chart, order = made_chart(TODAY), made_order(TODAY)
    for resource in chart:
        resource["text"] = {"status": "generated", "div": "<div>nothing</div>"}
        resource["identifier"] = [{"system": "urn:x", "value": resource["id"]}]
    prefetch: dict[str, Any] = {
        key: bundle([r for r in chart if r["resourceType"] == query.type]) for key, query in mappings.QUERIES.items()
    }
    prefetch["patient"] = chart[0]
    context = {"userId": "Practitioner/p", "patientId": "bench", "draftOrders": bundle([order])}
    return {"hook": "order-sign", "hookInstance": "7e0c", "context": context, "prefetch": prefetch}


@pytest.mark.parametrize("name", sorted(good_requests(TODAY)))
def test_every_request_reads_the_same_both_ways(name: str) -> None:
    straight, parsed = both(good_requests(TODAY)[name])
    assert straight == parsed


def test_a_large_chart_reads_the_same_both_ways() -> None:
    straight, parsed = both(large())
    assert straight == parsed
    assert straight[2][0]


def spoil_type(chart: list[Any]) -> None:
    chart[3]["code"] = "a text"


def spoil_other_patient(chart: list[Any]) -> None:
    chart[3]["subject"] = {"reference": "Patient/somebody"}


def spoil_twice(chart: list[Any]) -> None:
    later = {"lastUpdated": "2030-01-01T00:00:00Z"}
    chart.append({**copy.deepcopy(chart[3]), "status": "entered-in-error", "meta": later})


def spoil_code(chart: list[Any]) -> None:
    chart[3]["code"] = {"coding": [{"code": 21482}], "text": None}


def spoil_id(chart: list[Any]) -> None:
    del chart[3]["id"]


def spoil_null(chart: list[Any]) -> None:
    chart[3]["status"] = None


def spoil_no_coding(chart: list[Any]) -> None:
    chart[3]["code"] = {"text": "pain severity"}


def spoil_no_system(chart: list[Any]) -> None:
    chart[3]["code"] = {"coding": [{"code": "72514-3"}]}


def spoil_empty_concept(chart: list[Any]) -> None:
    chart[3]["code"] = {}


def spoil_list_of_concepts(chart: list[Any]) -> None:
    chart[3]["code"] = [{"coding": [{"system": "http://loinc.org", "code": "72514-3"}]}]


def spoil_value(chart: list[Any]) -> None:
    weight = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    for resource in (chart[3], chart[9]):
        resource |= {"code": weight, "effectiveDateTime": TODAY.isoformat(), "valueQuantity": "a text"}
    chart[1] |= {"code": weight, "effectiveDateTime": TODAY.isoformat()}


def spoil_outcome(chart: list[Any]) -> None:
    chart.append({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]})


def spoil_entry(chart: list[Any]) -> None:
    chart.append("no resource")


SPOILT = [value for name, value in list(globals().items()) if name.startswith("spoil_")]


@pytest.mark.parametrize("key", ["observations", "conditions", "encounters", "procedures", "medication_requests"])
@pytest.mark.parametrize("spoil", SPOILT)
def test_what_is_not_in_order_is_found_both_ways(spoil: Callable[[list[Any]], None], key: str) -> None:
    body = large()
    chart = [entry["resource"] for entry in body["prefetch"][key]["entry"]]
    random.Random(5).shuffle(chart)
    spoil(chart)
    body["prefetch"][key] = bundle(chart)
    straight, parsed = both(body)
    assert straight == parsed


def test_a_value_that_is_not_in_order_is_told_once_and_nothing_stands_twice() -> None:
    body = large()
    spoil_value([entry["resource"] for entry in body["prefetch"]["observations"]["entry"]])
    read = read_prefetch(read_body(orjson.dumps(body), lean())["prefetch"], ["observations"], lean())["observations"]
    found = mappings.read_in_full(read.resources, "bench", TODAY)
    ids = [r["id"] for r in found]
    assert len(ids) == len(set(ids))


def state(value: Any, key: str = "conditions") -> Prefetched:
    body = {"context": {}, "prefetch": {key: value}}
    return read_prefetch(read_body(orjson.dumps(body), lean())["prefetch"], [key], lean())[key]


def test_pages_totals_and_included_ones_are_seen() -> None:
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}
    following = [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}]
    assert state({**bundle([condition]), "link": following}).next_url == "b"
    assert state({**bundle([condition]), "total": 2}).truncated
    assert state({**bundle([condition]), "total": 1}).complete
    assert state(bundle([])).state is State.EMPTY
    assert state({**bundle([]), "total": 3}).truncated
    assert state(bundle([condition])).lean
    assert not state(condition).lean


def test_an_observation_that_an_order_names_is_read_whatever_it_means() -> None:
    body = large()
    order = body["context"]["draftOrders"]["entry"][0]["resource"]
    glucose = next(
        e["resource"] for e in body["prefetch"]["observations"]["entry"]
        if e["resource"]["code"]["coding"][0]["code"] == "2345-7"
    )  # fmt: skip
    del order["reasonCode"]
    order["reasonReference"] = [{"reference": f"Observation/{glucose['id']}"}]
    glucose["code"]["coding"].append({"system": "http://snomed.info/sct", "code": "279039007"})
    straight, parsed = both(body)
    assert straight == parsed
    assert straight[0][0].indications == ("low_back_pain",)


def test_a_concept_is_read_once_for_all_charts_and_words_without_a_code_are_not_kept() -> None:
    coded = {"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}], "text": "low back pain, kept"}
    alone = {"text": "said by nobody else, not kept"}
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/p"}}
    chart = [{**condition, "id": f"c{n}", "code": code} for n, code in enumerate([coded, coded, alone])]
    (found,) = state(bundle(chart)).resources
    first, second, third = (r["code"] for r in found.held)
    assert first is second
    assert (first, third) == (coded, alone)
    assert orjson.dumps(coded) in CONCEPTS
    assert not any(b"not kept" in text for text in CONCEPTS)


def test_a_concept_that_is_too_long_is_not_kept() -> None:
    long = {"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}], "text": "word " * 100}
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": long}
    assert state(bundle([condition])).resources[0].held[0]["code"] == long
    assert orjson.dumps(long) not in CONCEPTS


@pytest.mark.parametrize(("later", "status"), [("2026-01-01", "first"), ("2026-03-01", "second")])
def test_of_a_resource_that_comes_again_on_the_next_page_the_version_last_updated_counts(
    later: str, status: str
) -> None:
    request = {"resourceType": "ServiceRequest", "id": "r", "subject": {"reference": "Patient/p"}, "intent": "order"}
    first = {**request, "status": "first", "meta": {"lastUpdated": "2026-02-01T00:00:00Z"}}
    second = {**request, "status": "second", "meta": {"lastUpdated": f"{later}T00:00:00Z"}}
    page = state(bundle([first]), "service_requests").resources
    records = mappings.read_records([{"resourceType": "Patient", "id": "p"}, *page, second], "p")
    assert [r["status"] for r in records.of("ServiceRequest")] == [status]


def literals() -> Iterator[str]:
    for file in (ROOT / "mappings").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.mark.parametrize("kind", sorted({q.type for q in mappings.QUERIES.values()} - WHOLE - {"Patient"}))
def test_no_field_that_a_reader_names_is_passed_over(kind: str) -> None:
    model = get_fhir_model_class(kind).model_fields
    fields = {field.alias or name for name, field in model.items()}
    assert (fields & set(literals())) - shapes()[kind].read.keys() - NEVER == set()
