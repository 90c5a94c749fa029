"""Answers of the fixture requests, and the explanations that their cards lead to."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.journal.models import Explanation
from service.placeholders import fill
from tests.service_examples import NOW, SERVICE, Json, make_app, parts_of

BASE = "https://cds.example.org"
REQUESTS = Path(__file__).parent.parent / "fixtures" / "requests"
HTML = {"Accept": "text/html"}
NAMES = sorted(file.stem for file in REQUESTS.glob("*.json"))
UNTREATED, TREATED_WITH_PACEMAKER = "02", "07"


@contextmanager
def explaining(folder: Path, **settings: Any) -> Iterator[Flask]:
    """A service whose cards link to explanations."""
    app = make_app(folder, **{"base_url": BASE, **settings})
    try:
        yield app
    finally:
        parts_of(app).journal.engine.dispose()


def request_of(name: str, today: dt.date | None = None) -> Json:
    """A fixture request by the beginning of its name."""
    [file] = [f for f in REQUESTS.glob("*.json") if f.name.startswith(name)]
    body: Json = json.loads(fill(file.read_text(encoding="utf-8"), today or NOW.date()))
    return body


def answered(app: Flask, body: Json) -> list[Json]:
    """The cards of an answer."""
    response = app.test_client().post(SERVICE, json=body)
    assert response.status_code == 200
    cards: list[Json] = response.get_json()["cards"]
    return cards


def explained_at(card: Json) -> list[str]:
    """The addresses, below ours, where a card says how it came about."""
    return [
        link["url"].removeprefix(BASE)
        for link in card.get("links", ())
        if link["url"].startswith(f"{BASE}/explain/") and link["type"] == "absolute"
    ]


def address(app: Flask, name: str) -> str:
    """Where the only card of a fixture request is explained."""
    [card] = answered(app, request_of(name))
    [found] = explained_at(card)
    return found


def told(app: Flask, found: str, *suppose: str, **more: Any) -> Json:
    """The document."""
    query = [("suppose", s) for s in suppose] + list(more.items())
    response = app.test_client().get(found, query_string=query, headers={"Accept": "application/json"})
    assert response.status_code == 200
    document: Json = response.get_json()
    return document


def page(app: Flask, found: str, *suppose: str, status: int = 200) -> str:
    """The page as HTML."""
    response = app.test_client().get(found, query_string=[("suppose", s) for s in suppose], headers=HTML)
    assert response.status_code == status
    return response.get_data(as_text=True)


def plain(text: str) -> str:
    """What a reader sees of it."""
    return " ".join(unescape(re.sub("<[^>]+>", " ", text)).split())


def rows(app: Flask) -> list[Explanation]:
    """What is kept for the explanations."""
    with Session(parts_of(app).journal.engine) as session:
        return list(session.scalars(select(Explanation)))


def clauses(document: Json) -> Iterator[Json]:
    """Every clause of every rule that is spelled out."""
    waiting = [rule["clause"] for rule in document.get("rules", ()) if "clause" in rule]
    while waiting:
        clause = waiting.pop()
        yield clause
        waiting += clause.get("parts", ())
