"""Search over rules, studies and facts: every word of the query must occur, titles count more than the rest.

Long lists come in pages, so that no page is heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from criteria.criterion import Criterion
from criteria.facts import FactDefinition
from criteria.studies import Study
from service.guidelines.shelf import Shelf

LONGEST = 100
SHOWN = 50
"""Items on one page."""
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Leaf(Generic[Item]):
    """One page of a list. ``number`` counts from 1 and is brought into the range of those that there are."""

    items: Sequence[Item]
    number: int
    pages: int
    count: int


def leaf(items: Sequence[Item], wanted: str | None) -> Leaf[Item]:
    """The wanted page; the first one for a number that cannot be read."""
    pages = max(1, -(-len(items) // SHOWN))
    number = int(wanted) if wanted and wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 1
    number = min(max(number, 1), pages)
    return Leaf(items[(number - 1) * SHOWN : number * SHOWN], number, pages, len(items))


@dataclass(frozen=True, slots=True)
class Found:
    """What a query finds of each kind, the best first."""

    rules: list[Criterion]
    studies: list[Study]
    facts: list[FactDefinition]


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
    return Found(rules, studies, facts)


def _fold(text: str) -> str:
    return text.casefold().replace("_", " ").replace("/", " ")


def _best(words: list[str], items: Iterable[tuple[Item, str, str]]) -> list[Item]:
    scored: list[tuple[int, int, Item]] = []
    for item, title, rest in items:
        head, whole = _fold(title), _fold(f"{title} {rest}")
        if words and all(word in whole for word in words):
            scored.append((-sum(word in head for word in words), len(scored), item))
    return [item for _, _, item in sorted(scored, key=lambda s: s[:2])]
