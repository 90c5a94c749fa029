"""The app's screens in a real browser: axe-core finds nothing, they fit a phone and need no script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from service import clients
from tests.browser import PHONE, WIDE, faults, opened, served
from tests.explain_examples import answered, request_of
from tests.service_examples import NOW, make_app, parts_of
from tests.smart_examples import app_link
from tests.smart_server import App, SmartServer, smart_server

STEPS = (
    "", "?ask=malignancy.suspected_type", "?ask=pain.radiation", "?ask=trial_of_treatment.duration_weeks",
    "?ask=clinical_evaluation.in_person_days_ago", "?skip=implant.mr_conditional_or_safe", "/alternatives", "/done",
    "/done?choice=update:ct_lumbar_spine.without", "/done?choice=none",
)  # fmt: skip


class Launches:
    """A service, and the EHR that launches its app."""

    def __init__(self, app: Any, ehr: SmartServer, here: str) -> None:
        self.app, self.ehr, self.here = app, ehr, here

    def of(self, name: str) -> str:
        """Where the card of a fixture request leads."""
        body = request_of(name)
        card = next(c for c in answered(self.app, body) if any(link["type"] == "smart" for link in c["links"]))
        launch = self.ehr.launch(
            body["context"]["patientId"], body["context"]["userId"], appContext=app_link(card)["appContext"]
        )
        return f"{self.here}/app/launch?iss={self.ehr.iss}&launch={launch}"


@pytest.fixture
def launches(tmp_path: Path) -> Iterator[Launches]:
    with smart_server(now=NOW.timestamp) as ehr:
        table = tmp_path / "ehrs.yaml"
        row = {"iss": ehr.iss, "tenant": "open", "client_id": "imaging-cds", "ancestors": [ehr.url]}
        table.write_text(yaml.safe_dump([row]))
        settings = {"smart_file": str(table), "app_launch": "http://app.example/launch"}
        app = make_app(tmp_path, **settings, consult_pages="https://cds.example.org/explain")
        with served(app) as at:
            here = at.replace("127.0.0.1", "localhost")
            ehr.app = App(redirect_uris=(f"{here}/app/callback",))
            yield Launches(app, ehr, here)
        parts_of(app).journal.engine.dispose()


@pytest.fixture
def spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients whose cards are in Spanish."""
    full = clients.load_profiles()["full"]
    profiles = {**clients.load_profiles(), "full": replace(full, shows=replace(full.shows, language="es"))}
    monkeypatch.setattr(clients, "load_profiles", lambda: profiles)


def all_faults(browser: Browser, launches: Launches, screen: dict[str, int], scheme: str) -> dict[str, str]:
    with opened(browser, screen, scheme) as page:
        page.goto(launches.of("07"))
        at = page.url
        start = at.partition("/app/")[0] + "/app"
        addresses = (*(at + step for step in STEPS), start, f"{start}/s/nobody")
        return {address: found for address in addresses if (found := faults(page, address))}


def test_axe_finds_nothing_to_mend_on_a_wide_light_screen(browser: Browser, launches: Launches) -> None:
    assert all_faults(browser, launches, WIDE, "light") == {}


def test_axe_finds_nothing_to_mend_on_a_dark_phone_in_spanish(
    spanish: None, browser: Browser, launches: Launches
) -> None:
    assert all_faults(browser, launches, PHONE, "dark") == {}


def test_an_answer_is_told_to_a_screen_reader_and_the_focus_goes_to_the_next_question(
    browser: Browser, launches: Launches
) -> None:
    page = browser.new_page()
    page.goto(launches.of("02"))
    status = page.get_by_role("status")
    page.evaluate("window.same = document.querySelector('[role=status]')")
    page.locator("input[type=date]").fill("2026-05-30")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("The rating stays: Needs information.")
    page.get_by_role("button", name="No", exact=True).press("Enter")
    expect(status).to_contain_text("Before: Needs information. Now: Not appropriate.")
    assert page.evaluate("window.same === document.querySelector('[role=status]')"), "the region that speaks stays"
    assert page.evaluate("document.activeElement.id") == "question"
    expect(page).to_have_title("Not appropriate: MRI lumbar spine without contrast - imaging-cds")
    page.reload()
    expect(page.get_by_role("heading", name="You told us")).to_be_visible()
    axe = Axe().run(page)
    assert not axe.violations_count, axe.generate_report()
    page.close()


def test_a_slip_is_told_and_the_field_has_the_focus(browser: Browser, launches: Launches) -> None:
    page = browser.new_page()
    page.goto(launches.of("02"))
    page.goto(f"{page.url}?ask=trial_of_treatment.duration_weeks")
    field = page.get_by_label("How many weeks did the treatment last?")
    field.fill("six")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Please write a number from 0 to 5218.")
    expect(field).to_be_focused()
    expect(field).to_have_value("six")
    page.close()


def test_everything_works_without_javascript(browser: Browser, launches: Launches) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(launches.of("02"))
    page.locator("input[type=date]").fill("2026-05-30")
    page.get_by_role("button", name="Answer").click()
    page.get_by_role("link", name="I do not know").click()
    page.get_by_role("link", name="change: When was").click()
    page.locator("input[type=date]").fill("2026-05-29")
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_text("29 May 2026 (3 days ago)")).to_be_visible()
    page.get_by_role("button", name="take back: When was").click()
    expect(page.get_by_role("heading", name="You told us")).to_have_count(0)
    page.goto(launches.of("07"))
    page.get_by_role("link", name="Alternatives (").click()
    page.get_by_role("link", name="Choose this study: CT lumbar spine without contrast").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The finished order")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The app is closed")
    context.close()
