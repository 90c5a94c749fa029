"""A site whose EHR launches the app: the service in this process, the EHR on loopback, and a browser between them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import read_settings
from tests.explain_examples import request_of
from tests.service_examples import NOW, SERVICE, Json, parts_of
from tests.smart_server import SmartServer, smart_server
from tests.test_trust import public

BASE = "https://cds.example.org"
EHR = "https://ehr.example.org"
SIGNS = ec.generate_private_key(ec.SECP384R1())
SECRET = "s" * 40
UNTREATED = "02"


@dataclass
class Clock:
    """Ours and the EHR's."""

    now: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def later(self, **span: float) -> None:
        self.now += dt.timedelta(**span)


@dataclass
class Site:
    """One installation and the EHR of its only tenant; ``browser`` keeps cookies, as the clinician's does."""

    app: Flask
    ehr: SmartServer
    clock: Clock
    folder: Path
    browser: FlaskClient = field(init=False)
    calls: int = 0

    def __post_init__(self) -> None:
        self.browser = self.another_browser()

    def another_browser(self) -> FlaskClient:
        return self.app.test_client()

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.browser.get(path, base_url=BASE, headers={"Accept": "text/html"}, **more)

    def hook(self, name: str = UNTREATED, **context: Any) -> Json:
        """The answer to a fixture request; ``patientId``, ``userId`` and what else its context may hold can be changed,
        ``order`` is the id of its first order."""
        return self.send(request_of(name, self.clock.now.date()), **context)

    def send(self, body: Json, order: str = "", extension: Any = None, **context: Any) -> Json:
        draft = body["context"]["draftOrders"]["entry"][0]["resource"]
        if order:
            body["context"] = _renamed(body["context"], draft["id"], order)
            draft = body["context"]["draftOrders"]["entry"][0]["resource"]
        if patient := context.get("patientId"):
            body = _renamed(body, body["context"]["patientId"], patient)
            draft = body["context"]["draftOrders"]["entry"][0]["resource"]
        if extension:
            draft["extension"] = extension
        body["context"] |= context
        self.calls += 1
        url = f"{BASE}{SERVICE}"
        claims = {
            "iss": EHR, "aud": url, "exp": int(self.clock.now.timestamp()) + 300,
            "iat": int(self.clock.now.timestamp()), "jti": str(self.calls),
        }  # fmt: skip
        token = jwt.encode(claims, SIGNS, algorithm="ES384", headers={"kid": "k"})
        headers = {"Authorization": f"Bearer {token}"}
        response = self.app.test_client().post(SERVICE, json=body, base_url=BASE, headers=headers)
        assert response.status_code == 200, response.get_data(as_text=True)
        answer: Json = response.get_json()
        return answer

    def to_ehr(self, **query: str) -> TestResponse:
        """The launch, up to the EHR's sign-in page."""
        return self.browser.get("/app/launch", query_string={"iss": self.ehr.iss, **query}, base_url=BASE)

    def signed_in(self, sent: TestResponse) -> str:
        """What the EHR's sign-in page sends the browser back to, below our base URL."""
        assert sent.status_code == 302, sent.get_data(as_text=True)
        reply = requests.get(sent.headers["Location"], allow_redirects=False, timeout=10)
        assert reply.status_code == 302, reply.text
        return reply.headers["Location"].removeprefix(BASE)

    def launched(self, context: str = "", **more: Any) -> str:
        """A whole EHR launch: the path of the page that it ends at."""
        told = {"appContext": context} if context else {}
        back = self.signed_in(self.to_ehr(launch=self.ehr.launch(**{**told, **more})))
        done = self.get(back)
        assert done.status_code == 303, done.get_data(as_text=True)
        return done.headers["Location"].removeprefix(BASE)

    def page(self, path: str, status: int = 200) -> str:
        response = self.get(path)
        assert response.status_code == status, response.get_data(as_text=True)
        return response.get_data(as_text=True)

    def answer(self, path: str, said: str, **more: Any) -> TestResponse:
        """The open question of a page answered, with its form as it stands."""
        form = form_of(self.page(path), "/answer")
        return self.post(f"{urlsplit(path).path}/answer", {**form, "answer": said}, **more)

    def post(self, path: str, form: Json, **more: Any) -> TestResponse:
        headers = {"Origin": BASE, "Sec-Fetch-Site": "same-origin", **more}
        return self.browser.post(path, data=form, base_url=BASE, headers=headers)

    def files(self) -> bytes:
        """Everything in the database's files."""
        parts_of(self.app).journal.engine.dispose()
        return b"".join(file.read_bytes() for file in self.folder.glob("journal.sqlite*"))


def card_of(answer: Json) -> Json:
    [card] = answer["cards"]
    found: Json = card
    return found


def app_link(card: Json) -> Json:
    [link] = [link for link in card["links"] if link["type"] == "smart"]
    found: Json = link
    return found


def context_of(answer: Json) -> str:
    return str(app_link(card_of(answer))["appContext"])


def mark_of(answer: Json) -> Json:
    mark: Json = card_of(answer)["extension"]["io.github.imaging-cds"]
    return mark


def form_of(page: str, action: str) -> Json:
    """The hidden fields of the first form with that action."""
    form = next(f for f in re.findall("<form.*?</form>", page, re.DOTALL) if f'{action}"' in f)
    tags = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form)
    return {str(_attribute(tag, "name")): _attribute(tag, "value") for tag in tags}


def _attribute(tag: str, name: str) -> str:
    found = re.search(f'{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


def query_of(response: TestResponse) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {k: _renamed(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, old, new) for v in value]
    if value == old:
        return new
    return re.sub(rf"(?<=/){re.escape(old)}$", new, value) if isinstance(value, str) else value


def make_site(folder: Path, ehr: SmartServer, clock: Clock, row: Json | None = None, **settings: Any) -> Site:
    """Outside open mode, as in use: a trust table, and a table with the one EHR that may launch the app."""
    trust, table = folder / "trust.yaml", folder / "ehrs.yaml"
    clients = [{"issuer": EHR, "tenant": "hospital", "keys": [public(SIGNS, "k")]}]
    trust.write_text(yaml.safe_dump([*clients, {**clients[0], "issuer": f"{EHR}/2", "tenant": "other-hospital"}]))
    entry = {"iss": ehr.iss, "tenant": "hospital", "client_id": "imaging-cds", "ancestors": [EHR], **(row or {})}
    table.write_text(yaml.safe_dump([entry]))
    values = {
        "trust_file": str(trust), "smart_file": str(table), "secret_key": SECRET, "base_url": BASE,
        "data_dir": str(folder), "time_zone": "America/Chicago", "app_launch": "own", **settings,
    }  # fmt: skip
    return Site(create_app(read_settings({}, **values), clock), ehr, clock, folder)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ehr(clock: Clock) -> Iterator[SmartServer]:
    with smart_server(now=lambda: clock.now.timestamp()) as double:
        yield double


@pytest.fixture
def site(tmp_path: Path, ehr: SmartServer, clock: Clock) -> Iterator[Site]:
    made = make_site(tmp_path, ehr, clock)
    yield made
    parts_of(made.app).journal.engine.dispose()
