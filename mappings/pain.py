"""Pain scores and the disability that comes with pain."""

from __future__ import annotations

from collections.abc import Iterator

from criteria.facts import Basis, Fact
from mappings.amounts import amount
from mappings.answers import answers
from mappings.observations import NUMBERS, PRESENT_PROBLEM_DAYS, Result, Results
from mappings.records import SetAside

PAIN_DAYS = 30
NECK_POINTS, NECK_SEVERE = 50, 25
"""Neck Disability Index: 25 to 34 of 50 points is severe disability, more is complete."""


def pain_facts(results: Results, aside: list[SetAside]) -> Iterator[Fact]:
    """The newest score of the last 30 days; above one of an earlier day of the last 90 it is worsening."""
    recent = [(r, kind == "pain_of_ten") for kind in ("pain", "pain_of_ten") for r in results.get(kind, ())]
    recent = [(r, ten) for r, ten in recent if r.ago <= PRESENT_PROBLEM_DAYS]
    recent.sort(key=lambda pair: (pair[0].on, pair[0].at), reverse=True)
    if recent and recent[0][0].ago <= PAIN_DAYS and "severe" in answers(recent[0][0].body):
        yield recent[0][0].fact("pain.severe", True)
    scores = []
    for result, ten in recent:
        if (score := pain_score(result, ten=ten)) is not None:
            scores.append((result, score))
        elif any(name in result.body for name in NUMBERS):
            aside.append(result.aside("pain.severity_vas: no number on a scale that is known"))
    if scores and scores[0][0].ago <= PAIN_DAYS:
        newest, now = scores[0]
        yield newest.fact("pain.severity_vas", now)
        older = next(((r, s) for r, s in scores if r.on < newest.on), None)
        if older and now > older[1]:
            yield newest.fact("pain.worsening", True, Basis.DERIVED, older[0])
    yield from _disability(results)


def pain_score(result: Result, *, ten: bool) -> float | None:
    """Pain on the 0 to 10 scale. Unless its test ends at ``ten``, millimetres and numbers over 10 are of a hundred."""
    said = [float(m.removeprefix("score ")) for m in answers(result.body) if m.startswith("score ")]
    held = amount(result.body)
    if said and len(set(said)) == 1:
        return said[0]
    if held is None or held.exact is None or not 0 <= held.exact <= 100:
        return None
    if held.unit in ("mm", "cm"):
        centimetres = held.exact / 10 if held.unit == "mm" else held.exact
        return centimetres if centimetres <= 10 and not ten else None
    points = held.within("1")
    if points is None:
        return None
    if held.exact > 10:
        return None if ten else held.exact / 10
    return held.exact


def _disability(results: Results) -> Iterator[Fact]:
    for result in results.get("neck_disability", ())[:1]:
        held = amount(result.body)
        if held is None or held.exact is None or result.ago > PAIN_DAYS:
            return
        points = held.exact / 2 if held.unit == "%" else held.exact if held.within("1") else None
        if points is not None and NECK_SEVERE <= points <= NECK_POINTS:
            yield result.fact("function.significant_limitation", True, Basis.DERIVED)
