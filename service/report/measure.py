"""Count outcomes: shares with their intervals, and the orders that somebody has to look at."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from criteria.ratings import Rating
from service.report.share import Share
from service.report.walk import Outcome

NOW = ("appropriate", "removal", "companion", "says-why")
WITH_WORD = (*NOW, "says-what")
SHARES = {
    # name: (what a person reads, goal in per cent, whether more is better)
    "rated": ("rated without a question", 70.0, True),
    "two_questions": ("rated after at most two questions", 90.0, True),
    "precise": ("of the ratings given, right", 100.0, True),
    "wrong": ("wrong ratings", 0.0, False),
    "undue": ("of appropriate orders, with a card that is not for safety", 0.0, False),
    "offered": ("of not-appropriate cards, with a way that rates or a word why there is none", 95.0, True),
    "offered_now": ("of them, without those whose word is which questions come first", None, True),
    "settled": ("of orders that the scenario calls settled, rated", None, True),
}


@dataclass
class Sums:
    """Everything that was counted. ``faults`` are what is wrong, as (scenario, kind, what came back)."""

    orders: int = 0
    with_card: int = 0
    ratings: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    wholes: Counter[str] = field(default_factory=Counter)
    offers: Counter[str] = field(default_factory=Counter)
    criteria: Counter[str] = field(default_factory=Counter)
    questions: list[int] = field(default_factory=list)
    faults: Counter[tuple[str, str, str, tuple[str, ...]]] = field(default_factory=Counter)

    def count(self, one: Outcome) -> None:
        rated, truth = one.rated, one.truth
        self.orders += 1
        self.with_card += bool(one.cards)
        self.ratings[one.rating] += 1
        self.questions.append(one.questions)
        self.criteria.update(one.verdict.criteria)
        self._share("rated", rated)
        self._share("two_questions", one.questions <= 2)
        self._share("wrong", one.wrong)
        if rated:
            self._share("precise", not one.wrong)
        if "needs-information" not in truth.ratings:
            self._share("settled", rated)
        if one.verdict.rating is Rating.APPROPRIATE:
            self._share("undue", bool(one.cards) and not one.for_safety)
        if one.offers:
            self.offers[one.offers] += 1
            self._share("offered", one.offers in WITH_WORD)
            self._share("offered_now", one.offers in NOW)
        for kind, came in faults(one):
            self.faults[truth.scenario, kind, came, truth.rows] += 1

    def _share(self, name: str, holds: bool) -> None:
        self.wholes[name] += 1
        self.parts[name] += holds

    def share(self, name: str) -> Share:
        return Share(self.parts[name], self.wholes[name])

    def quantile(self, of: float) -> int:
        """The nearest rank."""
        ordered = sorted(self.questions)
        return ordered[max(0, math.ceil(of * len(ordered)) - 1)] if ordered else 0

    def faults_of(self, kind: str) -> list[tuple[str, str, tuple[str, ...], int]]:
        found = [(s, came, rows, n) for (s, which, came, rows), n in self.faults.items() if which == kind]
        return sorted(found, key=lambda fault: (-fault[3], fault[0], fault[1]))


def faults(one: Outcome) -> Iterable[tuple[str, str]]:
    """What a scenario's author would call a fault; `wrong` is the one that harms."""
    right = " or ".join(one.truth.ratings)
    decided = ", ".join(one.verdict.criteria[:3])
    if one.wrong:
        yield "wrong", f"{one.rating}, right is {right}; by {decided}"
        return
    if not one.rated and "needs-information" not in one.truth.ratings:
        yield "asked", f"asks {', '.join(one.verdict.asks) or 'nothing'}, right is {right}"
    elif not one.rated and len(one.verdict.asks) > one.truth.asks_at_most:
        yield "many", f"asks {', '.join(one.verdict.asks)}, at most {one.truth.asks_at_most} are right"
    if one.truth.suggests and not one.codes & set(one.truth.suggests):
        yield "offer", f"offers {', '.join(sorted(one.codes)) or 'no code'}, right is {' or '.join(one.truth.suggests)}"
    if one.offers in ("broken", "nothing"):
        yield "no way", f"{one.verdict.because}; by {decided}"


def measure(outcomes: Iterable[Outcome]) -> Sums:
    sums = Sums()
    for one in outcomes:
        sums.count(one)
    return sums


def as_json(sums: Sums) -> dict[str, Any]:
    return {
        "orders": sums.orders,
        "shares": {
            name: {
                "part": sums.parts[name],
                "whole": sums.wholes[name],
                "percent": round(share.percent, 2) if share.whole else None,
                "interval_95": [round(end, 2) for end in share.interval] if share.whole else None,
                "goal": goal,
            }
            for name, (_, goal, _) in SHARES.items()
            for share in [sums.share(name)]
        },
        "ratings": dict(sums.ratings),
        "cards_per_100_orders": round(100 * sums.with_card / sums.orders, 1) if sums.orders else None,
        "questions": {"median": sums.quantile(0.5), "percentile_95": sums.quantile(0.95)},
        "offers": dict(sums.offers),
        "criteria": dict(sums.criteria.most_common()),
        "faults": [
            {"scenario": s, "kind": kind, "came": came, "rows": list(rows), "orders": n}
            for (s, kind, came, rows), n in sorted(sums.faults.items())
        ],
    }
