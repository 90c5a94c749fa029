"""Which statements of the sources are encoded, and what became of the others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from criteria.check import outcomes
from criteria.errors import DataError
from criteria.library import HERE, Library
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near

NOTHING_TO_COMPUTE = {"informational", "definition"}


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


def coverage(library: Library) -> list[Row]:
    """Every row of every index. A row is encoded when a rule covers it and a case exercises that clause.

    Raises `DataError` where not_encoded.yaml names a row that does not exist or that a rule covers after all.
    """
    exercised: dict[str, set[str]] = defaultdict(set)
    for outcome in outcomes(library):
        exercised[outcome.case.criterion.guideline] |= outcome.rows
    covered: dict[str, set[str]] = defaultdict(set)
    for criterion in library.criteria:
        covered[criterion.guideline] |= set(criterion.rows)
    out = []
    for guideline in library.guidelines:
        folder = HERE / "guidelines" / guideline
        index = read_yaml(folder / "index.yaml")
        reasons = _reasons(folder / "not_encoded.yaml", {r["id"] for r in index}, covered[guideline])
        for raw in index:
            name = raw["id"]
            state = (
                "encoded"
                if name in covered[guideline] & exercised[guideline]
                else "not computed"
                if name in reasons
                else "nothing to compute"
                if raw["kind"] in NOTHING_TO_COMPUTE and name not in covered[guideline]
                else "open"
            )
            reason = reasons.get(
                name, "no case exercises the clause" if name in covered[guideline] and state == "open" else ""
            )
            out.append(
                Row(name, guideline, raw["section"], raw["title"], raw["kind"], raw["computable"], state, reason)
            )
    return out


def _reasons(path: Path, rows: set[str], covered: set[str]) -> dict[str, str]:
    if not path.exists():
        return {}
    raw: Lines = read_yaml(path) or Lines()
    for name in raw:
        if name not in rows:
            raise DataError(path, raw.line(name), f"`{name}` is no row of the index.{near(name, rows)}")
        if name in covered:
            raise DataError(path, raw.line(name), f"`{name}` is covered by a rule; take it out here or there.")
    return {str(k): str(v) for k, v in raw.items()}
