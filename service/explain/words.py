"""words.yaml, read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import read_yaml

WORDS = Path(__file__).parent / "words.yaml"
TABLES = ("ratings", "truths", "bases", "actions", "notes", "reasons")


@cache
def words() -> Mapping[str, Mapping[str, Any]]:
    """All tables. Raises `DataError` where one is missing or nobody's."""
    raw = read_yaml(WORDS)
    if set(raw) != set(TABLES):
        wrong = ", ".join(sorted(set(raw) ^ set(TABLES)))
        raise DataError(WORDS, 1, f"the tables are {', '.join(TABLES)}; missing or unknown: {wrong}.")
    return {name: dict(table) for name, table in raw.items()}
