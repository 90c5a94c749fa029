"""The public CDS Hooks sandbox in a real browser, against this service and made-up charts; see docs/sandbox.md.

    .venv/bin/python -m pip install playwright
    .venv/bin/python -m tests.sandbox_walk --sandbox http://localhost:8080/ --shots shots

Not part of the test suite: it needs a sandbox that runs and a Chromium. tests/test_sandbox.py needs neither.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import ConsoleMessage, Page, Request, Route, sync_playwright

from tests.fhir_server import ROOT
from tests.sandbox_charts import address, make_charts
from tests.sandbox_ehr import SandboxProcess
from tests.service_examples import SERVICE

Json = dict[str, Any]
RATING = "http://fhir.org/argonaut/Extension/pama-rating"
DEFAULT_SERVICE = "https://sandbox-services.cds-hooks.org/**"
SETTLED_MS = 60_000
ANSWERS = {"red_flag.any": "No", "trial_of_treatment.provider_directed": "No"}
BACK_PAIN, NECK_ROOT, TOOTHACHE = "279039007", "54404000", "27355003"


class Unexpected(Exception):
    """The sandbox shows something else than it should."""


class Screen:
    """The PAMA screen of one patient."""

    def __init__(self, page: Page, shots: Path | None) -> None:
        self.page, self.shots, self.complaints = page, shots, list[str]()
        self.taken: list[str] = []
        self.dismissed: list[str] = []
        self.answer: Json = {}
        page.route(DEFAULT_SERVICE, _no_default_service)
        page.context.on("console", self._heard)
        page.context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))

    def open(self, url: str) -> None:
        with self._answered():
            self.page.goto(url)
        self.page.wait_for_load_state("networkidle")  # it calls once for the service and once more for the patient

    def choose(self, code: str) -> None:
        with self._answered():
            self._pick(0, code)

    def give_reason(self, code: str) -> None:
        with self._answered():
            self._pick(1, code)

    def clear(self) -> None:
        """Take the study and all reasons off again."""
        bins = self.page.locator("button[title=Remove]")
        while bins.count():
            with self._answered():
                bins.first.click()

    def see(self, rating: str, cards: int, name: str) -> None:
        """The rating and the number of cards on screen."""
        shown = self.page.locator("text=PAMA Rating:")
        ends = time.monotonic() + SETTLED_MS / 1000
        while time.monotonic() < ends:
            found = (shown.inner_text().split()[2].rstrip("✓⚠"), self.page.locator("[class*=decision-card]").count())
            if found == (rating, cards):
                break
            self.page.wait_for_timeout(50)
        else:
            self._shoot(name)
            raise Unexpected(f"{name}: {found[0]} and {found[1]} cards, expected {rating} and {cards}")
        self._shoot(name)
        print(f"{name}: {rating}, {cards} card(s)")

    def take_first(self, name: str) -> None:
        """The first suggestion of the first card: the order must be rated as the suggestion promised."""
        suggestion = self.answer["cards"][0]["suggestions"][0]
        promised = _rating(suggestion["actions"][0]["resource"])
        with self._answered():
            self.page.get_by_role("button", name=suggestion["label"], exact=True).click()
        self.taken.append(suggestion["uuid"])
        given = _rating(self.answer["extension"]["systemActions"][0]["resource"])
        if given != promised:
            raise Unexpected(f"{name}: promised {promised}, given {given}")
        print(f'{name}: took "{suggestion["label"]}", promised and given: {given}')

    def dismiss(self) -> None:
        """The first card, with the first of its reasons."""
        self.page.get_by_label("select dismiss reason").first.click()
        with self.page.expect_response(lambda r: r.url.endswith("/feedback") and r.request.method == "POST"):
            self.page.locator("[role=menuitem]").first.click()
        self.dismissed.append(self.answer["cards"][0]["uuid"])

    def answer_in_app(self, answers: dict[str, str], name: str) -> None:
        """The app behind the first card: answered, it hands the order back, and the sandbox closes it."""
        [link] = [link for link in self.answer["cards"][0]["links"] if link["type"] == "smart"]
        with self.page.context.expect_page() as opened:
            self.page.get_by_role("button", name=link["label"], exact=True).click()
        app = opened.value
        app.get_by_role("heading", level=1).wait_for()
        self._shoot(f"{name}_opened", app)
        for _ in answers:
            fact = app.locator('form[action$="/answer"] input[name="fact"]').get_attribute("value") or ""
            app.get_by_role("button", name=answers[fact], exact=True).click()
            app.locator(f'form[action$="/take-back"] input[value="{fact}"]').wait_for(state="attached")
        self._shoot(f"{name}_answered", app)
        app.get_by_role("link", name="Finish", exact=True).first.click()
        app.get_by_role("button", name="Hand the order back").wait_for()
        self._shoot(f"{name}_finished", app)
        with app.expect_event("close"):
            app.get_by_role("button", name="Hand the order back").click()
        print(f"{name}: {len(answers)} questions answered, the order handed back, the window closed")

    def read_on(self) -> None:
        """The first link of the first card opens a page of ours."""
        link = next(link for link in self.answer["cards"][0]["links"] if link["type"] == "absolute")
        with self.page.context.expect_page() as opened:
            self.page.get_by_role("button", name=link["label"], exact=True).click()
        there = opened.value
        there.wait_for_load_state()
        print(f"link: {there.title()}")
        if there.url != link["url"] or not there.locator("h1").count():
            raise Unexpected(f"the link leads to {there.url}")
        there.close()

    def _shoot(self, name: str, page: Page | None = None) -> None:
        if self.shots:
            (page or self.page).screenshot(path=self.shots / f"{name}.png", full_page=True)

    def _pick(self, which: int, code: str) -> None:
        self.page.locator("input[id^=react-select]").nth(which).fill(code)
        options = self.page.locator("[id*=-option-]")
        self.page.wait_for_function("document.querySelectorAll('[id*=-option-]').length == 1", timeout=SETTLED_MS)
        options.first.click()

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Wait until the service has answered what happens inside."""
        with self.page.expect_request(_is_hook, timeout=SETTLED_MS) as waiting:
            yield
        response = waiting.value.response()
        if response is None or response.status != 200:
            raise Unexpected("the service gives no answer")
        self.answer = response.json()

    def _heard(self, message: ConsoleMessage) -> None:
        ours = not message.location.get("url", "").endswith(("/styles.css", "/favicon.ico"))  # the sandbox lacks both
        if message.type == "error" and ours:
            self.complaints.append(f"console: {message.text}")


def _is_hook(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith(SERVICE)


def _no_default_service(route: Route) -> None:
    """The sandbox also asks a service of its own, which may be out of reach."""
    route.fulfill(json={"services": [{"id": "none", "hook": "none"}]}, headers={"Access-Control-Allow-Origin": "*"})


def _rating(resource: Json) -> str:
    (found,) = [e for e in resource["extension"] if e["url"] == RATING]
    return str(found["valueCodeableConcept"]["coding"][0]["code"])


def walk(screen: Screen, urls: dict[str, str]) -> None:
    screen.open(urls["08_lumbar_ct_as_first_study"])
    screen.see("needs-information", 0, "01_nothing_chosen")
    screen.choose("72131")
    screen.see("needs-information", 1, "02_ct_without_a_reason")
    screen.give_reason(BACK_PAIN)
    screen.see("not-appropriate", 1, "03_ct_for_low_back_pain")
    screen.read_on()
    screen.take_first("03_ct_for_low_back_pain")
    screen.see("appropriate", 0, "04_mri_taken")
    screen.clear()
    screen.give_reason(TOOTHACHE)
    screen.choose("70544")
    screen.see("no-criteria-apply", 0, "05_head_mra_for_toothache")

    screen.open(urls["02_lumbar_mri_no_word_on_treatment"])
    screen.give_reason(BACK_PAIN)
    screen.choose("72148")
    screen.see("needs-information", 1, "06_mri_without_word_on_treatment")
    screen.dismiss()
    screen.see("needs-information", 0, "07_card_dismissed")
    screen.clear()
    screen.give_reason(BACK_PAIN)
    screen.choose("72148")
    screen.see("needs-information", 1, "07a_mri_again")
    screen.answer_in_app(ANSWERS, "07b_app")
    screen.see("not-appropriate", 1, "07c_handed_back")

    screen.open(urls["07_pacemaker_and_mri"])
    screen.give_reason(BACK_PAIN)
    screen.choose("72148")
    screen.see("not-appropriate", 1, "08_mri_with_a_pacemaker")
    screen.take_first("08_mri_with_a_pacemaker")
    screen.see("appropriate", 0, "09_ct_taken")

    screen.open(urls["09_cervical_radiculopathy_with_contrast"])
    screen.give_reason(NECK_ROOT)
    screen.choose("72156")
    screen.see("not-appropriate", 1, "10_cervical_mri_with_contrast")
    screen.take_first("10_cervical_mri_with_contrast")
    screen.see("appropriate", 0, "11_cervical_mri_taken")


def kept(folder: str) -> tuple[list[str], list[str]]:
    """What the journal holds of feedback: suggestions accepted, cards overridden."""
    with sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True) as journal:
        rows = journal.execute("SELECT card, outcome, suggestions FROM feedback ORDER BY id").fetchall()
    accepted = [s for _, outcome, taken in rows if outcome == "accepted" for s in json.loads(taken)]
    return accepted, [card for card, outcome, _ in rows if outcome == "overridden"]


@contextmanager
def served(folder: str, port: int, charts: str) -> Iterator[str]:
    """`imaging-cds serve --open`: its discovery address."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMAGING_CDS_")}
    settings = {
        "IMAGING_CDS_DATA_DIR": folder,
        "IMAGING_CDS_FHIR_BASES": f"*,{charts}",
        "IMAGING_CDS_APP_LAUNCH": "own",
    }
    command = [sys.executable, "-m", "service.cli", "serve", "--open", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment | settings, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/cds-services"
    try:
        while process.poll() is None:
            try:
                urlopen(url, timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(15)


def main() -> None:
    ask = argparse.ArgumentParser(description="Drive the public CDS Hooks sandbox in Chromium.")
    ask.add_argument("--sandbox", default="http://localhost:8080/", help="address of the sandbox")
    ask.add_argument("--shots", type=Path, help="folder for screenshots")
    ask.add_argument("--chromium", default="/usr/bin/chromium")
    ask.add_argument("--port", type=int, default=8019, help="a free port, for the service")
    args = ask.parse_args()
    if args.shots:
        args.shots.mkdir(parents=True, exist_ok=True)
    charts = SandboxProcess(0, f"http://127.0.0.1:{args.port}")
    threading.Thread(target=charts.serve_forever, daemon=True).start()
    with (
        tempfile.TemporaryDirectory() as folder,
        served(folder, args.port, charts.url) as service,
        sync_playwright() as playwright,
    ):
        urls = {n: address(args.sandbox, *chart, service) for n, chart in make_charts(charts).items()}
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        screen = Screen(browser.new_page(viewport={"width": 1500, "height": 1000}), args.shots)
        try:
            walk(screen, urls)
        except Unexpected as unexpected:
            screen.complaints.append(str(unexpected))
        browser.close()
        if kept(folder) != (screen.taken, screen.dismissed):
            screen.complaints.append(f"feedback kept: {kept(folder)}, sent: {screen.taken}, {screen.dismissed}")
        print(f"feedback in the journal: {len(screen.taken)} accepted, {len(screen.dismissed)} overridden")
    print("\n".join(screen.complaints) or "no error in the console")
    raise SystemExit(1 if screen.complaints else 0)


if __name__ == "__main__":
    main()
