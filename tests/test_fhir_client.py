"""What the service fetches, what it leaves alone, and what it makes of failures."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hooks.contexts import FhirAuthorization
from hooks.errors import PatientMissing
from hooks.request import HookRequest
from mappings.queries import QUERIES
from service.clients import Client, ClientProfile, load_profiles
from service.fhir import Collected, FhirClient
from service.settings import read_settings
from service.urls import read_base
from tests.fhir_double import Double, Reply, bundle, fhir_double

PATIENT = {"resourceType": "Patient", "id": "p1"}
EMPTY = bundle()
SEARCHES = [key for key in QUERIES if key != "patient"]


@pytest.fixture
def server() -> Iterator[Double]:
    with fhir_double() as double:
        double.replies["/Patient/p1"] = Reply(PATIENT)
        yield double


def condition(name: str, patient: str = "p1") -> dict[str, Any]:
    return {"resourceType": "Condition", "id": name, "subject": {"reference": f"Patient/{patient}"}}


def prefetched(**keys: Any) -> dict[str, Any]:
    return {**dict.fromkeys(SEARCHES, EMPTY), "patient": PATIENT, **keys}


def collect(
    server: Double | None,
    prefetch: dict[str, Any] | None = None,
    *,
    scope: str | None = "patient/*.read",
    profile: str = "full",
    allowed: str | None = None,
    fhir_server: str | None = None,
    **settings: Any,
) -> Collected:
    url = fhir_server or (server.base if server else None)
    request = HookRequest(
        hook="order-sign",
        hook_instance="d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        user_id="Practitioner/1",
        patient_id="p1",
        drafts=(),
        focus=(),
        fhir_server=url,
        fhir_authorization=None if scope is None else FhirAuthorization(access_token="secret-token", scope=scope),
        prefetch=prefetch or {},
    )
    base = read_base(allowed or (server.base if server else "https://nowhere.example"))
    client = Client("t", load_profiles()[profile], (base,) if base else ())
    read = read_settings({}, open=True, **{"fhir_budget_seconds": 2.0, **settings})
    return FhirClient(read).complete(request, QUERIES, client)


def ids(collected: Collected) -> set[str]:
    return {r["id"] for r in collected.resources if r is not None and "id" in r}


def test_a_complete_prefetch_needs_no_call(server: Double) -> None:
    collected = collect(server, prefetched(conditions=bundle(condition("c1"))))
    assert (ids(collected), collected.missing, server.calls) == ({"p1", "c1"}, frozenset(), [])


def test_without_prefetch_everything_is_fetched_with_the_token(server: Double) -> None:
    server.replies["/Condition"] = Reply(bundle(condition("c1")))
    collected = collect(server)
    assert ids(collected) == {"p1", "c1"}
    assert collected.missing == frozenset()
    assert len(server.calls) == len(QUERIES)
    assert {headers["authorization"] for _, headers in server.calls} == {"Bearer secret-token"}
    assert all(headers["accept"].startswith("application/fhir+json") for _, headers in server.calls)


def test_only_what_prefetch_lacks_is_fetched(server: Double) -> None:
    prefetch = prefetched()
    del prefetch["conditions"]
    server.replies["/Condition"] = Reply(bundle(condition("c1")))
    collected = collect(server, prefetch)
    assert server.paths == ["/fhir/Condition?patient=p1&_count=500"]
    assert "c1" in ids(collected)


@pytest.mark.parametrize("nothing", [None, EMPTY], ids=["null", "empty bundle"])
def test_a_search_that_found_nothing_is_not_repeated_and_not_missing(server: Double, nothing: Any) -> None:
    collected = collect(server, prefetched(conditions=nothing))
    assert (server.calls, collected.missing) == ([], frozenset())


@pytest.mark.parametrize(
    "useless",
    [{"resourceType": "OperationOutcome"}, "text", 7, [], {}, {"resourceType": "Bundle", "entry": 7}, PATIENT],
    ids=["OperationOutcome", "text", "number", "list", "empty object", "broken bundle", "another type"],
)
def test_an_unusable_prefetch_is_fetched_instead_and_missing_where_that_is_impossible(
    server: Double, useless: Any
) -> None:
    server.replies["/Condition"] = Reply(bundle(condition("c1")))
    assert "c1" in ids(collect(server, prefetched(conditions=useless)))
    assert collect(None, prefetched(conditions=useless)).missing == {"Condition"}


def test_a_null_patient_is_fetched(server: Double) -> None:
    assert "p1" in ids(collect(server, prefetched(patient=None)))


@pytest.mark.parametrize(
    "patient", [None, {"resourceType": "Patient", "id": "p11"}, {"resourceType": "OperationOutcome"}]
)
def test_without_the_patient_there_is_no_answer_and_the_key_is_named(patient: Any) -> None:
    with pytest.raises(PatientMissing) as error:
        collect(None, prefetched(patient=patient))
    assert error.value.key == "patient"


def test_next_links_are_followed_to_the_end(server: Double) -> None:
    server.replies["/Condition"] = Reply(bundle(condition("c1"), following=f"{server.base}?page=2"))
    server.replies["?page=2"] = Reply(bundle(condition("c2"), following="/fhir/more?page=3"))
    server.replies["/more?page=3"] = Reply(bundle(condition("c3")))
    collected = collect(server)
    assert {"c1", "c2", "c3"} <= ids(collected)
    assert "Condition" not in collected.missing


def test_the_rest_of_a_paged_prefetch_is_fetched_and_its_first_page_kept(server: Double) -> None:
    server.replies["/page2"] = Reply(bundle(condition("c2")))
    collected = collect(server, prefetched(conditions=bundle(condition("c1"), following=f"{server.base}/page2")))
    assert ({"c1", "c2"} <= ids(collected), collected.missing, server.paths) == (True, frozenset(), ["/fhir/page2"])


def test_a_prefetch_with_fewer_than_its_total_is_fetched_whole(server: Double) -> None:
    server.replies["/Condition"] = Reply(bundle(condition("c1"), condition("c2")))
    collected = collect(server, prefetched(conditions=bundle(condition("c1"), total=2)))
    assert ({"c1", "c2"} <= ids(collected), collected.missing) == (True, frozenset())


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/fhir/x",
        "{root}/other/x",
        "{root}/fhirx/y",
        "{root}/fhir/../admin",
        "{root}/fhir/%2e%2e/a",
        "//evil.example/fhir",
        "http://127.0.0.1@evil.example/fhir",
        "{root}/fhir\\..\\x",
    ],
)
def test_the_token_never_follows_a_next_link_out_of_the_base(server: Double, elsewhere: str) -> None:
    root = server.base.removesuffix("/fhir")
    link = elsewhere.format(root=root)
    collected = collect(server, prefetched(conditions=bundle(condition("c1"), following=link)))
    assert server.calls == []
    assert (set(collected.missing), dict(collected.why)) == ({"Condition"}, {"conditions": "next-elsewhere"})
    assert "c1" in ids(collected)


def test_a_circle_of_pages_ends(server: Double) -> None:
    server.replies["/Condition"] = Reply(bundle(condition("c1"), following=f"{server.base}/again"))
    server.replies["/again"] = Reply(bundle(condition("c2"), following=f"{server.base}/again"))
    collected = collect(server)
    assert collected.why["conditions"] == "too-many-pages"
    assert "Condition" in collected.missing


def test_redirects_are_not_followed(server: Double) -> None:
    server.replies["/Condition"] = Reply({}, 302, {"Location": f"{server.base}/Elsewhere"})
    collected = collect(server)
    assert collected.why == {"conditions": "redirect"}
    assert "/fhir/Elsewhere" not in server.paths


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusing_server_makes_the_type_missing_and_the_rest_still_counts(server: Double, status: int) -> None:
    server.replies["/Condition"] = Reply({"resourceType": "OperationOutcome"}, status)
    collected = collect(server)
    assert (set(collected.missing), dict(collected.why)) == ({"Condition"}, {"conditions": f"http-{status}"})


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"<html>"), "not-json"),
        (Reply({"resourceType": "OperationOutcome"}), "outcome"),
        (Reply([1, 2]), "not-fhir"),
        (Reply(b"x" * 5000), "too-large"),
        (Reply(gzip.compress(b"x" * 5_000_000), headers={"Content-Encoding": "gzip"}), "too-large"),
        (Reply(bundle(condition("c1"), total=9)), "truncated"),
        (Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"}), "unreachable"),
    ],
    ids=["html", "outcome", "list", "too large", "zip bomb", "truncated", "broken gzip"],
)
def test_an_unusable_answer_makes_the_type_missing(server: Double, reply: Reply, reason: str) -> None:
    server.replies["/Condition"] = reply
    collected = collect(server, fhir_max_bytes=4000)
    assert (set(collected.missing), dict(collected.why)) == ({"Condition"}, {"conditions": reason})


def test_a_compressed_answer_is_read(server: Double) -> None:
    body = gzip.compress(json.dumps(bundle(*[condition(f"c{n}") for n in range(3000)])).encode())
    server.replies["/Condition"] = Reply(body, headers={"Content-Encoding": "gzip"})
    assert (
        len(
            ids(
                collect(
                    server,
                    fhir_budget_seconds=30.0,
                    fhir_timeout_seconds=30.0,
                    hook_budget_seconds=60.0,
                    graceful_seconds=90,
                )
            )
        )
        == 3001
    )


@pytest.mark.parametrize("slow", [Reply(EMPTY, wait=8), Reply(EMPTY, drip=0.5)], ids=["silent", "dripping"])
def test_what_does_not_arrive_within_the_budget_is_missing(server: Double, slow: Reply) -> None:
    """The answer does not wait for the slow one; on a busy machine another may be late as well."""
    server.replies["/Condition"] = slow
    began = time.monotonic()
    collected = collect(server, fhir_budget_seconds=1.0)
    assert time.monotonic() - began < 8
    assert "Condition" in collected.missing
    assert collected.why["conditions"] == "timeout"


def test_searches_run_side_by_side(server: Double) -> None:
    for query in QUERIES.values():
        if not query.required:
            server.replies[f"/{query.type}"] = Reply(EMPTY, wait=0.5)
    began = time.monotonic()
    assert collect(server, fhir_budget_seconds=6.0).missing == frozenset()
    assert time.monotonic() - began < 5  # one after the other they would take 7


def test_a_server_that_is_not_there_makes_everything_missing_but_the_prefetched() -> None:
    collected = collect(None, {"patient": PATIENT}, fhir_server="http://127.0.0.1:9", allowed="http://127.0.0.1:9")
    assert collected.missing == {q.type for q in QUERIES.values() if not q.required}
    assert set(collected.why.values()) == {"unreachable"}


@pytest.mark.parametrize(
    ("allowed", "called", "reached"),
    [
        ("https://ehr.example/fhir", "https://ehr.example/fhir", True),
        ("https://ehr.example/fhir", "https://EHR.example:443/fhir/r4", True),
        ("https://ehr.example/fhir", "https://ehr.example/fhir2", False),
        ("https://ehr.example/fhir", "https://ehr.example/fhir/../x", False),
        ("https://ehr.example/fhir", "https://ehr.example/fhir/%2E%2e/x", False),
        ("https://ehr.example/fhir", "http://ehr.example/fhir", False),
        ("https://ehr.example/fhir", "https://ehr.example:8443/fhir", False),
        ("https://ehr.example/fhir", "https://ehr.example.evil.example/fhir", False),
        ("https://ehr.example/fhir", "https://ehr.example@evil.example/fhir", False),
        ("https://ehr.example/fhir", "https://ehr.example\\@evil.example/fhir", False),
        ("https://ehr.example/fhir", "https://ehr.example/fhir?x=1", False),
        ("https://ehr.example", "https://ehr.example/anything", True),
    ],
)
def test_only_allowed_bases_are_called(allowed: str, called: str, reached: bool) -> None:
    base, target = read_base(allowed), read_base(called)
    assert base is not None
    assert (target is not None and base.holds(target)) is reached


def test_a_server_that_is_not_allowed_is_never_called(server: Double) -> None:
    collected = collect(server, {"patient": PATIENT}, allowed="https://ehr.example/fhir")
    assert server.calls == []
    assert set(collected.why.values()) == {"not-allowed"}


def test_a_client_that_wants_no_callbacks_gets_none(server: Double) -> None:
    collected = collect(server, {"patient": PATIENT}, profile="no-callbacks")
    assert (server.calls, set(collected.why.values())) == ([], {"no-callbacks"})


@pytest.mark.parametrize(
    "scope", ["patient/Condition.read patient/Patient.read", "user/Condition.rs patient/Patient.rs"]
)
def test_types_outside_the_scopes_are_not_asked_for(server: Double, scope: str) -> None:
    prefetch = prefetched()
    del prefetch["conditions"], prefetch["devices"]
    collected = collect(server, prefetch, scope=scope)
    assert server.paths == ["/fhir/Condition?patient=p1&_count=500"]
    assert (set(collected.missing), dict(collected.why)) == ({"Device"}, {"devices": "scope"})


def test_an_open_server_is_asked_without_a_token(server: Double) -> None:
    assert collect(server, scope=None).missing == frozenset()
    assert all("authorization" not in headers for _, headers in server.calls)


def test_cookies_of_one_call_do_not_reach_the_next(server: Double) -> None:
    server.replies["/Patient/p1"] = Reply(PATIENT, headers={"Set-Cookie": "tenant=a"})
    collect(server, fhir_connections=1)
    assert all("cookie" not in headers for _, headers in server.calls)


def test_credentials_of_the_environment_do_not_replace_the_token(
    server: Double, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    collect(server)
    assert {headers["authorization"] for _, headers in server.calls} == {"Bearer secret-token"}


def test_the_profiles_are_as_documented() -> None:
    profiles = load_profiles()
    assert set(profiles) == {"full", "cards-only", "no-callbacks", "sandbox", "epic", "crd-2.0.1", "crd-2.2"}
    assert isinstance(profiles["sandbox"], ClientProfile)
    assert profiles["sandbox"].shows.always_rate
    assert profiles["sandbox"].shows.suggestion_actions == ("update",)
    assert not profiles["full"].answer_failures
