"""Numbers in a text that a fact can take: how long, how strong, how severe, how high."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from criteria.facts import Value
from mappings.text.tokens import BREAKS, ENDS, Token

DAYS_IN_WEEK = 7.0
NEW_WITHIN_DAYS = 60
"""A sign that must be new counts as new with so short a course (as codes/fact_channels.csv has it)."""
NEAR = 7
"""Words between a time and what it measures."""
SINCE_NEW: Mapping[str, str] = {
    "footdrop": "exam.foot_drop_new",
    "incontinence": "symptom.bowel_bladder_incontinence_new",
}
"""Findings of the table with a fact for the new kind."""


@dataclass(frozen=True, slots=True)
class Time:
    """``6 weeks``: its days, the places of its words, and whether it is "ago"."""

    days: float
    first: int
    last: int
    ago: bool


def times(read: Sequence[Token], numbers: Mapping[str, float], units: Mapping[str, float]) -> Iterator[Time]:
    for i, token in enumerate(read[:-1]):
        amount = float(token.word) if token.kind == "number" else numbers.get(token.word)
        unit = i + 1 if read[i + 1].word != "of" else i + 2
        if amount is None or unit >= len(read) or read[unit].word not in units or not 0 < amount < 1000:
            continue
        after = read[unit + 1].word if unit + 1 < len(read) else ""
        if after == "old":
            continue
        yield Time(amount * units[read[unit].word], i, unit, after == "ago")


def weeks(days: float) -> float:
    return round(days / DAYS_IN_WEEK, 1)


def scores(read: Sequence[Token], names: Sequence[frozenset[str]]) -> Iterator[tuple[str, Value, int, int]]:
    """Pain on the scale to ten, strength on the scale to five. ``names``: the findings at each place."""
    for i, token in enumerate(read):
        if token.kind != "score":
            continue
        amount, scale = (part.strip() for part in re.split(r"/|out of", re.sub(r"\s+", " ", token.word), maxsplit=1))
        value = float(amount.rstrip("+-"))
        if scale == "10" and value <= 10:
            yield "pain.severity_vas", value, i, i
        elif scale == "5" and value <= 5:
            near = [
                j
                for j in range(max(0, i - 5), min(len(read), i + 6))
                if "strength" in names[j] or "weakness" in names[j]
            ]
            if near:
                yield "exam.motor_strength_grade", int(value), min(i, *near), max(i, *near)


def nearest(time: Time, places: Mapping[int, str], read: Sequence[Token]) -> int | None:
    """The finding that a time measures: the nearest in its sentence, what follows "of" first."""
    after = read[time.last + 1].word if time.last + 1 < len(read) else ""
    if after in ("of", "history", "hx"):
        for j in range(time.last + 1, min(len(read), time.last + 1 + NEAR)):
            if read[j].word in BREAKS:
                break
            if j in places:
                return j
    best: int | None = None
    for step in (-1, 1):
        j = (time.first if step < 0 else time.last) + step
        for distance in range(NEAR):
            if not 0 <= j < len(read) or read[j].word in ENDS:
                break
            if step > 0 and read[j].word == ",":
                break
            if j in places and (
                best is None or distance < abs(best - (time.first if best < time.first else time.last))
            ):
                best = j
                break
            j += step
        if best is not None and step < 0:
            return best
    return best
