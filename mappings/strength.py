"""Graded muscle strength (0 to 5) and tendon reflexes (0 to 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from criteria.facts import Basis, Fact
from mappings.amounts import amount
from mappings.codings import codings
from mappings.fields import words
from mappings.observations import NUMBERS, Result, Results
from mappings.records import SetAside
from mappings.tables import read_table

EXAMINATION_DAYS, EARLIER_DAYS = 92, 183
FULL_STRENGTH, NORMAL_REFLEX, BRISKEST = 5, 2, 4
SIDES = {"7771000": "left", "24028007": "right"}
_STRENGTH = re.compile(r"(?:([0-4])[+-]?|(5))(?:\s*/\s*5)?")
_REFLEX = re.compile(r"([0-4])\+?(?:\s*/\s*4)?")

Graded = tuple[Result, int]


def strength_facts(results: Results, aside: list[SetAside]) -> Iterator[Fact]:
    """Grades of the newest day on which any was recorded, not older than three months."""
    yield from _strength(_grades(results.get("grade strength", ()), _STRENGTH, FULL_STRENGTH, aside))
    reflexes = _newest_day(_grades(results.get("grade reflex", ()), _REFLEX, BRISKEST, aside))
    if reflexes:
        result, grade = max(reflexes, key=lambda one: (abs(one[1] - NORMAL_REFLEX), one[1]))
        yield result.fact("exam.deep_tendon_reflex_grade", grade)


def _strength(grades: Sequence[Graded]) -> Iterator[Fact]:
    newest = _newest_day(grades)
    if not newest:
        return
    worst, lowest = min(newest, key=lambda one: one[1])
    yield worst.fact("exam.motor_strength_grade", lowest)
    weak = [one for one in newest if one[1] < FULL_STRENGTH]
    if not weak:
        return
    yield worst.fact("exam.extremity_weakness", True, Basis.DERIVED)
    if "muscle" in read_table("muscles").means(worst.body.get("bodySite")):
        yield worst.fact("exam.weak_muscle_specified", True, Basis.DERIVED)
    sides = {side: result for result, _ in weak if (side := _side(result))}
    if len(sides) == len(SIDES):
        yield worst.fact("exam.bilateral_motor_weakness", True, Basis.DERIVED, *sides.values())
    for result, grade in weak:
        older = [r for r, g in grades if r.on < result.on and g > grade and _same_muscle(r, result)]
        if older and (result.on - older[0].on).days <= EARLIER_DAYS:
            yield result.fact("exam.deficit_progressive", True, Basis.DERIVED, older[0])
            return


def _grades(results: Sequence[Result], said: re.Pattern[str], most: int, aside: list[SetAside]) -> list[Graded]:
    """Whole grades, newest first; ``4+/5`` is a 4, ``5-/5`` and a half grade are none that we know."""
    found = []
    for result in results:
        match = said.fullmatch(words(result.body.get("valueString")))
        held = amount(result.body)
        score = held.within("1") if held and "valueString" not in result.body else None
        value = float(next(g for g in match.groups() if g)) if match else score.exact if score else None
        if value is not None and value == int(value) and 0 <= value <= most:
            found.append((result, int(value)))
        elif result.ago <= EXAMINATION_DAYS and any(name in result.body for name in NUMBERS):
            aside.append(result.aside(f"its grade is no whole number of 0 to {most}"))
    return found


def _newest_day(grades: Sequence[Graded]) -> list[Graded]:
    recent = [one for one in grades if one[0].ago <= EXAMINATION_DAYS]
    return [one for one in recent if one[0].on == recent[0][0].on]


def _side(result: Result) -> str | None:
    sides = {SIDES[code] for _, code in codings(result.body.get("bodySite")) if code in SIDES}
    return sides.pop() if len(sides) == 1 else None


def _same_muscle(one: Result, other: Result) -> bool:
    """The same coded site, side included."""
    sites = [frozenset(codings(r.body.get("bodySite"))) for r in (one, other)]
    return bool(sites[0]) and sites[0] == sites[1] and _side(one) is not None
