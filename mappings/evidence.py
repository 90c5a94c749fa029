"""The evidence of a derived fact in a few words for the card; the words stand in evidence.yaml."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.facts import Basis, Fact
from criteria.reading import read_yaml

TABLE = Path(__file__).parent / "evidence.yaml"
SECTIONS = ("phrases", "names", "types")
FRAMES = {
    "undated": {"what"}, "one": {"what", "day"}, "course": {"what", "first", "last"}, "running": {"what", "first"},
    "several": {"count", "what", "first", "last"}, "same_day": {"count", "what", "day"},
    "undated_several": {"count", "what"}, "from_to": {"what", "first", "day", "last", "later"},
}  # fmt: skip

MANY = 100
"""Days of so many pieces are put into words each time."""


def told(what: str, days: Iterable[dt.date | None]) -> str:
    """One day per piece of evidence: "x-ray of 2026-10-02", "8 therapy visits 2026-08-01 to 2026-10-02".

    A day that is not certain is None: it counts and is not told.
    """
    held = tuple(days)
    return _told(what, held) if len(held) < MANY else _told.__wrapped__(what, held)


@functools.lru_cache(maxsize=4096)
def _told(what: str, held: tuple[dt.date | None, ...]) -> str:
    known = sorted(d for d in held if d is not None)
    count = len(held)
    if count <= 1:
        return _say("one", _name(what), day=known[0]) if known else _say("undated", _name(what))
    name = _name(what, several=True)
    if not known:
        return _say("undated_several", name, count=count)
    if known[0] == known[-1]:
        return _say("same_day", name, count=count, day=known[0])
    return _say("several", name, count=count, first=known[0], last=known[-1])


def course(what: str, first: dt.date, last: dt.date | None) -> str:
    """Something that went on from one day to another, or goes on (``last`` None)."""
    if last is None:
        return _say("running", _name(what), first=first)
    return _say("one", _name(what), day=first) if first == last else _say("course", _name(what), first=first, last=last)


def change(what: str, old: float, day: dt.date, new: float, later: dt.date) -> str:
    """Two measurements of one thing: "pain score 7 of 2026-08-01, 3 of 2026-10-02"."""
    return _say("from_to", _name(what), first=f"{old:g}", day=day, last=f"{new:g}", later=later)


def with_notes(facts: Mapping[str, Fact]) -> Mapping[str, Fact]:
    """Every derived fact with a note: where its reader gave none, how many records of which kind it comes from."""
    derived = Basis.DERIVED
    bare = [fact for fact in facts.values() if not fact.note and fact.basis is derived]
    return {**facts, **{fact.name: _noted(fact) for fact in bare}} if bare else facts


def _noted(fact: Fact) -> Fact:
    kinds = list(dict.fromkeys(source.partition("/")[0] for source in fact.sources)) or ["Patient"]
    one = len(kinds) == 1
    notes = [told(kind, [fact.on] if one and len(fact.sources) < 2 else [None] * _count(fact, kind)) for kind in kinds]
    return Fact(fact.name, fact.value, fact.basis, fact.sources, fact.on, ", ".join(notes))


def _count(fact: Fact, kind: str) -> int:
    return sum(source.partition("/")[0] == kind for source in fact.sources)


def _name(what: str, *, several: bool = False) -> str:
    names = _table()["names"]
    one, many = names.get(what) or _table()["types"].get(what) or names["record"]
    return str(many if several else one)


def _say(frame: str, what: str, **slots: object) -> str:
    return str(_table()["phrases"][frame]).format(what=what, **slots)


@functools.cache
def _table(path: Path = TABLE) -> Mapping[str, Mapping[str, Any]]:
    """evidence.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    for key in raw:
        if key not in SECTIONS:
            raise DataError(path, raw.line(key), f"`{key}` is none of {', '.join(SECTIONS)}.")
    phrases = raw["phrases"]
    for frame in phrases:
        if frame not in FRAMES:
            raise DataError(path, phrases.line(frame), f"`{frame}` is no phrase; known: {', '.join(FRAMES)}.")
        try:
            phrases[frame].format(**dict.fromkeys(FRAMES[frame], ""))
        except (KeyError, IndexError, ValueError):
            known = ", ".join(sorted(FRAMES[frame]))
            raise DataError(path, phrases.line(frame), f"`{frame}` may use {known} and nothing else.") from None
    if missing := FRAMES.keys() - set(phrases):
        raise DataError(path, raw.line("phrases"), f"`{min(missing)}` is missing.")
    tables: dict[str, Mapping[str, Any]] = {"phrases": dict(phrases)}
    for section in ("names", "types"):
        tables[section] = {}
        for name, words in raw[section].items():
            parts = tuple(part.strip() for part in str(words).split("|"))
            if len(parts) != 2 or not all(parts):
                raise DataError(path, raw[section].line(name), f"`{name}` needs two names: one | several.")
            tables[section] = {**tables[section], name: parts}
    return tables
