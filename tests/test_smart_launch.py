"""SMART App Launch: from the card's link through the EHR's sign-in and back, and what does not come through."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from service.smart.sessions import LAUNCH_LASTS
from tests.smart_examples import BASE, Clock, Site, clock, context_of, ehr, form_of, query_of, site
from tests.smart_server import V1, App, Launch, SmartServer

__all__ = ["clock", "ehr", "site"]

TRAN = {"patient": "patient-tran", "user": "Practitioner/practitioner-1"}


# --- a launch that comes through


def test_the_ehr_is_asked_for_a_code_with_pkce_state_and_the_launch_it_began(site: Site) -> None:
    launch = site.ehr.launch()
    asked = query_of(site.to_ehr(launch=launch))
    assert asked["response_type"] == "code" and asked["client_id"] == "imaging-cds"
    assert asked["redirect_uri"] == f"{BASE}/app/callback"
    assert (asked["aud"], asked["launch"]) == (site.ehr.iss, launch)
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 43 and len(asked["nonce"]) >= 43
    assert asked["scope"] == "launch openid fhirUser online_access patient/Patient.r"


def test_an_ehr_that_knows_the_older_scopes_only_is_asked_for_those(site: Site) -> None:
    site.ehr.scopes = V1
    assert query_of(site.to_ehr(launch="x"))["scope"].endswith("online_access patient/Patient.read")


def test_the_card_leads_to_its_order_with_the_patient_that_the_ehr_names(site: Site) -> None:
    page = site.page(site.launched(context_of(site.hook()), **TRAN))
    assert "<h1>MRI lumbar spine without contrast</h1>" in page
    assert "Needs information" in page and "low back pain" in page
    assert "Ada Example" in page and "1980-01-01" in page


def test_an_ehr_that_shows_the_patient_itself_gets_no_second_banner(site: Site) -> None:
    page = site.page(site.launched(context_of(site.hook()), **TRAN, need_patient_banner=False))
    assert "Ada Example" not in page


def test_by_hand_the_app_asks_for_a_patient_and_lists_what_this_user_was_asked(site: Site) -> None:
    site.hook()
    site.ehr.standalone = Launch(TRAN["patient"], TRAN["user"])
    assert site.ehr.iss in site.page("/app")
    sent = site.to_ehr()
    assert query_of(sent)["scope"].startswith("launch/patient openid") and "launch" not in query_of(sent)
    path = site.get(site.signed_in(sent)).headers["Location"]
    [chosen] = re.findall(r'href="([^"]*\?order=[^"]*)"', site.page(path))
    site.answer(chosen, "3")
    assert "You told us" in site.page(chosen)


def test_by_hand_another_user_or_patient_finds_nothing(site: Site) -> None:
    site.hook()
    for whom in (Launch(TRAN["patient"], "Practitioner/other"), Launch("other", TRAN["user"])):
        site.ehr.standalone = whom
        path = site.get(site.signed_in(site.to_ehr())).headers["Location"]
        assert "No order was handed over" in site.page(path)


def test_tokens_that_have_run_out_are_renewed_and_the_new_ones_used(site: Site, clock: Clock) -> None:
    path = site.launched(context_of(site.hook()), **TRAN)
    first = set(site.ehr.access)
    clock.later(minutes=10)
    assert "Ada Example" in site.page(path)
    [renewed] = set(site.ehr.access) - first
    assert renewed
    assert "Ada Example" in site.page(path)
    assert len(site.ehr.access) == 2


def test_where_the_ehr_gives_no_new_tokens_the_order_is_still_shown(site: Site, clock: Clock) -> None:
    path = site.launched(context_of(site.hook()), **TRAN)
    site.ehr.access.clear()
    site.ehr.refresh.clear()
    clock.later(minutes=10)
    page = site.page(path)
    assert "MRI lumbar spine" in page and "Ada Example" not in page


def test_a_renewal_for_another_patient_ends_the_session(site: Site, clock: Clock) -> None:
    path = site.launched(context_of(site.hook()), **TRAN)
    site.ehr.token = {"patient": "somebody-else"}
    clock.later(minutes=10)
    assert "Your visit has ended" in site.page(path, 401)
    site.ehr.token = {}
    site.page(path, 401)


def test_a_session_has_an_end_and_can_be_closed(site: Site, clock: Clock) -> None:
    one, other = (site.launched(context_of(site.hook()), **TRAN) for _ in range(2))
    assert "The app is closed" in site.post(f"{one}/close", form_of(site.page(one), "/close")).get_data(as_text=True)
    site.page(one, 401)
    site.page(other)
    clock.later(minutes=61)
    site.page(other, 401)


def test_two_patients_in_two_windows_stay_apart(site: Site) -> None:
    one = site.launched(context_of(site.hook()), **TRAN)
    other = site.launched(context_of(site.hook("09", patientId="p9")), patient="p9", user=TRAN["user"])
    assert "MRI lumbar spine" in site.page(one)
    assert site.page(one) != site.page(other)


# --- who may launch


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example/fhir",
        "",
        "javascript:alert(1)",
        "{iss}/other",
        "{iss}x",
        "{iss}?a=b",
        "{iss}/../evil",
        "{at}@evil.example/fhir",
    ],
)
def test_a_foreign_or_forged_iss_is_sent_nowhere(site: Site, iss: str) -> None:
    forged = iss.format(iss=site.ehr.iss, at=site.ehr.url)
    response = site.get("/app/launch", query_string={"iss": forged, "launch": "x"})
    assert response.status_code == 403 and "Location" not in response.headers
    assert "evil" not in response.get_data(as_text=True)
    assert not site.ehr.asked


def test_an_iss_that_stands_twice_in_the_address_is_refused(site: Site) -> None:
    query = [("iss", site.ehr.iss), ("iss", "https://evil.example/fhir"), ("launch", "x")]
    assert site.get("/app/launch", query_string=query).status_code == 403


def test_a_slash_at_the_end_of_the_iss_makes_no_difference(site: Site) -> None:
    assert (
        query_of(site.get("/app/launch", query_string={"iss": f"{site.ehr.iss}/", "launch": "x"}))["aud"]
        == site.ehr.iss
    )


@pytest.mark.parametrize(
    "said",
    [
        {"code_challenge_methods_supported": ["plain"]},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"token_endpoint": ...},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_an_ehr_that_cannot_do_it_safely_is_not_used(site: Site, said: dict[str, Any]) -> None:
    site.ehr.configuration = said
    response = site.to_ehr(launch="x")
    assert response.status_code == 502 and "Location" not in response.headers


def test_nobody_is_sent_to_an_address_that_the_query_names(site: Site) -> None:
    evil = "https://evil.example/"
    names = ("redirect_uri", "next", "return_to", "url", "authorization_endpoint", "target_link_uri")
    query = {"iss": site.ehr.iss, "launch": "x", **dict.fromkeys(names, evil)}
    assert "evil" not in site.get("/app/launch", query_string=query).headers["Location"]
    back = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    done = site.get(f"{back}&" + "&".join(f"{n}={evil}" for n in names))
    assert re.fullmatch(r"/app/s/[\w-]+", done.headers["Location"])


# --- coming back


def test_a_state_is_good_once(site: Site) -> None:
    back = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    assert site.get(back).status_code == 303
    again = site.get(back)
    assert again.status_code == 400 and "no longer good" in again.get_data(as_text=True)


def test_a_code_used_before_opens_nothing(site: Site) -> None:
    used = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    site.get(used)
    code = dict(p.split("=") for p in urlsplit(used).query.split("&"))["code"]
    state = query_of(site.to_ehr(launch=site.ehr.launch()))["state"]
    assert site.get("/app/callback", query_string={"code": code, "state": state}).status_code == 403


def test_a_code_of_another_launch_opens_nothing_since_its_verifier_is_not_ours(site: Site) -> None:
    stolen = query_of_path(site.signed_in(site.to_ehr(launch=site.ehr.launch())))["code"]
    state = query_of(site.to_ehr(launch=site.ehr.launch()))["state"]
    response = site.get("/app/callback", query_string={"code": stolen, "state": state})
    assert response.status_code == 403 and not response.headers.getlist("Set-Cookie")


@pytest.mark.parametrize("state", ["", "x", "x" * 43, "x" * 5000])
def test_a_state_that_nobody_made_is_refused(site: Site, state: str) -> None:
    response = site.get("/app/callback", query_string={"code": "c", "state": state})
    assert response.status_code == 400 and "xxx" not in response.get_data(as_text=True)


def test_a_launch_ends_in_the_browser_that_began_it(site: Site) -> None:
    back = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    victim = site.another_browser()
    assert victim.get(back, base_url=BASE).status_code == 400
    assert site.get(back).status_code == 303, "and the other browser did not use it up"


def test_a_launch_that_took_too_long_is_over(site: Site, clock: Clock) -> None:
    back = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    clock.now += LAUNCH_LASTS * 1.01
    assert site.get(back).status_code == 400


def test_what_the_ehr_says_of_a_refusal_is_not_repeated(site: Site) -> None:
    state = query_of(site.to_ehr(launch="x"))["state"]
    query = {"error": "access_denied", "error_description": "<b>call 555</b>", "state": state}
    response = site.get("/app/callback", query_string=query)
    assert response.status_code == 403
    assert "555" not in response.get_data(as_text=True)


def test_the_answer_of_another_authorization_server_is_refused(site: Site) -> None:
    back = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    assert site.get(f"{back}&iss=https://evil.example").status_code == 403
    back = site.signed_in(site.to_ehr(launch=site.ehr.launch()))
    assert site.get(f"{back}&iss={site.ehr.url}").status_code == 303


def test_an_ehr_that_says_who_it_is_must_say_it(site: Site) -> None:
    site.ehr.configuration = {"authorization_response_iss_parameter_supported": True}
    assert site.get(site.signed_in(site.to_ehr(launch=site.ehr.launch()))).status_code == 403


@pytest.mark.parametrize(
    "token",
    [{"patient": ...}, {"patient": "../x"}, {"token_type": "mac"}, {"access_token": ...}, {"access_token": 7}],
)
def test_a_token_response_that_makes_no_sense_opens_nothing(site: Site, token: dict[str, Any]) -> None:
    site.ehr.token = token
    assert site.get(site.signed_in(site.to_ehr(launch=site.ehr.launch()))).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"aud": "another-app"}, {"iss": "https://evil.example"}, {"exp": 1}, {"exp": True}],
)
def test_an_id_token_that_was_not_made_for_this_launch_opens_nothing(site: Site, claims: dict[str, Any]) -> None:
    site.ehr.claims = claims
    assert site.get(site.signed_in(site.to_ehr(launch=site.ehr.launch()))).status_code == 403


def test_an_id_token_that_cannot_be_checked_opens_nothing(site: Site) -> None:
    site.ehr.configuration = {"jwks_uri": ...}
    assert site.get(site.signed_in(site.to_ehr(launch=site.ehr.launch()))).status_code == 403


# --- the double itself


def test_the_double_refuses_a_wrong_verifier_a_used_code_and_a_foreign_redirect(ehr: SmartServer) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    app = App()
    asked = {
        "response_type": "code", "client_id": app.client_id, "redirect_uri": app.redirect_uris[0], "aud": ehr.iss,
        "scope": "launch", "state": "s" * 22, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip

    def code() -> str:
        url = f"{ehr.url}/authorize"
        reply = requests.get(url, params={**asked, "launch": ehr.launch()}, allow_redirects=False, timeout=5)
        return query_of_path(reply.headers["Location"])["code"]

    def token(code: str, **more: str) -> int:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uris[0],
                "client_id": app.client_id, "code_verifier": verifier, **more}  # fmt: skip
        return requests.post(f"{ehr.url}/token", data=form, timeout=5).status_code

    good = code()
    assert token(good) == 200 and token(good) == 400
    assert token(code(), code_verifier="w" * 43) == 400
    assert token(code(), redirect_uri="https://evil.example") == 400
    foreign = {**asked, "redirect_uri": "https://evil.example", "launch": ehr.launch()}
    assert requests.get(f"{ehr.url}/authorize", params=foreign, allow_redirects=False, timeout=5).status_code == 400


def query_of_path(path: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in urlsplit(path).query.split("&"))
