"""Pages of a session: cookies, frames, forms, and what is kept or told of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog

from tests.service_examples import parts_of
from tests.smart_examples import BASE, EHR, Clock, Site, clock, context_of, ehr, form_of, make_site, query_of, site
from tests.smart_server import SmartServer

__all__ = ["clock", "ehr", "site"]

TRAN = {"patient": "patient-tran", "user": "Practitioner/practitioner-1"}


def test_cookies_are_for_this_host_over_tls_out_of_reach_of_scripts_and_apart_for_each_frame(site: Site) -> None:
    sent = site.to_ehr(launch=site.ehr.launch())
    done = site.get(site.signed_in(sent))
    for cookie in (*sent.headers.getlist("Set-Cookie"), *done.headers.getlist("Set-Cookie")):
        name, *flags = cookie.split("; ")
        assert name.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"} <= set(flags)
        assert not any(flag.startswith("Domain") for flag in flags)
    one, other = (r.headers["Set-Cookie"].partition(";")[0].partition("=") for r in (sent, done))
    assert one[0] == other[0] and one[2] != other[2], "a new secret once the EHR has let the clinician in"


def test_a_session_opens_in_no_other_browser(site: Site) -> None:
    path = site.launched(context_of(site.hook()), **TRAN)
    other = site.another_browser()
    assert other.get(path, base_url=BASE).status_code == 401
    name = urlsplit(path).path.rpartition("/")[2]
    other.set_cookie(f"__Host-imaging-cds-{name}", "guessed", domain="cds.example.org", secure=True)
    assert other.get(path, base_url=BASE).status_code == 401


def test_only_the_ehr_of_the_session_may_frame_its_pages(site: Site) -> None:
    path = site.launched(context_of(site.hook()), **TRAN)
    for address in (path, "/app", "/app/launch?iss=https://evil.example/fhir"):
        policy = site.get(address).headers["Content-Security-Policy"]
        assert policy.endswith(f"frame-ancestors {EHR}")
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert ("script-src 'self'; connect-src 'self'" in policy) is (address == path), "scripts in a session alone"


def test_without_named_ancestors_no_page_may_be_framed(tmp_path: Any, ehr: SmartServer, clock: Clock) -> None:
    made = make_site(tmp_path, ehr, clock, {"ancestors": []})
    for address in ("/app", made.launched()):
        assert made.get(address).headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    parts_of(made.app).journal.engine.dispose()


def test_pages_of_a_session_are_kept_by_no_browser_and_named_to_no_other_site(site: Site) -> None:
    headers = site.get(site.launched(context_of(site.hook()), **TRAN)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({"mark": "0" * 64}, {}),
        ({"mark": ""}, {}),
        ({}, {"Origin": "https://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
    ],
)
@pytest.mark.parametrize("action", ["answer", "take-back", "close"])
def test_a_form_of_another_site_changes_nothing(
    site: Site, form: dict[str, str], headers: dict[str, str], action: str
) -> None:
    path = site.launched(context_of(site.hook()), **TRAN)
    before = site.page(path)
    ours = form_of(before, "/answer")
    response = site.post(f"{path}/{action}", {**ours, "answer": "3", **form}, **headers)
    assert response.status_code == 403
    assert site.page(path) == before


def test_the_mark_of_one_session_is_no_good_in_another(site: Site) -> None:
    one, other = (site.launched(context_of(site.hook()), **TRAN) for _ in range(2))
    foreign = form_of(site.page(other), "/answer")
    assert site.post(f"{one}/answer", {**foreign, "answer": "3"}).status_code == 403


# --- secrets


def test_no_token_code_or_state_is_in_a_page_a_log_or_the_database(site: Site) -> None:
    with structlog.testing.capture_logs() as logged:
        sent = site.to_ehr(launch=site.ehr.launch(**TRAN, appContext=context_of(site.hook())))
        back = site.signed_in(sent)
        path = site.get(back).headers["Location"]
        shown = site.page(path)
        site.answer(path, "3")
        site.get(back)
    cookie = sent.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    secrets = [*site.ehr.secrets, query_of(sent)["state"], cookie, path.rpartition("/")[2]]
    assert len(secrets) >= 6
    files = site.files()
    for secret in secrets:
        assert secret.encode() not in files
        assert secret not in str(logged)
    for secret in secrets[:-1]:
        assert secret not in shown
    assert b"patient-tran" not in files and b"practitioner-1" not in files and b"Ada" not in files


def test_an_error_of_the_token_endpoint_is_logged_by_its_code_alone(site: Site) -> None:
    used = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    site.ehr.codes.clear()
    with structlog.testing.capture_logs() as logged:
        site.get(used)
    assert [e["reason"] for e in logged if e["event"] == "launch_refused"] == ["invalid_grant"]
    assert "secret of the server" not in str(logged)
