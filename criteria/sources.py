"""`imaging-cds check --sources DIR`: no sentence of a source may stand in the repository.

Runs of nine words (case folded, punctuation dropped) of our files are looked up in the texts of a folder. Neighbouring
runs are one hit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from criteria.errors import CriteriaError
from criteria.library import HERE

RUN = 9
"""Words in a row that count as copied."""
OURS = ("*.yaml", "*.md")
TEXTS = (".txt", ".md", ".html", ".yaml", ".csv")
_DROPPED = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Hit:
    """Words of ours that a text holds too. ``line`` is where the first of them stands, ``source`` the text's name."""

    file: Path
    line: int
    words: str
    source: str


def our_files(home: Path = HERE, *more: Path) -> list[Path]:
    """Everything written by hand under ``home``, and ``more``."""
    return [*sorted(p for pattern in OURS for p in home.rglob(pattern)), *more]


def copied(files: Iterable[Path], folder: Path) -> Iterator[Hit]:
    """Every run of words that one of ``files`` shares with a text in ``folder``. Raises `CriteriaError`."""
    texts = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in TEXTS] if folder.is_dir() else []
    if not texts:
        raise CriteriaError(f"There are no texts in {folder.name}: give a folder with {', '.join(TEXTS)} files.")
    known: dict[tuple[str, ...], str] = {}
    for text in texts:
        words = [w for w, _ in _words(text)]
        known.update((tuple(words[n : n + RUN]), text.name) for n in range(len(words) - RUN + 1))
    for file in files:
        yield from _hits(file, list(_words(file)), known)


def _hits(file: Path, words: list[tuple[str, int]], known: dict[tuple[str, ...], str]) -> Iterator[Hit]:
    at = 0
    while at <= len(words) - RUN:
        source = known.get(tuple(w for w, _ in words[at : at + RUN]))
        if source is None:
            at += 1
            continue
        end = at + RUN
        while end < len(words) and tuple(w for w, _ in words[end - RUN + 1 : end + 1]) in known:
            end += 1
        yield Hit(file, words[at][1], " ".join(w for w, _ in words[at:end]), source)
        at = end


def _words(path: Path) -> Iterator[tuple[str, int]]:
    """The words of a file with their lines (1-based)."""
    for line, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        for word in _DROPPED.sub("", text).casefold().split():
            yield word, line
