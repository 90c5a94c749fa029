"""Conditions become facts: who says it, how sure, how long ago."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from criteria.facts import Basis, Fact
from mappings.conditions import condition_facts, read_condition
from mappings.records import read_records
from tests.chart_examples import code, day, resource
from tests.chart_examples import facts as of_chart

TODAY = dt.date(2026, 11, 20)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SCT = "http://snomed.info/sct"


def condition(code: str, onset_days: int | None = None, system: str = ICD, **more: Any) -> dict[str, Any]:
    onset = {"onsetDateTime": str(TODAY - dt.timedelta(days=onset_days))} if onset_days is not None else {}
    held = {"resourceType": "Condition", "id": f"c-{code}-{onset_days}", "subject": {"reference": "Patient/p"}}
    return {**held, "code": {"coding": [{"system": system, "code": code}]}, **onset, **more}


def status(kind: str, code: str) -> dict[str, Any]:
    return {kind: {"coding": [{"code": code}]}}


def facts(*conditions: Any) -> dict[str, Fact]:
    records = read_records([{"resourceType": "Patient", "id": "p"}, *conditions], "p")
    return {f.name: f for f in condition_facts(records, TODAY)}


def test_a_diagnosis_gives_its_facts_with_source_basis_and_day() -> None:
    fact = facts(condition("E11.9", 400))["condition.diabetes_mellitus"]
    assert fact.value is True and fact.basis is Basis.RECORDED
    assert fact.sources == ("Condition/c-E11.9-400",) and fact.on == TODAY - dt.timedelta(days=400)


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error"])
def test_a_refuted_or_mistaken_diagnosis_never_counts(verification: str) -> None:
    assert facts(condition("C79.31", **status("verificationStatus", verification))) == {}


@pytest.mark.parametrize("verification", ["provisional", "differential", "unconfirmed"])
def test_an_unconfirmed_diagnosis_is_a_suspicion(verification: str) -> None:
    found = facts(condition("M46.46", **status("verificationStatus", verification)))
    assert "infection.spinal_suspected" in found and "infection.spinal_known" not in found


def test_a_confirmed_diagnosis_and_one_without_status_are_known() -> None:
    for extra in ({}, status("verificationStatus", "confirmed")):
        found = facts(condition("M46.46", **extra))
        assert "infection.spinal_known" in found and "infection.spinal_suspected" not in found


def test_an_unconfirmed_tumour_of_the_spine_is_suspected_and_not_known() -> None:
    found = facts(condition("C41.2", **status("verificationStatus", "provisional")))
    assert {"malignancy.spinal_suspected", "malignancy.suspected"} <= set(found)
    assert "malignancy.known" not in found and "tumor.spinal_known" not in found


def test_a_provisional_chiari_malformation_is_no_known_one() -> None:
    found = facts(condition("253184003", system=SCT, **status("verificationStatus", "provisional")))
    assert "condition.chiari_malformation" not in found


@pytest.mark.parametrize("clinical", ["resolved", "inactive", "remission"])
def test_what_is_over_counts_only_for_the_past(clinical: str) -> None:
    over = status("clinicalStatus", clinical)
    found = facts(condition("C50.911", **over), condition("Z34.02", **over), condition("M54.50", **over))
    assert set(found) == {"malignancy.current_or_past"}


def test_a_resolved_fusion_status_is_still_a_past_operation() -> None:
    assert "surgery.spinal_fusion.performed" in facts(condition("Z98.1", **status("clinicalStatus", "resolved")))


@pytest.mark.parametrize(("days", "new"), [(0, True), (60, True), (61, False), (400, False)])
def test_foot_drop_is_new_up_to_sixty_days_after_its_onset(days: int, new: bool) -> None:
    assert ("exam.foot_drop_new" in facts(condition("M21.372", days))) is new


@pytest.mark.parametrize("code", ["M21.372", "R33.9", "R15.9", "M54.50"])
def test_nothing_is_new_without_a_recorded_onset(code: str) -> None:
    new = {
        "exam.foot_drop_new",
        "symptom.urinary_retention_acute",
        "symptom.bowel_bladder_incontinence_new",
        "pain.back_new",
    }
    assert new.isdisjoint(facts(condition(code, recordedDate=str(TODAY))))


def test_back_pain_is_not_new_when_an_earlier_entry_exists() -> None:
    assert "pain.back_new" in facts(condition("M54.50", 10))
    assert "pain.back_new" not in facts(condition("M54.50", 10), condition("M54.6", 900))


def test_bilateral_acute_sciatica_needs_both_sides_and_recent_onset() -> None:
    name = "pain.sciatica_bilateral_acute"
    assert name in facts(condition("M54.31", 5), condition("M54.42", 5))
    assert name not in facts(condition("M54.31", 5))
    assert name not in facts(condition("M54.31", 5), condition("M54.32", 200))


def test_an_injury_of_this_episode_is_trauma_and_counts_its_days() -> None:
    found = facts(condition("S33.5XXA", 3))
    assert found["trauma.lumbar_spine"].value is True and found["trauma.days_ago"].value == 3


def test_an_old_injury_left_on_the_list_is_no_present_trauma() -> None:
    assert "trauma.lumbar_spine" in facts(condition("S33.5XXA", 180))
    assert "trauma.lumbar_spine" not in facts(condition("S33.5XXA", 181))


def test_an_external_cause_marks_trauma_without_a_place() -> None:
    found = facts(condition("V43.52XA", 0))
    assert "trauma.present" in found and "trauma.cervical_spine" not in found


def test_bone_metastasis_is_spinal_only_when_the_record_places_it_there() -> None:
    assert "malignancy.spinal_metastasis_known" not in facts(condition("C79.51"))
    placed = facts(condition("C79.51", bodySite=[{"text": "Lumbar vertebra"}]))
    assert {"malignancy.spinal_metastasis_known", "malignancy.spinal_known", "tumor.spinal_known"} <= set(placed)


def test_a_pathological_fracture_of_any_other_bone_is_spinal_only_when_the_record_places_it_there() -> None:
    rib = facts(condition("M84.58XA", 3))
    assert "fracture.pathological" in rib and "fracture.spinal_known" not in rib
    assert "fracture.spinal_known" in facts(condition("M84.58XA", 3, bodySite=[{"text": "Thoracic vertebra"}]))
    assert "fracture.spinal_known" in facts(condition("M80.08XA", 3))


def test_an_external_cause_of_a_later_visit_counts_no_days_since_injury() -> None:
    assert "trauma.days_ago" in facts(condition("V43.52XA", 3))
    assert {"trauma.present", "trauma.days_ago"}.isdisjoint(facts(condition("V43.52XD", 3)))


@pytest.mark.parametrize(("code", "is_pregnant"), [("O26.843", True), ("Z3A.32", True), ("O26.63", False)])
def test_a_complication_of_pregnancy_is_one_and_of_the_time_after_birth_is_none(code: str, is_pregnant: bool) -> None:
    assert ("pregnancy.current" in facts(condition(code, 20))) is is_pregnant
    assert "pregnancy.current" not in facts(condition(code, 301))


def test_a_lead_in_the_spinal_canal_that_failed_is_still_an_implant() -> None:
    found = facts(condition("T85.122A", 20))
    assert {"implant.spinal_cord_stimulator", "implant.neurostimulator"} <= set(found)
    assert "surgery.complication_suspected" not in found


NEUROLOGIC = [
    ("R32", ICD, "symptom.bowel_bladder_dysfunction"),
    ("N31.9", ICD, "symptom.bowel_bladder_dysfunction"),
    ("R20.0", ICD, "symptom.numbness"),
    ("R20.2", ICD, "symptom.tingling"),
    ("44077006", SCT, "symptom.numbness"),
    ("R26.89", ICD, "exam.gait_abnormal"),
    ("R27.0", ICD, "exam.ataxia"),
    ("R29.2", ICD, "exam.reflexes_abnormal"),
    ("R29.818", ICD, "exam.neurologic_abnormal"),
]


@pytest.mark.parametrize(("code", "system", "name"), NEUROLOGIC)
def test_a_neurologic_symptom_left_on_the_list_does_not_go_with_a_new_complaint(
    code: str, system: str, name: str
) -> None:
    assert name in facts(condition(code, 92, system))
    assert name not in facts(condition(code, 93, system))
    assert name not in facts(condition(code, system=system, recordedDate=str(TODAY - dt.timedelta(days=700))))
    assert name in facts(condition(code, system=system))


def test_an_old_symptom_counts_from_the_onset_of_the_complaint_on() -> None:
    records = read_records([{"resourceType": "Patient", "id": "p"}, condition("R20.2", 300)], "p")

    def names(days: int) -> set[str]:
        return {f.name for f in condition_facts(records, TODAY, TODAY - dt.timedelta(days=days))}

    assert "symptom.tingling" in names(300) and "symptom.tingling" not in names(299)


@pytest.mark.parametrize(("code", "place"), [("39848009", "cervical"), ("66540002", "thoracic")])
def test_an_injury_in_snomed_counts_its_days(code: str, place: str) -> None:
    found = facts(condition(code, 2, SCT))
    assert found[f"trauma.{place}_spine"].value is True and found["trauma.days_ago"].value == 2


@pytest.mark.parametrize(
    ("code", "pain"), [("S16.1XXD", "pain.neck"), ("S23.3XXD", "pain.mid_back"), ("S33.5XXS", "pain.low_back")]
)
def test_a_later_visit_for_an_injury_is_the_pain_that_remains(code: str, pain: str) -> None:
    found = facts(condition(code, 40))
    assert found[pain].value is True
    assert not {"trauma.present", "trauma.days_ago"} & set(found)


@pytest.mark.parametrize("clinical", ["resolved", "inactive"])
def test_an_implant_that_was_taken_out_or_entered_wrongly_is_none(clinical: str) -> None:
    assert "implant.pacemaker" in facts(condition("Z95.0"))
    assert "implant.pacemaker" not in facts(condition("Z95.0", **status("clinicalStatus", clinical)))


@pytest.mark.parametrize("code", ["46177005", "236435004"])
def test_end_stage_renal_disease_is_renal_failure(code: str) -> None:
    assert {"renal.failure_diagnosed", "renal.insufficiency"} <= set(facts(condition(code, 900, SCT)))


def test_a_foot_drop_in_snomed_is_one() -> None:
    assert "exam.foot_drop_new" in facts(condition("6077001", 5, SCT))


def test_a_pregnancy_entry_of_last_year_no_longer_counts() -> None:
    assert "pregnancy.current" in facts(condition("Z33.1", 80))
    assert "pregnancy.current" not in facts(condition("Z33.1", 400))


def test_severity_and_recurrence_are_read() -> None:
    found = facts(condition("M54.50", 10, severity={"coding": [{"system": SCT, "code": "24484000"}]}))
    assert "pain.severe" in found
    assert "tumor.recurrent" in facts(condition("C18.7", **status("clinicalStatus", "recurrence")))


def test_two_entries_of_one_diagnosis_are_one_fact_with_both_sources() -> None:
    fact = facts(condition("E11.9", 400), condition("E11.65", 30))["condition.diabetes_mellitus"]
    assert len(fact.sources) == 2 and fact.on == TODAY - dt.timedelta(days=30)


def test_a_date_in_the_future_is_no_date() -> None:
    assert "exam.foot_drop_new" not in facts(condition("M21.372", -30))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "code",
    "verificationStatus",
    "clinicalStatus",
    "onsetDateTime",
    "onsetPeriod",
    "recordedDate",
    "severity",
    "bodySite",
    "abatementDateTime",
    "id",
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)))
def test_any_json_in_any_field_is_survived(junk: dict[str, Any]) -> None:
    read_condition({**condition("M54.50", 3), **junk}, TODAY)
    facts({**condition("M54.50", 3), **junk})


def test_a_cancer_that_is_over_stays_in_the_past_by_snomed_too() -> None:
    over: dict[str, Any] = {"clinicalStatus": {"coding": [{"code": "resolved"}]}, "onsetDateTime": day(2000)}
    found = of_chart(resource("Condition", code=code(snomed="254837009"), **over))
    assert found["malignancy.current_or_past"] is True
    assert "malignancy.known" not in found


def test_words_name_the_disease_of_a_wide_code() -> None:
    def told(icd10: str, text: str) -> dict[str, Any]:
        return of_chart(resource("Condition", code={**code(icd10=icd10), "text": text}))

    assert told("M48.8X2", "OPLL of the cervical spine")["condition.opll"] is True
    assert "condition.opll" not in told("M48.8X2", "Other spondylopathy")
    assert told("Q28.8", "Spinal AVM")["condition.spinal_vascular_malformation"] is True
    assert "condition.spinal_vascular_malformation" not in told("Q28.8", "Anomaly of a vessel")
