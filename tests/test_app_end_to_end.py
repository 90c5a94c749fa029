"""From the order screen of an EHR into the app and back: the whole way, in a real browser.

The EHR (tests/ehr_frame.py) is a page on 127.0.0.1, the service on localhost: two sites, so that the frame is a
stranger's, its cookie is kept apart, and messages cross origins. The browser is the system's: `apt-get install
chromium` (tests/browser.py).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, expect

from criteria.vocabulary import FACT_SYSTEM
from hooks.actions import CONSULT
from mappings import read_records
from mappings.attested import read_attested
from tests.browser import served
from tests.ehr_frame import Frame, ehr_frame
from tests.explain_examples import request_of
from tests.service_examples import NOW, SERVICE, Json, make_app, parts_of
from tests.smart_examples import UNTREATED
from tests.smart_server import App

IMPROVED, SEEN_AGAIN = "trial_of_treatment.significant_improvement", "reevaluation.after_treatment"
QUESTIONS = {IMPROVED: "No", SEEN_AGAIN: "Yes"}
"""What the chart leaves open, and the answers that support the order."""
CHART: Json = {
    "clinical_evaluation.in_person_days_ago": {"valueQuantity": {"value": 3}},
    "trial_of_treatment.provider_directed": {"valueBoolean": True},
    "trial_of_treatment.duration_weeks": {"valueQuantity": {"value": 7}},
    "trial_of_treatment.ended_days_ago": {"valueQuantity": {"value": 2}},
}
SCOPES = ["patient/QuestionnaireResponse.c", "patient/Observation.c"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


def request() -> Json:
    """An order for low back pain, of a patient of whose treatment everything is known but how it ended."""
    body = request_of(UNTREATED)
    subject = {"reference": f"Patient/{body['context']['patientId']}"}
    stated = [
        {
            "resourceType": "Observation", "id": f"stated-{n}", "status": "final", "subject": subject, **value,
            "code": {"coding": [{"system": FACT_SYSTEM, "code": fact}]}, "effectiveDateTime": NOW.date().isoformat(),
        }
        for n, (fact, value) in enumerate(CHART.items())
    ]  # fmt: skip
    bundle = body["prefetch"]["observations"]
    bundle["entry"] = [*bundle.get("entry", []), *({"resource": r} for r in stated)]
    bundle["total"] = len(bundle["entry"])
    return body


@contextmanager
def clinic(folder: Path, **more: Any) -> Iterator[Frame]:
    """The EHR's screen, the service, and the app launched from its cards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        here = f"http://localhost:{free.getsockname()[1]}"
    given = {"request": request(), "service": f"{here}{SERVICE}", **more}
    with ehr_frame(now=NOW.timestamp, app=App(redirect_uris=(f"{here}/app/callback",)), **given) as ehr:
        table = folder / "ehrs.yaml"
        row = {
            "iss": ehr.iss, "tenant": "open", "client_id": "imaging-cds", "ancestors": [ehr.url],
            "scopes": ["messaging/scratchpad", "messaging/ui", *SCOPES],
        }  # fmt: skip
        table.write_text(yaml.safe_dump([row]))
        app = make_app(folder, smart_file=str(table), app_launch="own", base_url=here)
        with served(app, int(here.rpartition(":")[2])):
            yield ehr
        parts_of(app).journal.engine.dispose()


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[Frame]:
    with clinic(tmp_path) as made:
        yield made


def ordering(page: Page, ehr: Frame) -> Page:
    """The screen, with the order signed once."""
    page.goto(f"{ehr.url}/ehr")
    page.wait_for_selector("body[data-ready]")
    sign(page)
    return page


def sign(page: Page) -> None:
    with page.expect_response(lambda r: r.url.endswith(SERVICE) and r.request.method == "POST"):
        page.get_by_role("button", name="Sign").click()
    expect(page.locator("#rating")).not_to_have_text("asking")


def open_app(page: Page) -> FrameLocator:
    page.locator("article button").first.click()
    app = page.frame_locator("#app iframe")
    expect(app.get_by_role("heading", level=1)).to_have_text("MRI lumbar spine without contrast")
    return app


def answer_all(app: FrameLocator) -> list[str]:
    """The open questions answered one by one; which they were."""
    asked: list[str] = []
    for _ in QUESTIONS:
        fact = app.locator('form[action$="/answer"] input[name="fact"]').get_attribute("value") or ""
        asked.append(fact)
        app.get_by_role("button", name=QUESTIONS[fact], exact=True).click()
        expect(app.locator(f'form[action$="/take-back"] input[value="{fact}"]')).to_have_count(1)
    return asked


def finish(app: FrameLocator) -> None:
    app.get_by_role("link", name="Finish", exact=True).first.click()
    app.get_by_role("button", name="Hand the order back").click()


def heard(page: Page) -> list[Json]:
    found: list[Json] = page.evaluate("window.heard")
    return found


def kinds(page: Page) -> list[str]:
    return [message["messageType"] for message in heard(page)]


def order(page: Page) -> Json:
    found: Json = page.evaluate("session.request.context.draftOrders.entry[0].resource")
    return found


def extension(resource: Json, url: str) -> Json:
    [found] = [e for e in resource["extension"] if e["url"].endswith(url)]
    return dict(found)


def test_from_the_card_through_two_answers_back_to_a_rated_order_and_nothing_is_asked_twice(
    page: Page, ehr: Frame
) -> None:
    sent = ehr.request["context"]["draftOrders"]["entry"][0]["resource"]
    ordering(page, ehr)
    expect(page.locator("#rating")).to_have_text("no rating")
    app = open_app(page)
    assert set(answer_all(app)) == QUESTIONS.keys()
    finish(app)
    expect(page.locator("iframe")).to_have_count(0)  # the EHR closed it
    assert kinds(page) == ["status.handshake", "scratchpad.update", "ui.done"]
    handed = heard(page)[1]["payload"]["resource"]
    assert extension(handed, "/pama-rating")["valueCodeableConcept"]["coding"][0]["code"] == "appropriate"
    assert {k: v for k, v in handed.items() if k != "extension"} == sent, "only the rating is new"
    expect(page.locator("#rating")).to_have_text("appropriate")
    assert len({m["messageId"] for m in heard(page)}) == 3 and all(m["messagingHandle"] for m in heard(page))

    sign(page)
    expect(page.locator("#rating")).to_have_text("appropriate")
    assert page.evaluate("window.answer.cards") == []
    assert extension(order(page), CONSULT)["valueUri"].startswith("urn:uuid:")
    [cookie] = page.context.cookies()
    assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "None" and cookie["partitionKey"]


def test_an_order_under_a_new_id_is_known_by_the_consult_id_that_was_handed_back(page: Page, ehr: Frame) -> None:
    ordering(page, ehr)
    app = open_app(page)
    answer_all(app)
    finish(app)
    expect(page.locator("#rating")).to_have_text("appropriate")
    page.evaluate("session.request.context.draftOrders.entry[0].resource.id = 'signed-7'")
    sign(page)
    expect(page.locator("#rating")).to_have_text("appropriate")
    assert page.evaluate("window.answer.cards") == []


def test_where_nothing_is_rated_yet_the_app_closes_and_no_order_is_changed(page: Page, ehr: Frame) -> None:
    ordering(page, ehr)
    finish(open_app(page))
    expect(page.locator("iframe")).to_have_count(0)
    assert kinds(page) == ["status.handshake", "ui.done"]


def test_an_app_in_a_window_of_its_own_talks_to_its_opener(page: Page, tmp_path: Path) -> None:
    with clinic(tmp_path, new_window=True) as ehr:
        ordering(page, ehr)
        with page.expect_popup() as opened:
            page.locator("article button").first.click()
        window = opened.value
        window.get_by_role("button", name="Yes", exact=True).click()
        with window.expect_event("close"):
            window.get_by_role("link", name="Finish", exact=True).first.click()
            window.get_by_role("button", name="Hand the order back").click()
        assert kinds(page)[0] == "status.handshake" and kinds(page)[-1] == "ui.done"


# --- what the EHR may say instead


REFUSAL = {
    "status": "422 Unprocessable",
    "outcome": {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "The order is <b>signed</b> already"}]},
}


def test_a_refusal_is_said_in_words_with_the_text_to_copy_and_can_be_tried_again(page: Page, ehr: Frame) -> None:
    ordering(page, ehr)
    page.evaluate("said => { window.answers['scratchpad.update'] = { payload: said } }", REFUSAL)
    app = open_app(page)
    answer_all(app)
    finish(app)
    said = app.locator("#hand-back-state")
    expect(said).to_contain_text("The EHR did not take the order")
    expect(said).to_contain_text("The order is <b>signed</b> already")
    assert "Rating: Appropriate" in app.get_by_label("The order as text").input_value()
    assert "ui.done" not in kinds(page)
    assert not Axe().run(page).response["violations"]
    page.evaluate("window.answers = {}")
    app.get_by_role("button", name="Hand the order back").click()
    expect(page.locator("iframe")).to_have_count(0)
    assert kinds(page)[-2:] == ["scratchpad.update", "ui.done"]


def test_an_ehr_that_does_not_answer_is_not_waited_for(page: Page, ehr: Frame) -> None:
    ordering(page, ehr)
    page.evaluate("window.answers = { 'status.handshake': null, 'scratchpad.update': null }")
    app = open_app(page)
    answer_all(app)
    finish(app)
    expect(app.locator("#hand-back-state")).to_contain_text("The EHR did not answer", timeout=15_000)
    assert "ui.done" not in kinds(page)


def test_an_ehr_that_knows_no_handshake_gets_its_order(page: Page, ehr: Frame) -> None:
    ordering(page, ehr)
    page.evaluate("window.answers = { 'status.handshake': null }")
    app = open_app(page)
    answer_all(app)
    finish(app)
    expect(page.locator("iframe")).to_have_count(0)
    expect(page.locator("#rating")).to_have_text("appropriate")


def test_where_messaging_is_absent_the_order_can_be_copied(page: Page, tmp_path: Path) -> None:
    with clinic(tmp_path, messaging=False) as ehr:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        ordering(page, ehr)
        app = open_app(page)
        answer_all(app)
        app.get_by_role("link", name="Finish", exact=True).first.click()
        expect(app.locator("#hand-back-state")).to_contain_text("takes no order from the app")
        expect(app.get_by_role("button", name="Hand the order back")).to_be_hidden()
        text = app.get_by_label("The order as text").input_value()
        assert "MRI lumbar spine without contrast (72148)" in text and "urn:uuid:" in text
        app.get_by_role("button", name="Copy").click()
        expect(app.get_by_text("Copied.")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").splitlines() == text.splitlines()
        assert not heard(page)


def test_without_javascript_the_text_is_there_and_the_answers_go_into_the_chart(
    browser: Browser, page: Page, tmp_path: Path
) -> None:
    with clinic(tmp_path) as ehr, browser.new_context(java_script_enabled=False) as context:
        ordering(page, ehr)
        [link] = [link for link in page.evaluate("window.answer.cards")[0]["links"] if link["type"] == "smart"]
        plain = context.new_page()
        plain.goto(f"{link['url']}?iss={ehr.iss}&launch={ehr.launch_app(link['appContext'])['launch']}")
        plain.get_by_role("button", name="Yes", exact=True).click()
        plain.get_by_role("link", name="Finish", exact=True).first.click()
        assert "72148" in plain.get_by_label("The order as text").input_value()
        expect(plain.get_by_text("Copy this text into the order.")).to_be_visible()
        plain.get_by_role("button", name="Write into the chart").click()
        expect(plain.get_by_text("Your answers are in the chart.")).to_be_visible()
        assert [r["resourceType"] for r in ehr.chart] == ["QuestionnaireResponse", "Observation"]


def test_what_is_written_into_the_chart_counts_there_as_the_clinicians_own(page: Page, ehr: Frame) -> None:
    ordering(page, ehr)
    page.evaluate("window.answers = { 'ui.done': { payload: { status: 'failure' } } }")
    app = open_app(page)
    answer_all(app)
    finish(app)
    expect(app.locator("#hand-back-state")).to_contain_text("You can close this window")
    app.get_by_role("button", name="Write into the chart").click()
    expect(app.get_by_text("Your answers are in the chart.")).to_be_visible()
    stored = [{"id": f"stored-{n}", **r} for n, r in enumerate(ehr.chart)]
    patient = ehr.request["context"]["patientId"]
    for kept in (stored[:1], stored[1:]):  # each alone says it all
        read = read_attested(read_records(kept, patient), NOW.date())
        assert not read.set_aside
        assert {a.fact.name: a.fact.value for a in read.answers} == {IMPROVED: False, SEEN_AGAIN: True}
        assert all(a.orders == {"ServiceRequest/order-1"} for a in read.answers)
