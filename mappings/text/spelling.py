"""Slips of the pen in long words of our own tables: one letter wrong, missing, doubled or swapped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SHORTEST = 7
"""Letters of a word that may be mended; shorter ones are too close to each other."""


def slips(words: Iterable[str], never: Iterable[str]) -> tuple[Mapping[str, tuple[str, ...]], frozenset[str]]:
    """What `mend` needs: each long word, and each of them without one letter -> the words; and the words left alone."""
    table: dict[str, list[str]] = {}
    for word in sorted({w for w in words if len(w) >= SHORTEST and w.isalpha()}):
        for key in {word, *_shorter(word)}:
            table.setdefault(key, []).append(word)
    return {key: tuple(found) for key, found in table.items()}, frozenset(never)


def mend(word: str, table: tuple[Mapping[str, tuple[str, ...]], frozenset[str]]) -> str:
    """The one word of ours that is a single slip away and begins alike; else the word itself."""
    known, never = table
    if not SHORTEST - 1 <= len(word) <= 24 or not word.isalpha() or word in never:
        return word
    near = {w for key in (word, *_shorter(word)) for w in known.get(key, ()) if w[0] == word[0] and _one_slip(w, word)}
    return next(iter(near)) if len(near) == 1 else word


def _shorter(word: str) -> Iterable[str]:
    return (word[:i] + word[i + 1 :] for i in range(1, len(word)))


def _one_slip(right: str, written: str) -> bool:
    if abs(len(right) - len(written)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(right, written, strict=False)) if a != b), None)
    if start is None:
        return True
    a, b = right[start:], written[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
