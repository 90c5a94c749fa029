"""What was published for the Argonaut PAMA connectathon, and the CDS Hooks specification's own examples, sent to us."""

from __future__ import annotations

import json
import re

import pytest

from tests.answers import Json, cards, faults, offered, rating
from tests.conftest import Service
from tests.requests_loader import FIXTURES, load

EXAMPLES = sorted(f.name for f in (FIXTURES / "spec").glob("pama_*.json"))
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}


def with_our_prefetch(service: Service, body: Json, hook: str = "order-select") -> Json:
    """The request with every template of ours resolved against a chart that holds only its Patient."""
    offer = next(s for s in service.discovery() if s["hook"] == hook)
    held = {k: body["prefetch"]["patient"] if re.match("Patient/", t) else EMPTY for k, t in offer["prefetch"].items()}
    context = {k: v for k, v in body["context"].items() if hook == "order-select" or k != "selections"}
    return {**body, "hook": hook, "context": context, "prefetch": held}


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_ct_of_the_lumbar_spine_for_low_back_pain_is_refused_and_mri_is_offered(service: Service, hook: str) -> None:
    answer = service.answer(with_our_prefetch(service, load("spec/pama_lumbar_ct.json"), hook))
    assert rating(answer, "order-spec") == "not-appropriate"
    assert "72148" in offered(answer, "order-spec")
    assert faults(answer) == []


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_toothache_is_nobodys_business(service: Service, hook: str) -> None:
    answer = service.answer(with_our_prefetch(service, load("spec/pama_toothache.json"), hook))
    assert rating(answer, "order-spec") == "no-criteria-apply"
    assert cards(answer, "order-spec") == []


def test_a_child_is_left_to_pediatric_guidelines_and_told_so(service: Service) -> None:
    answer = service.answer(with_our_prefetch(service, load("spec/pama_scoliosis_child.json")))
    assert rating(answer, "order-spec") == "no-criteria-apply"
    assert cards(answer, "order-spec")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_published_order_gets_an_answer(service: Service, name: str) -> None:
    answer = service.answer(with_our_prefetch(service, load(f"spec/{name}")))
    assert rating(answer, "order-spec") or cards(answer, "order-spec")
    assert faults(answer) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_rated_order_is_the_clients_own_json(service: Service, name: str) -> None:
    body = with_our_prefetch(service, load(f"spec/{name}"))
    sent = body["context"]["draftOrders"]["entry"][0]["resource"]
    for action in service.answer(body).get("systemActions", ()):
        back = {k: v for k, v in action["resource"].items() if k != "extension"}
        assert json.dumps(back) == json.dumps(sent), "same members, same order"


@pytest.mark.parametrize("name", ["order_select_diet_and_medicine", "order_sign_diet_and_medicine"])
def test_a_session_without_imaging_gets_no_cards(service: Service, name: str) -> None:
    answer = service.answer(load(f"spec/{name}.json"))
    assert answer["cards"] == []
    assert answer.get("systemActions", []) == []


def test_the_sandbox_calls_before_anything_is_chosen(service: Service) -> None:
    answer = service.answer(load("spec/sandbox_nothing_chosen.json"))
    assert answer["cards"] == []
    assert rating(answer, "example-request-id") is None


@pytest.mark.parametrize("name", sorted(f.name for f in (FIXTURES / "spec").glob("feedback_*.json")))
def test_feedback_as_in_the_specification_is_taken(service: Service, name: str) -> None:
    response = service.session.post(f"{service.url}/feedback", json=load(f"spec/{name}"), timeout=10)
    assert response.status_code == 200
