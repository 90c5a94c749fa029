"""The dashboard in a real browser: axe-core finds nothing to mend, it fits a phone, and it loads nothing foreign."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import PHONE, faults, in_both_looks, opened, served
from tests.journal_rows import fill
from tests.service_examples import make_app, parts_of


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Of a full journal, by day and by week, and of an empty one."""
    full, empty = (make_app(tmp_path_factory.mktemp(name)) for name in ("full", "empty"))
    fill(parts_of(full).journal, 2000, days=300)
    with served(full) as url, served(empty) as other:
        yield [f"{url}/dashboard", f"{url}/dashboard?days=365&tenant=north", f"{other}/dashboard"]
    for app in (full, empty):
        parts_of(app).journal.engine.dispose()


@in_both_looks
def test_axe_finds_nothing_to_mend(browser: Browser, addresses: list[str], screen: dict[str, int], scheme: str) -> None:
    with opened(browser, screen, scheme) as page:
        assert {a: found for a in addresses if (found := faults(page, a))} == {}


def test_another_period_is_chosen_without_javascript_and_nothing_foreign_is_loaded(
    browser: Browser, addresses: list[str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)  # type: ignore[arg-type]
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(addresses[0])
    assert page.locator(".plot rect").count() > 20
    page.get_by_label("Period").select_option("90")
    page.get_by_label("Tenant").select_option("north")
    page.get_by_role("button", name="Show").click()
    assert "days=90" in page.url and "tenant=north" in page.url
    assert page.get_by_label("Period").input_value() == "90"
    assert page.get_by_label("Tenant").input_value() == "north"
    assert {url.partition("/")[2].split("/")[1] for url in asked} == {addresses[0].split("/")[2]}
    assert said == [], "the content security policy was minded"
    context.close()
