"""Nothing that tells who a patient is gets into logs, the journal, metrics, the dashboard, or any file of the service.

Every fixture request is sent as it stands and again with marks in everything that tells somebody apart: answered,
refused, fetched from a FHIR server, launched in the app, commented on in feedback, broken by a crash. Then all that the
service wrote is searched for every value.
"""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from hooks.overrides import override_reasons
from service import log as logs
from service.journal.models import Base, Card, Consult
from tests.explain_examples import explained_at
from tests.fhir_server import FhirServer
from tests.patient_values import Scanner, mark, marked, telling, values_of
from tests.requests_loader import FIXTURES, good_requests, load, refused
from tests.sandbox_charts import chart
from tests.service_examples import NOW, SERVICE, Json, call, make_app, order, parts_of
from tests.smart_examples import Clock, clock, ehr, form_of, make_site
from tests.smart_server import SmartServer

__all__ = ["clock", "ehr"]

ALLOWED = yaml.safe_load((Path(__file__).parent / "data" / "words_of_nobody.yaml").read_text(encoding="utf-8"))
"""Free text of the fixtures that the criteria or the service say too, each with its reason."""


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged, at every level, by the service and by libraries."""
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, threading.excepthook
    stream = io.StringIO()
    logs.configure(stream, logging.DEBUG)
    yield stream
    root.handlers[:], threading.excepthook = before, hook
    root.setLevel(level)
    structlog.reset_defaults()


class Run:
    """One service that is sent everything; ``told`` are the values that it was told."""

    def __init__(self, app: Flask) -> None:
        self.app, self.client = app, app.test_client()
        self.told: set[str] = set()
        self.statuses: dict[int, int] = {}

    def post(self, path: str, body: Json, **more: Any) -> Any:
        self.told |= telling(values_of(body))
        response = self.client.post(path, json=body, **more)
        self.statuses[response.status_code] = self.statuses.get(response.status_code, 0) + 1
        return response

    def hook(self, body: Json) -> Json:
        response = self.post(SERVICE, body)
        assert response.status_code == 200, response.get_data(as_text=True)
        answer: Json = response.get_json()
        return answer

    def feedback(self, answer: Json) -> None:
        """Every card overridden, with a reason in words and a comment; the first accepted too."""
        reason = override_reasons()[0].coding()
        for n, card in enumerate(answer["cards"]):
            words: Json = {
                "reason": {**reason, "display": mark("display")},
                "userComment": f"She said {mark('comment')}",
            }
            if n % 2:
                words["reason"] = {"code": mark("own"), "system": "urn:example:ours", "display": mark("display")}
            entry = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-06-02T03:00:00Z",
                     "overrideReason": words, "note": mark("extra")}  # fmt: skip
            accepted = {
                "card": card["uuid"],
                "outcome": "accepted",
                "outcomeTimestamp": "2026-06-02T03:00:00Z",
                "acceptedSuggestions": [{"id": s["uuid"]} for s in card.get("suggestions", ())] or [{"id": "x"}],
            }
            self.told |= {words["reason"]["display"], words["userComment"], words["userComment"][9:], entry["note"]}
            assert self.post(f"{SERVICE}/feedback", {"feedback": [entry, accepted]}).status_code == 200

    def read_what_it_says(self, answer: Json) -> None:
        for card in answer["cards"]:
            for address in explained_at(card):
                assert self.client.get(address).status_code == 200


def places(app: Flask, folder: Path, log: io.StringIO) -> dict[str, str | bytes]:
    """All that the service wrote or shows to whoever runs it."""
    journal, client = parts_of(app).journal, app.test_client()
    closed = not parts_of(app).settings.open
    out: dict[str, str | bytes] = {} if closed else {
        path: client.get(path).get_data(as_text=True)
        for path in ("/metrics", "/dashboard", "/dashboard.json", "/health/ready")
    }  # fmt: skip
    out |= {f"file {f.relative_to(folder)}": f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
    with Session(journal.engine) as session:
        for name, table in Base.metadata.tables.items():
            out[f"table {name}"] = "\n".join(repr(tuple(row)) for row in session.execute(select(table)))
    journal.engine.dispose()
    out |= {f"closed file {f.relative_to(folder)}": f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
    out["log"] = log.getvalue()
    return out


def test_nothing_that_the_service_is_told_of_a_patient_stays_anywhere(
    tmp_path: Path, written: io.StringIO, make_fhir: Callable[..., FhirServer], fhir_servers: Any, monkeypatch: Any
) -> None:
    app = make_app(tmp_path, base_url="https://cds.example.org", fhir_bases=fhir_servers.url, fhir_budget_seconds=5.0,
                   user_role=True)  # fmt: skip
    run = Run(app)
    contracts = sorted((FIXTURES / "contracts").glob("*.json"))
    stored = [*good_requests(NOW.date()).values(), *(load(f"contracts/{f.name}", NOW.date()) for f in contracts)]
    for request in stored:
        run.hook(request)
        body = marked(request)
        answer = run.hook(body)
        run.feedback(answer)
        run.read_what_it_says(answer)
        server = make_fhir(chart(body), token="tok")
        run.told |= telling(values_of(chart(body)))
        run.hook({**body, "prefetch": None, "fhirServer": server.base, "fhirAuthorization": _authorization(body)})
    for entry in refused():
        raw = (FIXTURES / "refused" / entry["file"]).read_bytes()
        if entry["file"].endswith(".json"):
            run.told |= telling(values_of(json.loads(raw)))
        path = f"/cds-services/{entry['path']}" if "path" in entry else SERVICE
        run.client.post(path, data=raw, content_type=entry.get("content_type", "application/json"))
    for file in sorted((FIXTURES / "spec").glob("*.json")):
        body = load(f"spec/{file.name}", NOW.date())
        run.post(f"{SERVICE}/feedback" if "feedback" in body else SERVICE, body)
    monkeypatch.setattr("criteria.verdict_on", _break)
    assert run.post(SERVICE, marked(stored[0])).status_code == 500
    assert run.statuses[200] > 50 and max(run.statuses) == 500

    searched = places(app, tmp_path, written)
    values = run.told - set(ALLOWED)
    assert len(values) > 500 and len(searched["log"]) > 100_000
    assert len(searched["table consults"]) > 10_000 and searched["table feedback"]
    assert any(name.endswith("-wal") for name in searched)
    assert Scanner(values).found(searched) == {}
    assert {text for text in ALLOWED if not Scanner({text}).found(searched)} == set(), "is allowed, and not needed"


def _authorization(body: Json) -> Json:
    return {"access_token": "tok", "token_type": "Bearer", "expires_in": 300, "subject": "client",
            "scope": "patient/*.read user/*.read", "patient": body["context"]["patientId"]}  # fmt: skip


def _break(*held: Any, **more: Any) -> None:
    raise RuntimeError(f"{held} {more}")


def test_nothing_of_the_patient_stays_after_a_launch_of_the_app(
    tmp_path: Path, written: io.StringIO, ehr: SmartServer, clock: Clock
) -> None:
    site = make_site(tmp_path, ehr, clock)
    body = marked(good_requests(clock.now.date())["02_lumbar_mri_no_word_on_treatment"])
    answer = site.send(body)
    context = body["context"]
    [link] = [link for link in answer["cards"][0]["links"] if link["type"] == "smart"]
    path = site.launched(link["appContext"], patient=context["patientId"], user=context["userId"])
    fact = form_of(site.page(path), "/answer")["fact"]
    assert site.answer(path, "3" if "days_ago" in fact else "yes").status_code == 303
    site.page(path)
    assert site.send(body)
    searched = places(site.app, tmp_path, written)
    assert searched["table app_answers"] and searched["table app_consults"] and searched["table app_sessions"]
    assert Scanner(telling(values_of(body))).found(searched) == {}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Flask]:
    app = make_app(tmp_path)
    yield app
    parts_of(app).journal.engine.dispose()


def test_a_planted_leak_is_found_wherever_it_is(
    small: Flask, tmp_path: Path, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search must be able to fail: one value in each kind of place."""
    monkeypatch.setattr("service.dashboard.pages.KEPT_SECONDS", -1.0)
    run = Run(small)
    body = marked(call(order()))
    answer = run.hook(body)
    patient = body["prefetch"]["patient"]
    structlog.get_logger("x").debug("oops", name=patient["name"][0]["family"])
    with Session(parts_of(small).journal.engine) as session, session.begin():
        session.scalars(select(Consult)).one().because = patient["birthDate"]
        session.scalars(select(Card)).first().indicator = patient["telecom"][0]["value"]  # type: ignore[union-attr]
        (tmp_path / "notes.jsonl").write_text(json.dumps({"note": patient["address"][0]["city"]}))
        session.flush()
        found = Scanner(run.told).found(places(small, tmp_path, written))
    assert answer["cards"]
    assert found["log"] == {patient["name"][0]["family"]}
    found = Scanner(run.told).found(places(small, tmp_path, written))
    assert found["table consults"] == {patient["birthDate"]}
    assert found["table cards"] == {patient["telecom"][0]["value"]}
    assert found["file notes.jsonl"] == {patient["address"][0]["city"]}
    assert any(patient["birthDate"] in values for name, values in found.items() if "journal.sqlite" in name)
    assert patient["telecom"][0]["value"] in found["/dashboard.json"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"x": "M\\u00fcller-L\\u00fcd"}', "Müller-Lüd"),
        ('{"x": "Müller-Lüd"}', "Müller-Lüd"),
        ("/Patient?name=M%C3%BCller-L%C3%BCd", "Müller-Lüd"),
        ('say \\"no\\"', 'say "no"'),
        ("key=(Ana)", "Ana"),
    ],
)
def test_a_value_is_known_in_each_of_its_shapes(text: str, value: str) -> None:
    assert Scanner({value}).found_in(text) == {value}
    assert Scanner({value}).found_in(text.encode()) == {value}


def test_a_short_value_within_a_word_is_none(tmp_path: Path) -> None:
    assert Scanner({"Ana"}).found_in("Analysis of Anas") == set()


def test_what_tells_a_person_apart_is_collected_by_what_it_is() -> None:
    body = {
        "context": {"patientId": "p-1", "userId": "Practitioner/d-1", "draftOrders": {"entry": [{"resource": {
            "resourceType": "ServiceRequest", "id": "o-1", "code": {"coding": [{"code": "72148", "display": "MRI"}]},
            "requester": {"reference": "https://x/Practitioner/d-2", "display": "Dr Grey"},
            "note": [{"text": "Call me"}],
        }}]}},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p-1", "birthDate": "1980-01-01", "gender": "female",
                                 "address": [{"use": "home", "line": ["1 Road"]}], "name": [{"family": "Roe"}]},
                     "o": {"resourceType": "Observation", "id": "ob-1", "valueString": "fell",
                           "identifier": [{"value": "acc-1"}]}},
    }  # fmt: skip
    assert telling(values_of(body)) == {
        "p-1", "d-1", "o-1", "d-2", "Dr Grey", "Call me", "1980-01-01", "1 Road", "Roe", "fell", "acc-1",
    }  # fmt: skip
