"""Can a condition ever be true? A search over the values its facts may take, each fact known.

Not more is claimed than is found: when the search takes too long, the answer is that it can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from criteria.evaluate import COMPARE
from criteria.facts import FactDefinition, Vocabulary
from criteria.logic import NUMERIC, All, AtLeast, Leaf, Node, Not, children

STEPS = 20_000
OTHER = "(another)"
"""A code or list entry that no condition names."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that are still possible; ``points`` where only these are left, ``without`` what is ruled out."""

    low: float = float("-inf")
    high: float = float("inf")
    low_open: bool = False
    high_open: bool = False
    whole: bool = False
    without: frozenset[float] = frozenset()

    def holds(self) -> bool:
        low, high = self.low, self.high
        if self.whole:
            low = low + 1 if self.low_open else low
            high = high - 1 if self.high_open else high
            return low <= high and not (low == high and low in self.without)
        if low == high:
            return not (self.low_open or self.high_open or low in self.without)
        return low < high

    def cut(self, operator: str, bound: float) -> Range:
        if operator in ("at_least", "more_than"):
            opened = operator == "more_than"
            if (bound, opened) > (self.low, self.low_open):
                return replace(self, low=bound, low_open=opened)
        elif (-bound, operator == "less_than") > (-self.high, self.high_open):
            return replace(self, high=bound, high_open=operator == "less_than")
        return self


OPPOSITE = {"at_least": "less_than", "more_than": "at_most", "at_most": "more_than", "less_than": "at_least"}
State = dict[str, Any]  # fact -> Range, or the set of values left; lists: {(operator, value): bool}


def possible(
    goals: Sequence[tuple[Node, bool]], vocabulary: Vocabulary, given: Mapping[str, frozenset[Any]] | None = None
) -> bool:
    """True when all goals (condition, wanted truth) can hold together. ``given`` limits facts to values."""
    state: State = {name: frozenset(values) for name, values in (given or {}).items()}
    return _search(list(goals), state, vocabulary, [STEPS])


def _search(goals: list[tuple[Node, bool]], state: State, vocabulary: Vocabulary, budget: list[int]) -> bool:
    choices: list[tuple[tuple[Node, ...], bool, int]] = []
    goals = list(goals)
    while goals:
        node, want = goals.pop()
        budget[0] -= 1
        if budget[0] < 0:
            return True
        parts = children(node)
        if isinstance(node, Leaf):
            narrowed = _narrow(state.get(node.fact), node, want, vocabulary[node.fact])
            if narrowed is None:
                return False
            state = {**state, node.fact: narrowed}
        elif isinstance(node, Not):
            goals.append((node.child, not want))
        else:
            needed = node.n if isinstance(node, AtLeast) else len(parts) if isinstance(node, All) else 1
            needed = needed if want else len(parts) - needed + 1
            if needed > len(parts):
                return False
            if needed == len(parts):
                goals += [(p, want) for p in parts]
            elif needed > 0:
                choices.append((parts, want, needed))
    if not choices:
        return True
    (parts, want, needed), rest = choices[0], [(_some(c), True) for c in choices[1:]]
    for at, part in enumerate(parts[: len(parts) - needed + 1]):
        others = [(_some((parts[at + 1 :], want, needed - 1)), True)] if needed > 1 else []
        if _search([(part, want), *others, *rest], state, vocabulary, budget):
            return True
    return False


def _some(choice: tuple[tuple[Node, ...], bool, int]) -> Node:
    parts, want, needed = choice
    return AtLeast(needed, parts if want else tuple(Not(p) for p in parts))


def _narrow(held: Any, leaf: Leaf, want: bool, fact: FactDefinition) -> Any:
    """What is left of a fact's values when the comparison is to be ``want``; None where nothing is."""
    target = leaf.values[-1][1]
    if fact.type in ("integer", "quantity"):
        return _number(held, leaf.operator, target, want, fact)
    if leaf.operator in ("has", "contains"):
        known: Mapping[tuple[str, Any], bool] = held or {}
        key = (leaf.operator, target)
        return None if known.get(key, want) is not want else {**known, key: want}
    if held is None:
        held = frozenset({True, False}) if fact.type == "boolean" else _words(target, fact)
    elif not fact.values and fact.type != "boolean":
        held = held | (_words(target, fact) if OTHER in held else frozenset())
    left = frozenset(v for v in held if COMPARE[leaf.operator](v, target) is want)
    return left or None


def _words(target: Any, fact: FactDefinition) -> frozenset[Any]:
    return (
        frozenset(fact.values)
        if fact.values
        else frozenset({OTHER, *(target if isinstance(target, tuple) else [target])})
    )


def _number(held: Any, operator: str, target: Any, want: bool, fact: FactDefinition) -> Any:
    if isinstance(held, frozenset):  # limited to values from outside
        left = frozenset(v for v in held if COMPARE[operator](float(v), target) is want)
        return left or None
    span: Range = held or Range(whole=fact.type == "integer")
    if operator in NUMERIC:
        span = span.cut(operator if want else OPPOSITE[operator], target)
    elif operator in ("is", "is_not") and (operator == "is") is want:
        if target in span.without:
            return None
        span = span.cut("at_least", target).cut("at_most", target)
    elif operator in ("is", "is_not"):
        span = replace(span, without=span.without | {target})
    return span if span.holds() else None
