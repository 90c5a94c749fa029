"""Reading draft orders: the study by code, then by words; doubt stays doubt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from criteria.orders import Kind, Order
from mappings.codings import codings, short_name
from mappings.orders import ordered_study, read_orders
from mappings.records import Records

CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
IMAGING = {"coding": [{"system": SNOMED, "code": "363679005"}]}


def request(*codes: tuple[str, str], text: str = "", **more: Any) -> dict[str, Any]:
    code: dict[str, Any] = {"coding": [{"system": s, "code": c} for s, c in codes]} if codes else {}
    if text:
        code["text"] = text
    return {"resourceType": "ServiceRequest", "id": "o1", "code": code, **more}


def read(draft: dict[str, Any], records: Records | None = None) -> Order:
    (order,) = read_orders([draft], records or Records({}))
    return order


def stated(order: Order) -> dict[str, Any]:
    return {fact.name: fact.value for fact in order.states}


def study(draft: dict[str, Any]) -> str:
    kind, found, _ = ordered_study(draft)
    assert kind is Kind.STUDY and found is not None
    return found.id


@pytest.mark.parametrize("more", [{"doNotPerform": True}, {"status": "revoked"}, {"status": "entered-in-error"}])
def test_what_is_not_to_be_done_is_no_order_and_no_company_of_one(more: dict[str, Any]) -> None:
    withdrawn = {**request((CPT, "72131"), **more), "id": "o2"}
    orders = read_orders([withdrawn, request((CPT, "72148"))], Records({}))
    assert [order.reference for order in orders] == ["ServiceRequest/o1"]


def test_the_order_is_read_by_its_code_and_keeps_its_place() -> None:
    medication = {"resourceType": "MedicationRequest", "id": "m"}
    (order,) = read_orders([medication, request((CPT, "72148"))], Records({}))
    assert (order.reference, order.position) == ("ServiceRequest/o1", 1)
    assert order.study is not None and order.study.id == "mri_lumbar_spine.without"
    assert stated(order)["order.cpt"] == "72148"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("MRI C-spine w/o", "mri_cervical_spine.without"),
        ("CT L/S w contrast", "ct_lumbar_spine.with"),
        ("MR cerv spine wo+w", "mri_cervical_spine.without_and_with"),
        ("MRI lumbar spine without contrast", "mri_lumbar_spine.without"),
        ("MRI LUMBAR SPINE W WO CONTRAST", "mri_lumbar_spine.without_and_with"),
        ("CT HEAD W/O CONTRAST", "ct_head.without"),
        ("CT A/P w/ contrast", "ct_abdomen_pelvis.with"),
        ("MRI SI joints without contrast", "mri_pelvis.without"),
        ("MRI breast bilateral w/wo contrast", "mri_breast_bilateral.without_and_with"),
        ("CT cervical spine w/o contrast for neck pain", "ct_cervical_spine.without"),
        ("CT lumbar spine post myelogram", "ct_myelography_lumbar_spine"),
        ("lumbar myelogram", "myelography_lumbar"),
        ("PET/CT skull base to mid-thigh FDG", "pet_ct_skull_base_to_thigh"),
        ("PET/MRI whole body", "pet_mri"),
        ("SPECT/CT bone scan, thoracic spine", "spect_ct_thoracic_spine"),
        ("Whole-body bone scan", "bone_scan_whole_body"),
        ("whole body MRI", "mri_whole_body"),
        ("MR spectroscopy lumbar discs", "mr_spectroscopy_lumbar_spine"),
        ("CT guidance for needle placement", "ct_guidance_needle"),
        ("XR lumbar spine 2 views", "xray_lumbar_spine"),
    ],
)
def test_an_order_without_a_known_code_is_read_by_its_words(text: str, named: str) -> None:
    assert study(request(("http://hospital.example/orders", "IMG1"), text=text)) == named


def test_a_contrast_that_is_not_stated_leaves_candidates() -> None:
    for draft in (request(text="MRI lumbar spine"), request((LOINC, "24968-0")), request((SNOMED, "433141005"))):
        kind, found, candidates = ordered_study(draft)
        assert kind is Kind.STUDY and found is not None and found.contrast == "not_stated"
        assert {c.cpt for c in candidates[1:]} == {"72148", "72149", "72158"}


def test_words_settle_the_contrast_that_a_general_code_leaves_open() -> None:
    assert study(request((LOINC, "24968-0"), text="MR lumbar spine WO contrast")) == "mri_lumbar_spine.without"


def test_words_refine_a_code_only_where_it_is_ambiguous() -> None:
    assert study(request((CPT, "72132"), text="CT lumbar myelogram")) == "ct_myelography_lumbar_spine"
    assert study(request((CPT, "72132"), text="CT lumbar spine with contrast")) == "ct_lumbar_spine.with"
    assert (
        study(request((CPT, "72131"), text="CT L-spine post discogram")) == "ct_post_discography_lumbar_spine.without"
    )
    assert study(request((CPT, "72148"), text="Upright weight-bearing MRI")) == "mri_positional_lumbar_spine.without"
    assert study(request((CPT, "76498"), text="Whole body MRI")) == "mri_whole_body"
    assert study(request((CPT, "73721"), text="MRI knee without contrast")) == "mri_knee.without"
    # a contradiction does not overrule the code
    assert study(request((CPT, "72148"), text="MRI cervical spine with contrast")) == "mri_lumbar_spine.without"


def test_the_body_site_tells_the_region_that_the_code_leaves_open() -> None:
    site = [{"coding": [{"system": SNOMED, "code": "122495006"}]}]
    assert study(request((CPT, "78830"), bodySite=site)) == "spect_ct_thoracic_spine"
    assert study(request((CPT, "78803"), bodySite=[{"text": "Lumbar spine"}])) == "spect_lumbar_spine"
    assert study(request((CPT, "78830"))) == "spect_ct"


def test_a_descriptor_with_examples_does_not_name_their_regions() -> None:
    text = "Tomographic (SPECT), single area (eg, head, neck, chest, pelvis), single day"
    assert study(request((CPT, "78803"), text=text)) == "spect"


def test_two_body_sites_leave_open_which_study_is_meant() -> None:
    sites = [{"text": "Cervical spine"}, {"text": "Lumbar spine"}]
    order = read(request(text="MRI without contrast", bodySite=sites))
    assert order.kind is Kind.UNRECOGNISED
    assert {c.cpt for c in order.candidates} == {"72141", "72148"}


def test_side_and_contrast_may_stand_in_the_order_detail() -> None:
    details = [{"coding": [{"system": SNOMED, "code": "7771000"}]}, {"text": "without contrast"}]
    order = read(request(text="MRI hip", orderDetail=details))
    assert order.study is not None and order.study.id == "mri_hip.without"
    assert stated(order)["order.laterality"] == "left"


def test_what_code_text_and_order_detail_contradict_each_other_in_is_left_open() -> None:
    order = read(request(text="MRI lumbar spine with contrast", orderDetail=[{"text": "without contrast"}]))
    assert order.study is not None and order.study.contrast == "not_stated"
    assert {c.cpt for c in order.candidates[1:]} == {"72148", "72149", "72158"}


@pytest.mark.parametrize(
    "codes",
    [
        [(CPT, "72148"), (CPT, "72141")],  # two regions
        [(CPT, "72148"), (LOINC, "30667-0")],  # the same, in two systems
        [(CPT, "72148"), (SNOMED, "572091000119106")],  # MRI and CT
        [(CPT, "72148"), (LOINC, "30678-7")],  # without and with contrast
        [(CPT, "72125"), (LOINC, "82690-9"), (CPT, "72131")],
    ],
)
def test_codes_that_contradict_each_other_name_no_study(codes: list[tuple[str, str]]) -> None:
    order = read(request(*codes))
    assert order.kind is Kind.UNRECOGNISED and order.study is None
    assert len(order.candidates) > 1 and all(c.cpt for c in order.candidates)


@pytest.mark.parametrize(
    ("codes", "named"),
    [
        ([(LOINC, "24967-2"), (SNOMED, "41333006"), (CPT, "72158")], "mri_lumbar_spine.without_and_with"),
        ([(CPT, "72132"), (CPT, "62284")], "ct_lumbar_spine.with"),
        ([(CPT, "72125"), (LOINC, "82690-9")], "ct_cervical_spine.without"),
        ([(CPT, "72148"), (CPT, "76376")], "mri_lumbar_spine.without"),
        ([("http://hospital.example", "72141"), (CPT, "72148")], "mri_lumbar_spine.without"),
        ([(LOINC, "36067-7"), (CPT, "72148")], "mri_lumbar_spine.without"),
        ([(CPT, "78813"), (CPT, "76498")], "pet_whole_body"),
    ],
)
def test_codes_that_say_the_same_or_less_do_not_disturb_each_other(codes: list[tuple[str, str]], named: str) -> None:
    assert study(request(*codes)) == named


def test_a_code_of_several_studies_offers_each_of_them() -> None:
    order = read(request((LOINC, "83304-6"), text="CT cervical spine without contrast"))
    assert order.kind is Kind.UNRECOGNISED
    assert [c.cpt for c in order.candidates] == ["72125", "72128"]


def test_words_tell_which_study_an_undecided_code_means() -> None:
    order = read(request((LOINC, "36531-2")))  # the spine, without contrast
    assert order.kind is Kind.UNRECOGNISED
    assert {c.cpt for c in order.candidates} == {"72141", "72146", "72148"}
    assert study(request((LOINC, "36531-2"), text="MRI lumbar spine")) == "mri_lumbar_spine.without"
    assert study(request((LOINC, "36067-7"), text="MRI lumbar spine w/o")) == "mri_lumbar_spine.without"
    assert study(request((LOINC, "25031-6"), text="Bone scan whole body")) == "bone_scan_whole_body"
    lumbar = read(request((LOINC, "36067-7"), bodySite=[{"text": "Lumbar spine"}]))
    assert lumbar.study is not None and lumbar.study.contrast == "not_stated" and len(lumbar.candidates) == 4


def test_of_the_past_a_spine_without_a_level_is_the_whole_spine() -> None:
    for held in (request((LOINC, "36067-7")), request(text="MRI spine")):
        assert read(held).study is None
        seen = ordered_study(held)[1]
        assert seen is not None and (seen.region, seen.contrast) == ("spine", "not_stated")


def test_spect_ct_under_the_code_of_spect_is_spect_ct() -> None:
    order = read(request((CPT, "78831"), text="SPECT/CT bone"))
    assert order.study is not None and (order.study.modality, order.study.cpt) == ("spect_ct", "78831")
    assert study(request((CPT, "78831"), text="SPECT bone scan")) == "spect_multiple"
    assert all(c.cpt != "78831" for c in read(request(text="SPECT/CT")).candidates)


def test_order_detail_counts_and_notes_do_not() -> None:
    detail = [{"text": "post myelogram"}]
    note = [{"text": "had a CT myelogram last year"}]
    assert study(request((CPT, "72129"), orderDetail=detail)) == "ct_myelography_thoracic_spine"
    assert study(request((CPT, "72129"), note=note)) == "ct_thoracic_spine.with"


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (request(), Kind.NO_CODE),
        ({"resourceType": "ServiceRequest", "id": "x", "code": {"coding": [{}]}}, Kind.NO_CODE),
        ({"resourceType": "ServiceRequest", "id": "x"}, Kind.NO_CODE),
        (request((LOINC, "58410-2"), text="CBC panel"), Kind.NOT_IMAGING),
        (request((CPT, "87491"), text="CT/NG amplified"), Kind.NOT_IMAGING),
        (request((CPT, "97110"), text="Therapeutic exercise"), Kind.NOT_IMAGING),
        (request(text="Chlamydia CT/NG PCR"), Kind.NOT_IMAGING),
        (request(text="MRI"), Kind.UNRECOGNISED),
        (request(text="CT chest abdomen pelvis"), Kind.UNRECOGNISED),
        (request((CPT, "75999")), Kind.UNRECOGNISED),
        (
            request(("urn:local", "X9"), category=[{"coding": [{"system": SNOMED, "code": "363679005"}]}]),
            Kind.UNRECOGNISED,
        ),
    ],
)
def test_what_is_not_a_study_says_so(draft: dict[str, Any], kind: Kind) -> None:
    order = read(draft)
    assert order.kind is kind and order.study is None


def test_a_common_x_ray_or_ultrasound_is_imaging_even_when_the_catalogue_has_no_entry_for_its_code() -> None:
    assert study(request((CPT, "73030"), text="Shoulder x-ray")) == "xray_other"
    assert study(request((CPT, "76873"))) == "us_other"


def test_the_order_states_side_units_urgency_tracer_and_code_system() -> None:
    order = read(
        request((CPT, "73721-RT"), text="MRI knee", priority="stat", quantityQuantity={"value": 2}),
    )
    said = stated(order)
    assert (said["order.laterality"], said["order.units"], said["order.urgent_or_emergent"]) == ("right", 2, True)
    assert said["order.code_system"] == "cpt" and said["order.cpt"] == "73721"
    assert stated(read(request((CPT, "78815"), text="FDG PET/CT")))["order.tracer"] == "f18_fdg"
    assert stated(read(request((CPT, "0609T"))))["order.code_system"] == "cpt_category_iii"
    assert stated(read(request((CPT, "S8042"))))["order.code_system"] == "hcpcs_level_ii"
    assert stated(read(request(text="MRI knee")))["order.code_system"] == "local"


def test_an_encounter_in_the_emergency_department_makes_the_order_urgent() -> None:
    emergency = {"resourceType": "Encounter", "id": "e", "status": "in-progress", "class": {"code": "EMER"}}
    held = Records({}, {"Encounter": (emergency,)})
    assert stated(read(request((CPT, "72125")), held))["order.urgent_or_emergent"] is True
    unknown = Records({}, missing=frozenset({"Encounter"}))
    assert "order.urgent_or_emergent" not in stated(read(request((CPT, "72125")), unknown))


def test_whole_body_mri_is_told_by_its_words_even_under_a_wrong_code() -> None:
    order = read(request((CPT, "72148"), text="Whole body MRI"))
    assert stated(order)["order.procedure_type"] == "whole_body_mri"


@pytest.mark.parametrize(
    ("code", "text", "named"),
    [
        ("76497", "Whole body CT", "ct_whole_body"),
        ("", "Whole body CT", "ct_whole_body"),
        ("76497", "Whole body CT without contrast", "ct_whole_body"),
        ("76497", "Low dose whole-body CT", "ct_whole_body_low_dose.without"),
        ("", "Low dose whole-body CT", "ct_whole_body_low_dose.without"),
        ("76497", "Whole body low-dose CT", "ct_whole_body_low_dose.without"),
        ("76497", "Whole body CT low dose for myeloma", "ct_whole_body_low_dose.without"),
        ("72131", "CT lumbar spine for myeloma", "ct_lumbar_spine.without"),
        ("76497", "Full body screening CT", "ct_screening_package"),
        ("76498", "Whole body MRI", "mri_whole_body"),
        ("76498", "PET/MRI whole body", "pet_mri"),
        ("78813", "PET/MRI whole body", "pet_mri"),
        ("78816", "PET/CT whole body with low dose CT", "pet_ct_whole_body"),
    ],
)
def test_the_words_whole_body_mean_the_technique_of_the_ordered_modality(code: str, text: str, named: str) -> None:
    assert study(request(*([(CPT, code)] if code else []), text=text)) == named


def test_spect_ct_of_the_parathyroid_keeps_the_code_that_was_ordered() -> None:
    for code in ("78830", "78832"):
        order = read(request((CPT, code), text="SPECT/CT parathyroid"))
        assert order.study is not None
        assert (order.study.region, order.study.cpt) == ("parathyroid", code)
    assert study(request((CPT, "78072"))) == "spect_ct_parathyroid"
    assert study(request(text="SPECT/CT parathyroid")) == "spect_ct_parathyroid"


def test_a_general_code_beside_cpt_does_not_disturb() -> None:
    draft = request((SNOMED, "433141005"), (CPT, "72148"))
    assert study(draft) == "mri_lumbar_spine.without"
    assert study(request((LOINC, "24968-0"), (SNOMED, "394451000119106"))) == "mri_lumbar_spine.without"


@pytest.mark.parametrize(
    ("system", "name"),
    [
        (CPT, "cpt"),
        ("urn:oid:2.16.840.1.113883.6.12", "cpt"),
        ("2.16.840.1.113883.6.96", "snomed"),
        (HCPCS, "hcpcs"),
        (f"{LOINC}/", "loinc"),
        ("http://snomed.info/sct|http://snomed.info/sct/731000124108", "snomed"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "icd10cm"),
        ("http://hospital.example", ""),
        (None, ""),
    ],
)
def test_code_systems_are_known_by_their_aliases(system: Any, name: str) -> None:
    assert short_name(system) == name


def test_cpt_and_hcpcs_are_told_apart_by_shape_whatever_system_the_client_wrote() -> None:
    concept = {"coding": [{"system": HCPCS, "code": "72148-26"}, {"system": CPT, "code": "c8931"}]}
    assert codings(concept) == (("cpt", "72148"), ("hcpcs", "C8931"))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["72148", CPT, "MRI"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["coding", "code", "system", "text", "value", "display"]), inner, max_size=3)
    ),
    max_leaves=12,
)
FIELDS = (
    "id",
    "code",
    "bodySite",
    "orderDetail",
    "category",
    "priority",
    "quantityQuantity",
    "encounter",
    "reasonCode",
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_no_json_crashes_the_reading_of_an_order(fields: dict[str, Any]) -> None:
    assert len(read_orders([{"resourceType": "ServiceRequest", **fields}, None, 7, []], Records({}))) == 1
