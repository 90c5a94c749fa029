"""What follows from the facts at hand: from numbers, ages and denials, from histology, onset and operations."""

from __future__ import annotations

from typing import Any

import pytest

from mappings import Chart, read_orders, read_records
from mappings.oncology_history import MORPHOLOGY
from tests.chart_examples import (
    PATIENT,
    TODAY,
    chart,
    code,
    condition,
    day,
    encounter,
    facts,
    observation,
    procedure,
    report,
    resource,
    stated,
)

NECK: dict[str, Any] = {"cpt": "72141", "icd10": "M54.2"}
ICD_O = "http://terminology.hl7.org/CodeSystem/icd-o-3"


def histology(icd10: str, morphology: str, **fields: Any) -> dict[str, Any]:
    held = {"coding": [{"system": ICD_O, "code": morphology}]}
    return condition(icd10, 30, extension=[{"url": MORPHOLOGY, "valueCodeableConcept": held}], **fields)


def unconfirmed(icd10: str | None = None, **codes: str) -> dict[str, Any]:
    held = condition(icd10 or "R91.1", 3, verificationStatus={"coding": [{"code": "provisional"}]})
    return {**held, "code": code(**codes)} if codes else held


# --- what is denied


def test_a_normal_examination_denies_the_findings_that_nobody_named() -> None:
    found = facts(stated("exam.neurologic_abnormal", False), **NECK)
    for name in ("exam.gait_abnormal", "exam.reflexes_abnormal", "exam.neurologic_deficit", "exam.extremity_weakness"):
        assert found[name] is False, name


def test_a_finding_on_record_stands_beside_the_denial_of_all() -> None:
    found = facts(stated("exam.neurologic_abnormal", False), condition("R26.89", 5), **NECK)
    assert found["exam.gait_abnormal"] is True


def test_without_a_word_about_the_examination_nothing_is_denied() -> None:
    assert "exam.gait_abnormal" not in facts(**NECK)


def test_what_is_no_symptom_or_finding_is_not_denied_with_the_whole() -> None:
    found = facts(stated("prior_imaging.conventional.performed", False), **NECK)
    assert "xray.performed" not in found


# --- numbers and ages


@pytest.mark.parametrize(("grade", "weak"), [(4, True), (5, None)])
def test_a_stated_strength_below_five_is_weakness(grade: int, weak: bool | None) -> None:
    assert facts(stated("exam.motor_strength_grade", grade), **NECK).get("exam.extremity_weakness") is weak


@pytest.mark.parametrize(("rate", "insufficient"), [(59, True), (60, None)])
def test_a_stated_filtration_rate_below_sixty_is_renal_insufficiency(rate: int, insufficient: bool | None) -> None:
    assert facts(stated("renal.egfr_ml_min", rate)).get("renal.insufficiency") is insufficient


@pytest.mark.parametrize(
    ("days", "incomplete"), [(10, True), (92, True), (93, None), (8 * 365, None), (13 * 365, False), (45 * 366, False)]
)
def test_whether_the_vertebrae_are_ossified_follows_from_the_age_at_both_ends(
    days: int, incomplete: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATIENT, "birthDate", day(days))
    assert facts().get("condition.vertebral_ossification_incomplete") is incomplete


@pytest.mark.parametrize("icd10", ["M81.0", "Z87.310", "Z79.52"])
def test_thin_bones_an_earlier_fracture_or_long_steroids_predispose_to_insufficiency_fractures(icd10: str) -> None:
    assert facts(condition(icd10, 900))["fracture.insufficiency_predisposed"] is True
    assert "fracture.insufficiency_predisposed" not in facts()


@pytest.mark.parametrize("name", ["exam.midline_cervical_tenderness", "trauma.distracting_injury", "exam.intoxicated"])
def test_one_element_of_nexus_that_fails_calls_for_imaging(name: str) -> None:
    assert facts(stated(name, True), **NECK)["trauma.nexus_imaging_indicated"] is True
    assert "trauma.nexus_imaging_indicated" not in facts(stated(name, False), **NECK)


def test_a_trial_that_is_said_not_to_have_failed_has_helped() -> None:
    tried, unfailed = stated("trial_of_treatment.provider_directed", True), stated("trial_of_treatment.failed", False)
    assert facts(tried, unfailed)["trial_of_treatment.significant_improvement"] is True
    assert "trial_of_treatment.significant_improvement" not in facts(unfailed)
    denied = stated("trial_of_treatment.significant_improvement", False)
    assert facts(tried, unfailed, denied)["trial_of_treatment.significant_improvement"] is False


# --- nerve conduction


@pytest.mark.parametrize(
    ("cpt", "conclusion", "finding"),
    [
        ("95886", {"icd10": "M54.12"}, "cervical_radiculopathy"),
        ("95910", {"snomed": "54404000"}, "cervical_radiculopathy"),
        ("95910", {"icd10": "M54.16"}, "lumbosacral_radiculopathy"),
        ("95910", {"icd10": "G56.01"}, None),
        ("72141", {"icd10": "M54.12"}, None),
    ],
)
def test_a_coded_conclusion_tells_which_root_was_found(
    cpt: str, conclusion: dict[str, str], finding: str | None
) -> None:
    found = facts(report(cpt, 40, conclusionCode=[code(**conclusion)]), **NECK)
    assert found.get("electrodiagnostic.finding") == finding
    assert found.get("electrodiagnostic.days_ago") == (40 if finding else None)


def test_of_two_reports_the_newest_counts_and_words_count_never() -> None:
    old = report("95886", 400, conclusionCode=[code(icd10="M54.12")])
    words = report("95886", 40, "Cervical radiculopathy.")
    assert "electrodiagnostic.finding" not in facts(old, words, **NECK)
    assert "electrodiagnostic.finding" not in facts(
        report("95886", 40, conclusionCode=[code(icd10="M54.12"), code(icd10="M54.16")]), **NECK
    )


# --- isolated neck pain


def test_neck_pain_as_the_only_reason_is_isolated() -> None:
    assert facts(**NECK)["pain.neck_isolated"] is True


@pytest.mark.parametrize("beside", [condition("S13.4XXA", 3), stated("exam.neurologic_deficit", True)])
def test_an_injury_or_a_deficit_on_record_leaves_it_to_be_asked(beside: dict[str, Any]) -> None:
    assert "pain.neck_isolated" not in facts(beside, **NECK)


@pytest.mark.parametrize("icd10", ["M54.12", "M50.20", "M54.50"])
def test_another_reason_is_not_isolated_neck_pain(icd10: str) -> None:
    assert "pain.neck_isolated" not in facts(cpt="72141", icd10=icd10)


def test_the_clinicians_word_prevails() -> None:
    assert facts(stated("pain.neck_isolated", False), **NECK)["pain.neck_isolated"] is False


# --- scoliosis


@pytest.mark.parametrize(
    ("held", "age"),
    [
        ({"onsetAge": {"value": 8, "code": "a"}}, 8),
        ({"onsetAge": {"value": 30, "code": "mo"}}, 2.5),
        ({"onsetAge": {"value": 8}}, None),
        ({"onsetDateTime": "1990-05-02"}, 9.0),
        ({"onsetDateTime": "1970-01-01"}, None),
        ({}, None),
    ],
)
def test_the_age_at_which_a_scoliosis_began(held: dict[str, Any], age: float | None) -> None:
    found = facts({**condition("M41.125"), **held}, cpt="72141", icd10="M41.125")
    assert found.get("scoliosis.onset_age_years") == (pytest.approx(age, abs=0.05) if age is not None else None)


def test_the_earliest_entry_counts_and_an_unconfirmed_one_does_not() -> None:
    early, late = ({**condition("M41.125"), "onsetAge": {"value": n, "code": "a"}} for n in (9, 12))
    doubted = {**early, "verificationStatus": {"coding": [{"code": "provisional"}]}}
    assert facts(late, early)["scoliosis.onset_age_years"] == 9
    assert facts(late, doubted)["scoliosis.onset_age_years"] == 12


def test_infantile_scoliosis_says_its_age_by_its_code() -> None:
    assert facts(cpt="72141", icd10="M41.02")["scoliosis.onset_age_years"] < 10


# --- a fracture that was treated

FRACTURE: dict[str, Any] = {"cpt": "72141", "icd10": "M48.52XD"}


@pytest.mark.parametrize(("cpt", "treated"), [("22510", True), ("22511", None), ("22514", None), ("22512", None)])
def test_an_augmentation_of_its_part_of_the_spine_treated_the_fracture(cpt: str, treated: bool | None) -> None:
    found = facts(condition("M48.52XD", 200), procedure(90, 90, cpt=cpt), **FRACTURE)
    assert found.get("fracture.spinal_compression_treated") is treated
    assert "surgery.spine.performed" not in found


def test_a_fracture_since_the_augmentation_is_another_one() -> None:
    found = facts(condition("M48.52XA", 20), procedure(90, 90, cpt="22510"), **FRACTURE)
    assert "fracture.spinal_compression_treated" not in found


# --- kinds of cancer


@pytest.mark.parametrize(
    ("icd10", "morphology", "kind"),
    [
        ("C34.11", "8140/3", "non_small_cell_lung_cancer"),
        ("C34.11", "8041/3", "small_cell_lung_cancer"),
        ("C73", "8345/3", "medullary_thyroid_cancer"),
        ("C73", "8260/3", "differentiated_thyroid_cancer"),
        ("C73", "8021/3", "anaplastic_thyroid_cancer"),
    ],
)
def test_histology_tells_the_kind_of_a_cancer_that_is_coded_by_its_place(
    icd10: str, morphology: str, kind: str
) -> None:
    assert facts(histology(icd10, morphology), cpt="78815", icd10=icd10)[f"condition.{kind}"] is True


def test_an_anaplastic_glioma_is_of_grade_three_by_its_histology_or_its_code() -> None:
    found = facts(histology("C71.1", "9401/3"), cpt="70553", icd10="C71.1")
    assert (found["tumor.type"], found["tumor.grade"]) == ("astrocytoma", 3)
    assert "tumor.grade" not in facts(histology("C71.1", "9400/3"), cpt="70553", icd10="C71.1")
    coded = condition("C71.1", 30)
    assert facts({**coded, "code": code(snomed="277461004")}, cpt="70553", icd10="C71.1")["tumor.grade"] == 3


def test_histology_of_another_place_or_of_two_kinds_tells_nothing() -> None:
    elsewhere = facts(histology("C18.7", "8140/3"), histology("C34.11", "8345/3"), cpt="78815", icd10="C34.11")
    assert not any(name.endswith("_lung_cancer") or name.endswith("_thyroid_cancer") for name in elsewhere)


def test_an_unconfirmed_cancer_of_that_part_of_the_body_is_the_suspected_one() -> None:
    lung, breast = unconfirmed(snomed="254637007"), unconfirmed("C50.911")
    nodule: dict[str, Any] = {"cpt": "78815", "icd10": "R91.1"}
    assert facts(lung, **nodule)["malignancy.suspected_type"] == "non_small_cell_lung_cancer"
    assert facts(lung, breast, **nodule)["malignancy.suspected_type"] == "non_small_cell_lung_cancer"
    small = unconfirmed(snomed="254632001")
    assert "malignancy.suspected_type" not in facts(lung, small, **nodule)
    confirmed = {**lung, "verificationStatus": {"coding": [{"code": "confirmed"}]}}
    assert "malignancy.suspected_type" not in facts(confirmed, **nodule)


def test_the_size_of_the_lesion_is_read_in_its_unit() -> None:
    found = facts(observation("21889-1", 0.7, "cm", 10), cpt="78815", icd10="R91.1")
    assert found["lesion.longest_diameter_mm"] == pytest.approx(7)
    old = facts(observation("21889-1", 0.7, "cm", 200), cpt="78815", icd10="R91.1")
    assert "lesion.longest_diameter_mm" not in old


def test_a_visit_for_the_cancer_counts_whether_its_code_names_the_place_or_the_kind() -> None:
    draft = resource("ServiceRequest", "order-1", status="draft", code=code(cpt="70553"))
    for kind, place, other in (("393563007", "C71.9", "C34.11"), ("254637007", "C34.11", "C71.9")):
        ordered = {**draft, "reasonCode": [code(snomed=kind)]}
        for icd10, counts in ((place, True), (other, False)):
            visit = encounter("AMB", 30, reasonCode=[code(icd10=icd10)])
            read = chart_of(ordered, visit)
            assert ("clinical_evaluation.in_person_for_current_episode" in read) is counts, (kind, icd10)


def test_two_kinds_of_one_place_are_two_cancers() -> None:
    ordered = resource("ServiceRequest", "order-1", status="draft", code=code(cpt="70553"))
    ordered["reasonCode"] = [code(snomed="254637007")]
    visit = encounter("AMB", 30, reasonCode=[code(snomed="254632001")])
    assert "clinical_evaluation.in_person_for_current_episode" not in chart_of(ordered, visit)


def chart_of(draft: dict[str, Any], *held: dict[str, Any]) -> dict[str, Any]:
    records = read_records([PATIENT, *held], "p1", ())
    read = Chart(records, read_orders([draft], records), TODAY, None, {}, [draft])
    order = read.orders[0]
    assert order.study is not None
    return {f.name: f.value for f in read.facts(order, order.study)}


def test_a_spinal_meningioma_is_no_reason_for_an_image_of_the_brain() -> None:
    for icd10 in ("D32.1", "C70.1", "D42.1"):
        assert "meningioma" not in chart(icd10=icd10).orders[0].indications
        assert facts(condition(icd10, 30))["condition.meningioma"] is True
    assert "meningioma" in chart(icd10="D32.0").orders[0].indications


@pytest.mark.parametrize(
    ("icd10", "ago", "clinical", "recent"),
    [("N39.0", 20, "active", True), ("J18.9", 20, "resolved", True), ("N10", 70, "resolved", None)],
)
def test_a_bacterial_infection_of_the_last_weeks_is_recent_though_it_is_over(
    icd10: str, ago: int, clinical: str, recent: bool | None
) -> None:
    held = condition(icd10, ago, clinicalStatus={"coding": [{"code": clinical}]})
    assert facts(held).get("infection.bacterial_recent") is recent
