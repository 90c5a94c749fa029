"""What is found once for all studies, or for those of a region, is the same for them (criteria.conditions)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

import hooks
import mappings
from criteria import load_library
from criteria.conditions import Conditions, Reach
from criteria.results import RESULT_FACTS
from tests.chart_examples import chart, condition, procedure
from tests.requests_loader import load, stories

LIBRARY = load_library()
TODAY = dt.date(2026, 11, 20)
CONDITIONS = Conditions(LIBRARY.vocabulary, LIBRARY.definitions, TODAY, RESULT_FACTS)
REQUESTS = sorted(stories())


def by_study(story: str) -> list[Mapping[str, Mapping[str, Any]]]:
    """For each order of a request: the values of its facts, by study."""
    body = load(f"requests/{story}.json", TODAY)
    request = hooks.read_request(body, {body["hook"]})
    resources = [r for held in request.prefetch.values() for r in _resources(held)]
    records = mappings.read_records(resources, request.patient_id)
    orders = mappings.read_orders(request.drafts, records)
    chart = mappings.Chart(records, orders, TODAY, request.encounter_id, {}, request.drafts)
    studies = LIBRARY.catalogue.studies.values()
    return [{s.id: {f.name: f.value for f in chart.facts(o, s)} for s in studies} for o in orders if o.study]


def _resources(held: Any) -> list[Any]:
    if isinstance(held, dict) and held.get("resourceType") == "Bundle":
        return [e["resource"] for e in held.get("entry", ()) if "resource" in e]
    return [held] if isinstance(held, dict) else []


def reaches_further(facts: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The facts that differ between studies for which they are said to be the same."""
    anywhere: dict[str, set[Any]] = defaultdict(set)
    somewhere: dict[tuple[str, str], set[Any]] = defaultdict(set)
    names = {n for held in facts.values() for n in held}
    for study, held in facts.items():
        region = LIBRARY.catalogue[study].region
        for name in names:
            anywhere[name].add(held.get(name))
            somewhere[name, region].add(held.get(name))
    wrong = {n for n in names if len(anywhere[n]) > 1 and CONDITIONS.reach[n] is Reach.ORDER}
    return wrong | {n for (n, _), v in somewhere.items() if len(v) > 1 and CONDITIONS.reach[n] is Reach.REGION}


@pytest.mark.parametrize("story", REQUESTS)
def test_a_fact_that_is_said_to_be_the_same_for_all_studies_is(story: str) -> None:
    for facts in by_study(story):
        assert not reaches_further(facts)


def test_what_an_operation_on_one_part_of_the_spine_tells_is_said_to_depend_on_the_region() -> None:
    read = chart(condition("M48.56XA", 60), procedure(20, 20, cpt="22511"))
    order = read.orders[0]
    studies = LIBRARY.catalogue.studies.values()
    facts = {s.id: {f.name: f.value for f in read.facts(order, s)} for s in studies}
    assert len({held.get("fracture.spinal_compression_treated") for held in facts.values()}) > 1
    assert not reaches_further(facts)


def test_some_facts_do_depend_on_the_study() -> None:
    facts = by_study(REQUESTS[0])[0]
    assert len({held["order.modality"] for held in facts.values()}) > 1
