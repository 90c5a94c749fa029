"""Which statements of the sources are encoded, and what became of the others.

Whether a case exercises a clause shows only by running the cases, which takes seconds. What they exercised is therefore
kept in exercised.json with a fingerprint of all that they depend on; where the fingerprint no longer fits, the record
says nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from criteria.cases import cases_of, exercised_rows
from criteria.errors import DataError
from criteria.library import HERE, Library
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near

NOTHING_TO_COMPUTE = {"informational", "definition"}
DUTIES = {*NOTHING_TO_COMPUTE, "documentation"}
STATES = ("encoded", "nothing to compute", "not computed", "open")
RECORD = "exercised.json"
Exercised = Mapping[str, Set[str]]
"""Index rows that some case exercises, by guideline."""


@dataclass(frozen=True, slots=True)
class Row:
    """One index row. ``state``: ``encoded`` | ``nothing to compute`` | ``not computed`` (says why) | ``open``."""

    id: str
    guideline: str
    section: str
    title: str
    kind: str
    computable: str
    state: str
    reason: str = ""


def coverage(library: Library, exercised: Exercised | None = None, home: Path = HERE) -> list[Row]:
    """Every row of every index. A row is encoded when a rule covers it and a case exercises that clause.

    ``exercised``: None runs the cases. Raises `DataError` where not_encoded.yaml names a row that does not exist or
    that a rule covers after all.
    """
    exercised = run(library) if exercised is None else exercised
    covered: dict[str, set[str]] = defaultdict(set)
    for criterion in library.criteria:
        covered[criterion.guideline] |= set(criterion.rows)
    out = []
    for guideline in library.guidelines:
        folder = home / "guidelines" / guideline
        index = read_yaml(folder / "index.yaml")
        mine, tried = covered[guideline], exercised.get(guideline, frozenset())
        reasons = _reasons(folder / "not_encoded.yaml", {r["id"] for r in index}, mine)
        for raw in index:
            state, reason = _state(raw["id"], raw["kind"], mine, tried, reasons)
            out.append(
                Row(raw["id"], guideline, raw["section"], raw["title"], raw["kind"], raw["computable"], state, reason)
            )
    return out


def _state(row: str, kind: str, covered: Set[str], tried: Set[str], reasons: Mapping[str, str]) -> tuple[str, str]:
    if row in covered:
        return ("encoded", "") if row in tried else ("open", "no case exercises the clause")
    if row in reasons:
        return "not computed", reasons[row]
    return ("nothing to compute" if kind in NOTHING_TO_COMPUTE else "open"), ""


def run(library: Library) -> Exercised:
    """Run every case. Raises `DataError` for a case that cannot be read."""
    out: dict[str, set[str]] = defaultdict(set)
    for criterion in library.criteria:
        for case in cases_of(criterion, library):
            out[criterion.guideline] |= exercised_rows(case, library)
    return out


def claimed(library: Library) -> Exercised:
    """What rules cover, taken at their word: for showing where no record fits."""
    out: dict[str, set[str]] = defaultdict(set)
    for criterion in library.criteria:
        out[criterion.guideline] |= set(criterion.rows)
    return out


def recorded(home: Path = HERE) -> Exercised | None:
    """What the cases exercised when it was last recorded; None where rules, cases or tables have changed since."""
    path = home / RECORD
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["fingerprint"] != fingerprint(home):
        return None
    return {guideline: frozenset(rows) for guideline, rows in record["rows"].items()}


def record(exercised: Exercised, home: Path = HERE) -> None:
    """Write exercised.json."""
    rows = {guideline: sorted(found) for guideline, found in sorted(exercised.items())}
    text = json.dumps({"fingerprint": fingerprint(home), "rows": rows}, indent=0)
    (home / RECORD).write_text(text + "\n", encoding="utf-8")


def fingerprint(home: Path = HERE) -> str:
    """SHA-256 of every table, rule and case below ``home``: its path and its text."""
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*.yaml")):
        digest.update(f"{path.relative_to(home).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _reasons(path: Path, rows: set[str], covered: Set[str]) -> dict[str, str]:
    if not path.exists():
        return {}
    raw: Lines = read_yaml(path) or Lines()
    for name in raw:
        if name not in rows:
            raise DataError(path, raw.line(name), f"`{name}` is no row of the index.{near(name, rows)}")
        if name in covered:
            raise DataError(path, raw.line(name), f"`{name}` is covered by a rule; take it out here or there.")
    return {str(k): str(v) for k, v in raw.items()}
