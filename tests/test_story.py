"""One order, step by step, through all four folders, as the picture in the README shows it.

    request -> hooks -> mappings -> criteria -> hooks -> response

A clinician orders an MRI of the lumbar spine for low back pain. The chart holds a visit today and seven weeks of
treatment that ended last week; nobody wrote down whether it helped.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

import criteria
import mappings
from criteria.facts import Basis
from criteria.orders import Kind
from criteria.ratings import Rating
from hooks import compose, read_request
from hooks.site import Edition, Keys, LibraryView, Profile, Site

TODAY = dt.date(2026, 6, 1)
ATTESTED = "https://imaging-cds.github.io/fhir/CodeSystem/guideline-fact"
PATIENT = {"reference": "Patient/p1"}
ORDER = {
    "resourceType": "ServiceRequest",
    "id": "o1",
    "status": "draft",
    "intent": "order",
    "subject": PATIENT,
    "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148", "display": "MRI lumbar spine"}]},
    "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.59"}]}],
}


def attested(name: str, value: dict[str, Any]) -> dict[str, Any]:
    code = {"coding": [{"system": ATTESTED, "code": name}]}
    base = {"resourceType": "Observation", "id": name.replace("_", "-").replace(".", "-"), "status": "final"}
    return {**base, "subject": PATIENT, "code": code, "effectiveDateTime": "2026-06-01", **value}


CHART = [
    {"resourceType": "Patient", "id": "p1", "birthDate": "1980-02-03", "gender": "female"},
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": PATIENT,
        "period": {"start": "2026-06-01"},
    },
    attested("trial_of_treatment.provider_directed", {"valueBoolean": True}),
    attested("trial_of_treatment.duration_weeks", {"valueQuantity": {"value": 7, "code": "wk"}}),
    attested("trial_of_treatment.ended_days_ago", {"valueInteger": 7}),
]

DID_NOT_HELP = attested("trial_of_treatment.significant_improvement", {"valueBoolean": False})


@pytest.fixture(scope="module")
def library() -> criteria.Library:
    return criteria.load_library()


def hook(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "hook": "order-sign",
        "hookInstance": str(uuid.UUID(int=1)),
        "context": {
            "userId": "Practitioner/d1",
            "patientId": "p1",
            "encounterId": "e1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
        },
    }


def test_an_order_on_its_way_to_a_question_and_then_to_a_rating(library: criteria.Library) -> None:
    # hooks: who asks, for which patient, about which drafts
    request = read_request(hook(ORDER), {"order-sign"})
    assert request.focus == ("ServiceRequest/o1",)

    # mappings: the chart's resources that count, the order as a study with its reason, and the facts
    records = mappings.read_records(CHART, request.patient_id)
    (order,) = mappings.read_orders(request.drafts, records)
    assert (order.kind, order.indications) == (Kind.STUDY, ("low_back_pain",))
    assert order.study is not None
    assert order.study.id == "mri_lumbar_spine.without"
    chart = mappings.Chart(records, [order], TODAY, request.encounter_id, drafts=request.drafts)
    facts = chart.facts(order, order.study)
    weeks = facts.get("trial_of_treatment.duration_weeks")
    assert weeks is not None
    assert (weeks.value, weeks.basis, weeks.sources) == (
        7,
        Basis.ATTESTED,
        ("Observation/trial-of-treatment-duration-weeks",),
    )

    # criteria: one fact is missing, and only that one is asked
    policy = library.policies.choose(())
    (verdict,) = criteria.judge([order], chart.facts, library, TODAY, policy=policy)
    assert verdict.rating is Rating.NEEDS_INFORMATION
    assert verdict.asks == ("trial_of_treatment.significant_improvement",)

    # hooks: no rating on the order, one card with the question
    view = LibraryView(
        library.vocabulary, library.catalogue, {g.id: Edition(g.title) for g in library.guidelines.values()}
    )
    setting: dict[str, Any] = {
        "library_view": view,
        "profile": Profile(),
        "site": Site(),
        "keys": Keys("tenant", b"0123456789abcdef"),
    }
    answer = compose([verdict], request, orders=[order], **setting)
    assert "systemActions" not in answer
    (card,) = answer["cards"]
    assert card["extension"]["io.github.imaging-cds"]["asks"] == ["trial_of_treatment.significant_improvement"]

    # the clinician answers, the EHR calls again: a rating on the order, and no card
    records = mappings.read_records([*CHART, DID_NOT_HELP], "p1")
    chart = mappings.Chart(records, [order], TODAY, request.encounter_id, drafts=request.drafts)
    (verdict,) = criteria.judge([order], chart.facts, library, TODAY, policy=policy)
    assert verdict.rating is Rating.APPROPRIATE
    answer = compose([verdict], request, orders=[order], **setting)
    assert answer["cards"] == []
    (action,) = answer["systemActions"]
    codes = [
        c["code"] for e in action["resource"]["extension"] for c in e.get("valueCodeableConcept", {}).get("coding", [])
    ]
    assert codes == ["appropriate"]
    assert {k: v for k, v in action["resource"].items() if k != "extension"} == ORDER
