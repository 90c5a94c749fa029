"""Where the bars of a plot stand, in the units of its picture; the template draws them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 34, 6, 8, 20
RATINGS = ("appropriate", "not-appropriate", "needs-information", "no-criteria-apply")
LABELS = 3
"""Days that are named below the bars."""


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    rating: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Stacked bars over time; ``ticks`` are (y, number), ``names`` (x, day)."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, int]]
    names: Sequence[tuple[float, str]]


def over_time(entries: Sequence[dict[str, Any]]) -> Plot:
    """One column for each day or week, the ratings on top of one another in one order."""
    steps = scale(max((sum(e["ratings"].values()) for e in entries), default=0))
    high, floor, left = HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM, float(LEFT)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(entries))
    bars, middles = [], []
    for n, entry in enumerate(entries):
        x, y = left + n * room, float(floor)
        for rating in RATINGS:
            tall = high * entry["ratings"].get(rating, 0) / steps[-1]
            if tall:
                y -= tall
                bars.append(Bar(round(x + room * 0.1, 2), round(y, 2), round(room * 0.8, 2), round(tall, 2), rating))
        middles.append(x + room / 2)
    ticks = [(round(floor - high * step / steps[-1], 2), step) for step in steps]
    named = _spread(len(entries))
    return Plot(bars, ticks, [(round(middles[n], 2), short(entries[n]["from"])) for n in named])


def scale(most: int) -> list[int]:
    """Round numbers from 0 to at least ``most``, four steps or fewer."""
    if most <= 4:
        return list(range(max(1, most) + 1))
    raw = most / 4
    ten = 10 ** math.floor(math.log10(raw))
    step = max(1, next(m * ten for m in (1, 2, 2.5, 5, 10) if m * ten >= raw and m * ten == int(m * ten)))
    return [int(step * n) for n in range(math.ceil(most / step) + 1)]


def _spread(number: int) -> list[int]:
    """The first, the last, and one between."""
    if number <= LABELS:
        return list(range(number))
    return [0, number // 2, number - 1]


def short(day: str) -> str:
    read = dt.date.fromisoformat(day)
    return f"{read.day} {read:%b}"
