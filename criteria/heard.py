"""Rules other than pathways, ready to be heard: most are about what no chart says, and are not even looked at."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence, Set
from dataclasses import dataclass

from criteria.conditions import Conditions, Reach, Ready
from criteria.criterion import Criterion
from criteria.evaluate import baseline
from criteria.logic import All, Any_, AtLeast, Leaf, Node, children, walk
from criteria.ratings import Truth

Need = frozenset[str]
"""Facts: something on file has to bear on one of them."""
SESSION = "order.session_studies"


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """``when`` is its condition, or the trigger of a pathway; unless all ``needs`` are met, there is nothing to say:
    first the one that is the least likely to be.

    ``waives``: to know less may make its condition true (`missing`). ``company``: names of studies that a trigger needs
    in the session, beside any study of the rule.
    """

    criterion: Criterion
    when: Ready
    unless: Ready | None
    needs: tuple[Need, ...]
    waives: bool
    company: frozenset[str] = frozenset()


class Roll:
    """Rules, called up by what is on file."""

    def __init__(self, rules: Iterable[Heard]) -> None:
        self.rules = tuple(rules)
        self._always = tuple(r for r in self.rules if not r.needs)
        self._numbers = {rule: n for n, rule in enumerate(self.rules)}
        self._by_fact: dict[str, list[Heard]] = {}
        for rule in self.rules:
            for fact in rule.needs[0] if rule.needs else ():
                self._by_fact.setdefault(fact, []).append(rule)

    def concerned(self, touched: Set[str]) -> Sequence[Heard]:
        """Those that the facts on file bear on, in order; the others have nothing to say."""
        named = {r for fact in self._by_fact.keys() & touched for r in self._by_fact[fact]}
        called = [r for r in named if not any(map(touched.isdisjoint, r.needs))]
        return sorted((*called, *self._always), key=self._numbers.__getitem__) if called else self._always


def heard(criterion: Criterion, conditions: Conditions, speaking: Container[Truth] = (True,)) -> Heard:
    """``speaking``: the truths of its condition with which the rule has something to say."""
    unless = None if criterion.unless is None else conditions.ready(criterion.unless)
    waives = any(n.missing for n in walk(criterion.when))
    needs = _needs(criterion.when, conditions, speaking)
    return Heard(criterion, conditions.ready(criterion.when), unless, _rarest_first(needs, conditions), waives)


def trigger(criterion: Criterion, node: Node, conditions: Conditions, own: Set[str]) -> Heard:
    """The trigger of a pathway; what it needs of the order alone, which is the same for every study.

    ``own``: under which names the session has the studies of the rule themselves.
    """
    needs = (n for n in _needs(node, conditions, (True,)) if all(conditions.reach.get(f) is Reach.ORDER for f in n))
    parts = [p.node for p in conditions.parts(node)]
    beside = {p.value(conditions.on) for p in parts if isinstance(p, Leaf) and (p.fact, p.operator) == (SESSION, "has")}
    return Heard(
        criterion, conditions.ready(node), None, _rarest_first(needs, conditions), False, frozenset(beside - own)
    )


def _rarest_first(needs: Iterable[Need], conditions: Conditions) -> tuple[Need, ...]:
    return tuple(sorted(needs, key=lambda n: (not n.isdisjoint(conditions.known), len(n))))


def _needs(node: Node, conditions: Conditions, speaking: Container[Truth]) -> list[Need]:
    """For a conjunction to speak, every part of it has to; for alternatives, one of them."""
    if not node.turns and node.missing is None:
        inner = [_needs(child, conditions, speaking) for child in children(node)]
        if isinstance(node, All):
            return [need for found in inner for need in found]
        if isinstance(node, Any_ | AtLeast):
            telling = [min(found, key=lambda n: not n.isdisjoint(conditions.known)) for found in inner if found]
            return [frozenset().union(*telling)] if len(telling) == len(inner) else []
    ready = conditions.ready(node)
    if ready.reads_results or any(silent.told(ready) in speaking for silent in baseline(conditions)):
        return []
    return [ready.depends]
