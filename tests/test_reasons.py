"""Reasons of an order: indications, what is nobody's, what is not known, and the facts they assert."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from criteria.orders import Reason
from mappings.reasons import read_reasons, reason_facts
from mappings.records import read_records

TODAY = dt.date(2026, 11, 20)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SCT = "http://snomed.info/sct"


def icd(*codes: str, text: str | None = None) -> dict[str, Any]:
    return {"coding": [{"system": ICD, "code": c} for c in codes], **({"text": text} if text else {})}


def sct(code: str) -> dict[str, Any]:
    return {"coding": [{"system": SCT, "code": code}]}


def order(*reasons: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "id": "o", "reasonCode": list(reasons), **more}


def condition(code: str, **more: Any) -> dict[str, Any]:
    held = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}
    return {**held, "code": icd(code), **more}


def read(request: dict[str, Any], *chart: Any) -> tuple[Reason, ...]:
    return read_reasons(request, read_records([{"resourceType": "Patient", "id": "p"}, *chart], "p"))


def asserted(request: dict[str, Any], *chart: Any) -> dict[str, Any]:
    records = read_records([{"resourceType": "Patient", "id": "p"}, *chart], "p")
    return {f.name: f.value for f in reason_facts(request, records, TODAY)}


@pytest.mark.parametrize(
    ("concept", "status", "first"),
    [
        (icd("M54.50"), "covered", "low_back_pain"),
        (sct("279039007"), "covered", "low_back_pain"),
        (icd("M54.17"), "covered", "lumbar_radiculopathy"),
        (icd("C83.390"), "covered", "primary_cns_lymphoma"),
        (sct("393563007"), "covered", "glioma"),
        (icd("M42.04"), "covered", "kyphosis"),
        (icd("M48.46XS"), "covered", "other_spinal_disorder"),
        (icd("T84.84XA"), "covered", "postoperative_complication"),
        (icd("G83.82"), "covered", "spinal_cord_disorder"),
        (icd("S30.0XXA"), "covered", "lumbar_spine_trauma"),
        (icd("S32.421A"), "other", None),
        (icd("Q76.5"), "other", None),
        (icd("R53.2"), "other", None),
        (icd("M75.41"), "other", None),
        (icd("M54.06"), "other", None),
        (icd("K08.89"), "other", None),
        (sct("27355003"), "other", None),
        (sct("239720000"), "other", None),
        (icd("QQQ"), "unmapped", None),
        (icd("U98.9"), "unmapped", None),
        (sct("999999999"), "unmapped", None),
        ({"coding": [{"system": "urn:local", "code": "BACK"}]}, "unmapped", None),
    ],
)
def test_a_reason_is_covered_other_or_unmapped(concept: Any, status: str, first: str | None) -> None:
    (reason,) = read(order(concept))
    assert reason.status == status
    assert (reason.indications[0] if reason.indications else None) == first


@pytest.mark.parametrize("text", ["Tethered spinal cord syndrome", "Tethered cord", "tethered filum terminale"])
def test_a_tethered_cord_is_told_by_the_words_beside_its_code(text: str) -> None:
    given = order(icd("Q06.8", text=text))
    assert read(given)[0].indications == ("tethered_cord", "spinal_cord_anomaly")
    assert asserted(given)["condition.tethered_cord"] is True
    assert asserted(given)["condition.congenital_spinal_cord_anomaly"] is True


def test_the_code_alone_and_denied_or_doubted_words_establish_no_tethered_cord() -> None:
    for text in (None, "Spinal cord malformation, no tethered cord", "untethered cord"):
        assert read(order(icd("Q06.8", text=text)))[0].indications == ("spinal_cord_anomaly",)
        assert "condition.tethered_cord" not in asserted(order(icd("Q06.8", text=text)))
    doubted = order(icd("Q06.8", text="Suspected tethered cord"))
    assert read(doubted)[0].indications[0] == "tethered_cord"
    assert "condition.tethered_cord" not in asserted(doubted)
    assert asserted(doubted)["condition.tethered_cord_suspected"] is True
    assert "condition.tethered_cord" not in asserted(order(icd("Q05.9", text="Tethered cord")))


def test_a_vertebral_haemangioma_is_told_by_the_words_beside_its_code() -> None:
    named = order(icd("D18.09", text="Vertebral hemangioma T8"))
    assert read(named)[0].indications == ("vertebral_hemangioma",)
    assert asserted(named)["condition.vertebral_hemangioma"] is True
    doubted = asserted(order(icd("D18.09", text="Possible vertebral hemangioma")))
    assert "condition.vertebral_hemangioma" not in doubted
    assert doubted["condition.vertebral_hemangioma_suspected"] is True
    assert read(order(icd("D18.09", text="Hemangioma of the arm")))[0].status == "other"


def test_a_split_cord_is_a_spinal_dysraphism_too() -> None:
    given = order(icd("Q06.2", text="Diastematomyelia"))
    assert read(given)[0].indications == ("spinal_cord_anomaly", "spinal_dysraphism")
    assert asserted(given)["condition.spinal_dysraphism"] is True
    assert asserted(given)["condition.congenital_spinal_cord_anomaly"] is True


def test_any_covered_coding_wins_over_another() -> None:
    (reason,) = read(order({"coding": [{"system": ICD, "code": "K08.89"}, {"system": SCT, "code": "279039007"}]}))
    assert reason.status == "covered"


def test_other_wins_over_unmapped() -> None:
    (reason,) = read(order({"coding": [{"system": "urn:local", "code": "x"}, {"system": ICD, "code": "K08.89"}]}))
    assert reason.status == "other"


def test_free_text_proposes_and_never_covers() -> None:
    (reason,) = read(order({"text": "low back pain, no radiculopathy"}))
    assert reason.status == "unmapped" and reason.indications == () and reason.candidates == ("low_back_pain",)
    assert asserted(order({"text": "low back pain"})) == {}


def test_the_words_are_ours() -> None:
    (reason,) = read(order(icd("M54.50", text="Mrs Smith's bad back")))
    assert reason.words == "low back pain"


def test_an_order_without_reasons_has_none() -> None:
    assert read({"resourceType": "ServiceRequest", "id": "o"}) == ()


def test_a_reference_to_the_chart_and_to_a_contained_diagnosis_is_followed() -> None:
    by_reference = order(reasonReference=[{"reference": "Condition/c"}])
    assert read(by_reference, condition("M54.16"))[0].indications == ("lumbar_radiculopathy",)
    contained = order(reasonReference=[{"reference": "#c"}], contained=[condition("M54.16")])
    assert read(contained)[0].indications == ("lumbar_radiculopathy",)


def test_a_contained_refuted_diagnosis_is_no_reason() -> None:
    refuted = condition("M54.16", verificationStatus={"coding": [{"code": "refuted"}]})
    assert read(order(reasonReference=[{"reference": "#c"}], contained=[refuted])) == ()


def test_a_reference_that_cannot_be_followed_is_unmapped() -> None:
    (reason,) = read(order(reasonReference=[{"reference": "Condition/x", "display": "sciatica"}]))
    assert reason.status == "unmapped" and reason.candidates == ("lumbar_radiculopathy",)


@pytest.mark.parametrize(
    ("code", "present", "absent"),
    [
        ("M46.46", "infection.spinal_suspected", "infection.spinal_known"),
        ("S12.100A", "fracture.spinal_suspected", "fracture.spinal_known"),
        ("S12.100K", "fracture.spinal_known", "fracture.spinal_suspected"),
        ("M47.12", "condition.myelopathy_suspected", "condition.myelopathy"),
        ("C79.31", "malignancy.brain_metastasis_known", "malignancy.suspected"),
        ("C78.7", "malignancy.metastatic", "malignancy.suspected"),
        ("C79.49", "malignancy.spinal_metastasis_known", "malignancy.suspected"),
        ("C72.0", "malignancy.spinal_known", "malignancy.metastatic"),
        ("C72.0", "malignancy.spinal_suspected", "malignancy.metastatic"),
        ("C34.11", "malignancy.known", "malignancy.suspected"),
        ("M45.2", "condition.ankylosing_spondylitis", "fracture.present"),
        ("G35.D", "condition.multiple_sclerosis", "condition.multiple_sclerosis_suspected"),
        ("S13.4XXA", "trauma.cervical_injury_suspected", "fracture.spinal_suspected"),
        ("M21.372", None, "exam.foot_drop_new"),
        ("M84.58XA", "fracture.spinal_pathological_suspected", "fracture.spinal_known"),
        ("S32.411A", "trauma.present", "fracture.displaced"),
        ("M08.1", "condition.ankylosing_spondylitis", "condition.inflammatory_spondylitis_suspected_or_known"),
        ("M46.26", "infection.spinal_suspected", "infection.spinal_known"),
        ("T81.42XA", "surgery.infection_suspected", "infection.spinal_known"),
        ("P14.0", "condition.brachial_plexopathy_suspected", "trauma.cervical_spine"),
        ("Y01.XXXD", None, "trauma.present"),
    ],
)
def test_a_code_says_known_or_suspected_as_decided(code: str, present: str | None, absent: str) -> None:
    found = asserted(order(icd(code)))
    assert (present is None or found[present] is True) and absent not in found


def test_a_provisional_diagnosis_as_reason_is_a_suspicion() -> None:
    provisional = condition("M45.2", verificationStatus={"coding": [{"code": "provisional"}]})
    request = order(reasonReference=[{"reference": "Condition/c"}])
    found = asserted(request, provisional)
    assert "condition.inflammatory_spondylitis_suspected" in found
    assert "condition.inflammatory_spondylitis" not in found


def test_a_fact_of_a_reason_comes_from_the_order() -> None:
    records = read_records([{"resourceType": "Patient", "id": "p"}], "p")
    (fact,) = reason_facts(order(icd("M54.2")), records, TODAY)
    assert fact.name == "pain.neck" and fact.sources == ("ServiceRequest/o",)


def test_m53_3_is_the_tailbone_unless_the_text_names_the_sacroiliac_joint() -> None:
    assert read(order(icd("M53.3")))[0].indications == ("coccyx_pain",)
    assert read(order(icd("M53.3", text="Sacroiliac joint pain")))[0].indications == ("sacroiliac_pain",)
    assert set(asserted(order(icd("M53.3")))) == {"pain.coccyx"}


def test_cord_compression_in_a_patient_with_cancer_is_by_tumour() -> None:
    name = "condition.spinal_cord_compression_neoplastic_suspected"
    assert name in asserted(order(icd("G95.20")), condition("C61"))
    assert name not in asserted(order(icd("G95.20")))


def test_the_pain_lasts_since_its_recorded_onset() -> None:
    chart = condition("M54.50", onsetDateTime=str(TODAY - dt.timedelta(weeks=8)))
    assert asserted(order(icd("M54.50")), chart)["pain.duration_weeks"] == 8
    assert "pain.duration_weeks" not in asserted(order(icd("M54.2")), chart)


@pytest.mark.parametrize(
    ("reason", "process"),
    [
        (icd("D86.0"), "granulomatous_disease"),
        (sct("31541009"), "granulomatous_disease"),
        (icd("M86.161"), "infection"),
        (icd("m46.26"), "infection"),
        (icd("M86.38"), "inflammation"),
        (icd("K50.90"), "inflammation"),
        (icd("S82.201A"), "trauma"),
        (icd("T81.31XA"), "postoperative_healing"),
        (icd("M31.6"), "rheumatologic_disease"),
    ],
)
def test_a_reason_that_bars_pet_ct_tells_the_disease_process(reason: Any, process: str) -> None:
    assert asserted(order(reason))["order.primary_reason"] == process


@pytest.mark.parametrize("code", ["D86.85", "M36.0", "R91.1", "R50.9", "C34.11", "I40.9", "Z48.3", "B90.9"])
def test_heart_brain_tumours_and_findings_name_no_process_that_bars_pet_ct(code: str) -> None:
    assert "order.primary_reason" not in asserted(order(icd(code)))


def test_the_main_reason_stays_open_where_one_of_several_names_no_such_process() -> None:
    assert "order.primary_reason" not in asserted(order(icd("D86.0"), icd("R91.1")))
    assert "order.primary_reason" not in asserted(order(icd("D86.0"), {"text": "rule out lymphoma"}))
    assert asserted(order(icd("M86.161"), icd("D86.0")))["order.primary_reason"] == "infection"


def test_a_referred_diagnosis_tells_the_disease_process() -> None:
    request = order(reasonReference=[{"reference": "Condition/c"}])
    assert asserted(request, condition("D86.2"))["order.primary_reason"] == "granulomatous_disease"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["coding", "code", "system", "text", "reference", "id"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values, json_values, json_values)
def test_any_json_in_the_reasons_is_survived(codes: Any, references: Any, contained: Any) -> None:
    request = {"resourceType": "ServiceRequest", "id": "o", "reasonCode": codes, "reasonReference": references}
    read({**request, "contained": contained})
    asserted({**request, "contained": contained})
