"""The explain page in a real browser: axe-core finds nothing to mend, it fits a phone, and works without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser import PHONE, faults, in_both_looks, opened, served
from tests.explain_examples import BASE, answered, explained_at, request_of
from tests.service_examples import make_app, parts_of

SHOWN = ("02", "07")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Explanations of an order that needs information, and of one that is refused."""
    app = make_app(Path(tmp_path_factory.mktemp("explain")), base_url=BASE)
    with served(app) as url:
        yield [url + a for name in SHOWN for card in answered(app, request_of(name)) for a in explained_at(card)]
    parts_of(app).journal.engine.dispose()


@in_both_looks
def test_axe_finds_nothing_to_mend(browser: Browser, pages: list[str], screen: dict[str, int], scheme: str) -> None:
    supposed = f"{pages[0]}?suppose=pain.night~yes&suppose=trial_of_treatment.duration_weeks~6"
    addresses = (supposed, *pages[1:], f"{pages[0]}0")
    with opened(browser, screen, scheme) as page:
        assert {a: found for a in addresses if (found := faults(page, a))} == {}


def without_scripts(browser: Browser) -> BrowserContext:
    return browser.new_context(java_script_enabled=False, viewport=PHONE)  # type: ignore[arg-type]


def test_what_if_works_without_javascript(browser: Browser, pages: list[str]) -> None:
    context = without_scripts(browser)
    page = context.new_page()
    page.goto(pages[0])
    assert page.locator(".verdict").count() == 1
    for fact in ("trial_of_treatment.provider_directed~yes", "trial_of_treatment.significant_improvement~yes"):
        page.locator(f'button[value="{fact}"]').first.click()
    assert page.locator(".verdict").count() == 2
    assert page.locator(".supposed li").count() == 2
    assert "Not appropriate" in page.locator(".verdict").nth(1).inner_text()
    page.get_by_role("button", name="Take back").first.click()
    assert page.locator(".supposed li").count() == 1
    page.get_by_role("button", name="Spell out").first.click()
    assert page.locator("#r1 .tree").count() == 1
    assert page.locator(".supposed li").count() == 1, "what is supposed stays when a rule is spelled out"
    page.get_by_role("link", name="Take all back").click()
    assert page.locator(".verdict").count() == 1
    context.close()


def test_the_page_asks_for_nothing_but_itself_and_its_stylesheets(browser: Browser, pages: list[str]) -> None:
    context = browser.new_context()
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(pages[0])
    assert [a.rsplit("/", 1)[1] for a in asked[1:]] in (["pages.css", "explain.css"], ["explain.css", "pages.css"])
    assert said == []
    context.close()
