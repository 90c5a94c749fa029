"""Reads fixtures/ for tests: stored requests with their dates filled in. See fixtures/README.md."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import yaml

from service.placeholders import fill

FIXTURES = Path(__file__).parent.parent / "fixtures"
Json = dict[str, Any]


def today() -> dt.date:
    """The day on which a server process of these tests is: UTC."""
    return dt.datetime.now(dt.UTC).date()


def load(path: str, on: dt.date | None = None) -> Json:
    """The JSON of a fixture, such as ``requests/05_new_foot_drop.json``."""
    value: Json = json.loads(fill((FIXTURES / path).read_text(encoding="utf-8"), on or today()))
    return value


def load_lines(path: str, on: dt.date | None = None) -> list[Json]:
    """The resources of an NDJSON fixture."""
    text = fill((FIXTURES / path).read_text(encoding="utf-8"), on or today())
    return [json.loads(line) for line in text.splitlines()]


def stories() -> Json:
    """Name of each request -> what it is about and what is expected."""
    read: Json = yaml.safe_load((FIXTURES / "requests" / "stories.yaml").read_text(encoding="utf-8"))
    return read


def good_requests(on: dt.date | None = None) -> dict[str, Json]:
    """Every request that must be answered, by name."""
    files = sorted((FIXTURES / "requests").glob("*.json"))
    return {f.stem: load(f"requests/{f.name}", on) for f in files}


def refused() -> list[Json]:
    """The index of fixtures/refused."""
    read: list[Json] = yaml.safe_load((FIXTURES / "refused" / "README.yaml").read_text(encoding="utf-8"))
    return read
