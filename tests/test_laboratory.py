"""Laboratory results: both sides of every limit, and nothing read that is not said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart_examples import chart, code, day, facts, observation, resource

CREATININE = "2160-0"
CRP = "1988-5"
UP_TO_FIVE = [{"low": {"value": 1}, "high": {"value": 5}}]


def said(loinc: str, ago: int = 1, **fields: Any) -> dict[str, Any]:
    """An Observation with whatever value and flags."""
    return resource("Observation", status="final", code=code(loinc=loinc), effectiveDateTime=day(ago), **fields)


def flagged(loinc: str, *flags: str, ago: int = 1, **fields: Any) -> dict[str, Any]:
    marks = [{"coding": [{"code": flag}]} for flag in flags]
    return observation(loinc, 9, None, ago, interpretation=marks, **fields)


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
        (["A"], True),
        (["A", "L"], False),
        (["IND"], None),
        (["H", "N"], None),
        (["H", "L"], None),
    ],
)
def test_the_laboratorys_flag_decides_unless_it_contradicts_itself(flags: list[str], raised: bool | None) -> None:
    found = facts(flagged(CREATININE, *flags, referenceRange=UP_TO_FIVE if raised is None or "A" in flags else []))
    assert found.get("renal.creatinine_elevated") is raised


def test_abnormal_without_a_direction_or_a_range_is_not_high() -> None:
    assert "renal.creatinine_elevated" not in facts(flagged(CREATININE, "A"))


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
