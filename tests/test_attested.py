"""What clinicians state in the guideline-fact code system: read by type and unit, for the right order and time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from criteria.facts import Basis
from criteria.orders import Kind, Order
from criteria.vocabulary import FACT_SYSTEM
from mappings.attested import attested_facts, read_attested
from mappings.records import Records, read_records
from tests.test_records import JSON

TODAY = dt.date(2026, 11, 20)
ME = {"reference": "Patient/p1"}
ORDER = Order("ServiceRequest/order-1", Kind.STUDY, None)


def observation(name: str, at: str | None = "2026-11-20", **fields: Any) -> dict[str, Any]:
    held = {
        "resourceType": "Observation",
        "status": "final",
        "subject": ME,
        "code": {"coding": [{"system": FACT_SYSTEM, "code": name}]},
    }
    return {**held, **({"effectiveDateTime": at} if at else {}), **fields}


def records(*resources: dict[str, Any]) -> Records:
    return read_records([{**r, "id": f"r{n}"} for n, r in enumerate(resources)], "p1", ())


def value(name: str, *resources: dict[str, Any], order: Order | None = ORDER) -> Any:
    return {f.name: f.value for f in attested_facts(records(*resources), order, TODAY)}.get(name)


def test_a_stated_yes_is_an_attested_fact_with_its_source_and_day() -> None:
    (fact,) = attested_facts(records(observation("pain.night", valueBoolean=True)), ORDER, TODAY)
    assert (fact.value, fact.basis, fact.sources, fact.on) == (True, Basis.ATTESTED, ("Observation/r0",), TODAY)


@pytest.mark.parametrize(
    ("name", "held", "expected"),
    [
        ("trial_of_treatment.duration_weeks", {"value": 42, "code": "d"}, 6),
        ("trial_of_treatment.duration_weeks", {"value": 6, "unit": "weeks"}, 6),
        ("trial_of_treatment.duration_weeks", {"value": 6}, 6),
        ("trial_of_treatment.ended_days_ago", {"value": 2, "code": "wk"}, 14),
        ("trauma.fall_height_feet", {"value": 3.048, "code": "m"}, 10),
        ("lesion.longest_diameter_mm", {"value": 2, "code": "[in_i]"}, 50.8),
        ("patient.age_years", {"value": 18, "code": "mo"}, 1),
        ("renal.egfr_ml_min", {"value": 30, "comparator": "<", "code": "mL/min/{1.73_m2}"}, pytest.approx(29.97)),
    ],
)
def test_quantities_come_in_the_facts_own_unit(name: str, held: dict[str, Any], expected: Any) -> None:
    got = value(name, observation(name, valueQuantity=held))
    assert got == (pytest.approx(expected) if isinstance(expected, int | float) else expected)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("trial_of_treatment.duration_weeks", {"valueQuantity": {"value": -3, "code": "wk"}}),
        ("trial_of_treatment.duration_weeks", {"valueInteger": -3}),
        ("trial_of_treatment.ended_days_ago", {"valueInteger": -5}),
        ("treatment_plan.surgery_in_days", {"valueInteger": -1}),
        ("surveillance.years_since_treatment", {"valueQuantity": {"value": -0.5, "code": "a"}}),
        ("prior_imaging.mri.with_gadolinium_count", {"valueInteger": -1}),
        ("patient.age_years", {"valueInteger": -1}),
        ("lesion.longest_diameter_mm", {"valueQuantity": {"value": -4, "code": "mm"}}),
        ("exam.motor_strength_grade", {"valueInteger": -1}),
    ],
)
def test_what_cannot_be_negative_is_refused_where_it_is(name: str, held: dict[str, Any]) -> None:
    stated = observation(name, **held)
    assert value(name, stated) is None
    (aside,) = read_attested(records(stated), TODAY).set_aside
    assert aside.why == f"{name}: it cannot be negative"


def test_an_angle_may_be_negative() -> None:
    name = "scoliosis.kyphosis_degrees"
    assert value(name, observation(name, valueQuantity={"value": -10, "code": "deg"})) == -10


def test_integer_and_quantity_may_stand_for_each_other() -> None:
    assert (
        value("trial_of_treatment.duration_weeks", observation("trial_of_treatment.duration_weeks", valueInteger=6))
        == 6
    )
    assert value("xray.days_ago", observation("xray.days_ago", valueQuantity={"value": 9})) == 9


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("trial_of_treatment.duration_weeks", {"valueQuantity": {"value": 6, "code": "fortnight"}}),
        ("trial_of_treatment.duration_weeks", {"valueQuantity": {"value": 6, "code": "mm"}}),
        ("trial_of_treatment.duration_weeks", {"valueQuantity": {"value": 6, "code": 7}}),
        ("trial_of_treatment.duration_weeks", {"valueQuantity": {"value": 6, "unit": {"x": 1}}}),
        ("trial_of_treatment.duration_weeks", {"valueQuantity": {"value": 6, "code": [7], "unit": "wk"}}),
        ("trial_of_treatment.duration_weeks", {"valueString": "six"}),
        ("pain.night", {"valueInteger": 1}),
        ("pain.night", {}),
        ("xray.finding", {"valueCodeableConcept": {"coding": [{"system": FACT_SYSTEM, "code": "broken"}]}}),
        ("xray.finding", {"valueBoolean": True}),
        ("exam.glasgow_coma_scale_score", {"valueQuantity": {"value": 13.5}}),
        ("no.such_fact", {"valueBoolean": True}),
    ],
)
def test_what_does_not_fit_the_fact_is_set_aside_and_never_guessed(name: str, fields: dict[str, Any]) -> None:
    read = read_attested(records(observation(name, **fields)), TODAY)
    assert not read.answers
    assert len(read.set_aside) == 1


def test_a_day_given_for_days_ago_is_counted_from_today() -> None:
    assert value("xray.days_ago", observation("xray.days_ago", valueDateTime="2026-11-01")) == 19


def test_days_ago_stated_last_week_are_seven_more_today() -> None:
    assert value("xray.days_ago", observation("xray.days_ago", "2026-11-13", valueInteger=20)) == 27
    still = observation("trial_of_treatment.ended_days_ago", "2026-11-13", valueInteger=0)
    assert value("trial_of_treatment.ended_days_ago", still) == 0


def test_a_code_is_read_from_a_concept_or_a_string() -> None:
    coded = {"coding": [{"system": FACT_SYSTEM, "code": "nondiagnostic"}]}
    assert value("xray.finding", observation("xray.finding", valueCodeableConcept=coded)) == "nondiagnostic"
    assert value("xray.finding", observation("xray.finding", valueString="negative")) == "negative"


@pytest.mark.parametrize(
    ("name", "at", "counts"),
    [
        ("pain.night", "2026-10-21", True),
        ("pain.night", "2026-10-20", False),
        ("pain.night", None, True),
        ("pain.night", "2026-11-21", True),
        ("pain.night", "2026-11-22", False),
        ("history.iv_drug_use", "2011-03", True),
        ("implant.pacemaker", "2001", True),
        ("surgery.spine.performed", "2020-01-01", True),
        ("allergy.iodinated_contrast", "2001-05-05", True),
    ],
)
def test_a_statement_counts_for_thirty_days_and_what_lasts_always(name: str, at: str | None, counts: bool) -> None:
    assert (value(name, observation(name, at, valueBoolean=True)) is True) == counts


@pytest.mark.parametrize("status", ["preliminary", "registered", "entered-in-error", "cancelled", "unknown", None])
def test_only_a_final_statement_counts(status: str | None) -> None:
    assert value("pain.night", {**observation("pain.night", valueBoolean=True), "status": status}) is None


def test_no_answer_given_is_no_answer() -> None:
    assert (
        value("pain.night", observation("pain.night", dataAbsentReason={"text": "unknown"}, valueBoolean=True)) is None
    )


def test_a_statement_about_one_order_counts_for_that_order_alone() -> None:
    stated = observation(
        "pain.night", valueBoolean=True, basedOn=[{"reference": "https://ehr.example/fhir/ServiceRequest/order-1"}]
    )
    assert value("pain.night", stated) is True
    assert value("pain.night", stated, order=Order("ServiceRequest/order-12", Kind.STUDY, None)) is None
    assert value("pain.night", stated, order=None) is None


def test_the_newest_statement_wins_and_on_one_day_the_later_hour() -> None:
    old, new = (
        observation("pain.night", at, valueBoolean=v) for at, v in (("2026-11-01", True), ("2026-11-19", False))
    )
    assert value("pain.night", old, new) is value("pain.night", new, old) is False
    early, late = (
        observation("pain.night", f"2026-11-20T{h}:00:00Z", valueBoolean=v) for h, v in (("08", True), ("09", False))
    )
    assert value("pain.night", early, late) is value("pain.night", late, early) is False


def test_questionnaire_answers_count_by_link_id_at_any_depth() -> None:
    form = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "subject": ME,
        "authored": "2026-11-19",
        "item": [{"linkId": "g", "item": [{"linkId": "pain.night", "answer": [{"valueBoolean": True}]}]}],
    }
    assert value("pain.night", form) is True
    assert value("pain.night", {**form, "status": "in-progress"}) is None


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    name=st.sampled_from(["pain.night", "xray.finding", "xray.days_ago", "trial_of_treatment.duration_weeks"]),
)
def test_any_json_as_a_value_never_stops_the_reading(data: st.DataObject, name: str) -> None:
    kind = data.draw(
        st.sampled_from(["valueBoolean", "valueQuantity", "valueInteger", "valueCodeableConcept", "valueString"])
    )
    held: Any = data.draw(JSON | st.fixed_dictionaries({"value": JSON, "code": JSON, "coding": JSON}))
    read_attested(
        records(observation(name, **{kind: held, "basedOn": [data.draw(JSON)], "effectivePeriod": {"start": held}})),
        TODAY,
    )
