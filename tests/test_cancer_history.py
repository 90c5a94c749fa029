"""How the order's cancer was treated, when that ended, and what is known of its stage and course."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from mappings.oncology_history import months_between
from tests.chart_examples import code, condition, day, facts, medicine, procedure, report, resource

BRAIN: dict[str, Any] = {"cpt": "70553", "icd10": "C71.1"}
BREAST: dict[str, Any] = {"cpt": "72157", "icd10": "C50.911"}
REASON: dict[str, Any] = {"reasonCode": [code(icd10="C71.1")]}
CANCER = condition("C71.1", 900)


def observation(loinc: str, ago: int, **fields: Any) -> dict[str, Any]:
    return resource("Observation", status="final", code=code(loinc=loinc), effectiveDateTime=day(ago), **fields)


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "code": unit}}


def test_an_operation_counts_as_one_on_the_tumour_by_its_code_and_its_reason() -> None:
    removed = procedure(200, 200, cpt="61510", bodySite=[code(snomed="12738006")], **REASON)
    found = facts(CANCER, removed, **BRAIN)
    assert (found["surgery.tumor.performed"], found["surgery.tumor.days_ago"]) == (True, 200)
    assert found["surgery.tumor.region"] == "brain"
    assert "surgery.tumor.performed" not in facts(CANCER, procedure(200, 200, cpt="61510"), **BRAIN)
    other = procedure(200, 200, cpt="61510", reasonCode=[code(icd10="C61")])
    assert "surgery.tumor.performed" not in facts(CANCER, other, **BRAIN)


@pytest.mark.parametrize(
    ("pcs", "counts"),
    [("00B70ZZ", True), ("00B70ZX", False), ("07B60ZZ", False), ("0JH60WZ", False), ("0DTE0ZZ", True)],
)
def test_of_inpatient_codes_those_that_take_tissue_out_to_treat_count(pcs: str, counts: bool) -> None:
    held = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/ICD10", "code": pcs}]}
    operation = {**procedure(200, 200, cpt="1", **REASON), "code": held}
    assert ("surgery.tumor.performed" in facts(CANCER, operation, **BRAIN)) == counts


def test_a_session_of_yesterday_is_no_completed_radiation_and_an_old_one_is() -> None:
    sessions = [procedure(n, n, cpt="77412", **REASON) for n in (20, 10, 1)]
    found = facts(CANCER, *sessions, **BRAIN)
    assert found["therapy.systemic_or_radiation_active"] is True
    assert found["therapy.current_class"] == "radiation"
    assert "therapy.radiation.completed" not in found
    old = facts(CANCER, *(procedure(n, n, cpt="77412", **REASON) for n in (130, 120, 101)), **BRAIN)
    assert (old["therapy.radiation.completed"], old["therapy.radiation.ended_days_ago"]) == (True, 101)


def test_a_course_summary_says_itself_whether_the_course_is_over() -> None:
    course = procedure(40, 3, snomed="1217123003", **REASON)
    assert facts(CANCER, course, **BRAIN)["therapy.radiation.ended_days_ago"] == 3
    running = facts(CANCER, {**course, "status": "in-progress"}, **BRAIN)
    assert "therapy.radiation.completed" not in running
    assert running["therapy.systemic_or_radiation_active"] is True


def test_chemotherapy_between_two_cycles_is_going_on_and_after_three_months_it_is_complete() -> None:
    cycles = [procedure(n, n, snomed="367336001", **REASON) for n in (63, 42, 21)]
    found = facts(CANCER, *cycles, **BRAIN)
    assert found["therapy.systemic_active"] is True
    assert "therapy.chemotherapy.completed" not in found
    over = facts(CANCER, *(procedure(n, n, snomed="367336001", **REASON) for n in (160, 130)), **BRAIN)
    assert over["therapy.chemotherapy.completed"] is True
    assert "therapy.systemic_active" not in over
    unsure = facts(CANCER, procedure(60, 60, snomed="367336001", **REASON), **BRAIN)
    assert not {"therapy.systemic_active", "therapy.chemotherapy.completed"} & set(unsure)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Temozolomide 100 MG Oral Capsule", "chemotherapy"),
        ("pembrolizumab 25 MG/ML", "immunotherapy"),
        ("Tamoxifen 20 MG Oral Tablet", "endocrine"),
        ("trastuzumab 150 MG Injection", "targeted"),
    ],
)
def test_the_class_of_the_running_treatment_is_told_by_the_medicine(text: str, kind: str) -> None:
    found = facts(condition("C50.911", 300), medicine(30, text=text), **BREAST)
    assert (found["therapy.systemic_active"], found["therapy.current_class"]) == (True, kind)


def test_a_cancer_medicine_counts_only_for_a_cancer() -> None:
    methotrexate = {"coding": [{"system": "http://www.whocc.no/atc", "code": "L01BA01"}]}
    for_joints = medicine(30, medicationCodeableConcept=methotrexate, reasonCode=[code(icd10="M06.9")])
    without = medicine(30, medicationCodeableConcept=methotrexate)
    assert "therapy.systemic_active" not in facts(for_joints)
    assert "therapy.systemic_active" not in facts(without)
    assert "therapy.systemic_active" not in facts(CANCER, for_joints, **BRAIN)
    assert facts(CANCER, without, **BRAIN)["therapy.systemic_active"] is True


def test_a_cancer_that_only_the_order_names_is_known_too() -> None:
    assert facts(medicine(30, text="Temozolomide 100 MG"), **BRAIN)["therapy.systemic_active"] is True


def test_an_order_for_a_cancer_medicine_that_nobody_renewed_is_a_leftover() -> None:
    assert "therapy.systemic_active" not in facts(CANCER, medicine(900, text="Temozolomide 100 MG"), **BRAIN)


def test_surveillance_counts_from_the_treatment_that_ended_last() -> None:
    operation = procedure(800, 800, cpt="61510", **REASON)
    course = procedure(760, 731, snomed="1217123003", **REASON)
    found = facts(CANCER, operation, course, **BRAIN)
    assert found["surveillance.years_since_treatment"] == pytest.approx(2.0, abs=0.01)
    assert found["surveillance.months_since_treatment"] == 24
    for open_end in (
        procedure(5, 5, cpt="77412", **REASON),
        procedure(60, 60, snomed="367336001", **REASON),
        medicine(30, text="Temozolomide 100 MG", **REASON),
    ):
        assert "surveillance.years_since_treatment" not in facts(CANCER, operation, course, open_end, **BRAIN)


def test_remission_after_treatment_completes_it() -> None:
    quiet = {**CANCER, "clinicalStatus": {"coding": [{"code": "remission"}]}}
    done = procedure(800, 800, cpt="61510", **REASON)
    assert facts(quiet, done, **BRAIN)["therapy.primary.completed"] is True
    assert "therapy.primary.completed" not in facts(CANCER, done, **BRAIN)
    assert "therapy.primary.completed" not in facts(quiet, **BRAIN)


def test_stage_grade_size_and_index_are_read_from_coded_findings() -> None:
    found = facts(
        CANCER,
        observation("21908-9", 700, valueCodeableConcept={"text": "Stage II"}),
        observation("33732-9", 700, valueCodeableConcept=code(snomed="61026006")),
        observation("21889-1", 90, component=[{"code": code(loinc="33728-7"), **quantity(2.4, "cm")}]),
        observation("29593-1", 700, **quantity(12, "%")),
        **BRAIN,
    )
    assert found["malignancy.clinical_stage_documented"] is True
    assert (found["tumor.grade"], found["tumor.size_mm"], found["tumor.ki67_percent"]) == (3, 24, 12)
    assert found["malignancy.measurable_disease"] is True


def test_findings_of_another_tumour_and_two_of_one_day_say_nothing() -> None:
    focus = [{"reference": "Condition/other"}]
    assert "tumor.grade" not in facts(CANCER, observation("33732-9", 9, valueInteger=2, focus=focus), **BRAIN)
    two = [observation("21889-1", 9, **quantity(n, "mm")) for n in (12, 30)]
    assert "tumor.size_mm" not in facts(CANCER, *two, **BRAIN)


@pytest.mark.parametrize(
    ("value", "distant"),
    [
        (code(snomed="1229903009"), True),
        ({"coding": [{"system": "http://cancerstaging.org", "code": "cM1"}]}, True),
        (code(snomed="1229901006"), False),
        ({"text": "M1"}, False),
    ],
)
def test_distant_metastases_are_told_by_the_m_category(value: dict[str, Any], distant: bool) -> None:
    found = facts(CANCER, observation("21907-1", 30, valueCodeableConcept=value), **BRAIN)
    assert (found.get("malignancy.metastatic") is True) == distant
    assert (found.get("tumor.extent") == "metastatic") == distant


def test_progression_counts_after_the_end_of_treatment() -> None:
    worse = code(snomed="271299001")
    done = procedure(200, 200, cpt="61510", **REASON)
    assert (
        facts(CANCER, done, observation("97509-4", 20, valueCodeableConcept=worse), **BRAIN)["tumor.progressed"] is True
    )
    assert "tumor.progressed" not in facts(
        CANCER, done, observation("97509-4", 300, valueCodeableConcept=worse), **BRAIN
    )


def test_the_histology_of_the_cancer_tells_its_type_and_that_tissue_confirmed_it() -> None:
    url = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
    icdo = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/icd-o-3", "code": "9450/3"}]}
    found = facts({**CANCER, "extension": [{"url": url, "valueCodeableConcept": icdo}]}, **BRAIN)
    assert (found["tumor.type"], found["malignancy.histologically_confirmed"]) == ("oligodendroglioma", True)


def test_an_order_for_something_else_is_told_nothing_of_the_tumour() -> None:
    found = facts(CANCER, procedure(200, 200, cpt="61510", **REASON))
    assert "surgery.tumor.performed" not in found and "surveillance.years_since_treatment" not in found


# --- imaging of the cancer


def ordered(icd10: str, identity: str = "s") -> dict[str, Any]:
    return resource("ServiceRequest", identity, status="completed", intent="order", reasonCode=[code(icd10=icd10)])


def test_imaging_for_the_cancer_is_dated_by_the_reason_of_its_order() -> None:
    based: dict[str, Any] = {"basedOn": [{"reference": "ServiceRequest/s"}]}
    scan = report("70553", 92, conclusionCode=[code(snomed="17621005")], **based)
    found = facts(CANCER, ordered("C71.1"), scan, **BRAIN)
    assert found["prior_imaging.oncologic.days_ago"] == 92
    assert found["surveillance.months_since_last"] == 3
    assert found["prior_imaging.conventional.result"] == "negative"
    headache = facts(CANCER, ordered("R51.9"), scan, **BRAIN)
    assert not {"prior_imaging.oncologic.days_ago", "surveillance.months_since_last"} & set(headache)


def test_a_scan_of_the_region_that_gives_no_reason_counts_since_the_cancer_is_known() -> None:
    found = facts(CANCER, report("70553", 92), **BRAIN)
    assert found["surveillance.months_since_last"] == 3
    assert found["prior_imaging.oncologic.days_ago"] == 92
    assert "prior_imaging.conventional.result" not in found
    dates = {"prior_imaging.oncologic.days_ago", "surveillance.months_since_last"}
    assert not dates & set(facts(condition("C71.1", 60), report("70553", 92), **BRAIN))
    assert not dates & set(facts(CANCER, report("72148", 92), **BRAIN))


def test_the_newer_of_a_scan_for_the_cancer_and_one_that_gives_no_reason_dates_the_last_imaging() -> None:
    based: dict[str, Any] = {"basedOn": [{"reference": "ServiceRequest/s"}]}
    held = (CANCER, ordered("C71.1"), report("70553", 92, **based))
    assert facts(*held, {**report("70551", 30), "id": "later"}, **BRAIN)["prior_imaging.oncologic.days_ago"] == 30
    assert facts(*held, {**report("70551", 200), "id": "older"}, **BRAIN)["prior_imaging.oncologic.days_ago"] == 92


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        ("2026-08-20", "2026-11-20", 3),
        ("2026-02-28", "2026-05-28", 3),
        ("2026-01-31", "2026-02-28", 1),
        ("2024-02-29", "2025-02-28", 12),
        ("2026-11-20", "2026-11-20", 0),
    ],
)
def test_calendar_months_run_from_a_day_to_the_same_day(first: str, last: str, months: float) -> None:
    assert months_between(dt.date.fromisoformat(first), dt.date.fromisoformat(last)) == months


def test_a_day_short_of_a_month_is_less_than_a_month() -> None:
    for first in range(1, 29):
        day_before = dt.date(2026, 3, first) - dt.timedelta(days=1)
        assert months_between(dt.date(2026, 2, first), day_before) < 1


def test_what_the_operation_left_is_told_by_its_outcome() -> None:
    name = "surgery.tumor.gross_total_resection"
    done = procedure(200, 200, cpt="61510", **REASON)
    assert facts(CANCER, {**done, "outcome": {"coding": [{"code": "C131672"}]}}, **BRAIN)[name] is True
    assert facts(CANCER, {**done, "outcome": {"coding": [{"code": "C131680"}]}}, **BRAIN)[name] is False
    assert name not in facts(CANCER, done, **BRAIN)


@pytest.mark.parametrize(
    ("places", "limited"),
    [(["C79.31"], True), (["C79.31", "C79.49"], True), (["C79.31", "C78.00"], False), (["C79.9"], None), ([], None)],
)
def test_metastases_are_limited_to_the_nervous_system_when_all_on_record_lie_there(
    places: list[str], limited: bool | None
) -> None:
    found = facts(condition("C50.911", 300), *(condition(p, 30) for p in places), **BREAST)
    assert found.get("malignancy.metastases_limited_to_cns") is limited
