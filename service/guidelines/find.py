"""Search over rules, studies and facts: every word of the query must occur, titles count more than the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from criteria.criterion import Criterion
from criteria.facts import FactDefinition
from criteria.studies import Study
from service.guidelines.shelf import Shelf

LONGEST = 100
SHOWN = 50
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Found:
    """The best of each kind, and how many there are in all."""

    rules: list[Criterion]
    studies: list[Study]
    facts: list[FactDefinition]
    counts: tuple[int, int, int]


def find(shelf: Shelf, query: str) -> Found:
    """What a query finds; nothing for an empty one."""
    words = _fold(query[:LONGEST]).split()
    library = shelf.library
    named = {c.id: " ".join(library.indications[i].name for i in sorted(c.indications)) for c in library.criteria}
    rules = _best(words, ((c, c.title, f"{c.id} {c.section} {c.kind} {c.message} {' '.join(c.rows)} {named[c.id]}")
                          for c in library.criteria))  # fmt: skip
    studies = _best(words, ((s, s.name, f"{s.id} {' '.join(c for codes in s.codes.values() for c in codes)}")
                            for s in library.catalogue.studies.values()))  # fmt: skip
    facts = _best(words, ((f, f"{f.name} {f.means}", f.ask or "") for f in library.vocabulary.facts.values()))
    return Found(rules[:SHOWN], studies[:SHOWN], facts[:SHOWN], (len(rules), len(studies), len(facts)))


def _fold(text: str) -> str:
    return text.casefold().replace("_", " ").replace("/", " ")


def _best(words: list[str], items: Iterable[tuple[Item, str, str]]) -> list[Item]:
    scored: list[tuple[int, int, Item]] = []
    for item, title, rest in items:
        head, whole = _fold(title), _fold(f"{title} {rest}")
        if words and all(word in whole for word in words):
            scored.append((-sum(word in head for word in words), len(scored), item))
    return [item for _, _, item in sorted(scored, key=lambda s: s[:2])]
