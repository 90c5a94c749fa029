"""What coded conclusions of reports say, and nothing that they leave open."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from criteria.indications import load_indications
from criteria.vocabulary import load_vocabulary
from mappings.tables import read_table
from tests.chart_examples import code, condition, day, encounter, facts, procedure, report, resource

with warnings.catch_warnings():  # the library reads its data in a way that Python has since deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    import simple_icd_10_cm as icd

PAIN = condition("M54.59", 60)


def film(*conclusions: str, **fields: Any) -> dict[str, Any]:
    return report("72100", 10, conclusionCode=[code(icd10=c) for c in conclusions], **fields)


@pytest.mark.parametrize(
    ("conclusions", "finding"),
    [
        (["M43.06"], "spondylolysis"),
        (["M47.816"], "degenerative"),
        (["M47.816", "M43.06"], "spondylolysis"),
        (["M41.56"], "deformity"),
        (["S32.010A"], "compression_fracture_new"),
        (["S32.012A"], "fracture_other"),
        (["M48.56XS"], None),
        (["M43.06", "S32.012A"], None),
        (["D16.6"], "spinal_lesion_other"),
        (["I10"], None),
    ],
)
def test_a_coded_conclusion_of_the_films_is_the_finding_when_it_names_one(
    conclusions: list[str], finding: str | None
) -> None:
    found = facts(PAIN, film(*conclusions))
    assert found.get("xray.finding") == finding


def test_a_finding_does_not_stand_beside_a_normal_result() -> None:
    held = report("72100", 10, conclusionCode=[code(snomed="17621005"), code(icd10="M43.06")])
    assert "xray.finding" not in facts(PAIN, held)


def test_films_that_are_abnormal_in_no_named_way_have_no_finding() -> None:
    assert "xray.finding" not in facts(PAIN, report("72100", 10, conclusionCode=[code(snomed="263654008")]))


def test_infection_on_films_or_ct_is_a_suspicion() -> None:
    assert facts(PAIN, film("M46.46"))["xray.suspicious_for_infection"] is True
    scan = report("72131", 10, conclusionCode=[code(icd10="M46.46")])
    assert facts(PAIN, scan)["prior_imaging.ct.suspicious_for_infection"] is True


def test_an_abnormal_scan_shows_what_its_conclusion_names() -> None:
    found = facts(report("72141", 10, conclusionCode=[code(icd10="Q06.8", text="Tethered cord")]), cpt="72141")
    assert found["prior_imaging.mri.result"] == "abnormal"
    assert found["prior_imaging.shows_tethered_cord_or_dysraphism"] is True


def test_a_malformation_counts_as_shown_by_the_scan_of_the_part_where_it_lies() -> None:
    found = facts(report("70551", 10, conclusionCode=[code(snomed="253184003")]), cpt="72141")
    assert found["prior_imaging.shows_chiari_malformation"] is True
    assert "prior_imaging.mri.result" not in found


def test_first_results_are_at_hand_with_the_final_report_since_onset() -> None:
    name = "clinical_evaluation.initial_test_results_available"
    assert facts(PAIN, film("M43.06"))[name] is True
    assert name not in facts(PAIN, {**film("M43.06"), "status": "preliminary"})
    assert name not in facts(condition("M54.59", 5), film("M43.06"))


def test_every_line_of_the_table_means_something_that_is_known() -> None:
    vocabulary, indications, table = load_vocabulary(), load_indications(), read_table("results")
    plain = {"negative", "abnormal", "indeterminate", "nondiagnostic", "compression", "infection", "demyelination"}
    for (system, value), meanings in table.exact.items():
        assert system != "icd10cm" or icd.is_valid_item(value)
        assert system != "indication" or value in indications
        for means in meanings:
            kind, _, name = means.partition(":")
            known = {"film": vocabulary["xray.finding"].values or (), "shows": (name,)}.get(kind, ())
            assert means in plain or name in known
            assert kind != "shows" or f"prior_imaging.shows_{name}" in vocabulary


# --- operations


def pcs(value: str, ago: int = 300) -> dict[str, Any]:
    held = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/ICD10", "code": value}]}
    return {**procedure(ago, ago, cpt="1"), "code": held}


def test_an_inpatient_code_of_a_fusion_tells_its_region() -> None:
    lumbar = facts(pcs("0SG00A0"))
    assert lumbar["surgery.spinal_fusion.performed"] is lumbar["surgery.spine.performed"] is True
    assert "surgery.spine.performed" not in facts(pcs("0RG10A0"))
    assert facts(pcs("0RG10A0"), cpt="72141", icd10="M54.2")["surgery.spine.days_ago"] == 300


def test_hours_since_augmentation_are_told_where_the_day_settles_a_day() -> None:
    name = "surgery.vertebral_augmentation.hours_ago"
    assert facts(procedure(0, 0, cpt="22514"))[name] == 0
    assert name not in facts(procedure(1, 1, cpt="22514"))
    assert facts(procedure(2, 2, cpt="22514"))[name] == 48


def test_dialysis_of_years_ago_is_no_dialysis_now() -> None:
    assert facts(procedure(3, 3, cpt="90935"))["renal.dialysis"] is True
    assert facts(procedure(20, 20, cpt="90960"))["renal.dialysis"] is True
    assert "renal.dialysis" not in facts(procedure(900, 900, cpt="90935"))


def test_a_complaint_as_the_reason_makes_the_patient_symptomatic() -> None:
    assert facts()["patient.symptomatic"] is True
    assert "patient.symptomatic" not in facts(encounter("AMB", 3), icd10="C71.1", cpt="70553")


def test_films_of_spondylitis_are_repeated_by_a_second_set_since_the_diagnosis() -> None:
    options = {"cpt": "72195", "icd10": "M45.6"}
    disease = condition("M45.6", 700)
    first, second, spine = report("72202", 600), report("72202", 20), report("72100", 20)
    assert facts(disease, first, second, **options)["xray.repeat_region"] == "si_joints"
    assert facts(disease, first, second, spine, **options)["xray.repeat_region"] == "si_joints_and_spine"
    assert "xray.repeat_performed" not in facts(disease, second, **options)
    assert "xray.repeat_performed" not in facts(disease, report("72202", 900), report("72202", 800), **options)
    assert "xray.repeat_performed" not in facts(PAIN, first, second)


def test_image_sets_of_two_modalities_are_hybrid_studies() -> None:
    def images(*modalities: str) -> dict[str, Any]:
        series = [{"modality": {"code": m}, "bodySite": {"display": "Lumbar"}} for m in modalities]
        return resource("ImagingStudy", "i", status="available", started=day(12), series=series)

    assert facts(images("PT", "CT"))["prior_imaging.modality"] == "pet"
    assert facts(images("MR"))["prior_imaging.modality"] == "mri"
    assert "prior_imaging.modality" not in facts(images("US", "CR"))


@pytest.mark.parametrize(
    ("text", "ordered", "seen"),
    [
        ("MRI cervical and thoracic spine", "72141", True),
        ("MRI cervical and thoracic spine", "72146", True),
        ("MRI cervical and thoracic spine", "72148", None),
        ("MRI brain and cervical spine", "72141", True),
        ("MRI thoracic and lumbar spine without contrast", "72148", True),
    ],
)
def test_a_report_of_several_regions_is_earlier_imaging_of_each(text: str, ordered: str, seen: bool | None) -> None:
    held = resource("DiagnosticReport", status="final", code={"text": text}, effectiveDateTime=day(20))
    assert facts(held, cpt=ordered).get("prior_imaging.mri.performed") is seen


def test_the_contrast_of_a_report_of_several_regions_is_told_where_they_agree() -> None:
    text = "MRI thoracic and lumbar spine without contrast"
    held = resource("DiagnosticReport", status="final", code={"text": text}, effectiveDateTime=day(20))
    assert facts(held, cpt="72148").get("prior_imaging.mri.contrast") == "without"
