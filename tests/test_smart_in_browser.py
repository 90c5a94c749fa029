"""The app as an EHR shows it: in a frame of another site, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser import served
from tests.explain_examples import answered, request_of
from tests.service_examples import NOW, make_app, parts_of
from tests.smart_examples import UNTREATED, app_link
from tests.smart_server import App, SmartServer, smart_server

TRAN: Any = {"patient": "patient-tran", "user": "Practitioner/practitioner-1"}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture
def ehr() -> Iterator[SmartServer]:
    with smart_server(now=NOW.timestamp) as double:
        yield double


@pytest.fixture
def launch(tmp_path: Path, ehr: SmartServer) -> Iterator[str]:
    """Where the EHR's frame begins: the app on `localhost`, which is another site than 127.0.0.1, where the EHR is."""
    table = tmp_path / "ehrs.yaml"
    row = {"iss": ehr.iss, "tenant": "open", "client_id": "imaging-cds", "ancestors": [ehr.url]}
    table.write_text(yaml.safe_dump([row]))
    app = make_app(tmp_path, smart_file=str(table), app_launch="http://app.example/launch")
    with served(app) as at:
        here = at.replace("127.0.0.1", "localhost")
        ehr.app = App(redirect_uris=(f"{here}/app/callback",))
        [card] = answered(app, request_of(UNTREATED))
        launch = ehr.launch(**TRAN, appContext=app_link(card)["appContext"])
        yield f"{here}/app/launch?iss={ehr.iss}&launch={launch}"
    parts_of(app).journal.engine.dispose()


def framed(page: Page, window: SmartServer, address: str) -> FrameLocator:
    """A window of that server with the app in a frame."""
    page.goto(f"{window.url}/jwks")
    page.evaluate(
        "src => { document.body.innerHTML = '<iframe>'; document.querySelector('iframe').src = src }", address
    )
    return page.frame_locator("iframe")


def test_a_frame_of_another_site_is_launched_and_answered_in(page: Page, ehr: SmartServer, launch: str) -> None:
    app = framed(page, ehr, launch)
    expect(app.get_by_role("heading", level=1)).to_have_text("MRI lumbar spine without contrast")
    app.get_by_label("When was the last in-person visit").fill("2026-05-30")
    app.get_by_role("button", name="Answer").click()
    expect(app.get_by_role("heading", name="You told us")).to_be_visible()
    app.get_by_role("button", name="No", exact=True).click()
    expect(app.get_by_text("Not appropriate", exact=True)).to_be_visible()
    [cookie] = page.context.cookies()
    assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "None"
    assert cookie["partitionKey"], "another site's frame has a cookie of its own"


def test_a_window_that_nobody_named_cannot_frame_the_app(page: Page, launch: str) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    with smart_server() as stranger:
        framed(page, stranger, launch)
        page.wait_for_event("console", lambda _: any("frame-ancestors" in text for text in refused))
        expect(page.frame_locator("iframe").get_by_role("heading")).to_have_count(0)


def test_the_page_is_free_of_faults_of_accessibility(page: Page, launch: str) -> None:
    page.goto(launch)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    page.emulate_media(color_scheme="dark")
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()


def test_by_hand_the_start_page_leads_through_the_sign_in(page: Page, ehr: SmartServer, launch: str) -> None:
    ehr.standalone.patient, ehr.standalone.user = TRAN["patient"], TRAN["user"]
    page.goto(launch.partition("/launch?")[0])
    assert not Axe().run(page).response["violations"]
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="MRI lumbar spine").click()
    expect(page.get_by_role("button", name="Answer")).to_be_visible()
