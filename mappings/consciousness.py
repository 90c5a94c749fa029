"""The Glasgow Coma Scale: its total, or the sum of its three parts taken together."""

from __future__ import annotations

from collections.abc import Iterator

from criteria.facts import Basis, Fact
from mappings.amounts import amount
from mappings.answers import answers
from mappings.observations import Result, Results, latest

COMA_DAYS = 2
PARTS = {"coma_eyes": 4, "coma_speech": 5, "coma_movement": 6}
FULL = 15


def consciousness_facts(results: Results) -> Iterator[Fact]:
    """The newest total of the last two days; 15 is alert, less is altered in some way."""
    totals = [*_recorded(results), *_summed(results)]
    if not totals:
        return
    result, score, basis, others = max(totals, key=lambda total: (total[0].on, total[0].at, total[2]))
    yield result.fact("exam.glasgow_coma_scale_score", score, basis, *others)
    yield result.fact("exam.consciousness", "alert" if score == FULL else "altered", Basis.DERIVED, *others)


Total = tuple[Result, int, Basis, tuple[Result, ...]]


def _recorded(results: Results) -> Iterator[Total]:
    total = latest(results, "coma", COMA_DAYS)
    if total and (score := points(total, len(PARTS), FULL)) is not None:
        yield total, score, Basis.RECORDED, ()


def _summed(results: Results) -> Iterator[Total]:
    parts = [(latest(results, kind, COMA_DAYS), most) for kind, most in PARTS.items()]
    taken = [r for r, _ in parts if r]
    if len(taken) < len(PARTS) or len({(r.on, r.at) for r in taken}) > 1:
        return
    scores = [points(r, 1, most) for r, most in parts if r]
    if None not in scores:
        yield taken[0], sum(s for s in scores if s is not None), Basis.DERIVED, tuple(taken[1:])


def points(result: Result, least: int, most: int) -> int | None:
    """A whole number of points between the two, as a number or as an answer; None for anything else."""
    said = {int(m.removeprefix("score ")) for m in answers(result.body) if m.startswith("score ")}
    held = amount(result.body)
    score = held.within("1") if held else None
    value = said.pop() if len(said) == 1 else score.exact if score else None
    return int(value) if value is not None and value == int(value) and least <= value <= most else None
