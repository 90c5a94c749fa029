"""Code tables (codes/*.csv): which code means which fact or class, one line each, for a person to review."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from mappings.codings import Pairs, codings
from mappings.kept import Kept

CODES = Path(__file__).parent / "codes"
NOTHING: frozenset[str] = frozenset()
MOST = 2048
"""So many answers of each sort are kept of each table: there are some thirty, most look at every code, and to look one
up anew takes microseconds."""
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
    any_name: re.Pattern[str] | None = None
    """Matches where any of ``names`` does."""
    of_codes: Callable[[Pairs], frozenset[str]] = field(init=False, compare=False, repr=False)
    """What the `codings` of a concept mean."""
    of_code: Callable[[tuple[str, str]], frozenset[str]] = field(init=False, compare=False, repr=False)
    """What one code means."""
    of_name: Callable[[str], frozenset[str]] = field(init=False, compare=False, repr=False)
    """What one name means, by the beginnings of its words."""

    def __post_init__(self) -> None:
        """Charts repeat the same few hundred codes and names: what they mean is kept."""
        object.__setattr__(self, "of_codes", Kept(self._of_codes, MOST).__getitem__)
        object.__setattr__(self, "of_code", Kept(self._of_code, MOST).__getitem__)
        object.__setattr__(self, "of_name", Kept(self._of_name, MOST).__getitem__)

    def means(self, *concepts: Any, text: bool = False) -> frozenset[str]:
        """Everything that the codes of these CodeableConcepts mean; with ``text`` also their displays and text."""
        found = NOTHING
        for concept in concepts:
            found |= self.of_codes(codings(concept))
            if text and self.names and not found:
                found |= self.of_words(spoken(concept))
        return found

    def _of_codes(self, pairs: Pairs) -> frozenset[str]:
        return NOTHING.union(*map(self.of_code, pairs))

    def of_words(self, said: Iterable[str]) -> frozenset[str]:
        """Everything that these names mean."""
        told = NOTHING
        for name in said:
            if means := self.of_name(name):
                told = told | means if told else means
        return told

    def _of_code(self, pair: tuple[str, str]) -> frozenset[str]:
        system, code = pair
        begun = (m for s, start, m in self.prefixes if s == system and code.startswith(start))
        return frozenset((*self.exact.get(pair, ()), *begun))

    def _of_name(self, name: str) -> frozenset[str]:
        if self.any_name is None or not self.any_name.search(name):
            return frozenset()
        return frozenset(means for pattern, means in self.names if pattern.search(name))


def spoken(concept: Any) -> list[str]:
    """The text and the displays of a CodeableConcept, whatever is there."""
    if not isinstance(concept, dict):
        return []
    held, text = concept.get("coding"), concept.get("text")
    said = [text] if isinstance(text, str) else []
    for coding in held if isinstance(held, list) else ():
        if isinstance(coding, dict) and isinstance(display := coding.get("display"), str):
            said.append(display)
    return said


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
    begun: list[str] = []
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
            begun.append(re.escape(code))
        elif system == "sentence":
            sentences[code] = means
        elif code.endswith("*"):
            prefixes.append((system, code[:-1], means))
        else:
            for one in _codes(code):
                exact[system, one] = (*exact.get((system, one), ()), means)
    any_name = re.compile(rf"\b(?:{'|'.join(begun)})", re.IGNORECASE) if begun else None
    return CodeTable(exact, tuple(prefixes), tuple(names), sentences, any_name)


@functools.cache
def every_table() -> tuple[CodeTable, ...]:
    """Every table of codes/ in this format."""
    names = (path for path in sorted(CODES.glob("*.csv")) if _heading(path.read_text(encoding="utf-8")) == COLUMNS)
    return tuple(read_table(path.stem) for path in names)


def _heading(text: str) -> tuple[str, ...]:
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    return tuple(first.split(","))


def _codes(code: str) -> Iterable[str]:
    """One code, or every code of a range; SNOMED CT and LOINC codes are never ranges."""
    match = _RANGE.fullmatch(code)
    if not match or len(match[2]) != len(match[4]) or len(match[2]) < 3:
        return (code,)
    width = len(match[2])
    return (f"{match[1]}{n:0{width}d}{match[3]}" for n in range(int(match[2]), int(match[4]) + 1))
