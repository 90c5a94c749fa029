"""Messages that are not the EHR's, in a real browser; test_smart_attacks lists what else is tried."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import FrameLocator, Page, expect

from tests.ehr_frame import Frame
from tests.smart_server import smart_server
from tests.test_app_end_to_end import answer_all, clinic, ehr, finish, heard, kinds, open_app, ordering, page

__all__ = ["ehr", "page"]

FORGE = """id => top.frames[0].postMessage(
    {messageId: 'x', responseToMessageId: id, payload: {status: '200 OK'}}, '*')"""


def unanswered(page: Page, ehr: Frame) -> tuple[FrameLocator, str]:
    """An order on its way to an EHR that does not answer: the app, and the id of its message."""
    ordering(page, ehr)
    page.evaluate("window.answers = { 'scratchpad.update': null }")
    app = open_app(page)
    answer_all(app)
    finish(app)
    page.wait_for_function("window.heard.some(m => m.messageType === 'scratchpad.update')")
    return app, heard(page)[1]["messageId"]


def not_believed(app: FrameLocator, page: Page) -> None:
    expect(app.locator("#hand-back-state")).to_contain_text("The EHR did not answer", timeout=15_000)
    assert "ui.done" not in kinds(page)


def beside(page: Page, address: str) -> None:
    """Another frame on the EHR's screen."""
    page.evaluate(
        "src => { const f = document.createElement('iframe'); f.src = src; document.body.append(f) }", address
    )
    page.wait_for_function("window.frames.length === 2")
    page.frames[-1].wait_for_url(address)


def test_the_same_answer_from_the_ehrs_own_window_is_believed(page: Page, ehr: Frame) -> None:
    """So that the tests below fail for the reason that they name."""
    _, message = unanswered(page, ehr)
    page.evaluate(FORGE, message)
    expect(page.locator("#app iframe")).to_have_count(0)
    assert kinds(page)[-1] == "ui.done"


def test_an_answer_from_another_origin_is_not_believed(page: Page, ehr: Frame) -> None:
    app, message = unanswered(page, ehr)
    with smart_server() as stranger:
        beside(page, f"{stranger.url}/jwks")
        page.frames[-1].evaluate(FORGE, message)
        not_believed(app, page)


def test_an_answer_from_another_window_of_the_same_origin_is_not_believed(page: Page, ehr: Frame) -> None:
    app, message = unanswered(page, ehr)
    beside(page, f"{ehr.url}/jwks")
    page.frames[-1].evaluate(FORGE, message)
    not_believed(app, page)


def test_an_answer_to_another_message_is_not_believed(page: Page, ehr: Frame) -> None:
    ordering(page, ehr)
    page.evaluate("window.answers = { 'scratchpad.update': { to: 'another-message' } }")
    app = open_app(page)
    answer_all(app)
    finish(app)
    not_believed(app, page)


def test_a_window_of_another_origin_than_the_launch_named_hears_nothing(page: Page, tmp_path: Path) -> None:
    told = {"smart_web_messaging_origin": "https://ehr.example.org"}
    with clinic(tmp_path, told=told) as ehr:
        ordering(page, ehr)
        everything = "window.all = []; window.addEventListener('message', e => window.all.push(e.data))"
        page.evaluate(everything)
        app = open_app(page)
        answer_all(app)
        finish(app)
        not_believed(app, page)
        assert page.evaluate("window.all") == []
