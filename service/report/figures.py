"""What a period of the journal shows, as one document: the report prints it, the dashboard draws it."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from hooks.overrides import category_of
from service.journal.models import Consult
from service.journal.overridden import NO_CRITERION, OTHER, UNNAMED
from service.report import counting
from service.report.period import Period
from service.report.share import Share

TOP = 20
LONGEST_BY_DAY = 62
"""Days of a report that are shown one by one; a longer one goes by week."""
PERCENTILES = (50, 95, 99)
WORDLESS = "no word"

Document = dict[str, Any]


@dataclass
class Sums:
    """The rows of the database, added up."""

    orders: int = 0
    with_card: int = 0
    """Orders whose latest answer showed a card."""
    ratings: Counter[str] = field(default_factory=Counter)
    days: dict[dt.date, Counter[str]] = field(default_factory=dict)
    triggered: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    presumed: Counter[str] = field(default_factory=Counter)
    studies: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    indicators: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    of_criterion: dict[str, Counter[str]] = field(default_factory=dict)
    why: dict[str, Counter[str]] = field(default_factory=dict)

    def order(self, what: str, key: str, rating: str, number: int, zone: dt.tzinfo) -> None:
        if what == "hour":
            self.orders += number
            self.ratings[rating] += number
            self.days.setdefault(counting.local_day(key, zone), Counter())[rating] += number
        elif what == "card":
            self.with_card += number
        elif what == "study":
            self.studies[key or "not recognised"] += number
        else:
            into = {"criteria": self.triggered, "asks": self.missing, "presumes": self.presumed}[what]
            for name in dict.fromkeys(counting.listed(key)):
                into[name] += number

    def card(
        self, criteria: str, indicator: str, outcome: str | None, code: str | None, system: str | None, number: int
    ) -> None:
        word = outcome or WORDLESS
        self.outcomes[word] += number
        self.indicators[indicator] += number
        why = _reason(system, code) if outcome == "overridden" else ""
        if why:
            self.reasons[why] += number
        for criterion in dict.fromkeys(counting.listed(criteria)) or [NO_CRITERION]:
            self.of_criterion.setdefault(criterion, Counter())[word] += number
            if why:
                self.why.setdefault(criterion, Counter())[why] += number


def figures(engine: Engine, period: Period, top: int = TOP, seconds: int = 0) -> Document:
    """Orders and cards count once each, however often they were answered or shown: an order by its latest rating, a
    card by the latest word on it. PostgreSQL gives up on a question after ``seconds``; 0 for never."""
    sums = Sums()
    with Session(engine) as session:
        if seconds and engine.dialect.name == "postgresql":
            session.execute(text(f"SET LOCAL statement_timeout = '{int(seconds)}s'"))
        holds = period.holds(session)
        for what, key, rating, number in counting.orders(session, holds):
            sums.order(what, key, rating, number, period.zone)
        for criteria, indicator, outcome, code, system, number in counting.cards(session, holds):
            sums.card(criteria, indicator, outcome, code, system, number)
        taken = counting.suggestions(session, holds)
        latency = counting.answers(session, holds)
        unmapped = counting.unmapped(session, holds, top)
    return {
        "since": _iso(period.since),
        "until": _iso(period.until),
        "tenant": period.tenant,
        "answers": sum(took.total() for took in latency.values()),
        "orders": sums.orders,
        "ratings": tally(sums.ratings),
        "over_time": over_time(sums.days, period),
        "criteria": list(_criteria(sums, top)),
        "missing_facts": _top(sums.missing, top),
        "presumptions": _top(sums.presumed, top),
        "studies": _top(sums.studies, top),
        "unmapped_codes": [{"kind": k, "system": s, "code": c, "orders": n} for k, s, c, n in unmapped],
        "milliseconds": {hook: _percentiles(took) for hook, took in sorted(latency.items())},
        "cards": tally(sums.outcomes),
        "cards_per_100_orders": round(100 * sums.with_card / sums.orders, 1) if sums.orders else None,
        "indicators": tally(sums.indicators),
        "override_reasons": tally(sums.reasons),
        "suggestions_taken": dict(sorted(taken.items())),
    }


def _criteria(sums: Sums, top: int) -> Iterable[Document]:
    """How often each decided, and what clinicians did with its cards."""
    names = {*sums.triggered, *sums.of_criterion}
    for name in sorted(names, key=lambda n: (-sums.triggered[n], n))[:top]:
        words = sums.of_criterion.get(name, Counter())
        said = words.total() - words[WORDLESS]
        yield {
            "criterion": name,
            "triggered": Share(sums.triggered[name], sums.orders).told,
            "cards": words.total(),
            "accepted": words["accepted"],
            "overridden": Share(words["overridden"], said).told,
            "reasons": tally(sums.why.get(name, Counter())),
        }


def over_time(days: Mapping[dt.date, Counter[str]], period: Period) -> list[Document]:
    """Every day or week from the first to the last, also those without an order."""
    if not days:
        return []
    first, last = period.since or min(days), min(period.until or max(days), max(days))
    weekly = (last - first).days >= LONGEST_BY_DAY
    step = dt.timedelta(days=7 if weekly else 1)
    begins = first - dt.timedelta(days=first.weekday()) if weekly else first
    out = []
    while begins <= last:
        held = sum((days[d] for n in range(step.days) if (d := begins + dt.timedelta(days=n)) in days), Counter[str]())
        out.append({"from": begins.isoformat(), "days": step.days, "ratings": tally(held)})
        begins += step
    return out


def _percentiles(took: Counter[int]) -> Document:
    """By nearest rank, to the millisecond."""
    told: Document = {"answers": took.total()}
    for percent in PERCENTILES:
        rank, passed = math.ceil(percent / 100 * took.total()), 0
        for ms in sorted(took):
            passed += took[ms]
            if passed >= rank:
                told[f"p{percent}"] = ms
                break
    return told


def _reason(system: str | None, code: str | None) -> str:
    """The code where it is one that our cards offer."""
    if not code:
        return UNNAMED
    return code if category_of(system, code) else OTHER


def _top(counted: Counter[str], top: int) -> list[Document]:
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return [{"name": name, "orders": n} for name, n in ordered[:top]]


def tally(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def _iso(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None


MOST = 250_000
"""Answers that one look of the dashboard counts at most: some ten seconds of a busy machine."""


def too_many(engine: Engine, period: Period) -> int:
    """How many answers there are where they are more than `MOST`, else 0; counted on the index alone."""
    with Session(engine) as session:
        number = session.scalar(select(func.count()).select_from(Consult).where(period.holds(session))) or 0
    return number if number > MOST else 0


def known_tenants(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return sorted(session.scalars(select(Consult.tenant).distinct()))
