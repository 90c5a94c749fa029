"""Our ratings in the words of an EHR's own score field, read from scores.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.ratings import Rating
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near

SCORES = Path(__file__).parent / "scores.yaml"
KEYS = {"system", "source", "known", "ratings"}


@dataclass(frozen=True, slots=True)
class Scores:
    """One EHR's table."""

    system: str
    values: Mapping[str, str]

    def coding(self, rating: str) -> dict[str, Any]:
        value = self.values[rating]
        return {"system": self.system, "code": value, "display": value}


@cache
def scores(path: Path = SCORES) -> Mapping[str, Scores]:
    """The tables by name. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, Lines):
        raise DataError(path, 1, "the file needs one table per EHR.")
    return {name: _table(path, raw.line(name), entry) for name, entry in raw.items()}


def _table(path: Path, line: int | None, entry: Any) -> Scores:
    if not isinstance(entry, Lines) or set(entry) != KEYS or not isinstance(entry["ratings"], Lines):
        raise DataError(path, line, f"a table needs exactly {', '.join(sorted(KEYS))}.")
    for key in ("system", "source"):
        if not isinstance(entry[key], str) or not entry[key]:
            raise DataError(path, entry.line(key), f"`{key}` is text.")
    ratings = entry["ratings"]
    if set(ratings) != {r.value for r in Rating}:
        raise DataError(path, entry.line("ratings"), f"`ratings` has exactly {', '.join(r.value for r in Rating)}.")
    for rating, value in ratings.items():
        if value not in entry["known"]:
            mend = near(str(value), entry["known"])
            raise DataError(path, ratings.line(rating), f"`{value}` is not in `known`.{mend}")
    return Scores(entry["system"], dict(ratings))
