"""A day, and the time of it where one is written: what came before an order, and what came later."""

from __future__ import annotations

import datetime as dt
import functools
import math
from dataclasses import dataclass
from typing import Any

from mappings.fields import instant, mapping, span

SAME_SESSION = 300.0
"""Seconds between orders that are signed together."""


@dataclass(frozen=True, slots=True)
class Moment:
    """``second`` counts from 1970 in UTC; None where only the day is written."""

    day: dt.date
    second: float | None = None

    def after(self, other: Moment) -> bool:
        """Without a time of day on both sides the same day is not after."""
        if self.second is not None and other.second is not None:
            return self.second > other.second
        return self.day > other.day

    def together(self, other: Moment) -> bool:
        """Whether orders of both moments were signed together: at one time, or on one day without a time."""
        if self.second is None or other.second is None:
            return self == other
        return abs(self.second - other.second) <= SAME_SESSION


@functools.lru_cache(maxsize=65536)
def moment(text: str) -> Moment | None:
    """A FHIR date, dateTime or instant; a partial date is its last day."""
    days = span(text)
    if days is None:
        return None
    second = instant(text) if "T" in text else -math.inf
    return Moment(days.last, second if math.isfinite(second) else None)


def moment_of(resource: dict[str, Any], path: tuple[str, ...]) -> Moment | None:
    """The moment in a field; of a period its start."""
    held: Any = resource
    for name in path:
        held = mapping(held).get(name)
    if isinstance(held, dict):
        held = held.get("start")
    return moment(held) if isinstance(held, str) else None
