"""What is planned, by the open orders of the chart."""

from __future__ import annotations

from typing import Any

import pytest

from mappings import Chart, read_orders, read_records
from tests.chart_examples import PATIENT, TODAY, code, day, facts, gathered, procedure, resource

PLAN = "treatment_plan."


def planned(cpt: str = "63030", ago: int = 5, **fields: Any) -> dict[str, Any]:
    held = resource("ServiceRequest", "plan", status="active", intent="order", code=code(cpt=cpt), authoredOn=day(ago))
    return {**held, **fields}


def test_an_open_order_for_a_spinal_operation_is_a_plan() -> None:
    found = facts(planned(occurrenceDateTime=day(-12)))
    assert found[PLAN + "spine_surgery"] is found[PLAN + "surgery"] is found[PLAN + "procedure"] is True
    assert found[PLAN + "surgery_in_days"] == 12
    assert PLAN + "spine_surgery_urgent" not in found
    assert facts(planned(priority="stat"))[PLAN + "spine_surgery_urgent"] is True


@pytest.mark.parametrize(
    "order",
    [
        planned(status="completed"),
        planned(intent="proposal"),
        planned(occurrenceDateTime=day(3)),
        planned(ago=400),
        planned(bodySite=[code(snomed="122494005")]),
        planned(cpt="97110"),
    ],
)
def test_what_is_done_past_old_elsewhere_or_no_operation_is_no_plan(order: dict[str, Any]) -> None:
    assert not [name for name in facts(order) if name.startswith(PLAN)]


def test_an_order_that_was_carried_out_is_no_plan() -> None:
    done = procedure(1, 1, cpt="63030", basedOn=[{"reference": "ServiceRequest/plan"}])
    assert PLAN + "spine_surgery" not in facts(planned(), done)


@pytest.mark.parametrize(
    ("cpt", "route", "site", "region"),
    [
        ("64483", "transforaminal", "122496007", "lumbar"),
        ("62321", "interlaminar", "122494005", "cervical"),
        ("62323", None, "122496007", "lumbar"),
        ("62323", None, None, None),
    ],
)
def test_a_planned_epidural_injection_has_the_route_and_region_that_its_order_names(
    cpt: str, route: str | None, site: str | None, region: str | None
) -> None:
    where: dict[str, Any] = {"bodySite": [code(snomed=site)]} if site else {}
    study: dict[str, Any] = {"cpt": "72141", "icd10": "M54.2"} if region == "cervical" else {}
    found = facts(planned(cpt, **where), **study)
    assert found[PLAN + "spinal_injection"] is True
    assert found.get(PLAN + "epidural_injection_route") == route
    assert found.get(PLAN + "epidural_injection_region") == region
    assert PLAN + "surgery" not in found


def test_an_earlier_injection_of_the_region_makes_the_planned_one_no_first_and_silence_says_nothing() -> None:
    site: dict[str, Any] = {"bodySite": [code(snomed="122496007")]}
    first = PLAN + "epidural_injection_first"
    assert facts(planned("62323", **site), procedure(60, 60, cpt="62323", **site))[first] is False
    assert first not in facts(planned("62323", **site))
    assert first not in facts(planned("62323", **site), procedure(60, 60, cpt="62323"))


def test_an_anterior_operation_is_a_first_one_or_a_revision_by_the_operations_on_file() -> None:
    initial, revision = PLAN + "anterior_spinal_surgery_initial", PLAN + "anterior_arthrodesis_revision_lumbar"
    assert facts(planned("22558"))[initial] is True
    again = facts(planned("22558"), procedure(700, 700, cpt="22558"))
    assert again[revision] is True and initial not in again
    assert initial not in facts(planned("22558"), missing=["Procedure"])


def test_an_urgent_referral_to_a_spine_surgeon_is_told_and_a_usual_one_is_not() -> None:
    referral = planned(code=code(snomed="308482002"))
    assert not [n for n in facts(referral) if n.startswith(PLAN)]
    assert facts({**referral, "priority": "urgent"})[PLAN + "spine_specialist_referral_urgent"] is True


def test_the_surgeon_who_orders_the_study_is_the_one_who_will_operate() -> None:
    draft = resource("ServiceRequest", "o", status="draft", code=code(cpt="72148"), reasonCode=[code(icd10="M48.061")])
    draft["requester"] = {"reference": "Practitioner/s"}
    plan = planned(performer=[{"reference": "Practitioner/s"}])
    records = read_records([PATIENT, plan], "p1", ())
    read = Chart(records, read_orders([draft], records), TODAY, None, {}, [draft])
    study = read.orders[0].study
    assert study is not None
    assert read.facts(read.orders[0], study).get(PLAN + "requested_by_operating_surgeon") is not None


def test_a_plan_tells_its_day_on_the_card() -> None:
    found = gathered(planned(occurrenceDateTime=day(-12)))
    fact = found.get(PLAN + "spine_surgery")
    assert fact is not None and fact.note == f"planned procedure of {day(-12)}"
