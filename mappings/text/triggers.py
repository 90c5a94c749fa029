"""The words that tell how others are meant: context.yaml, read and checked."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.text.lexicon import lexicon
from mappings.text.tables import in_table

CONTEXT = Path(__file__).parent / "context.yaml"
STATES = ("denied", "past", "family", "doubted", "imagined", "planned")
SINGLE = ("ends", "loosens", "relatives", "returns", "did")
KEYS = (*STATES, *SINGLE, "of_relatives", "harmless", "lists", "asks")
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Triggers:
    before: Mapping[Words, str]
    after: Mapping[Words, tuple[str, ...]]
    harmless: frozenset[Words]
    ends: frozenset[str]
    lists: frozenset[Words]
    asks: frozenset[Words]
    loosens: frozenset[str]
    relatives: frozenset[str]
    returns: frozenset[str]
    did: frozenset[str]


@functools.cache
def triggers(path: Path = CONTEXT) -> Triggers:
    """context.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    if set(raw) != set(KEYS):
        raise DataError(path, 1, f"the keys are {', '.join(KEYS)}, each once.")
    words = lexicon().words
    before: dict[Words, str] = {}
    after: dict[Words, tuple[str, ...]] = {}
    for state in STATES:
        if set(raw[state]) - {"before", "after"}:
            raise DataError(path, raw.line(state), f"`{state}` has the keys before and after.")
        for phrase in raw[state].get("before", ()):
            key = in_table(phrase, words)
            if before.setdefault(key, state) != state:
                raise DataError(path, raw.line(state), f"`{phrase}` stands under two states; keep one.")
        for phrase in raw[state].get("after", ()):
            key = in_table(phrase, words)
            after[key] = (*after.get(key, ()), state)

    def each(key: str) -> Iterator[Words]:
        return (in_table(phrase, words) for phrase in raw[key])

    single = {key: frozenset(w for phrase in each(key) for w in phrase) for key in SINGLE}
    for relative in single["relatives"]:
        before |= {(relative, *link): "family" for link in each("of_relatives")}
        after |= {("in", *whose, relative): ("family",) for whose in ((), ("a",), ("her",), ("his",))}
    harmless, lists, asks = (frozenset(each(key)) for key in ("harmless", "lists", "asks"))
    return Triggers(before, after, harmless, lists=lists, asks=asks, **single)
