"""What came of the trial of treatment, by two pain scores taken at visits for the complaint.

A score counts only when it was taken at a visit of the episode: the score of another visit may be of another pain.
Equal or higher after treatment is no improvement by any rule; how large a fall is significant, only the site can say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import Basis, Fact
from mappings.evaluation import Contact
from mappings.evidence import change
from mappings.fields import first_span, mapping, number, reference_of, target
from mappings.observed import observed
from mappings.records import Records
from mappings.units import unit_of

DONE = frozenset({"final", "amended", "corrected"})
BEFORE_DAYS, AFTER_DAYS = 30, 7
"""The starting score is the nearest one from 30 days before to 7 days after treatment began."""
SIX_WEEKS = 42
CURRENT_DAYS = 30
WORSE = 2.0
"""Points of ten by which a higher score is worse, and not the same on another day."""
PAINFUL = 4.0
"""Below moderate pain at the start, no score can show that treatment failed."""
PAIN = frozenset({"pain", "pain_of_ten"})
"""Kinds of codes/findings.csv that are pain scores."""
TENTHS = frozenset({"", "1", "{score}", "/10", "{#}"})


@dataclass(frozen=True, slots=True)
class Score:
    """One pain score on the scale from 0 to 10."""

    reference: str
    on: dt.date
    value: float


def outcome_facts(
    records: Records,
    found: Sequence[Contact],
    facts: Mapping[str, Fact],
    today: dt.date,
    site: Mapping[str, Any] | None = None,
) -> Iterator[Fact]:
    """Improvement and worsening with the trial, and with its active part. Read after the trial's own facts.

    ``site["pain_improvement_percent"]`` is the fall from which an improvement is significant; without it a fall says
    nothing.
    """
    for family, tried in (("", "provider_directed"), ("active.", "active.performed")):
        began = _began(facts, family, tried, today)
        if began is not None:
            scores = _scores(records, frozenset(c.reference for c in found), today)
            ended = today - dt.timedelta(days=_days(facts, f"{family}ended_days_ago") or 0)
            yield from _outcome(family, scores, began, ended, today, (site or {}).get("pain_improvement_percent"))


def _outcome(
    family: str, scores: Sequence[Score], began: dt.date, ended: dt.date, today: dt.date, enough: Any
) -> Iterator[Fact]:
    old = _starting(scores, began)
    new = _newest([s for s in scores if _after(s, began, ended, today)])
    if old is None or new is None or new.on <= old.on or old.value < PAINFUL:
        return
    sources, note = (old.reference, new.reference), change("score", old.value, old.on, new.value, new.on)
    name = f"trial_of_treatment.{family}significant_improvement"
    if new.value >= old.value:
        yield Fact(name, False, Basis.DERIVED, sources, new.on, note)
    elif isinstance(enough, int | float) and not isinstance(enough, bool):
        better = (old.value - new.value) / old.value * 100 >= enough
        yield Fact(name, better, Basis.DERIVED, sources, new.on, note)
    if new.value >= old.value + WORSE:
        yield Fact(f"trial_of_treatment.{family}worsening", True, Basis.DERIVED, sources, new.on, note)


def _began(facts: Mapping[str, Fact], family: str, performed: str, today: dt.date) -> dt.date | None:
    """The first day of the trial; None when there was none or its days are not known."""
    tried = facts.get(f"trial_of_treatment.{performed}")
    weeks, ended = _days(facts, f"{family}duration_weeks"), _days(facts, f"{family}ended_days_ago")
    if tried is None or tried.value is not True or weeks is None or ended is None or weeks > 520 or ended > 3650:
        return None
    return today - dt.timedelta(days=round(ended + weeks * 7))


def _after(score: Score, began: dt.date, ended: dt.date, today: dt.date) -> bool:
    """Taken after the trial ended, or six weeks or more into it, and not long ago."""
    late = score.on >= ended or (score.on - began).days >= SIX_WEEKS
    return late and (today - score.on).days <= CURRENT_DAYS


def _starting(scores: Sequence[Score], began: dt.date) -> Score | None:
    near = [s for s in scores if -BEFORE_DAYS <= (s.on - began).days <= AFTER_DAYS]
    nearest = min(near, key=lambda s: abs((s.on - began).days), default=None)
    return _agreed(near, nearest)


def _newest(scores: Sequence[Score]) -> Score | None:
    return _agreed(scores, max(scores, key=lambda s: s.on, default=None))


def _agreed(scores: Sequence[Score], chosen: Score | None) -> Score | None:
    """The chosen score, unless another of the same day says something else."""
    if chosen is None or any(s.on == chosen.on and s.value != chosen.value for s in scores):
        return None
    return chosen


def _scores(records: Records, visits: frozenset[str], today: dt.date) -> list[Score]:
    """The pain scores of these visits; read once for all studies that an order may be for."""
    key = ("pain scores", visits, today)
    if key not in records.made:
        records.made[key] = _read_scores(records, visits, today)
    held: list[Score] = records.made[key]
    return held


def _read_scores(records: Records, visits: frozenset[str], today: dt.date) -> list[Score]:
    out = []
    for observation in _painful(records, today):
        if observation.get("status") not in DONE or target(observation.get("encounter")) not in visits:
            continue
        held = first_span(observation, "effectiveDateTime", "effectiveInstant", "issued")
        value = _of_ten(observation)
        if held and held.day and held.day <= today and value is not None:
            out.append(Score(reference_of(observation), held.day, value))
    return out


def _painful(records: Records, today: dt.date) -> Iterator[dict[str, Any]]:
    """The Observations of pain."""
    return (observation for observation, kinds, _ in observed(records, today).kinds if not PAIN.isdisjoint(kinds))


def _of_ten(observation: Mapping[str, Any]) -> float | None:
    """0 to 10; millimetres are a tenth. A number above 10 without its unit is on no scale that we know."""
    quantity = mapping(observation.get("valueQuantity"))
    value = number(quantity.get("value")) if quantity else number(observation.get("valueInteger"))
    unit = unit_of(quantity)
    if value is None or unit is None:
        return None
    value = value / 10 if unit == "mm" else value if unit in TENTHS else None
    return value if value is not None and 0 <= value <= 10 else None


def _days(facts: Mapping[str, Fact], name: str) -> float | None:
    fact = facts.get(f"trial_of_treatment.{name}")
    held = fact.value if fact else None
    return float(held) if isinstance(held, int | float) and not isinstance(held, bool) else None
