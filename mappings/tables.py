"""Code tables (codes/*.csv): which code means which fact or class, one line each, for a person to review."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from mappings.codings import codings

CODES = Path(__file__).parent / "codes"
COLUMNS = ("system", "code", "means", "name", "source")
_RANGE = re.compile(r"([A-Z]*)(\d+)([A-Z]*)-\1(\d+)\3")


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A table read, each entry with what it means: exact codes, prefixes (``H02AB*``), beginnings of words in names
    (system ``text``) and whole sentences (system ``sentence``)."""

    exact: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    prefixes: tuple[tuple[str, str, str], ...] = ()
    names: tuple[tuple[re.Pattern[str], str], ...] = ()
    sentences: Mapping[str, str] = field(default_factory=dict)

    def means(self, *concepts: Any, text: bool = False) -> frozenset[str]:
        """Everything that the codes of these CodeableConcepts mean; with ``text`` also their displays and text."""
        found: set[str] = set()
        for concept in concepts:
            for system, code in codings(concept):
                found.update(self.exact.get((system, code), ()))
                found.update(m for s, start, m in self.prefixes if s == system and code.startswith(start))
            if text and self.names and not found:
                found.update(self.of_words(spoken(concept)))
        return frozenset(found)

    def of_words(self, said: Iterable[str]) -> set[str]:
        return {means for words in said for pattern, means in self.names if pattern.search(words)}


def spoken(concept: Any) -> list[str]:
    """The text and the displays of a CodeableConcept, whatever is there."""
    if not isinstance(concept, dict):
        return []
    held = concept.get("coding")
    displays = [c.get("display") for c in held if isinstance(c, dict)] if isinstance(held, list) else []
    return [t for t in (concept.get("text"), *displays) if isinstance(t, str)]


@functools.cache
def read_table(name: str) -> CodeTable:
    """``codes/<name>.csv``: comment lines with #, then system,code,means,name,source.

    ``code`` is one code, a range of codes of one length (62320-62323) or a prefix (H02AB*); with system ``text`` it
    is the beginning of a word in the name, with ``sentence`` a whole sentence. Raises `DataError` for other columns, an
    empty cell and a line that stands twice.
    """
    path = CODES / f"{name}.csv"
    exact: dict[tuple[str, str], tuple[str, ...]] = {}
    prefixes: list[tuple[str, str, str]] = []
    names: list[tuple[re.Pattern[str], str]] = []
    sentences: dict[str, str] = {}
    seen: dict[tuple[str, str, str], int] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not rows or tuple(rows[0][1].split(",")) != COLUMNS:
        raise DataError(path, rows[0][0] if rows else 1, f"the first line must be {','.join(COLUMNS)}.")
    for (n, _), row in zip(rows[1:], csv.reader(line for _, line in rows[1:]), strict=True):
        if len(row) != len(COLUMNS) or not all(cell.strip() for cell in row):
            raise DataError(path, n, f"a line has {len(COLUMNS)} filled cells: {', '.join(COLUMNS)}.")
        system, code, means = (cell.strip() for cell in row[:3])
        if (system, code, means) in seen:
            raise DataError(path, n, f"{system} {code} means {means} already in line {seen[system, code, means]}.")
        seen[system, code, means] = n
        if system == "text":
            names.append((re.compile(rf"\b{re.escape(code)}", re.IGNORECASE), means))
        elif system == "sentence":
            sentences[code] = means
        elif code.endswith("*"):
            prefixes.append((system, code[:-1], means))
        else:
            for one in _codes(code):
                exact[system, one] = (*exact.get((system, one), ()), means)
    return CodeTable(exact, tuple(prefixes), tuple(names), sentences)


def _codes(code: str) -> Iterable[str]:
    """One code, or every code of a range; SNOMED CT and LOINC codes are never ranges."""
    match = _RANGE.fullmatch(code)
    if not match or len(match[2]) != len(match[4]) or len(match[2]) < 3:
        return (code,)
    width = len(match[2])
    return (f"{match[1]}{n:0{width}d}{match[3]}" for n in range(int(match[2]), int(match[4]) + 1))
