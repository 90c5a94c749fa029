"""The sums of a replay: what became of the orders, by study, year, criterion and missing fact."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.replay.losses import warnings
from service.replay.run import Came
from service.replay.tables import columns, rows_of
from service.report.share import Share

RATINGS = ("appropriate", "not-appropriate", "needs-information", "no-criteria-apply")
TOP = 20
NAMED = 20
"""Errors that are named in the summary; all stand in errors.parquet."""
UNKNOWN = "not recognised"


@dataclass
class Sums:
    """Counts over all orders."""

    orders: int = 0
    cards: int = 0
    provisional: int = 0
    ratings: Counter[str] = field(default_factory=Counter)
    because: Counter[str] = field(default_factory=Counter)
    criteria: Counter[str] = field(default_factory=Counter)
    local: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    presumed: Counter[str] = field(default_factory=Counter)
    alternatives: Counter[str] = field(default_factory=Counter)
    too_early: Counter[str] = field(default_factory=Counter)
    """Orders without criteria, for a guideline that began later."""
    early: int = 0
    by_study: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_year: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def sums(folder: Path) -> Sums:
    """Read from the tables, a group of rows at a time."""
    out = Sums()
    pairs = zip(_rows(folder, "orders"), _rows(folder, "verdicts"), strict=True)
    for order, verdict in pairs:
        rating = verdict["rating"]
        out.orders += 1
        out.cards += verdict["card"]
        out.provisional += verdict["provisional"]
        out.ratings[rating] += 1
        out.because[verdict["because"]] += 1
        out.criteria.update(verdict["criteria"])
        out.local.update(verdict["local"])
        out.too_early.update(verdict["not_yet"])
        out.early += bool(verdict["not_yet"])
        out.by_study[order["study"] or UNKNOWN][rating] += 1
        out.by_year[str(order["day"].year)][rating] += 1
    for row in _rows(folder, "missing"):
        (out.asked if row["use"] == "asked" else out.presumed)[row["fact"]] += 1
    for row in _rows(folder, "alternatives"):
        if row["place"] == 1:
            out.alternatives[f"{row['action']} {row['study'] or ''}".rstrip()] += 1
    return out


def as_json(came: Came, found: Sums) -> dict[str, Any]:
    """Nothing in it depends on the machine, the hour, or how the work was shared out."""
    whole = found.orders
    return {
        "orders": whole,
        "ratings": {name: share(found.ratings[name], whole) for name in RATINGS},
        "provisional": share(found.provisional, whole),
        "no_criteria_yet": {"orders": found.early, "guidelines": ordered(found.too_early)},
        "cards_per_100_orders": round(100 * found.cards / whole, 1) if whole else None,
        "because": ordered(found.because),
        "criteria": ordered(found.criteria),
        "local_criteria": ordered(found.local),
        "asked": ordered(found.asked),
        "presumed": ordered(found.presumed),
        "first_alternatives": ordered(found.alternatives),
        "by_study": {name: ordered(counts) for name, counts in by_size(found.by_study)},
        "by_year": {name: ordered(counts) for name, counts in sorted(found.by_year.items())},
        **about(came),
    }


def about(came: Came) -> dict[str, Any]:
    """What went into a run, and what of it could not be used."""
    intake, job = came.intake, came.job
    unsearched = {kind for loss in intake.losses for kind in loss.types}
    return {
        "rules": [{"name": r.name, "stamp": s} for r, s in zip(job.rules, job.stamps, strict=True)],
        "rules_in_force_on": job.rules_on.isoformat() if job.rules_on else "the day of each order",
        "warnings": warnings(intake.losses),
        "found": came.found,
        "signed_orders": sum(intake.orders),
        "passed_over": ordered(came.passed),
        "patients": intake.patients,
        "not_judged": sum(row[2] == "judge" for row in came.errors),
        "parts_failed": came.failed,
        "ids": "hashed" if job.key else "kept",
        "files": len(intake.files),
        "resources": dict(sorted(intake.resources.items())),
        "not_read": dict(sorted(intake.unread.items())),
        "types_the_input_lacks": sorted(job.missing - unsearched),
        "types_not_read_to_the_end": sorted(unsearched),
        "files_not_read_to_the_end": [
            {"file": loss.file, "records": loss.lines, "breaks_off_at": loss.ends} for loss in intake.losses
        ],
        "undated": dict(sorted(came.undated.items())),
        "errors": dict(ordered(Counter(f"{row[2]}: {row[3]}" for row in came.errors))),
        "rows": came.rows,
    }


def share(part: int, whole: int) -> dict[str, Any]:
    """A count with its percentage and Wilson's interval of 95 %."""
    held = Share(part, whole)
    if not whole:
        return {"orders": part, "percent": None, "interval_95": None}
    return {"orders": part, "percent": round(held.percent, 2), "interval_95": [round(e, 2) for e in held.interval]}


def ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first, then by name."""
    return dict(sorted(counts.items(), key=lambda kept: (-kept[1], str(kept[0]))))


def by_size(groups: Mapping[str, Counter[str]]) -> Iterable[tuple[str, Counter[str]]]:
    return sorted(groups.items(), key=lambda group: (-group[1].total(), group[0]))


def _rows(folder: Path, table: str) -> Iterable[dict[str, Any]]:
    names = [c.name for c in columns()[table]]
    return (dict(zip(names, row, strict=True)) for row in rows_of(folder / f"{table}.parquet", table))
