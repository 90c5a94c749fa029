"""What goes back to the EHR: the order that the card's suggestion holds, or the card's own order with its rating."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.smart.handback_shown import BY_SCRIPT
from service.smart.handback_write import Wrote
from service.smart.words import words
from tests.explain_examples import request_of
from tests.service_examples import Json, call, order, parts_of
from tests.smart_examples import (
    UNTREATED,
    Clock,
    Site,
    card_of,
    clock,
    context_of,
    ehr,
    make_site,
    site,
)
from tests.smart_server import SmartServer
from tests.test_smart_attacks import MESSAGING, data_of

__all__ = ["clock", "ehr", "site"]

SPRAIN = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "S23.3XXA"}], "text": "sprain"}


def opened(site: Site, answer: Json, body: Json) -> str:
    about = body["context"]
    told = {"patient": about["patientId"], "user": about["userId"], **MESSAGING}
    return site.launched(context_of(answer), **told)


def offered(answer: Json, kind: str) -> Json:
    """The card's first action of a kind that is about an order."""
    found = [a for s in card_of(answer)["suggestions"] for a in s["actions"] if a["type"] == kind]
    return next(a for a in found if a.get("resource", {}).get("resourceType") != "Observation")


def handed(site: Site, path: str, choice: str) -> list[Json]:
    found: list[Json] = data_of(site.page(f"{path}/done?choice={choice}"))["messages"]
    return found


def test_another_study_goes_back_as_the_cards_suggestion_has_it(site: Site) -> None:
    body = request_of("08", site.clock.now.date())
    answer = site.send(body)
    messages = handed(site, opened(site, answer, body), "update:mri_lumbar_spine.without")
    wanted = offered(answer, "update")["resource"]
    assert messages == [{"messageType": "scratchpad.update", "payload": {"resource": wanted}}]
    assert wanted["id"] == body["context"]["draftOrders"]["entry"][0]["resource"]["id"]


def test_a_film_that_is_wanted_first_is_created_beside_the_order(site: Site) -> None:
    body = call(order(code="72146", reasonCode=[SPRAIN]))
    answer = site.send(body)
    messages = handed(site, opened(site, answer, body), "create:xray_thoracic_spine")
    assert messages == [
        {"messageType": "scratchpad.create", "payload": {"resource": offered(answer, "create")["resource"]}}
    ]


def test_an_order_that_should_not_be_made_beside_another_is_withdrawn(site: Site) -> None:
    body = request_of("12", site.clock.now.date())
    answer = site.send(body)
    path = opened(site, answer, body)
    page = site.page(f"{path}/done?choice=delete")
    assert data_of(page)["messages"] == [
        {"messageType": "scratchpad.delete", "payload": {"location": offered(answer, "delete")["resourceId"]}}
    ]
    assert "Remove" in page


def test_without_a_rating_there_is_nothing_to_hand_back_and_the_page_says_so(site: Site) -> None:
    body = request_of(UNTREATED, site.clock.now.date())
    page = site.page(f"{opened(site, site.send(body), body)}/done")
    assert data_of(page)["messages"] == []
    assert "There is no rating yet." in page


def test_the_same_page_loaded_again_is_known_for_the_same(site: Site) -> None:
    body = request_of("08", site.clock.now.date())
    path = opened(site, site.send(body), body)
    keys = [data_of(site.page(f"{path}/done"))["key"] for _ in range(2)]
    other = data_of(site.page(f"{path}/done?choice=update:mri_lumbar_spine.without"))["key"]
    assert keys[0] == keys[1] != other


def test_the_order_as_text_holds_what_a_person_would_copy(site: Site) -> None:
    body = request_of(UNTREATED, site.clock.now.date())
    path = opened(site, site.send(body), body)
    site.answer(path, "3")
    site.answer(path, "no")
    text = site.page(f"{path}/done").partition("<textarea")[2].partition("</textarea>")[0]
    for said in (
        "MRI lumbar spine without contrast (72148)",
        "Reason: Other low back pain",
        "Rating: Not appropriate",
        "Consult id: urn:uuid:",
        "Criteria: https://imaging-cds.github.io/guidelines/evicore-spine-2023#SP-5.1",
        "provider-directed treatment (therapy, exercise, medication) for this? no",
    ):
        assert said in text


def test_staff_hand_nothing_back(site: Site) -> None:
    body = request_of(UNTREATED, site.clock.now.date())
    assistant = {"coding": [{"system": "http://snomed.info/sct", "code": "22515006"}]}
    body["prefetch"]["user"] = {"resourceType": "PractitionerRole", "id": "r1", "code": [assistant]}
    body["context"]["userId"] = "PractitionerRole/r1"
    page = site.page(f"{opened(site, site.send(body), body)}/done", 403)
    assert "hand-back-data" not in page and "Only the clinician can answer" in page


@pytest.mark.parametrize(("profile", "messages"), [("crd-2.2", 0), ("crd-2.0.1", 1), ("epic", 1), ("sandbox", 1)])
def test_a_client_whose_orders_get_no_rating_at_the_hook_gets_none_from_the_app(
    tmp_path: Path, ehr: SmartServer, clock: Clock, profile: str, messages: int
) -> None:
    site = make_site(tmp_path, ehr, clock, default_profile=profile)
    body = request_of(UNTREATED, clock.now.date())
    path = opened(site, site.send(body), body)
    site.answer(path, "3")
    site.answer(path, "no")
    assert len(handed(site, path, "")) == messages
    parts_of(site.app).journal.engine.dispose()


def test_the_page_speaks_the_language_of_the_card(site: Site) -> None:
    said = words("es")["handback"]
    assert said.keys() == words("en")["handback"].keys() >= {*BY_SCRIPT, *Wrote}
    assert not [key for key, text in said.items() if text == words("en")["handback"][key]]
