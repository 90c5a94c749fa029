"""The service over HTTP, as a client sees it: discovery, hooks, feedback, CORS, errors and limits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.decide import Decision
from service.journal.models import FeedbackRow
from tests.service_examples import SERVICE, call, make_app, order, parts_of
from tests.test_trust import SANDBOX

SANDBOX_TOKEN = {
    "Authorization": "Bearer " + jwt.encode({"iss": "https://sandbox.cds-hooks.org"}, "x" * 64, algorithm="HS256")
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = make_app(tmp_path_factory.mktemp("service"))
    yield made
    parts_of(made).journal.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def is_outcome(response: TestResponse, status: int) -> str:
    """The text of the OperationOutcome that every error must be."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/fhir+json"
    body = orjson.loads(response.data)
    assert body["resourceType"] == "OperationOutcome"
    return str(body["issue"][0]["details"]["text"])


def test_discovery_lists_one_id_for_two_hooks(client: FlaskClient) -> None:
    for path in ("/cds-services", "/cds-services/"):
        services = client.get(path).get_json()["services"]
        assert {s["hook"] for s in services} == {"order-select", "order-sign"}
        assert len({s["id"] for s in services}) == 1
        for templates in (s["prefetch"] for s in services):
            assert all("{{context.patientId}}" in t for t in templates.values())


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize("path", [SERVICE, SERVICE.replace("services/", "services//")])
def test_a_hook_is_answered_with_a_rating_and_a_card(client: FlaskClient, hook: str, path: str) -> None:
    response = client.post(path, json=call(hook=hook))
    assert response.status_code == 200, response.text
    assert response.get_json()["systemActions"] == response.get_json()["extension"]["systemActions"]


def test_the_largest_numbers_of_a_clients_order_come_back_unharmed(client: FlaskClient) -> None:
    extension = {"url": "https://ehr.example/x", "valueInteger": 2**31 - 1}
    sent = order(extension=[extension])
    answer = client.post(SERVICE, json=call(sent)).get_json()
    assert extension in answer["systemActions"][0]["resource"]["extension"]


@pytest.mark.parametrize("path", ["/cds-services", SERVICE, f"{SERVICE}/feedback", "/nowhere"])
def test_every_address_answers_a_preflight(client: FlaskClient, path: str) -> None:
    headers = {
        "Origin": "https://sandbox.cds-hooks.org",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = client.options(path, headers=headers)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed


def test_errors_can_be_read_from_a_browser_too(client: FlaskClient) -> None:
    response = client.post(
        SERVICE, data="no json", content_type="application/json", headers={"Origin": "https://a.example"}
    )
    is_outcome(response, 400)
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("POST", SERVICE, b"{", "application/json", 400),
        ("POST", SERVICE, b"", "application/json", 400),
        ("POST", SERVICE, b"\xff\xfe", "application/json", 400),
        ("POST", SERVICE, b'{"a": NaN}', "application/json", 400),
        ("POST", SERVICE, b"[]", "application/json", 400),
        ("POST", SERVICE, b"null", "application/json", 400),
        ("POST", SERVICE, b"[" * 200_000, "application/json", 400),
        ("POST", SERVICE, b"[" * 500 + b"]" * 500, "application/json", 400),
        ("POST", SERVICE, b'{"a":' * 900 + b"1" + b"}" * 900, "application/json", 400),
        ("POST", SERVICE, b"{}", "text/plain", 415),
        ("POST", SERVICE, b"{}", "application/x-www-form-urlencoded", 415),
        ("POST", SERVICE, b" " * 5_000_001, "application/json", 413),
        ("POST", "/cds-services/other", b"{}", "application/json", 404),
        ("POST", "/cds-services/other/feedback", b"{}", "application/json", 404),
        ("POST", "/cds-services", b"{}", "application/json", 405),
        ("GET", SERVICE, b"", "", 405),
        ("PUT", SERVICE, b"{}", "application/json", 405),
        ("GET", "/nowhere", b"", "", 404),
        ("GET", "/cds-services/../etc/passwd", b"", "", 404),
    ],
)
def test_what_cannot_be_answered_is_refused_as_an_outcome(
    client: FlaskClient, method: str, path: str, body: bytes, kind: str, status: int
) -> None:
    is_outcome(client.open(path, method=method, data=body, content_type=kind), status)


def test_a_body_without_length_is_stopped_at_the_limit(client: FlaskClient) -> None:
    response = client.post(
        SERVICE,
        input_stream=io.BytesIO(b" " * 5_000_001),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""},
    )
    is_outcome(response, 413)


def test_a_bundle_with_too_many_entries_is_refused_and_a_large_one_answered(
    tmp_path: Path, client: FlaskClient
) -> None:
    small = make_app(tmp_path, max_entries=10)
    body = call()
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": [{}] * 11}
    is_outcome(small.test_client().post(SERVICE, json=body), 413)
    parts_of(small).journal.engine.dispose()
    condition = {
        "resourceType": "Condition", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]},
    }  # fmt: skip
    entries = [{"resource": {**condition, "id": f"c{n}"}} for n in range(10_000)]
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": entries}
    assert client.post(SERVICE, json=body).status_code == 200


@pytest.mark.parametrize("hook", ["patient-view", "order-dispatch", "", None, 7])
def test_a_hook_that_the_service_does_not_offer_is_refused(client: FlaskClient, hook: Any) -> None:
    is_outcome(client.post(SERVICE, json=call(**{"hook": "order-sign"}) | {"hook": hook}), 400)


def test_the_sandbox_misnames_the_hook_and_is_answered(client: FlaskClient) -> None:
    body = call(hook="order-select") | {"hook": "patient-view"}
    is_outcome(client.post(SERVICE, json=body), 400)
    assert client.post(SERVICE, json=body, headers=SANDBOX_TOKEN).status_code == 200


def test_without_the_patient_412_names_the_key(client: FlaskClient) -> None:
    body = call()
    del body["prefetch"]["patient"]
    response = client.post(SERVICE, json=body)
    is_outcome(response, 412)
    assert orjson.loads(response.data)["issue"][0]["expression"] == ["prefetch.patient"]


def test_our_own_trouble_is_a_500_that_tells_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the patient's name is Secret")

    monkeypatch.setattr(Decision, "decide", broken)
    response = client.post(SERVICE, json=call())
    is_outcome(response, 500)
    assert "Secret" not in response.text + "".join(capsys.readouterr())


def test_the_sandbox_learns_of_our_trouble_in_an_answer(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("trouble")

    monkeypatch.setattr(Decision, "decide", broken)
    response = client.post(SERVICE, json=call(), headers=SANDBOX_TOKEN)
    assert response.status_code == 200
    answer = response.get_json()
    extension = answer["extension"]["systemActions"][0]["resource"]["extension"]
    ratings = [e["valueCodeableConcept"]["coding"][0]["code"] for e in extension if e["url"].endswith("pama-rating")]
    assert ratings == ["needs-information"]
    assert [card["indicator"] for card in answer["cards"]] == ["warning"]


def test_feedback_is_taken_and_kept_without_anybodys_words(app: Flask, client: FlaskClient) -> None:
    sent = {
        "feedback": [
            {
                "card": "9368d37b-283f-44a0-93ea-547cebab93ed", "outcome": "overridden", "overrideReason": {
                    "reason": {"code": "d7ecf885", "system": "https://example.com/cds-hooks/override-reason-system"},
                    "userComment": "clinician entered comment"},
                "outcomeTimestamp": "2020-12-11T00:00:00Z", "extension": {"com.example": [1]},
            }
        ]
    }  # fmt: skip
    assert client.post(f"{SERVICE}/feedback", json=sent).status_code == 200
    with parts_of(app).journal.engine.connect() as connection:
        kept = connection.execute(FeedbackRow.__table__.select()).mappings().one()
    [entry] = sent["feedback"]
    assert (kept["tenant"], kept["card"], kept["outcome"]) == ("open", entry["card"], "overridden")
    assert kept["reason_code"] == "d7ecf885" and kept["commented"]
    assert "clinician" not in repr(dict(kept))
    is_outcome(client.post(f"{SERVICE}/feedback", json={"feedback": [{"card": 7}]}), 400)


def test_a_request_id_is_given_back_and_never_trusted_blindly(client: FlaskClient) -> None:
    assert client.get("/health/live", headers={"X-Request-Id": "abcd-1234"}).headers["X-Request-Id"] == "abcd-1234"
    assert client.get("/health/live", headers={"X-Request-Id": "<script>"}).headers["X-Request-Id"] != "<script>"


def test_a_closed_service_asks_for_a_token_and_discovery_stays_open(tmp_path: Path) -> None:
    file = tmp_path / "trust.yaml"
    file.write_text(yaml.safe_dump([{"issuer": "https://sandbox.cds-hooks.org", "tenant": "s", "keys": [SANDBOX]}]))
    closed = make_app(tmp_path, open=False, trust_file=str(file), secret_key="k" * 32, origins="https://a.example")
    client = closed.test_client()
    assert client.get("/cds-services").status_code == 200
    for path, body in ((SERVICE, call()), (f"{SERVICE}/feedback", {"feedback": []})):
        response = client.post(path, json=body, headers={"Origin": "https://a.example", **SANDBOX_TOKEN})
        is_outcome(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
    other = client.get("/cds-services", headers={"Origin": "https://b.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
    parts_of(closed).journal.engine.dispose()


def test_no_log_line_holds_anything_of_the_patient(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    body = call(order("Zebra-order", note=[{"text": "Zebra note"}]))
    body["prefetch"]["patient"]["name"] = [{"family": "Zebra"}]
    body["prefetch"]["conditions"] = {
        "resourceType": "Bundle",
        "entry": [
            {
                "resource": {
                    "resourceType": "Condition",
                    "id": "Zebra-1",
                    "subject": {"reference": "Patient/Zebra"},
                    "code": "Zebra",
                }
            }
        ],
    }
    assert client.post(SERVICE, json=body).status_code == 200
    client.post("/cds-services/Zebra?name=Zebra", json=body)
    logged = "".join(capsys.readouterr())
    assert "answered" in logged
    assert "Zebra" not in logged
