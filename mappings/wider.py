"""SNOMED CT concepts that no table knows: what somebody else says they are a kind of.

The service may know of a terminology server; here is only the place for its answers. Whoever answers gives the codes
of our table that hold the concept, the narrowest of them; none when there are none; None while it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from mappings.diagnoses import Meaning, known_icd10cm, known_snomed, of_snomed

Known = Callable[[str], tuple[str, ...] | None]
BY_SERVER = "by the terminology server"
"""What facts and reasons say that come to be known in this way."""

_asked: ContextVar[tuple[Known, set[str]] | None] = ContextVar("asked", default=None)


@contextmanager
def widened_by(known: Known | None) -> Iterator[set[str]]:
    """Within it, concepts that no table knows are looked up; yields those to which there was no answer yet."""
    lacking: set[str] = set()
    token = _asked.set((known, lacking) if known else None)
    try:
        yield lacking
    finally:
        _asked.reset(token)


def wider_meanings(pairs: Sequence[tuple[str, str]]) -> list[Meaning]:
    """What a concept says by the wider codes of our table; nothing where any of its codings was judged `other`."""
    asked = _asked.get()
    if asked is None or any(
        known_icd10cm(c) if s == "icd10cm" else s == "snomed" and known_snomed(c) for s, c in pairs
    ):
        return []
    known, lacking = asked
    found: dict[str, Meaning] = {}
    for code in (c for system, c in pairs if system == "snomed"):
        answer = known(code)
        if answer is None:
            lacking.add(code)
        for held in answer or ():
            if meaning := of_snomed(held):
                found[held] = replace(meaning, code=code, note=BY_SERVER)
    return list(found.values())
