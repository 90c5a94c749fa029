"""A reason that refers to a diagnosis which was refuted or entered by mistake: the card says so, and has no reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.answers import OURS, cards, faults, rating
from tests.explain_examples import plain, request_of
from tests.service_examples import SERVICE, Json, call, make_app
from tests.service_examples import order as draft
from tests.smart_examples import Site, app_link, clock, ehr, site

__all__ = ["clock", "ehr", "site"]

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
REFUTED = "has since been refuted in the chart"
MISTAKEN = "is marked in the chart as entered by mistake"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    yield make_app(tmp_path_factory.mktemp("withdrawn"))


def diagnosis(status: str, **changes: Any) -> Json:
    return {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": ICD, "code": "M54.50"}]},
        "verificationStatus": {"coding": [{"code": status}]}, **changes,
    }  # fmt: skip


def answer(app: Flask, chart: list[Json], **order: Any) -> Json:
    body = call(draft(code="72148", **{"reasonCode": [], **order}))
    body["prefetch"]["conditions"] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": c} for c in chart],
    }
    response = app.test_client().post(SERVICE, json=body)
    assert response.status_code == 200
    told: Json = response.get_json()
    assert faults(told) == []
    return told


REFERS = [{"reference": "Condition/c1", "display": "cauda equina syndrome"}]


@pytest.mark.parametrize(
    ("status", "summary", "why"),
    [
        ("refuted", "the diagnosis it names was refuted", REFUTED),
        ("entered-in-error", "the diagnosis it names was entered by mistake", MISTAKEN),
    ],
)
@pytest.mark.parametrize("contained", [False, True])
def test_the_card_says_what_became_of_the_diagnosis(
    app: Flask, status: str, summary: str, why: str, contained: bool
) -> None:
    held = diagnosis(status)
    order: Json = {"reasonReference": REFERS}
    if contained:
        order = {"contained": [held], "reasonReference": [{"reference": "#c1", "display": "cauda equina syndrome"}]}
    told = answer(app, [] if contained else [held], **order)
    [card] = cards(told, "order-1")
    assert rating(told, "order-1") is None
    assert summary in card["summary"]
    assert why in card["detail"]
    assert "recognised" not in card["summary"] + card["detail"]
    assert "cauda equina" not in card["detail"]  # the words of what was withdrawn suggest nothing
    assert card["extension"][OURS]["asks"] == ["order.indication_category"]


def test_another_reason_of_the_order_stands(app: Flask) -> None:
    reason = [{"coding": [{"system": ICD, "code": "M54.50"}]}]
    told = answer(app, [diagnosis("refuted")], reasonCode=reason, reasonReference=REFERS)
    alone = answer(app, [diagnosis("refuted")], reasonCode=reason)
    assert [c["summary"] for c in told["cards"]] == [c["summary"] for c in alone["cards"]]


@pytest.mark.parametrize(
    "chart", [[], [diagnosis("refuted", subject={"reference": "Patient/other"})], [diagnosis("refuted", id="c2")]]
)
def test_a_diagnosis_that_is_not_at_hand_stays_not_recognised(app: Flask, chart: list[Json]) -> None:
    [card] = cards(answer(app, chart, reasonReference=REFERS), "order-1")
    assert "the one given is not recognised" in card["summary"]


def test_the_version_last_updated_decides(app: Flask) -> None:
    older = diagnosis("refuted", meta={"lastUpdated": "2026-01-01T00:00:00Z"})
    newer = diagnosis("confirmed", meta={"lastUpdated": "2026-02-01T00:00:00Z"})
    for chart in ([older, newer], [newer, older]):
        assert REFUTED not in str(answer(app, chart, reasonReference=REFERS))


def test_the_app_says_it_too(site: Site) -> None:
    body = request_of("02", site.clock.now.date())
    context, prefetch = body["context"], body["prefetch"]
    held = diagnosis("refuted", subject={"reference": f"Patient/{context['patientId']}"}, id="gone")
    prefetch["conditions"]["entry"] = [*prefetch["conditions"].get("entry", ()), {"resource": held}]
    gone = {"reasonCode": [], "reasonReference": [{"reference": "Condition/gone"}]}
    context["draftOrders"]["entry"][0]["resource"] |= gone
    card = next(c for c in site.send(body)["cards"] if any(link["type"] == "smart" for link in c["links"]))
    path = site.launched(app_link(card)["appContext"], patient=context["patientId"], user=context["userId"])
    assert REFUTED in plain(site.page(path))
