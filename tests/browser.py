"""The system's Chromium, for pages that have to be seen as a reader sees them, and what axe-core says of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:  # the fixture is known to all tests, and few need the library
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
in_both_looks = pytest.mark.parametrize(
    ("screen", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide-light", "phone-dark"]
)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser. Fails with the way to get one where there is none."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail("Chromium is needed to look at the pages: apt-get install chromium (.ci/run does it).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@contextmanager
def opened(browser: Browser, screen: dict[str, int], scheme: str) -> Iterator[Page]:
    """A page on such a screen, into which axe-core may be put."""
    context = browser.new_context(viewport=screen, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def faults(page: Page, address: str) -> str:
    """What axe finds there with all its parts open, and whether it scrolls sideways."""
    from axe_playwright_python.sync_playwright import Axe

    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    results = Axe().run(page)
    report: str = results.generate_report() if results.violations_count else ""
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return report + ("it scrolls sideways" if wide else "")


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """The application behind a port of this machine: its address."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
