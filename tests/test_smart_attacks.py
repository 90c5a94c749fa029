"""Attacks on a launch, a session and the hand-back, and the test file of each.

attack                                                              tried in
forged or foreign iss, or one that stands twice                     test_smart_launch
EHR without S256, or with endpoints that are not safe               test_smart_launch
state replayed, invented, too old, of another browser               test_smart_launch
code replayed, or of another launch                                 test_smart_launch
answer of another authorization server; ID token forged             test_smart_launch
appContext tampered, too old, of another patient, user, tenant      test_smart_continuity
a session's address in another browser                              test_smart_launch, here (last page)
framing by an unknown ancestor                                      test_smart_launch, test_smart_in_browser, here
forms of another site (CSRF)                                        test_smart_launch, here (writing)
open redirect                                                       test_smart_launch, here (writing)
order of another patient, or a study not offered, handed back       here
script in the order's words, or in the EHR's answer                 here, test_app_end_to_end
message from a wrong origin or window, to a wrong id or origin      test_smart_attacks_in_browser
written into the chart twice, or without leave                      test_smart_write_back
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.smart.consults import OpenConsult
from tests.explain_examples import request_of
from tests.smart_examples import BASE, EHR, UNTREATED, Site, clock, context_of, ehr, form_of, site

__all__ = ["clock", "ehr", "site"]

TRAN: dict[str, Any] = {"patient": "patient-tran", "user": "Practitioner/practitioner-1"}
MESSAGING = {"smart_web_messaging_handle": "a-handle", "smart_web_messaging_origin": EHR}
WRITES = "patient/QuestionnaireResponse.c patient/Observation.c"


def opened(site: Site, **more: Any) -> str:
    """A session with two answers, which rate the order."""
    path = site.launched(context_of(site.hook()), **{**TRAN, **MESSAGING, **more})
    for said in ("3", "no"):
        assert site.answer(path, said).status_code == 303
    return path


def data_of(page: str) -> Any:
    """What the page's script works with."""
    found = re.search(r'<script type="application/json" id="hand-back-data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


# --- whose order is handed back


def test_the_order_that_goes_back_is_the_one_that_was_sent_with_its_rating(site: Site) -> None:
    data = data_of(site.page(f"{opened(site)}/done"))
    [message] = data["messages"]
    sent = request_of(UNTREATED, site.clock.now.date())["context"]["draftOrders"]["entry"][0]["resource"]
    held = message["payload"]["resource"]
    assert {k: v for k, v in held.items() if k != "extension"} == sent
    assert (data["origin"], data["handle"]) == (EHR, "a-handle")


def test_a_link_of_another_patients_order_hands_nothing_back(site: Site) -> None:
    context = context_of(site.hook())
    path = site.launched(context, **{**TRAN, **MESSAGING, "patient": "patient-marsh"})
    assert "hand-back-data" not in site.page(f"{path}/done", 404)


def test_an_order_that_names_another_patient_is_not_handed_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = opened(site)
    kept = OpenConsult.__init__

    def other(self: OpenConsult, *given: Any, **more: Any) -> None:
        more["draft"] = {**more["draft"], "subject": {"reference": "Patient/patient-marsh"}}
        kept(self, *given, **more)

    monkeypatch.setattr(OpenConsult, "__init__", other)
    assert "patient-marsh" not in site.page(f"{path}/done", 404)


@pytest.mark.parametrize(
    "choice", ["update:mri_brain", "create:mri_brain", "delete", "update:", "<script>", "a" * 3000]
)
def test_what_no_card_offers_cannot_be_handed_back(site: Site, choice: str) -> None:
    path = opened(site)
    response = site.browser.get(f"{path}/done", query_string={"choice": choice}, base_url=BASE)
    assert response.status_code == 404
    assert "hand-back-data" not in response.get_data(as_text=True)


def test_an_order_cannot_be_chosen_beside_the_one_that_was_handed_over(site: Site) -> None:
    path = opened(site)
    site.hook(order="order-9")
    data = data_of(site.page(f"{path}/done?order={'0' * 64}"))
    assert data["messages"][0]["payload"]["resource"]["id"] == "order-1"


def test_the_last_page_opens_in_no_other_browser(site: Site) -> None:
    path = opened(site)
    other = site.another_browser().get(f"{path}/done", base_url=BASE)
    assert other.status_code == 401 and "hand-back-data" not in other.get_data(as_text=True)


def test_no_token_is_in_the_page_that_hands_back(site: Site) -> None:
    page = site.page(f"{opened(site)}/done")
    assert site.ehr.secrets and not [s for s in site.ehr.secrets if s in page]


# --- where messages may go


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://ehr.example.org/",
        "javascript:alert(1)",
        "http://ehr.example.org",
        "null",
        "",
        7,
        ["https://a.example"],
    ],
)
def test_an_origin_that_is_none_gets_no_message(site: Site, origin: Any) -> None:
    page = site.page(f"{opened(site, smart_web_messaging_origin=origin)}/done")
    assert data_of(page)["origin"] == ""


def test_the_older_name_of_the_origin_is_read_too(site: Site) -> None:
    told = {"smart_web_messaging_origin": ..., "smart_messaging_origin": EHR, "smart_web_messaging_handle": ...}
    data = data_of(site.page(f"{opened(site, **told)}/done"))
    assert (data["origin"], data["handle"]) == (EHR, "")


# --- the page itself


def test_the_last_page_runs_our_script_alone_and_is_framed_by_its_ehr_alone(site: Site) -> None:
    response = site.get(f"{opened(site)}/done")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'; " in policy and "unsafe" not in policy
    assert policy.endswith(f"frame-ancestors {EHR}")
    assert "Cross-Origin-Opener-Policy" not in response.headers, "the app has to reach the window that opened it"
    inline = re.findall(
        r"<script(?![^>]*(?: src=|application/json))|\son\w+=|javascript:", response.get_data(as_text=True)
    )
    assert inline == []


def test_words_of_the_order_cannot_become_part_of_the_page(site: Site) -> None:
    body = request_of(UNTREATED, site.clock.now.date())
    words = "</script></textarea><img src=x onerror=alert(1)>"
    body["context"]["draftOrders"]["entry"][0]["resource"]["reasonCode"][0]["text"] = words
    path = site.launched(context_of(site.send(body)), **{**TRAN, **MESSAGING})
    for said in ("3", "no"):
        site.answer(path, said)
    page = site.page(f"{path}/done")
    assert words not in page and "<img" not in page
    assert data_of(page)["messages"][0]["payload"]["resource"]["reasonCode"][0]["text"] == words


def test_what_became_of_writing_is_said_in_our_words_only(site: Site) -> None:
    page = site.page(f"{opened(site)}/done?wrote=<b>Call this number</b>")
    assert "Call this number" not in page


# --- writing by somebody else's hand


@pytest.mark.parametrize(
    "header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_form_of_another_site_writes_nothing(site: Site, header: dict[str, str]) -> None:
    path = opened(site, scope=WRITES)
    form = form_of(site.page(f"{path}/done"), "/write-back")
    assert site.post(f"{path}/write-back", form, **header).status_code == 403
    assert site.post(f"{path}/write-back", {**form, "mark": "0" * 64}).status_code == 403


def test_writing_leads_back_to_the_page_and_nowhere_else(site: Site) -> None:
    path = opened(site, scope=WRITES)
    form = form_of(site.page(f"{path}/done"), "/write-back")
    for name in ("next", "back", "order", "redirect_uri"):
        done = site.post(f"{path}/write-back", {**form, name: "https://evil.example/"})
        assert done.status_code == 303
        there = urlsplit(done.headers["Location"])
        assert (there.netloc, there.path) in (("", f"{path}/done"), (urlsplit(BASE).netloc, f"{path}/done"))
