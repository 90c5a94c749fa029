"""Laboratory results, vital signs and scores: both sides of every limit, and nothing read that is not said."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings import read_records
from mappings.amounts import amount
from mappings.findings import finding_facts
from mappings.tables import CODES
from mappings.units import convert, molar_masses, unit_of, units
from tests.test_chart_readers import CODED, PATIENT, TODAY, chart, code, day, facts, observation, resource, stated
from tests.test_records import JSON

CREATININE = "2160-0"
CRP = "1988-5"
UP_TO_FIVE = [{"low": {"value": 1}, "high": {"value": 5}}]


def said(loinc: str, ago: int = 1, **fields: Any) -> dict[str, Any]:
    """An Observation with whatever value and flags."""
    return resource("Observation", status="final", code=code(loinc=loinc), effectiveDateTime=day(ago), **fields)


def flagged(loinc: str, *flags: str, ago: int = 1, **fields: Any) -> dict[str, Any]:
    marks = [{"coding": [{"code": flag}]} for flag in flags]
    return observation(loinc, 9, None, ago, interpretation=marks, **fields)


# --- units


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "substance", "converted"),
    [
        (88.4, "umol/L", "mg/dL", "creatinine", 1.0),
        (2.5, "mmol/L", "mg/dL", "calcium", 10.02),
        (100.4, "[degF]", "Cel", None, 38.0),
        (5, "ng/mL", "ug/L", None, 5),
        (0.3, "mg/dL", "mg/L", None, 3),
        (11, "K/uL", "10*9/L", None, 11),
    ],
)
def test_units_of_laboratories_are_converted(
    value: float, unit: str, wanted: str, substance: str | None, converted: float
) -> None:
    assert convert(value, unit, wanted, substance) == pytest.approx(converted, rel=1e-3)


@pytest.mark.parametrize(
    ("unit", "wanted", "substance"),
    [
        ("umol/L", "mg/dL", None),
        ("pmol/L", "pg/mL", "calcitonin"),
        ("mmol/L", "mg/dL", "urea_nitrogen"),
        ("furlong", "mg/dL", None),
        ("mg/dL", "Cel", None),
        ("Mg/dL", "mg/L", None),
    ],
)
def test_what_no_table_relates_is_not_converted(unit: str, wanted: str, substance: str | None) -> None:
    assert convert(1, unit, wanted, substance) is None


@given(
    value=st.floats(-1e6, 1e6),
    pair=st.sampled_from([(a, b) for a in units() for b in units() if units()[a][0] == units()[b][0]])
    | st.sampled_from([("[degF]", "Cel"), ("Cel", "[degF]"), ("umol/L", "mg/dL"), ("mg/dL", "mmol/L")]),
    substance=st.sampled_from(sorted(molar_masses())),
)
def test_a_conversion_there_and_back_is_the_same_number(value: float, pair: tuple[str, str], substance: str) -> None:
    there = convert(value, *pair, substance)
    assert there is not None
    assert convert(there, pair[1], pair[0], substance) == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_the_micro_sign_is_ucums_u_and_a_code_of_another_system_is_no_unit() -> None:
    assert unit_of({"unit": "\u00b5mol/L"}) == unit_of({"unit": "\u03bcmol/L"}) == "umol/L"
    assert unit_of({"system": "http://snomed.info/sct", "code": "258797006", "unit": "mg/dL"}) == "mg/dL"


UNREADABLE = [{"code": 7}, {"unit": ["mg"]}, {"code": {"x": 1}, "unit": "mL/min/{1.73_m2}"}, {"code": [], "unit": 7}]


@pytest.mark.parametrize("unit", UNREADABLE)
def test_a_result_whose_unit_cannot_be_read_is_set_aside(unit: dict[str, Any]) -> None:
    held = [
        observation(loinc, 5, None, valueQuantity={"value": 5, **unit}, referenceRange=[{"high": {"value": 3, **unit}}])
        for loinc in ("33914-3", CRP, CREATININE)
    ]
    found = facts(*held)
    assert not {"renal.egfr_ml_min", "renal.creatinine_elevated", "lab.crp_abnormal"} & set(found)
    assert len(chart(*held).set_aside) == 3


def test_an_empty_unit_is_no_unit() -> None:
    empty = observation("33914-3", 22, None, valueQuantity={"value": 22, "code": None, "unit": ""})
    assert facts(empty)["renal.egfr_ml_min"] == 22


# --- numbers in text, and limits of detection


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("7.2 mg/L", 7.2, 7.2, "mg/L"),
        ("<5", float("-inf"), 5, ""),
        (">= 60 mL/min/1.73m2", 60, float("inf"), "mL/min/1.73m2"),
        ("\u22640.3 mg/dL", float("-inf"), 0.3, "mg/dL"),
    ],
)
def test_a_number_with_comparator_and_unit_is_read_from_text(text: str, low: float, high: float, unit: str) -> None:
    held = amount({"valueString": text})
    assert held is not None and (held.low, held.high, held.unit) == (low, high, unit)


@pytest.mark.parametrize("text", ["negative", "5-7", "1,200", "about 5", "5 / 7", "", "see note", "-3", "5e3"])
def test_text_that_needs_understanding_is_no_number(text: str) -> None:
    assert amount({"valueString": text}) is None


@pytest.mark.parametrize(("low", "above"), [("<5", False), ("<6", None), (">5", True), (">=5", None), (">4", None)])
def test_a_limit_of_detection_counts_only_as_far_as_it_goes(low: str, above: bool | None) -> None:
    found = facts(said(CREATININE, valueString=low, referenceRange=UP_TO_FIVE))
    assert found.get("renal.creatinine_elevated") is above


# --- reference ranges


@pytest.mark.parametrize(("value", "raised"), [(5, False), (5.1, True)])
def test_the_upper_limit_itself_is_normal(value: float, raised: bool) -> None:
    found = facts(observation(CREATININE, value, "mg/dL", referenceRange=UP_TO_FIVE))
    assert found["renal.creatinine_elevated"] is raised


@pytest.mark.parametrize(("value", "raised"), [(108, False), (109, True)])
def test_a_range_in_moles_is_compared_with_a_value_in_grams(value: float, raised: bool) -> None:
    limits = [{"high": {"value": 1.23, "code": "mg/dL"}}]
    found = facts(observation("14682-9", value, "umol/L", referenceRange=limits))
    assert found["renal.creatinine_elevated"] is raised


def test_a_range_in_a_unit_that_cannot_be_compared_tells_nothing() -> None:
    limits = [{"high": {"value": 1.2, "code": "furlong"}}]
    assert "renal.creatinine_elevated" not in facts(observation(CREATININE, 9, "mg/dL", referenceRange=limits))


MEN, WOMEN = ({"high": {"value": v}, "appliesTo": [code(snomed=s)]} for v, s in ((8, "248153007"), (4, "248152002")))


def test_of_the_ranges_of_both_sexes_the_patients_counts() -> None:
    assert facts(observation(CREATININE, 6, None, referenceRange=[MEN, WOMEN]))["renal.creatinine_elevated"] is True
    assert "renal.creatinine_elevated" not in facts(observation(CREATININE, 6, None, referenceRange=[MEN]))


AGES = [
    {"high": {"value": 3}, "age": {"high": {"value": 17, "code": "a"}}},
    {"high": {"value": 8}, "age": {"low": {"value": 18, "code": "a"}}},
]


def test_of_the_ranges_of_all_ages_the_patients_counts() -> None:
    assert facts(observation(CREATININE, 6, None, referenceRange=AGES))["renal.creatinine_elevated"] is False


def test_ranges_that_may_all_apply_have_to_agree() -> None:
    two = [{"high": {"value": 5}}, {"high": {"value": 7}, "appliesTo": [{"text": "athletes"}]}]
    assert "renal.creatinine_elevated" not in facts(observation(CREATININE, 6, None, referenceRange=two))
    assert facts(observation(CREATININE, 8, None, referenceRange=two))["renal.creatinine_elevated"] is True


def test_a_therapeutic_range_is_no_reference_range() -> None:
    aim = [{"type": code(loinc="therapeutic"), "high": {"value": 3}}]
    assert "renal.creatinine_elevated" not in facts(observation(CREATININE, 6, None, referenceRange=aim))


@pytest.mark.parametrize(
    ("flags", "raised"),
    [
        (["H"], True),
        (["HH"], True),
        (["H", "HH"], True),
        (["HX"], True),
        ([">"], True),
        (["N"], False),
        (["L"], False),
        (["LL"], False),
        (["A"], None),
        (["IND"], None),
        (["H", "N"], None),
        (["H", "L"], None),
    ],
)
def test_the_laboratorys_flag_decides_unless_it_contradicts_itself(flags: list[str], raised: bool | None) -> None:
    found = facts(flagged(CREATININE, *flags, referenceRange=UP_TO_FIVE if raised is None else []))
    assert found.get("renal.creatinine_elevated") is raised


# --- kidney


def test_the_newest_egfr_decides_and_an_unknown_unit_is_set_aside() -> None:
    old, new = observation("33914-3", 70, "mL/min/{1.73_m2}", 90), observation("98979-8", 22, "mL/min/1.73m2", 5)
    odd = observation("33914-3", 9, "furlong", 1)
    found = facts(old, new, odd)
    assert (found["renal.egfr_ml_min"], found["renal.insufficiency"]) == (22, True)
    assert len(chart(old, new, odd).set_aside) == 1


@pytest.mark.parametrize(("value", "insufficient"), [(59.9, True), (60, False)])
def test_under_sixty_is_renal_insufficiency(value: float, insufficient: bool) -> None:
    found = facts(observation("62238-1", value, "mL/min/{1.73_m2}"))
    assert ("renal.insufficiency" in found) is insufficient


@pytest.mark.parametrize(
    ("text", "rate", "insufficient"),
    [
        (">60", 60, False),
        (">=90", 90, False),
        ("<15", pytest.approx(14.985), True),
        ("<60", None, True),
        (">30", None, False),
    ],
)
def test_an_egfr_beyond_a_limit_is_a_number_only_where_that_is_safe(text: str, rate: Any, insufficient: bool) -> None:
    found = facts(said("98979-8", valueString=text))
    assert found.get("renal.egfr_ml_min") == rate
    assert ("renal.insufficiency" in found) is insufficient


def test_of_one_sample_the_lower_estimate_counts() -> None:
    found = facts(observation("48643-1", 66, "mL/min/{1.73_m2}"), observation("48642-3", 55, "mL/min/{1.73_m2}"))
    assert found["renal.egfr_ml_min"] == 55


def test_creatinine_gives_no_filtration_rate() -> None:
    assert "renal.egfr_ml_min" not in facts(observation(CREATININE, 9, "mg/dL"))


# --- inflammation, blood count, cultures


def test_inflammation_counts_against_its_own_reference_range() -> None:
    crp = observation(CRP, 71, "mg/L", referenceRange=[{"high": {"value": 5, "code": "mg/L"}}])
    assert facts(crp)["lab.indicative_of_infection"] is True
    bare = facts(observation(CRP, 71, "mg/L"))
    assert bare["lab.crp_performed"] is True and "lab.crp_abnormal" not in bare


@pytest.mark.parametrize(("ago", "counts"), [(90, True), (91, False)])
def test_inflammation_is_of_the_present_problem_for_ninety_days(ago: int, counts: bool) -> None:
    assert ("lab.crp_performed" in facts(observation(CRP, 71, "mg/L", ago))) is counts


def test_a_test_that_was_not_done_was_not_done() -> None:
    assert "lab.crp_performed" not in facts(said(CRP, dataAbsentReason={"coding": [{"code": "not-performed"}]}))


def test_crp_and_esr_together_are_the_rheumatologic_workup() -> None:
    name = "lab.rheumatology_workup_completed"
    crp, esr = observation(CRP, 1, "mg/L"), observation("4537-7", 9, "mm/h")
    assert facts(crp, esr)[name] is True
    assert name not in facts(crp)


WHITE = [{"low": {"value": 4}, "high": {"value": 11}}]


@pytest.mark.parametrize(("value", "abnormal", "infected"), [(3.9, True, False), (4, False, False), (11.1, True, True)])
def test_a_white_count_is_abnormal_on_both_sides_and_infection_on_one(
    value: float, abnormal: bool, infected: bool
) -> None:
    found = facts(observation("6690-2", value, "10*9/L", referenceRange=WHITE))
    assert found["lab.white_blood_cell_count_abnormal"] is abnormal
    assert ("lab.indicative_of_infection" in found) is infected


def test_a_white_count_under_the_only_limit_given_may_still_be_low() -> None:
    found = facts(observation("6690-2", 2, "10*9/L", referenceRange=[{"high": {"value": 11}}]))
    assert "lab.white_blood_cell_count_abnormal" not in found


def counted(ago: int, **flags: str) -> dict[str, Any]:
    codes = {"white": "6690-2", "red": "718-7", "platelets": "777-3"}
    parts: list[dict[str, Any]] = [
        {
            "code": code(loinc=codes[k]),
            "valueQuantity": {"value": 5},
            "interpretation": [{"coding": [{"code": flag}]}],
        }
        for k, flag in flags.items()
    ]
    return said("58410-2", ago, component=parts)


def test_a_blood_count_is_read_from_the_components_of_its_panel() -> None:
    assert facts(counted(3, white="N", red="N", platelets="N"))["lab.cbc_abnormal"] is False
    assert facts(counted(3, white="N", red="N", platelets="L"))["lab.cbc_abnormal"] is True
    assert "lab.cbc_abnormal" not in facts(counted(3, white="N", red="N"))
    newer = facts(counted(9, white="N", red="L", platelets="N"), counted(3, white="N", red="N", platelets="N"))
    assert newer["lab.cbc_abnormal"] is False


def test_the_contained_members_of_a_panel_count_and_other_contained_results_do_not() -> None:
    member = {**flagged(CREATININE, "H"), "id": "m"}
    panel = said("24323-8", contained=[member])
    assert facts({**panel, "hasMember": [{"reference": "#m"}]})["renal.creatinine_elevated"] is True
    assert "renal.creatinine_elevated" not in facts(panel)


@pytest.mark.parametrize(
    ("fields", "positive"),
    [
        ({"valueCodeableConcept": code(snomed="3092008")}, True),
        ({"valueCodeableConcept": code(snomed="10828004")}, True),
        ({"interpretation": [{"coding": [{"code": "POS"}]}]}, True),
        ({"interpretation": [{"coding": [{"code": "A"}]}]}, True),
        ({"valueCodeableConcept": code(snomed="264868006"), "interpretation": [{"coding": [{"code": "A"}]}]}, False),
        ({"valueString": "No growth."}, False),
        ({"valueString": "Staphylococcus seen in the Gram stain, contamination likely"}, False),
        ({}, False),
    ],
)
def test_a_culture_counts_when_something_of_ours_grew(fields: dict[str, Any], positive: bool) -> None:
    assert ("lab.indicative_of_infection" in facts(said("600-7", **fields))) is positive


# --- tumour markers


def markers(loinc: str, *values: tuple[float, str, int]) -> dict[str, Any]:
    return facts(*(observation(loinc, value, unit, ago) for value, unit, ago in values))


@pytest.mark.parametrize(
    ("now", "direction"), [(11.1, "rising"), (11, "stable"), (10, "stable"), (9, "stable"), (8.9, "falling")]
)
def test_a_change_of_more_than_a_tenth_is_a_trend(now: float, direction: str) -> None:
    assert markers("2039-6", (10, "ng/mL", 90), (now, "ug/L", 2))["lab.cea_trend"] == direction


def test_two_results_of_one_day_are_no_course() -> None:
    assert "lab.cea_trend" not in markers("2039-6", (10, "ng/mL", 2), (20, "ng/mL", 2))


def test_calcium_in_moles_and_in_grams_is_one_course() -> None:
    grams, moles = observation("17861-6", 10, "mg/dL", 90), observation("2000-8", 3, "mmol/L", 2)
    assert facts(grams, moles)["lab.calcium_trend"] == "rising"
    assert "lab.calcium_trend" not in facts({**grams, "valueQuantity": {"value": 10}}, moles)


@pytest.mark.parametrize(
    ("before", "now", "direction"), [("<0.1", "<0.1", "stable"), ("4", "<0.1", "falling"), ("<5", "4", None)]
)
def test_a_marker_under_its_limit_of_detection(before: str, now: str, direction: str | None) -> None:
    old, new = said("3013-0", 90, valueString=before), said("3013-0", 2, valueString=now)
    assert facts(old, new).get("lab.thyroglobulin_trend") == direction


# --- tumours


def test_the_size_of_a_tumour_is_in_millimetres_and_needs_a_unit() -> None:
    assert facts(observation("21889-1", 2.5, "cm", 9))["tumor.size_mm"] == 25
    assert facts(observation("21889-1", 2.5, "cm", 9), observation("21889-1", 31, "mm", 9))["tumor.size_mm"] == 31
    bare = observation("21889-1", 2.5, None, 9)
    assert "tumor.size_mm" not in facts(bare)
    assert len(chart(bare).set_aside) == 1


@pytest.mark.parametrize(("grade", "read"), [(0, None), (1, 1), (4, 4), (5, None), (2.5, None)])
def test_a_tumour_grade_is_a_whole_number_of_one_to_four(grade: float, read: int | None) -> None:
    assert facts(observation("33732-9", grade, None, 9)).get("tumor.grade") == read


def test_a_stage_is_documented_when_it_has_a_value() -> None:
    name = "malignancy.clinical_stage_documented"
    assert facts(said("21908-9", 9, valueCodeableConcept={"text": "Stage 3C"}))[name] is True
    assert name not in facts(said("21908-9", 9))


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


# --- the tables


def rows(table: str) -> list[dict[str, str]]:
    lines = (CODES / f"{table}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_every_kind_of_result_is_read_by_a_reader() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CODES.parent.glob("*.py"))
    unread = {row["means"] for row in rows("findings") if f'"{row["means"]}"' not in text}
    assert not unread


def loinc_digit(code: str) -> bool:
    """The last digit of a LOINC code follows from the others (Luhn); answers (LA) have another rule."""
    digits = [int(d) for d in code.replace("-", "")] if code[0] != "L" else [0]
    doubled = [d * 2 - 9 * (d > 4) if n % 2 else d for n, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def snomed_digit(code: str) -> bool:
    """The last digit of a SNOMED CT identifier follows from the others (Verhoeff)."""
    turns = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(turns) < 8:
        turns.append([turns[-1][d] for d in turns[1]])
    checked = 0
    for n, digit in enumerate(reversed(code)):
        a, b = checked, turns[n % 8][int(digit)]
        checked = (a + b) % 5 + 5 * (b > 4) if a < 5 else (a - b) % 5 + 5 * (b < 5)
    return checked == 0


@pytest.mark.parametrize("table", ["findings", "answers", "examination", "muscles"])
def test_the_check_digit_of_every_code_is_right(table: str) -> None:
    wrong = [
        row["code"]
        for row in rows(table)
        if (row["system"] == "loinc" and not loinc_digit(row["code"]))
        or (row["system"] == "snomed" and not snomed_digit(row["code"]))
    ]
    assert not wrong
    assert not loinc_digit("2160-1") and not snomed_digit("366448009") and not snomed_digit("364648008")


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
