"""Three-valued evaluation of conditions over the facts of one order.

Strong Kleene logic: unknown (None) is never false. What a silent chart means stands in facts.yaml (`absence`); a
presumption can be switched off (``presume=False``), as a whole or for single facts (``unknown``), which is how the
settling finds out what a verdict leans on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from criteria.ask import open_ways
from criteria.facts import Fact, Facts, Vocabulary
from criteria.logic import All, Any_, AtLeast, Leaf, Node, Not, children
from criteria.ratings import Step, Truth


class _Silent:
    """No value, and the comparison is false: the chart would record it, or it is presumed not to be there."""


class _Moot(_Silent):
    """No value, because the fact on which this one depends (`given`) is false: every comparison is false."""


SILENT: Final = _Silent()
MOOT: Final = _Moot()
State = Any  # a value, SILENT, MOOT, or None for unknown
Results = Callable[[str, bool], Truth]


def _no_result(_name: str, _presume: bool) -> Truth:
    return None


States = tuple[dict[str, State], dict[str, State]]
"""What was found of facts, by name: without presumptions, and with them."""


class Memory:
    """Where the states of facts are kept; circumstances that share a fact share what was found of it."""

    def __init__(self) -> None:
        self._own: States = ({}, {})

    def of(self, _name: str) -> States:
        return self._own


class Circumstances:
    """What one order (or one alternative) is judged on: facts, the day, and the results of other rules.

    ``results(name, presume)`` answers facts that are results of rules (``guideline.supports_mri``).
    """

    def __init__(
        self,
        facts: Facts,
        vocabulary: Vocabulary,
        definitions: Mapping[str, Node],
        on: dt.date,
        *,
        unknown: frozenset[str] = frozenset(),
        presume: bool = True,
        results: Results = _no_result,
        result_facts: frozenset[str] = frozenset(),
        memory: Memory | None = None,
    ) -> None:
        self.facts, self.vocabulary, self.definitions, self.on = facts, vocabulary, definitions, on
        self.unknown, self.presume, self.results, self.result_facts = unknown, presume, results, result_facts
        self._memory = memory or Memory()
        self._shared: dict[tuple[int, bool], Truth] = {}
        # a recorded child makes the fact on which it depends true
        self._implied = {vocabulary.given[n] for n in facts.recorded.keys() & vocabulary.given.keys()}

    def truth(self, node: Node, presume: bool | None = None) -> Truth:
        """The truth of a condition; a forced-unknown fact is unknown only where the rule itself names it.

        A prerequisite that nobody can be asked about is a note, never a bar (DESIGN section 4).
        """
        presume = self.presume if presume is None else presume
        if node.turns:
            presume = False
        truth = self._kept(node, presume) if node.shared else self._truth(node, presume)
        if truth is None and node.missing and (node.missing == "note" or not open_ways(node, self, True, presume)):
            return True
        return truth

    def _kept(self, node: Node, presume: bool) -> Truth:
        key = (id(node), presume)
        if key not in self._shared:
            self._shared[key] = self._truth(node, presume)
        return self._shared[key]

    def _truth(self, node: Node, presume: bool) -> Truth:
        kind = type(node)
        if kind is Leaf:
            return None if node.fact in self.unknown else self._compare(node, presume)  # type: ignore[attr-defined,arg-type]
        if kind is Not:
            inner = self.truth(node.child, presume)  # type: ignore[attr-defined]
            return None if inner is None else not inner
        parts = node.children  # type: ignore[attr-defined]
        if kind is All:
            return self._all(parts, presume)
        needed = node.n if kind is AtLeast else 1  # type: ignore[attr-defined]
        true, possible = 0, len(parts)
        for child in parts:
            truth = self.truth(child, presume)
            if truth is True:
                true += 1
                if true >= needed:
                    return True
            elif truth is False:
                possible -= 1
        return None if possible >= needed else False

    def _all(self, parts: tuple[Node, ...], presume: bool) -> Truth:
        out: Truth = True
        for child in parts:
            truth = self.truth(child, presume)
            if truth is False:
                return False
            if truth is None:
                out = None
        return out

    def _compare(self, leaf: Leaf, presume: bool) -> Truth:
        state = self.state(leaf.fact, presume)
        if state is None:
            return None
        target = leaf.value(self.on)
        if isinstance(state, _Silent):
            if isinstance(state, _Moot):
                return leaf.operator == "is" and target is False
            return (leaf.operator == "is" and target is False) or (leaf.operator == "is_not" and target is not False)
        return _holds(leaf.operator, state, target)

    def state(self, name: str, presume: bool) -> State:
        states = self._memory.of(name)[presume]
        if name not in states:
            states[name] = None  # a definition that names itself stays unknown
            states[name] = self._state(name, presume)
        return states[name]

    def _state(self, name: str, presume: bool) -> State:
        fact = self.facts.get(name)
        definition = self.vocabulary[name]
        if name in self.definitions:
            return self._defined(fact, self.definitions[name], presume)
        if fact is not None:
            return fact.value
        if name in self._implied and definition.type == "boolean":
            return True
        if name in self.result_facts:
            return self.results(name, presume)
        if definition.given is not None:
            given = self.state(definition.given, presume)
            if given is False or isinstance(given, _Silent):
                return MOOT
        searched = name not in self.facts.unsearched
        if definition.absence == "false":
            return SILENT if searched else None
        if definition.absence == "presumed_false":
            return SILENT if presume and searched else None
        return True if definition.absence == "presumed_true" and presume else None

    def _defined(self, fact: Fact | None, logic: Node, presume: bool) -> State:
        if fact is not None and fact.value is True:
            return True
        recorded = self.truth(logic, False)
        if recorded is True:
            return True
        if fact is not None:  # said to be false, and no recorded leaf contradicts it
            return False
        return self.truth(logic, True) if presume else recorded

    def presumed(self, name: str) -> bool:
        """True when the fact has its value only by presumption."""
        on, off = self.state(name, True), self.state(name, False)
        return on is not None and off is None

    def trace(self, node: Node, presume: bool | None = None, depth: int = 99) -> Step:
        """The condition with the result of each clause, for people; ``depth`` levels of it."""
        presume = self.presume if presume is None else presume
        inner = presume and not node.turns
        if isinstance(node, Leaf):
            truth = self.truth(node, presume)
            found = self.facts.get(node.fact)
            presumed = found is None and truth is not None and self.presumed(node.fact)
            below: tuple[Step, ...] = ()
            if node.fact in self.definitions and found is None and depth > 0:
                below = tuple(self.trace(self.definitions[node.fact], inner, depth - 1).children)
            return Step(
                node.says or self.vocabulary[node.fact].means, truth, node.fact, found, presumed, node.rows, below
            )
        word = {All: "all of", Any_: "any of", Not: "not"}.get(type(node), f"at least {getattr(node, 'n', 0)} of")
        return Step(
            node.says or word,
            self.truth(node, presume),
            rows=node.rows,
            children=tuple(self.trace(n, inner, depth - 1) for n in children(node)) if depth > 0 else (),
        )


def _holds(operator: str, value: Any, target: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = float(value)
    return bool(COMPARE[operator](value, target))


COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "is": lambda value, target: value == target,
    "is_not": lambda value, target: value != target,
    "in": lambda value, target: value in target,
    "at_least": lambda value, target: value >= target,
    "at_most": lambda value, target: value <= target,
    "more_than": lambda value, target: value > target,
    "less_than": lambda value, target: value < target,
    "has": lambda value, target: target in value,
    "contains": lambda value, target: any(target in v for v in value),
}
