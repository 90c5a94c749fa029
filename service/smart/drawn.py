"""The rules that decide, as pictures and clause by clause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from criteria.ratings import Verdict
from service.explain.clauses import Clauses
from service.guidelines.picture import Box, picture
from service.guidelines.shelf import shelf_of
from service.journal import Kept

SHOWN = 3
"""Rules that are drawn; the explanation has all."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """``truth`` is a state of the explanation; ``clause`` what `Clauses` reads."""

    rule: str
    title: str
    truth: str
    picture: Box
    clause: Mapping[str, Any]


def drawn(verdict: Verdict, kept: Kept) -> Iterator[Drawn]:
    clauses = Clauses(shelf_of(kept.library).conditions, kept.row.day, {}, frozenset(kept.row.unsearched))
    for ruling in [r for r in verdict.rulings if r.decisive][:SHOWN]:
        clause = clauses.read(ruling.trace)
        yield Drawn(ruling.criterion, ruling.title, clause["truth"], picture(clause), clause)
