"""Facts about the order and the session's other orders."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from criteria.catalogue import load_studies
from criteria.facts import Basis, Fact
from criteria.orders import Kind, Order, Reason
from criteria.vocabulary import load_vocabulary
from mappings.orders import standing_orders
from mappings.records import Records
from mappings.session import company_of, order_facts

TODAY = dt.date(2026, 11, 20)
CATALOGUE = load_studies()
EMPTY = Records({})


def order(study: str, *indications: str, number: int = 1, states: tuple[Fact, ...] = ()) -> Order:
    reasons = (Reason("covered", indications),) if indications else ()
    reference = f"ServiceRequest/o{number}"
    return Order(reference, Kind.STUDY, CATALOGUE[study], reasons, number - 1, states=states)


def facts(one: Order, *others: Order, study: str | None = None, records: Records = EMPTY) -> dict[str, Any]:
    judged = CATALOGUE[study] if study else one.study
    assert judged is not None
    return {f.name: f.value for f in order_facts(company_of(one, [one, *others], records, TODAY), judged, records)}


def test_the_study_gives_modality_region_contrast_and_code() -> None:
    found = facts(order("mri_lumbar_spine.without", "low_back_pain"))
    assert found["order.study"] == "mri_lumbar_spine"
    assert (found["order.modality"], found["order.body_region"]) == ("mri", "lumbar_spine")
    assert (found["order.contrast"], found["order.cpt"]) == ("without", "72148")
    assert (found["order.indication_category"], found["order.service_category"]) == ("spine", "mri")
    assert found["order.indication_present"] and found["order.indication_in_ordered_region"]


def test_every_fact_is_in_the_vocabulary_with_a_value_of_its_type() -> None:
    vocabulary = load_vocabulary()
    types = {"boolean": bool, "integer": int, "code": str, "string_list": tuple}
    for study in CATALOGUE.studies.values():
        for name, value in facts(order(study.id, "low_back_pain", "leg_pain")).items():
            definition = vocabulary[name]
            assert isinstance(value, types[definition.type]), name
            if definition.values:
                assert value in definition.values, (name, value)


def test_a_hypothetical_study_is_judged_as_if_it_had_been_ordered() -> None:
    states = (Fact("order.cpt", "72133", Basis.RECORDED), Fact("order.urgent_or_emergent", True, Basis.RECORDED))
    asked = order("ct_lumbar_spine.without_and_with", "low_back_pain", states=states)
    found = facts(asked, study="mri_lumbar_spine.without")
    assert found["order.cpt"] == "72148" and found["order.session_cpts"] == ("72148",)
    assert found["order.session_studies"][0] == "mri_lumbar_spine"
    assert found["order.ordered_by_clinician"] is False and found["order.urgent_or_emergent"] is True
    assert facts(asked)["order.cpt"] == "72133"


def test_what_the_order_states_is_recorded_and_beats_what_the_catalogue_gives() -> None:
    states = (Fact("order.procedure_type", "whole_body_mri", Basis.RECORDED),)
    asked = order("mri_lumbar_spine.without", states=states)
    held = {
        f.name: f
        for f in order_facts(company_of(asked, [asked], EMPTY, TODAY), CATALOGUE["mri_lumbar_spine.without"], EMPTY)
    }
    assert held["order.procedure_type"].value == "whole_body_mri"
    assert held["order.procedure_type"].basis is Basis.RECORDED


def test_ct_and_mri_of_one_region_are_similar_studies() -> None:
    ct, mri = (
        order("ct_lumbar_spine.without", "low_back_pain"),
        order("mri_lumbar_spine.without", "low_back_pain", number=2),
    )
    found = facts(mri, ct)
    assert found["order.session_has_ct_and_mri_same_region"] and found["order.session_has_similar_study"]
    assert found["order.session_same_region_and_episode"] and found["order.concurrent_ct_mri_count"] == 2
    apart = facts(order("mri_cervical_spine.without", number=2), ct)
    assert not apart["order.session_has_similar_study"] and not apart["order.session_same_region_and_episode"]


def test_classes_of_the_whole_session_are_listed() -> None:
    found = facts(order("rendering_3d"), order("cta_head.with", number=2))
    assert {"rendering_3d", "cta"} <= set(found["order.session_studies"])
    guided = facts(order("ct_guidance_needle"), order("ct_abdomen.with", number=2))
    assert {"guidance", "diagnostic_ct", "diagnostic_imaging"} <= set(guided["order.session_studies"])
    assert "order.session_same_region_and_episode" not in guided  # the guidance code does not say where


def test_a_combined_code_counts_for_each_of_its_regions() -> None:
    found = facts(order("ct_abdomen_pelvis.with"), order("ct_chest.with", number=2))
    assert {"abdomen", "pelvis", "chest"} <= set(found["order.session_body_regions"])


def test_a_duplicate_is_another_draft_or_an_open_order_of_the_same_study() -> None:
    one = order("mri_lumbar_spine.without")
    assert facts(one)["order.duplicate_order_exists"] is False
    assert facts(one, order("mri_lumbar_spine.without", number=2))["order.duplicate_order_exists"] is True
    code = {"coding": [{"system": "http://loinc.org", "code": "30679-5"}]}
    request = {"resourceType": "ServiceRequest", "id": "old", "status": "active", "intent": "order", "code": code}
    records = Records({}, {"ServiceRequest": (request,)})
    draft = {"resourceType": "ServiceRequest", "id": "o1"}
    assert (
        facts(one, *standing_orders([draft], records, TODAY), records=records)["order.duplicate_order_exists"] is True
    )
    changed = {**draft, "replaces": [{"reference": "ServiceRequest/old"}]}
    assert (
        facts(one, *standing_orders([changed], records, TODAY), records=records)["order.duplicate_order_exists"]
        is False
    )
    done = Records({}, {"ServiceRequest": ({**request, "status": "completed"},)})
    assert facts(one, *standing_orders([draft], done, TODAY), records=done)["order.duplicate_order_exists"] is False
    unknown = Records({}, missing=frozenset({"ServiceRequest"}))
    assert "order.duplicate_order_exists" not in facts(one, records=unknown)


@pytest.mark.parametrize(
    ("one", "two", "duplicate", "similar"),
    [
        ("right", "left", False, False),
        ("right", "right", True, True),
        (None, None, True, True),
        ("bilateral", "right", True, True),
        ("right", None, None, True),
        (None, "left", None, True),
    ],
)
def test_the_other_side_is_no_duplicate(
    one: str | None, two: str | None, duplicate: bool | None, similar: bool
) -> None:
    def knee(number: int, side: str | None) -> Order:
        states = (Fact("order.laterality", side, Basis.RECORDED),) if side else ()
        return order("mri_lower_extremity_joint.without", number=number, states=states)

    found = facts(knee(1, one), knee(2, two))
    assert found.get("order.duplicate_order_exists") is duplicate
    assert found["order.session_has_similar_study"] is similar


@pytest.mark.parametrize(("site", "duplicate"), [("right knee", False), ("left knee", True)])
def test_the_other_side_is_no_duplicate_of_an_open_order(site: str, duplicate: bool) -> None:
    left = (Fact("order.laterality", "left", Basis.RECORDED),)
    code = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "73721"}]}
    request = {"resourceType": "ServiceRequest", "id": "old", "status": "active", "intent": "order", "code": code}
    held = Records({}, {"ServiceRequest": ({**request, "bodySite": [{"text": site}]},)})
    placed = standing_orders([], held, TODAY)
    found = facts(order("mri_lower_extremity_joint.without", states=left), *placed, records=held)
    assert found["order.duplicate_order_exists"] is duplicate


def test_the_draft_itself_among_the_charts_orders_is_no_duplicate() -> None:
    code = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148"}]}
    same = {"resourceType": "ServiceRequest", "id": "o1", "status": "active", "intent": "order", "code": code}
    records = Records({}, {"ServiceRequest": (same,)})
    placed = standing_orders([{"resourceType": "ServiceRequest", "id": "o1"}], records, TODAY)
    assert facts(order("mri_lumbar_spine.without"), *placed, records=records)["order.duplicate_order_exists"] is False


def test_the_region_is_compared_with_the_level_that_the_reason_names() -> None:
    matches = "order.region_matches_symptomatic_level"
    assert facts(order("mri_lumbar_spine.without", "low_back_pain"))[matches] is True
    assert facts(order("mri_thoracic_spine.without", "low_back_pain"))[matches] is False
    assert matches not in facts(order("mri_lumbar_spine.without", "back_pain"))


def test_units_of_guidance_add_up_over_the_session() -> None:
    assert facts(order("ct_guidance_needle"), order("ct_guidance_needle", number=2))["order.guidance_units"] == 2


def test_a_pet_and_an_unlisted_mri_in_one_session_are_a_pet_mri() -> None:
    found = facts(order("pet_whole_body"), order("mri_unlisted", number=2))
    assert found["order.modality"] == "pet_mri" and "pet_mri" in found["order.session_studies"]


def test_the_halves_of_a_pet_mri_are_one_study_and_no_duplicates() -> None:
    def half(cpt: str, number: int) -> Order:
        return order("pet_mri", number=number, states=(Fact("order.cpt", cpt, Basis.RECORDED),))

    pet, mri = half("78813", 1), half("76498", 2)
    for one, other in ((pet, mri), (mri, pet)):
        found = facts(one, other)
        assert found["order.duplicate_order_exists"] is False
        assert found["order.session_has_similar_study"] is False
    assert facts(mri, pet, half("78813", 3))["order.duplicate_order_exists"] is False
    assert facts(pet, mri, half("78813", 3))["order.duplicate_order_exists"] is True
    code = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "76498"}], "text": "PET/MRI, MR component"}
    request = {"resourceType": "ServiceRequest", "id": "old", "status": "active", "intent": "order", "code": code}
    held = Records({}, {"ServiceRequest": (request,)})
    placed = standing_orders([], held, TODAY)
    assert facts(pet, *placed, records=held)["order.duplicate_order_exists"] is False
    assert facts(mri, *placed, records=held)["order.duplicate_order_exists"] is True


def test_an_unlisted_code_says_that_no_specific_one_exists_unless_the_study_has_one() -> None:
    assert facts(order("mri_lumbar_spine.without"))["order.specific_code_exists"] is True
    assert facts(order("mri_whole_body"))["order.specific_code_exists"] is False


def test_the_tracer_may_come_from_a_supply_code_of_the_session() -> None:
    supply = Order(
        "ServiceRequest/o2", Kind.NOT_IMAGING, None, states=(Fact("order.cpt", "A9552", Basis.RECORDED),), position=1
    )
    assert facts(order("pet_ct_whole_body"), supply)["order.tracer"] == "f18_fdg"


def test_the_first_advanced_study_is_told_only_by_a_chart_that_was_searched() -> None:
    one = order("mri_lumbar_spine.without", "low_back_pain")
    assert facts(one)["order.first_line_study"] is True
    code = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72131"}]}
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": code}
    assert "order.first_line_study" not in facts(one, records=Records({}, {"DiagnosticReport": (report,)}))
    assert "order.first_line_study" not in facts(one, records=Records({}, missing=frozenset({"ImagingStudy"})))


@pytest.mark.parametrize("judged", [1, 2, 3])
def test_a_ct_and_an_mri_of_one_region_are_told_for_every_order_of_their_session(judged: int) -> None:
    session = [
        order("xray_lumbar_spine", number=1),
        order("ct_lumbar_spine.without", number=2),
        order("mri_lumbar_spine.without", number=3),
    ]
    one, *others = session[judged - 1 :] + session[: judged - 1]
    assert facts(one, *others)["order.session_has_ct_and_mri_same_region"] is True
    assert facts(session[0], session[1])["order.session_has_ct_and_mri_same_region"] is False
    as_mri = facts(session[0], session[1], study="mri_lumbar_spine.without")
    assert as_mri["order.session_has_ct_and_mri_same_region"] is True
