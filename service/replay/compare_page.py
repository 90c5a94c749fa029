"""What a change of the rules would do, for a medical director: compare.json, and a page that takes two minutes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from criteria import Library
from service.replay.page import LIMITS, WORDS, of, what_went_in
from service.replay.pages import Cell, Page
from service.replay.plots import stacked
from service.replay.rule_changes import RuleChange, in_words, rule_changes
from service.replay.rules import latest_day, standing
from service.replay.run import Came
from service.replay.summary import RATINGS, TOP, about, ordered, share
from service.replay.tables import columns, rows_of
from service.replay.work import put

EXAMPLES = 15
Z = 1.959964
Why = tuple[str, str, str, str, str]


@dataclass
class Pairs:
    """Counts over all orders, each judged by both sets of rules."""

    orders: int = 0
    old_cards: int = 0
    new_cards: int = 0
    lost_safety: int = 0
    """Orders on which a safety rule had a word, and none has now."""
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    whys: Counter[Why] = field(default_factory=Counter)
    values: dict[Why, Counter[str]] = field(default_factory=dict)
    moves: dict[Why, Counter[str]] = field(default_factory=dict)
    studies: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)

    def marginal(self, place: int) -> Counter[str]:
        """Orders by their old rating (0) or their new one (1)."""
        out: Counter[str] = Counter()
        for pair, n in self.matrix.items():
            out[pair[place]] += n
        return out


def sum_up(came: Came, folder: Path) -> None:
    job = came.job
    old, new = (standing(r, s).library for r, s in zip(job.rules, job.stamps, strict=True))
    titles = {c.id: c.title for library in (old, new) for c in library.criteria}
    changed = rule_changes(old, new)
    found = _pairs(folder)
    held = {**_as_json(came, found, changed), "rules_said": _rules_said(came, (old, new))}
    put(folder / "compare.json", held)
    _page(held, found, changed, new, titles, folder)


def _pairs(folder: Path) -> Pairs:
    out = Pairs()
    for row in _rows(folder):
        out.orders += 1
        out.old_cards += row["old_card"]
        out.new_cards += row["new_card"]
        out.lost_safety += row["old_safety"] and not row["new_safety"]
        out.matrix[row["old_rating"], row["new_rating"]] += 1
        out.changes[row["change"]] += 1
        if row["change"] != "rating":
            continue
        why = tuple(row[name] or "" for name in ("criterion", "clause", "fact", "old_clause", "new_clause"))
        out.whys[why] += 1  # type: ignore[index]
        out.values.setdefault(why, Counter())[row["value"] or "not on file"] += 1  # type: ignore[arg-type]
        move = f"{row['old_rating']} to {row['new_rating']}"
        out.moves.setdefault(why, Counter())[move] += 1  # type: ignore[arg-type]
        out.studies[row["study"] or "not recognised"] += 1
        if len(out.examples) < EXAMPLES:
            out.examples.append(row)
    return out


def _as_json(came: Came, found: Pairs, changed: list[RuleChange]) -> dict[str, Any]:
    before, after = found.marginal(0), found.marginal(1)
    whole = found.orders
    return {
        "orders": whole,
        "changed_rating": share(found.changes["rating"], whole),
        "same_rating_other_reasons": share(found.changes["reasons"], whole),
        "safety_words_lost": share(found.lost_safety, whole),
        "old": {name: share(before[name], whole) for name in RATINGS},
        "new": {name: share(after[name], whole) for name in RATINGS},
        "shift": {name: shift(found, name) for name in RATINGS},
        "matrix": {f"{a} to {b}": n for (a, b), n in sorted(found.matrix.items())},
        "cards_per_100_orders": {
            "old": round(100 * found.old_cards / whole, 1) if whole else None,
            "new": round(100 * found.new_cards / whole, 1) if whole else None,
        },
        "clauses": [
            {
                "criterion": why[0], "clause": why[1], "fact": why[2], "old": why[3], "new": why[4], "orders": n,
                "moves": ordered(found.moves[why]), "found": ordered(found.values[why]),
            }
            for why, n in sorted(found.whys.items(), key=lambda one: (-one[1], one[0]))
        ],
        "studies_changed": ordered(found.studies),
        "rules_changed": [c.as_json() for c in changed],
        **about(came),
    }  # fmt: skip


def shift(found: Pairs, rating: str) -> dict[str, Any]:
    """How the share of a rating moves, in points of 100, with the interval of 95 % for pairs (the same orders are rated
    twice, so only those that leave or enter count)."""
    n = found.orders
    left = sum(k for (a, b), k in found.matrix.items() if a == rating != b)
    came = sum(k for (a, b), k in found.matrix.items() if b == rating != a)
    if not n:
        return {"left": 0, "came": 0, "points": None, "interval_95": None}
    middle = (came - left) / n
    half = Z * math.sqrt(max(0.0, (came + left) / n - middle**2) / n)
    ends = [round(100 * (middle - half), 2), round(100 * (middle + half), 2)]
    return {"left": left, "came": came, "points": round(100 * middle, 2), "interval_95": ends}


def _page(
    held: dict[str, Any],
    found: Pairs,
    changed: list[RuleChange],
    new: Library,
    titles: Mapping[str, str],
    folder: Path,
) -> None:
    one, two = (rules["name"] for rules in held["rules"])
    page = Page("What a change of the rules would do")
    cards, moved = held["cards_per_100_orders"], held["changed_rating"]
    page.warning([*_safety(found.lost_safety, changed), *held["warnings"]])
    page.text(held["found"].rstrip(".") + ".")
    if held["orders"]:
        low, high = moved["interval_95"]
        page.points([
            f"{held['orders']:,} past orders were judged twice: by the old rules ({one}) and by the new ones ({two}), "
            f"{held['rules_said']}.",
            f"{moved['orders']:,} of them get another rating: {moved['percent']:.1f} of 100 (between {low:.1f} and "
            f"{high:.1f} with 95 % confidence, for orders like these).",
            f"Orders with a card: {cards['old']:g} of 100 before, {cards['new']:g} of 100 after.",
            f"Another {held['same_rating_other_reasons']['orders']:,} keep their rating for other reasons or with other"
            " questions.",
        ])  # fmt: skip
    page.heading("What changes in the rules")
    page.points(in_words(changed) or ["Nothing: both sets of rules say the same."])
    if new.local:
        page.table(
            "This site's own overlay", ["rule", "what", "who answers for it", "since", "why"],
            [[m.criterion, m.what, m.author, m.date.isoformat(), m.reason] for m in new.local],
        )  # fmt: skip
    page.heading("What becomes of the orders")
    rows: list[list[Cell]] = []
    for rating in RATINGS:
        by = held["shift"][rating]
        points = (
            "-"
            if by["points"] is None
            else f"{by['points']:+.1f} ({by['interval_95'][0]:+.1f} to {by['interval_95'][1]:+.1f})"
        )
        rows.append([WORDS[rating], *of(held["old"][rating])[:2], *of(held["new"][rating])[:2], points])
    page.table(
        "Ratings before and after", ["rating", "before", "of 100", "after", "of 100", "shift in points (95 %)"], rows
    )
    if found.orders:
        both = {"before": found.marginal(0), "after": found.marginal(1)}
        svg = stacked(both, RATINGS, "Ratings before and after", folder / "compare.svg")
        page.picture(svg, "Shares of the ratings before and after; the figures stand in the table above", "compare.svg")
    matrix: list[list[Cell]] = [[WORDS[a], *(found.matrix[a, b] for b in RATINGS)] for a in RATINGS]
    page.table("From (row) to (column), in orders", ["", *(WORDS[r] for r in RATINGS)], matrix)
    page.heading("Which clause did it")
    for clause in held["clauses"][:TOP]:
        page.text(_told(clause, titles))
    page.table(
        "Studies whose orders change",
        ["study", "orders"],
        [[s, n] for s, n in list(held["studies_changed"].items())[:TOP]],
    )
    page.table(
        "Examples; all stand in changes.parquet", ["order", "study", "before", "after", "found", "clause after"],
        [[r["order"], r["study"] or "", r["old_rating"], r["new_rating"], r["value"] or "", r["new_clause"] or ""]
         for r in found.examples],
    )  # fmt: skip
    page.heading("How far to trust it")
    page.text(LIMITS)
    page.text("The intervals speak of chance alone. How clinicians would order under the new rules is not in the data.")
    what_went_in(page, held)
    page.write(folder, "compare")


def _safety(lost: int, changed: list[RuleChange]) -> list[str]:
    """What nobody may miss: that patients go without a warning."""
    out = [f"{_orders(lost)} lose{'s' if lost == 1 else ''} the word of a safety rule."] if lost else []
    rules = [f"{c.title} ({c.criterion}): {c.what}" for c in changed if c.safety]
    return out + ([f"Safety rules that are not what they were: {'; '.join(rules)}."] if rules else [])


def _rules_said(came: Came, libraries: tuple[Library, Library]) -> str:
    on = came.job.rules_on
    if on is None:
        return "each as they were in force on the day of the order"
    if on == latest_day(libraries):
        return (
            "each with everything that is written in them, whatever the day of the order"
            f" (their last change begins on {on})"
        )
    return f"each as they were in force on {on}, whatever the day of the order"


def _told(clause: dict[str, Any], titles: Mapping[str, str]) -> str:
    """One clause, in a few sentences."""
    count = _orders(clause["orders"])
    if not clause["criterion"]:
        return f"{count} for a reason that no single clause shows."
    moves = "; ".join(f"{n:,} from {move}" for move, n in clause["moves"].items())
    rule = f"{titles.get(clause['criterion'], '')} ({clause['criterion']})"
    clauses = f"The clause: {clause['clause'].rstrip('.')}. Old: {clause['old']}. New: {clause['new']}."
    values = list(clause["found"].items())
    shown = ", ".join(f"{value} ({_orders(n)})" for value, n in values[:8]) + (", ..." if len(values) > 8 else "")
    return f"{count} by the rule {rule}. {clauses}{f' On file: {shown}.' if clause['fact'] else ''} They go: {moves}."


def _orders(n: int) -> str:
    return f"{n:,} order{'' if n == 1 else 's'}"


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    names = [c.name for c in columns()["changes"]]
    for row in rows_of(folder / "changes.parquet", "changes"):
        yield dict(zip(names, row, strict=True))
