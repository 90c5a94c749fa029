"""From the chart to facts: the patient, visits, treatment and images, as a clinician would read them, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from mappings import read_orders, read_records
from mappings.patient import age_years, patient_facts
from tests.chart_examples import (
    PATIENT,
    TODAY,
    URI,
    chart,
    code,
    condition,
    day,
    encounter,
    facts,
    medicine,
    procedure,
    report,
    resource,
    stated,
)

# --- the patient


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("1981-11-20", 45),
        ("1981-11-21", 44),
        ("1981", None),
        ("1981-10", 45),
        ("1981-11", None),
        ("2031-01-01", None),
        (5, None),
    ],
)
def test_age_is_told_only_when_it_is_certain(born: Any, age: int | None) -> None:
    records = read_records([{**PATIENT, "birthDate": born}], "p1", ())
    assert age_years(records.patient, TODAY) == age


@pytest.mark.parametrize(
    ("deceased", "told"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": "true"}, False),
        ({"deceasedDateTime": "2026-02-01T10:00:00Z"}, True),
        ({"deceasedDateTime": "2025"}, True),
        ({"deceasedDateTime": ""}, False),
        ({"deceasedDateTime": None, "_deceasedDateTime": {"extension": []}}, False),
    ],
)
def test_a_death_is_told_by_either_form_of_it(deceased: dict[str, Any], told: bool) -> None:
    records = read_records([{**PATIENT, **deceased}], "p1")
    assert [f.value for f in patient_facts(records, TODAY) if f.name == "patient.deceased"] == [True] * told


def test_very_elderly_needs_a_site_setting() -> None:
    assert "patient.very_elderly" not in facts()
    assert facts(very_elderly_years=80)["patient.very_elderly"] is False


def test_the_gender_marker_is_the_recorded_identity_and_never_the_birth_sex() -> None:
    core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
    told = [
        {"url": f"{core}genderIdentity", "valueCodeableConcept": code(snomed="407377005")},
        {"url": f"{core}birthsex", "valueCode": "F"},
    ]
    records = read_records([{**PATIENT, "gender": "male", "extension": told}], "p1", ())
    found = {f.name: f.value for f in patient_facts(records, TODAY)}
    assert found["patient.gender_marker"] == "transgender_male"
    assert found["patient.sex_assigned_at_birth"] == "female"


# --- visits


def test_a_visit_in_progress_here_is_the_in_person_evaluation() -> None:
    found = facts(encounter("AMB", 0, "in-progress"), encounter_id="e1")
    assert found["clinical_evaluation.in_person_days_ago"] == 0
    assert found["clinical_evaluation.initial_performed"] is True


def test_a_video_visit_is_a_contact_and_not_in_person() -> None:
    found = facts(encounter("VR", 0, "in-progress"), encounter_id="e1")
    assert found["clinical_evaluation.mode"] == "telemedicine"
    assert "clinical_evaluation.in_person_for_current_episode" not in found


@pytest.mark.parametrize(("icd10", "counts"), [("M54.50", True), ("M54.16", True), ("J06.9", False), (None, True)])
def test_an_earlier_visit_counts_with_a_reason_of_the_episode(icd10: str | None, counts: bool) -> None:
    reason: dict[str, Any] = {"reasonCode": [code(icd10=icd10)]} if icd10 else {}
    found = facts(encounter("AMB", 50, **reason))
    assert found.get("clinical_evaluation.in_person_days_ago") == (50 if counts else None)


@pytest.mark.parametrize("status", ["planned", "cancelled", "entered-in-error"])
def test_a_visit_that_did_not_take_place_does_not_count(status: str) -> None:
    assert "clinical_evaluation.initial_performed" not in facts(encounter("AMB", 0, status), encounter_id="e1")


TRIAL = (
    stated("trial_of_treatment.provider_directed", True),
    stated("trial_of_treatment.duration_weeks", 7),
    stated("trial_of_treatment.ended_days_ago", 7),
)


def test_a_visit_after_the_trial_is_the_reevaluation_and_none_before_it_is() -> None:
    after = facts(*TRIAL, encounter("AMB", 0, "in-progress"), encounter_id="e1")
    before = facts(*TRIAL, encounter("AMB", 50, reasonCode=[code(icd10="M54.50")]))
    assert after["reevaluation.after_treatment"] is True
    assert after["reevaluation.mode"] == "in_person"
    assert "reevaluation.after_treatment" not in before


def test_days_since_a_stated_visit_do_not_make_a_reevaluation() -> None:
    found = facts(*TRIAL, stated("clinical_evaluation.in_person_days_ago", 50))
    assert found["clinical_evaluation.in_person_for_current_episode"] is True
    assert "reevaluation.after_treatment" not in found


# --- treatment


def test_therapy_visits_since_onset_are_a_trial_with_its_length_and_end() -> None:
    found = facts(condition("M54.59", 90), procedure(60, 60, cpt="97110"), procedure(11, 11, cpt="97140"))
    assert found["trial_of_treatment.provider_directed"] is True
    assert found["trial_of_treatment.duration_weeks"] == 7
    assert found["trial_of_treatment.ended_days_ago"] == 11
    assert found["trial_of_treatment.active.modality"] == "physical_therapy"
    assert "trial_of_treatment.significant_improvement" not in found


def test_therapy_before_onset_or_for_another_part_is_no_trial() -> None:
    assert "trial_of_treatment.provider_directed" not in facts(condition("M54.59", 20), procedure(90, 40, cpt="97110"))
    knee = procedure(60, 10, cpt="97110", reasonCode=[code(icd10="M17.11")])
    assert "trial_of_treatment.provider_directed" not in facts(condition("M54.59", 90), knee)


def test_a_running_nsaid_since_onset_counts_and_one_without_onset_does_not() -> None:
    ibuprofen = medicine(49, text="Ibuprofen 600 MG Oral Tablet")
    found = facts(condition("M54.59", 60), ibuprofen)
    assert found["trial_of_treatment.nsaid"] is True
    assert found["trial_of_treatment.duration_weeks"] == 7
    assert "trial_of_treatment.nsaid" not in facts(ibuprofen)


def test_a_medicine_taken_since_long_before_the_complaint_is_no_trial() -> None:
    found = facts(condition("M54.59", 60), medicine(900, text="Naproxen 500 MG Oral Tablet"))
    assert "trial_of_treatment.provider_directed" not in found


def test_an_ended_prescription_of_unknown_length_gives_no_duration() -> None:
    found = facts(condition("M54.59", 60), medicine(49, "completed", "naproxen 500 MG"))
    assert found["trial_of_treatment.provider_directed"] is True
    assert "trial_of_treatment.duration_weeks" not in found


# --- films and scans


def test_a_film_from_before_the_injury_was_made_and_not_since_onset() -> None:
    found = facts(condition("S33.5XXA", 3), report("72100", 65, "Normal."), cpt="72131", icd10="S33.5XXA")
    assert (found["xray.performed"], found["xray.since_onset"], found["xray.finding"]) == (True, False, "negative")


def test_a_film_since_onset_with_a_reading_that_is_no_result_by_itself_has_no_finding() -> None:
    found = facts(condition("M54.59", 30), report("72100", 10, "Normal alignment. Mild osteophytes."))
    assert (found["xray.since_onset"], found["xray.results_available"]) == (True, True)
    assert "xray.finding" not in found


def test_where_only_the_recording_is_dated_an_older_film_is_neither_before_nor_after_onset() -> None:
    assert "xray.since_onset" not in facts(condition("M54.59", recorded=30), report("72100", 60))
    assert facts(condition("M54.59", recorded=30), report("72100", 10))["xray.since_onset"] is True


def test_a_film_of_another_part_is_no_film_of_the_complaint() -> None:
    assert "xray.performed" not in facts(condition("M54.59", 30), report("73030", 10))
    assert "xray.performed" not in facts(condition("M54.59", 30), report("72040", 10))


def test_an_earlier_mri_tells_its_age_contrast_and_coded_result() -> None:
    found = facts(report("72148", 40, conclusionCode=[code(snomed="82334004")]))
    assert found["prior_imaging.mri.days_ago"] == 40
    assert found["prior_imaging.mri.contrast"] == "without"
    assert found["prior_imaging.mri.result"] == "indeterminate"
    assert found["prior_imaging.mri.completion_needed"] is True
    assert found["prior_imaging.same_or_similar_performed"] is True


def test_prior_imaging_follows_the_study_that_is_asked_about() -> None:
    read = chart(report("72141", 40))
    order = read.orders[0]
    assert order.study is not None
    neck = read_orders([resource("ServiceRequest", "n", code=code(cpt="72141"))], read.records)[0].study
    assert neck is not None
    assert read.facts(order, order.study).get("prior_imaging.mri.performed") is None
    assert read.facts(order, neck).get("prior_imaging.mri.performed") is not None


def test_an_image_set_without_a_report_counts_by_modality_and_body_site() -> None:
    series = [{"modality": {"code": "MR"}, "bodySite": {"system": URI["snomed"], "code": "122496007"}}]
    images = resource("ImagingStudy", status="available", started=day(12), series=series)
    found = facts(images)
    assert found["prior_imaging.mri.days_ago"] == 12
    assert "prior_imaging.mri.result" not in found


def test_a_preliminary_report_has_no_result_yet() -> None:
    found = facts(condition("M54.59", 30), {**report("72100", 10, "Normal."), "status": "preliminary"})
    assert found["xray.performed"] is True
    assert "xray.results_available" not in found and "xray.finding" not in found
