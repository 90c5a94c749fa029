"""A rule other than a pathway, ready to be heard: most rules are about what no chart says, and are soon passed over."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from criteria.conditions import Conditions, Ready
from criteria.criterion import Criterion
from criteria.evaluate import baseline
from criteria.logic import walk
from criteria.ratings import Truth


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """``needs``: the rule has nothing to say unless something on file bears on each of these sets of facts.

    ``waives``: to know less may make its condition true (`missing`).
    """

    criterion: Criterion
    when: Ready
    unless: Ready | None
    needs: tuple[frozenset[str], ...]
    waives: bool


def heard(criterion: Criterion, conditions: Conditions, speaking: Container[Truth] = (True,)) -> Heard:
    """``speaking``: the truths of its condition with which the rule has something to say."""
    needs = {
        part.depends
        for part in conditions.parts(criterion.when)
        if not part.reads_results and all(silent.told(part) not in speaking for silent in baseline(conditions))
    }
    unless = None if criterion.unless is None else conditions.ready(criterion.unless)
    waives = any(n.missing for n in walk(criterion.when))
    return Heard(criterion, conditions.ready(criterion.when), unless, tuple(sorted(needs, key=len)), waives)
