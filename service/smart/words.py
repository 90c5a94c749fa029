"""words.yaml, read: what the app's pages say, by language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import read_yaml

WORDS = Path(__file__).parent / "words.yaml"
FIRST = "en"


def words(language: str = FIRST) -> Mapping[str, Any]:
    """All sentences in a language; in English where there is no such language. Raises `DataError`."""
    known = _read(WORDS)
    return known.get(language, known[FIRST])


@cache
def _read(path: Path) -> Mapping[str, Mapping[str, Any]]:
    raw = read_yaml(path)
    for language, said in raw.items():
        if wrong := _keys(said) ^ _keys(raw[FIRST]):
            raise DataError(path, raw.line(language), f"`{language}`: missing or unknown: {', '.join(sorted(wrong))}.")
    return {language: {"language": language, **said} for language, said in raw.items()}


def _keys(said: Mapping[str, Any]) -> set[str]:
    return {f"{k}.{n}" for k, v in said.items() for n in (v if isinstance(v, Mapping) else [""])}
