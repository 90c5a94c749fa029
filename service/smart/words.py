"""words.yaml and values.csv, read: what the app's pages say, by language."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import read_yaml

WORDS = Path(__file__).parent / "words.yaml"
VALUES = Path(__file__).parent / "values.csv"
FIRST = "en"


def words(language: str = FIRST) -> Mapping[str, Any]:
    """All sentences in a language; in English where there is no such language. Raises `DataError`."""
    known = _read(WORDS)
    return known.get(language, known[FIRST])


def languages() -> list[str]:
    return list(_read(WORDS))


def value_name(value: str, language: str) -> str:
    """A value of a fact as a reader knows it."""
    named = value_names().get(value, {})
    return named.get(language) or named.get(FIRST) or value.replace("_", " ")


@cache
def value_names(path: Path = VALUES) -> Mapping[str, Mapping[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {row["value"]: {k: v for k, v in row.items() if k != "value"} for row in rows}


@cache
def _read(path: Path) -> Mapping[str, Mapping[str, Any]]:
    raw = read_yaml(path)
    for language, said in raw.items():
        if wrong := _keys(said) ^ _keys(raw[FIRST]):
            raise DataError(path, raw.line(language), f"`{language}`: missing or unknown: {', '.join(sorted(wrong))}.")
    return {language: {"language": language, **said} for language, said in raw.items()}


def _keys(said: Mapping[str, Any]) -> set[str]:
    return {f"{k}.{n}" for k, v in said.items() for n in (v if isinstance(v, Mapping) else [""])}
