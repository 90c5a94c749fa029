"""Questions: the smallest sets of unknown facts whose favourable answers settle a condition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from criteria.logic import All, AtLeast, Leaf, Node, Not, children

if TYPE_CHECKING:
    from criteria.evaluate import Circumstances

Way = tuple[str, ...]
"""Facts to ask, in guideline order."""

SETTLED: list[Way] = [()]
"""No question is needed."""
WIDTH = 24
"""How many ways are kept at each step: enough for the smallest to survive in every rule we have."""


def ways(node: Node, here: Circumstances, want: bool = True) -> list[Way]:
    """The smallest sets of questions that could make ``node`` ``want``, fewest first, guideline order among equals.

    ``[()]`` where it already is so; ``[]`` where no answer can bring it about (a known fact stands against it, or
    what is unknown is never asked).
    """
    truth = here.truth(node)
    if truth is not None:
        return SETTLED if truth is want else []
    return open_ways(node, here, want)


def open_ways(node: Node, here: Circumstances, want: bool) -> list[Way]:
    """`ways` for a condition that is known to be unknown; kept for those who ask again."""
    ready = here.conditions.ready(node)
    kept, key = here.asked[ready.reach], (ready.key, want)
    if key not in kept:
        plain = here.plain if here.plain is not None and ready.depends.isdisjoint(here.differs) else None
        kept[key] = _find_ways(node, here, want) if plain is None else open_ways(node, plain, want)
    return kept[key]


def _find_ways(node: Node, here: Circumstances, want: bool) -> list[Way]:
    if node.turns:
        here = here.off
    if isinstance(node, Leaf):
        return _questions(node, here, want)
    if isinstance(node, Not):
        return ways(node.child, here, not want)
    parts = (ways(c, here, want) for c in children(node))
    if isinstance(node, AtLeast):
        return _some(parts, node.n if want else len(node.children) - node.n + 1)
    if isinstance(node, All) == want:
        return _together(parts)
    return _smallest([w for p in parts for w in p])


def _questions(leaf: Leaf, here: Circumstances, want: bool) -> list[Way]:
    """The open facts of a definition, where few settle it, before the question for the defined fact as a whole."""
    own: list[Way] = [(leaf.fact,)] if here.vocabulary[leaf.fact].ask is not None else []
    logic = here.definitions.get(leaf.fact)
    if logic is None or (own and not here.presume):
        return own
    value = leaf.value(here.on)
    favourable = want if (leaf.operator == "is") == (value is True) else not want
    return _smallest([*ways(logic, here, favourable), *own])


def ways_to_all(nodes: Iterable[Node], here: Circumstances) -> list[Way]:
    """The smallest sets of questions that could make all of several conditions true."""
    return _together(ways(n, here) for n in nodes)


def _together(parts: Iterable[list[Way]]) -> list[Way]:
    out = SETTLED
    for part in parts:
        if not part:
            return []
        if out == SETTLED:
            out = part
        elif part != SETTLED:
            out = _smallest([tuple(dict.fromkeys((*a, *b))) for a in out for b in part])
    return out


def _some(parts: Iterable[list[Way]], needed: int) -> list[Way]:
    """Ways in which at least ``needed`` of the parts come about."""
    table: list[list[Way]] = [[()], *([] for _ in range(needed))]
    for part in parts:
        for k in range(needed, 0, -1):
            table[k] = _smallest([*table[k], *(tuple(dict.fromkeys((*a, *b))) for a in table[k - 1] for b in part)])
    return table[needed]


def _smallest(found: list[Way]) -> list[Way]:
    """The minimal ones, fewest first; the sort is stable, so guideline order decides among equals."""
    if len(found) < 2:
        return found
    out: list[Way] = []
    kept: list[frozenset[str]] = []
    for way in sorted(found, key=len):
        mine = frozenset(way)
        if not any(map(mine.issuperset, kept)):
            out.append(way)
            kept.append(mine)
    return out[:WIDTH]
