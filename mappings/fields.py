"""Reach into resources that may hold anything: each reader gives None or nothing where the type is not FHIR's."""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T|$)")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_VERSION = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The days between which something lies; a partial date such as ``2026-10`` is a span of a month."""

    first: dt.date
    last: dt.date

    @property
    def day(self) -> dt.date | None:
        """The day, when it is certain."""
        return self.first if self.first == self.last else None


def mapping(value: Any) -> dict[str, Any]:
    """The value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The JSON objects of a list; a lone object counts as a list of one."""
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], dict):
            return value[:]
        return [v for v in value if isinstance(v, dict)]
    return [value] if isinstance(value, dict) else []


def words(value: Any) -> str:
    """The text when it is one, stripped; else ''."""
    return value.strip() if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """A finite JSON number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def span(value: Any) -> Span | None:
    """The days that a FHIR date, dateTime or instant may mean, in the zone it was written in."""
    if not isinstance(value, str):
        return None
    return _days(value[:10] if value[10:11] == "T" else value)


@functools.lru_cache(maxsize=16384)
def _days(text: str) -> Span | None:
    match = _DATE.match(text)
    if not match:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        if year is None or month is None:
            return Span(dt.date(year or 0, 1, 1), dt.date(year or 0, 12, 31))
        if day is None:
            return Span(dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1]))
        return Span(dt.date(year, month, day), dt.date(year, month, day))
    except (ValueError, calendar.IllegalMonthError):
        return None


def period(value: Any) -> tuple[Span | None, Span | None]:
    """Start and end of a FHIR Period."""
    held = mapping(value)
    return span(held.get("start")), span(held.get("end"))


def first_span(resource: Mapping[str, Any], *names: str) -> Span | None:
    """The first of these date fields that can be read; of a Period its end, else its start."""
    for name in names:
        value = resource.get(name)
        if isinstance(value, dict):
            start, end = period(value)
            if found := end or start:
                return found
        elif found := span(value):
            return found
    return None


def instant(value: Any) -> float:
    """Seconds for sorting by time of day; what cannot be read sorts first. No zone counts as UTC."""
    return _moment(value) if isinstance(value, str) else -math.inf


@functools.lru_cache(maxsize=1024)
def _moment(value: str) -> float:
    try:
        moment = dt.datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        found = span(value)
        return (found.first - dt.date(1970, 1, 1)).days * 86400.0 if found else -math.inf


def reference_of(resource: Mapping[str, Any]) -> str:
    """``Type/id``, or the type alone when there is no usable id."""
    try:
        kind, identity = resource["resourceType"], resource["id"]
        if kind.isalpha() and _ID.fullmatch(identity):
            return f"{kind}/{identity}"
    except (AttributeError, KeyError, TypeError):  # one is missing, or is not as FHIR has it
        kind, identity = resource.get("resourceType"), resource.get("id")
    kind = kind.strip() if isinstance(kind, str) else ""
    kind = kind or "resource"
    return f"{kind}/{identity}" if isinstance(identity, str) and _ID.fullmatch(identity) else kind


def target(reference: Any) -> str | None:
    """What a Reference (or its text) points at as ``Type/id``; None for contained, urn and other references.

    ``Patient/1``, ``https://ehr/fhir/Patient/1`` and ``Patient/1/_history/2`` are the same.
    """
    text = reference.get("reference") if isinstance(reference, dict) else reference
    return _pointed(text) if isinstance(text, str) else None


@functools.lru_cache(maxsize=8192)
def _pointed(text: str) -> str | None:
    text = text.strip()
    parts = _VERSION.sub("", text).rsplit("/", 2)
    if len(parts) < 2 or not _ID.fullmatch(parts[-1]) or not parts[-2].isalpha():
        return None
    if len(parts) == 3 and not parts[0].lower().startswith(("http://", "https://")):
        return None
    return f"{parts[-2]}/{parts[-1]}"


def targets(value: Any) -> Iterator[str]:
    """Every ``Type/id`` of a list of References."""
    for one in objects(value):
        if found := target(one):
            yield found
