"""Free text -> candidate indications: a proposal that orders questions, never a fact (codes/phrases.csv)."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from criteria.errors import DataError
from criteria.vocabulary import near
from mappings.diagnoses import CODES, indications, rows

PHRASES = CODES / "phrases.csv"
COLUMNS = ("phrase", "indication")
LONGEST = 1000
"""Characters of a text that are read; a reason is a line, not a letter."""

_CLAUSE = re.compile(r"[.;,:()\n/]|\bbut\b|\bwith\b(?!out)")
_NEGATION = re.compile(r"\b(no|not|denies|denied|without|negative for|absence of|never|ruled out)\b")
_NEGATED_AFTER = re.compile(r"^\s*(is |was |has been )?(ruled out|excluded|resolved|denied)\b")
_R_O = re.compile(r"\br/o\b")


def candidates(text: str) -> tuple[str, ...]:
    """Ids of the indications that the words propose, in the order of the table; negated phrases propose nothing."""
    said = _R_O.sub("rule out", text[:LONGEST].casefold())
    found: dict[str, None] = {}
    for clause in _CLAUSE.split(said):
        taken: list[tuple[int, int]] = []
        for pattern, indication in _phrases():
            for match in pattern.finditer(clause):
                if any(match.start() < end and start < match.end() for start, end in taken):
                    continue  # part of a longer phrase
                taken.append(match.span())
                before, after = clause[: match.start()], clause[match.end() :]
                if not _NEGATION.search(before) and not _NEGATED_AFTER.search(after):
                    found[indication] = None
    return tuple(found)


@functools.cache
def _phrases(path: Path = PHRASES) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The table, longest phrase first. Raises `DataError`."""
    seen: dict[str, str] = {}
    for n, (phrase, indication) in rows(path, COLUMNS):
        if indication not in indications():
            raise DataError(path, n, f"`{indication}` is no indication.{near(indication, indications())}")
        if phrase != phrase.casefold() or phrase in seen:
            raise DataError(path, n, f"`{phrase}` stands twice or is not in small letters.")
        seen[phrase] = indication
    ordered = sorted(seen.items(), key=lambda item: -len(item[0]))
    return tuple((re.compile(rf"\b{re.escape(phrase)}\b"), indication) for phrase, indication in ordered)
