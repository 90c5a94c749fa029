"""words.yaml, read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from service.guidelines.words import read_words

WORDS = Path(__file__).parent / "words.yaml"
TABLES = ("ratings", "truths", "bases", "actions", "notes", "reasons")


@cache
def words() -> Mapping[str, Mapping[str, Any]]:
    """All tables of the explain page. Raises `DataError`."""
    return read_words(WORDS, TABLES)
