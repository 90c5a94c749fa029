"""Several drafts of one session: what one card offers does not contradict another, whatever their order."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import SERVICE
from tests.requests_loader import load

OURS = "io.github.imaging-cds"


def answered(client: FlaskClient, *codes: str) -> dict[str, dict[str, Any]]:
    """The cards by the code of their order, for drafts with these codes in this order; all else is in order for MRI."""
    body = load("requests/12_mri_and_ct_together.json")
    first = body["context"]["draftOrders"]["entry"][0]
    drafts = []
    for number, code in enumerate(codes):
        entry = copy.deepcopy(first)
        entry["resource"]["id"] = f"o{number}"
        entry["resource"]["code"] = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": code}]}
        drafts.append(entry)
    body["context"]["draftOrders"]["entry"] = drafts
    answer = client.post(f"/cds-services/{SERVICE}", json=body)
    assert answer.status_code == 200
    names = {f"ServiceRequest/o{n}": code for n, code in enumerate(codes)}
    return {names[card["extension"][OURS]["order"]]: card for card in answer.get_json()["cards"]}


def offered(card: dict[str, Any]) -> list[tuple[str, str]]:
    """What its suggestions do, each with the code of the study that comes of it."""
    actions = [s["actions"][0] for s in card["suggestions"]]
    return [
        (a["type"], a["resource"]["code"]["coding"][0]["code"] if "resource" in a else "")
        for a in actions
        if a.get("resource", {}).get("resourceType", "ServiceRequest") == "ServiceRequest"
    ]


@pytest.mark.parametrize("codes", [("72148", "72131"), ("72131", "72148")])
def test_a_ct_beside_the_mri_that_fits_is_to_be_removed_and_not_changed_into_it(
    client: FlaskClient, codes: tuple[str, str]
) -> None:
    card = answered(client, *codes)["72131"]
    assert card["extension"][OURS]["rating"] == "not-appropriate"
    assert offered(card)[0][0] == "delete"
    assert ("update", "72148") not in offered(card)


@pytest.mark.parametrize("codes", [("72148", "72158"), ("72158", "72148")])
def test_contrast_beside_the_study_without_it_is_not_changed_into_it(
    client: FlaskClient, codes: tuple[str, str]
) -> None:
    card = answered(client, *codes)["72158"]
    assert card["extension"][OURS]["rating"] == "not-appropriate"
    assert ("update", "72148") not in offered(card)


@pytest.mark.parametrize(("first", "later"), [("72131", "72148"), ("72148", "72131"), ("72148", "72148")])
def test_the_card_says_which_order_stays_where_that_is_not_plain(client: FlaskClient, first: str, later: str) -> None:
    (card,) = answered(client, first, later).values()
    says = "Of these orders **MRI lumbar spine without contrast** stays: what is on file supports it."
    assert (says in card["detail"]) is (first != later)
