"""words.yaml, read: the vocabulary's terms as a reader of the pages knows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from criteria.criterion import Ages
from criteria.errors import DataError
from criteria.reading import read_yaml

WORDS = Path(__file__).parent / "words.yaml"
TABLES = ("kinds", "absence", "types", "units", "compare", "missing", "contrast", "systems")


@cache
def words() -> Mapping[str, Mapping[str, Any]]:
    """All tables of the guideline pages. Raises `DataError`."""
    return read_words(WORDS, TABLES)


def read_words(path: Path, tables: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """All tables. Raises `DataError` where one is missing or nobody's."""
    raw = read_yaml(path)
    if set(raw) != set(tables):
        wrong = ", ".join(sorted(set(raw) ^ set(tables)))
        raise DataError(path, 1, f"the tables are {', '.join(tables)}; missing or unknown: {wrong}.")
    return {name: dict(table) for name, table in raw.items()}


def plain(code: str) -> str:
    """`spine_surgery` as words."""
    return code.replace("_", " ")


def day(on: dt.date) -> str:
    return f"{on.day} {on:%B %Y}"


def number(value: float) -> str:
    return f"{value:g}"


def span(start: dt.date | None, end: dt.date | None) -> str:
    """The days on which something is in force; empty for always."""
    begins = f"from {day(start)}" if start and start != dt.date.min else ""
    return " ".join(part for part in (begins, f"to {day(end)}" if end else "") if part)


def years(ages: Ages) -> str:
    """Whom it is for; empty for everybody."""
    if ages.at_least and ages.at_most is not None:
        return f"patients of {ages.at_least} to {ages.at_most} years"
    if ages.at_least:
        return f"patients of {ages.at_least} years and older"
    return f"patients up to {ages.at_most} years" if ages.at_most is not None else ""
