"""Vital signs, pain, pregnancy, and which Observations count: both sides of every limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings import read_records
from mappings.findings import finding_facts
from tests.chart_examples import CODED, PATIENT, TODAY, chart, code, facts, observation, stated
from tests.test_laboratory import CREATININE, CRP, flagged, said
from tests.test_records import JSON

# --- pregnancy


@pytest.mark.parametrize(
    ("test", "pregnant"),
    [
        (said("2106-3", 60, valueCodeableConcept=code(snomed="10828004")), True),
        (said("2106-3", 61, valueCodeableConcept=code(snomed="10828004")), False),
        (said("2118-8", valueString="POSITIVE"), True),
        (said("80384-1", valueString="negative"), False),
        (observation("21198-7", 25, "m[IU]/mL"), True),
        (observation("21198-7", 24.9, "[IU]/L"), False),
        (observation("21198-7", 400, None), False),
    ],
)
def test_a_positive_pregnancy_test_counts_for_sixty_days(test: dict[str, Any], pregnant: bool) -> None:
    assert ("pregnancy.current" in facts(test)) is pregnant


def test_a_negative_test_does_not_overrule_a_recorded_pregnancy() -> None:
    status = said("82810-3", 30, valueCodeableConcept=code(loinc="LA15173-0"))
    assert facts(status, said("2106-3", 1, valueString="negative"))["pregnancy.current"] is True
    ended = said("82810-3", 2, valueCodeableConcept=code(snomed="60001007"))
    assert facts(status, ended)["pregnancy.current"] is False


# --- vital signs and measures


@pytest.mark.parametrize(
    ("value", "unit", "fever"), [(38.0, "Cel", True), (37.9, "Cel", False), (100.4, "[degF]", True), (39, None, False)]
)
def test_fever_is_38_degrees_in_a_known_unit(value: float, unit: str | None, fever: bool) -> None:
    assert ("symptom.fever" in facts(observation("8331-1", value, unit))) == fever


@pytest.mark.parametrize(("ago", "fever"), [(14, True), (15, False)])
def test_fever_is_of_the_last_two_weeks(ago: int, fever: bool) -> None:
    assert ("symptom.fever" in facts(observation("8310-5", 39, "Cel", ago))) is fever


def test_weight_lost_is_told_in_percent_and_days() -> None:
    found = facts(observation("29463-7", 80, "kg", 92), observation("29463-7", 158.73, "[lb_av]", 2))
    assert found["symptom.weight_loss_percent"] == pytest.approx(10.0)
    assert found["symptom.weight_loss_period_days"] == 90


def test_the_loss_that_a_guideline_would_count_is_told_before_a_larger_slow_one() -> None:
    found = facts(*(observation("29463-7", kg, "kg", ago) for kg, ago in ((102, 152), (100, 52), (94, 2))))
    assert (found["symptom.weight_loss_percent"], found["symptom.weight_loss_period_days"]) == (6.0, 50)
    slow = facts(*(observation("29463-7", kg, "kg", ago) for kg, ago in ((106, 152), (98, 52), (94, 2))))
    assert slow["symptom.weight_loss_period_days"] == 150


def test_weight_gained_or_long_past_is_no_loss() -> None:
    assert "symptom.weight_loss_percent" not in facts(
        observation("29463-7", 70, "kg", 90), observation("29463-7", 71, "kg", 2)
    )
    assert "symptom.weight_loss_percent" not in facts(
        observation("29463-7", 99, "kg", 200), observation("29463-7", 71, "kg", 2)
    )


def test_the_scanners_limit_is_held_against_the_body_mass_index_measured_or_computed() -> None:
    name = "patient.exceeds_scanner_size_limit"
    build = observation("29463-7", 162, "kg", 9), observation("8302-2", 180, "cm", 300)
    assert name in facts(*build, scanner_bmi_limit=49)
    assert name not in facts(*build, scanner_bmi_limit=51)
    assert name not in facts(*build)
    assert name not in facts(*build, observation("39156-5", 40, "kg/m2"), scanner_bmi_limit=49)


@pytest.mark.parametrize(("score", "born", "low"), [(-1.1, "1950", True), (-1.0, "1950", False), (-3, "1990", False)])
def test_a_t_score_under_minus_one_is_low_bone_density_from_fifty_years(score: float, born: str, low: bool) -> None:
    patient = {**PATIENT, "birthDate": f"{born}-05-02"}
    records = read_records([patient, observation("38267-1", score, "1", 100)], "p1", ())
    found = {fact.name for fact in finding_facts(records, TODAY)}
    assert ("condition.low_bone_mineral_density" in found) is low


# --- pain


def test_pain_in_millimetres_is_divided_by_ten() -> None:
    assert facts(observation("38208-5", 72, "mm"))["pain.severity_vas"] == 7.2
    assert facts(observation("38214-3", 7.2, "cm"))["pain.severity_vas"] == 7.2
    assert facts(observation("38214-3", 72, None))["pain.severity_vas"] == 7.2
    assert facts(observation("72514-3", 7, "{score}"))["pain.severity_vas"] == 7


@pytest.mark.parametrize(("loinc", "value"), [("72514-3", 11), ("38221-8", 72), ("38208-5", 101), ("38208-5", -1)])
def test_a_score_beyond_its_scale_is_set_aside(loinc: str, value: float) -> None:
    held = observation(loinc, value, "{score}")
    assert "pain.severity_vas" not in facts(held)
    assert len(chart(held).set_aside) == 1


def test_pain_is_read_from_the_answer_list_and_from_a_word() -> None:
    assert facts(said("38221-8", valueCodeableConcept=code(loinc="LA10141-2")))["pain.severity_vas"] == 9
    found = facts(said("38208-5", valueCodeableConcept=code(snomed="24484000")))
    assert found["pain.severe"] is True and "pain.severity_vas" not in found


def test_pain_that_was_severe_and_is_no_more_is_not_severe() -> None:
    severe = said("38208-5", 20, valueCodeableConcept=code(snomed="24484000"))
    assert "pain.severe" not in facts(severe, observation("72514-3", 2, None, 1))
    assert "pain.severe" not in facts(severe, said("38208-5", 1, valueCodeableConcept=code(loinc="LA6752-5")))


def test_a_newer_and_higher_score_is_worsening() -> None:
    assert facts(observation("72514-3", 5, None, 20), observation("72514-3", 6, None, 1))["pain.worsening"] is True
    assert "pain.worsening" not in facts(observation("72514-3", 6, None, 20), observation("72514-3", 6, None, 1))
    assert "pain.severity_vas" not in facts(observation("72514-3", 6, None, 31))


@pytest.mark.parametrize(("value", "unit", "limited"), [(24, "{score}", False), (25, "{score}", True), (50, "%", True)])
def test_severe_neck_disability_limits_daily_life(value: float, unit: str, limited: bool) -> None:
    assert ("function.significant_limitation" in facts(observation("82237-9", value, unit))) is limited


# --- which Observations count


def test_a_result_from_the_future_or_not_final_is_no_result() -> None:
    assert "renal.egfr_ml_min" not in facts(observation("33914-3", 22, "mL/min/{1.73_m2}", -5))
    assert "renal.egfr_ml_min" not in facts(observation("33914-3", 22, "mL/min/{1.73_m2}", status="preliminary"))
    assert "renal.egfr_ml_min" in facts(observation("33914-3", 22, "mL/min/{1.73_m2}", status="corrected"))


def test_a_result_about_a_fetus_or_a_device_is_not_the_patients() -> None:
    held = observation("33914-3", 22, "mL/min/{1.73_m2}")
    assert "renal.egfr_ml_min" in facts({**held, "focus": [{"reference": "Patient/p1"}]})
    assert "renal.egfr_ml_min" not in facts({**held, "focus": [{"reference": "RelatedPerson/fetus"}]})
    assert "renal.egfr_ml_min" not in facts({**held, "focus": [{"display": "donor"}]})


def test_an_attested_answer_beats_every_measurement() -> None:
    crp = flagged(CRP, "H")
    assert facts(crp, stated("lab.crp_abnormal", False))["lab.crp_abnormal"] is False


BODY = st.fixed_dictionaries(
    {},
    optional={
        "valueQuantity": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("value", "unit", "code", "system", "comparator"), JSON)
        )
        | JSON,
        "valueCodeableConcept": CODED | JSON,
        "valueString": st.text(max_size=12) | JSON,
        "valueInteger": JSON,
        "valueBoolean": st.booleans(),
        "interpretation": st.lists(CODED | JSON, max_size=2),
        "referenceRange": st.lists(
            st.fixed_dictionaries({}, optional=dict.fromkeys(("low", "high", "age", "appliesTo", "type"), JSON)) | JSON,
            max_size=2,
        ),
        "bodySite": CODED | JSON,
        "focus": st.lists(JSON, max_size=1),
        "dataAbsentReason": st.dictionaries(st.text(max_size=3), JSON, max_size=1),
    },
)
KNOWN = st.sampled_from(["98979-8", CREATININE, CRP, "600-7", "2039-6", "21198-7", "8310-5", "29463-7", "72514-3"])
SIGNS = st.sampled_from(["249948009", "246581004", "366575004", "299849001", "82237009", "39055007"])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies=st.lists(st.tuples(KNOWN.map(lambda c: code(loinc=c)) | SIGNS.map(lambda c: code(snomed=c)), BODY)))
def test_any_json_in_a_known_result_never_stops_the_reading(bodies: list[tuple[dict[str, Any], Any]]) -> None:
    parts = [{"code": held, **body} for held, body in bodies]
    whole = [{**said("9269-2", n % 40), **part, "component": parts} for n, part in enumerate(parts)]
    facts(*whole, scanner_bmi_limit=40)
