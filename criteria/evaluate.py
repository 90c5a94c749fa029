"""Three-valued evaluation of conditions over the facts of one order.

Strong Kleene logic: unknown (None) is never false. What a silent chart means stands in facts.yaml (`absence`); a
presumption can be switched off, as a whole (`Circumstances.off`) or for single facts (`Circumstances.without`); that is
how the settling finds out what a verdict leans on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Final

from criteria.ask import Way, open_ways, ways
from criteria.conditions import ANYTHING, Conditions, Reach, Ready
from criteria.facts import Fact, Facts
from criteria.logic import All, Any_, Leaf, Node, Not, children
from criteria.ratings import Step, Truth

SILENT: Final = object()
"""No value, and the comparison is false: the chart would record it, or it is presumed not to be there."""
MOOT: Final = object()
"""No value, because the fact on which this one depends (`given`) is false: every comparison is false."""
State = Any  # a value, SILENT, MOOT, or None for unknown
Results = Callable[[str, bool], Truth]


def _no_result(_name: str, _presume: bool) -> Truth:
    return None


class Truths(dict[int, Truth]):
    """The truths of numbered leaves, each found when it is first read."""

    __slots__ = ("find",)
    find: Callable[[int], Truth]

    def __missing__(self, number: int) -> Truth:
        truth = self[number] = self.find(number)
        return truth


class Found:
    """What was found under one assumption: states of facts, truths of leaves by number and of conditions by key; and
    the questions that would make a condition, by its key, true or false."""

    __slots__ = ("asked", "kept", "leaves", "states")

    def __init__(self, find: Callable[[int], Truth]) -> None:
        self.states: dict[str, State] = {}
        self.leaves = Truths()
        self.leaves.find = find
        self.kept: dict[int, Truth] = {}
        self.asked: dict[tuple[int, bool], list[Way]] = {}


class Memory:
    """What was found, for all who may share it: without presumptions and with them."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[Found | None] = [None, None]

    def under(self, presume: bool, find: Callable[[int], Truth]) -> Found:
        found = self.found[presume] = Found(find)
        return found


class Circumstances:
    """What one order (or one alternative) is judged on: facts, the day, and the results of other rules.

    ``results(name, presume)`` answers facts that are results of rules (``guideline.supports_mri``); ``order`` is what
    all studies considered for one order have in common, ``region`` what those of one region do.
    """

    _off: Circumstances | None = None
    plain: Circumstances | None = None
    """Others with which these agree in all but ``differs``: a silent chart."""
    differs: Set[str]

    def __init__(
        self,
        facts: Facts,
        conditions: Conditions,
        *,
        presume: bool = True,
        results: Results = _no_result,
        order: Memory | None = None,
        region: Memory | None = None,
    ) -> None:
        self.touched = {ANYTHING, *facts.recorded, *facts.unsearched, *facts.doubted}
        """Facts of which more is known than silence; what none of them bears on is as in a silent chart."""
        own = Memory()
        self._begin(facts, conditions, presume, results, (order or Memory(), region or Memory(), own, own))
        self.plain, self.differs = baseline(conditions)[presume], self.touched

    def _begin(
        self, facts: Facts, conditions: Conditions, presume: bool, results: Results, memories: Sequence[Memory]
    ) -> None:
        self.facts, self.conditions, self.presume, self.results = facts, conditions, presume, results
        self.vocabulary, self.definitions, self.on = conditions.vocabulary, conditions.definitions, conditions.on
        self._memories = memories
        find = self._find
        order, region, study, others = [m.found[presume] or m.under(presume, find) for m in memories]
        # each by the reach of what is found
        self._states = [order.states, region.states, study.states, others.states]
        self.kept = (order.kept, region.kept, study.kept, others.kept)
        self.leaves = (order.leaves, region.leaves, study.leaves, others.leaves)
        self.asked = (order.asked, region.asked, study.asked, others.asked)

    @property
    def off(self) -> Circumstances:
        """The same without presumptions."""
        if not self.presume:
            return self
        if self._off is None:
            self._off = self._without_presumptions()
        return self._off

    def _without_presumptions(self) -> Circumstances:
        out = Circumstances.__new__(Circumstances)
        out.touched = self.touched
        out._begin(self.facts, self.conditions, False, self.results, self._memories)
        out.plain, out.differs = baseline(self.conditions)[False], self.differs
        return out

    def without(self, unknown: frozenset[str], results: Results) -> Circumstances:
        """The same with single facts taken as unknown, where a rule itself names them."""
        return _Without(self, unknown, results)

    def truth(self, node: Node) -> Truth:
        """The truth of a condition, kept for those who ask again."""
        return self.told(self.conditions.ready(node))

    def told(self, ready: Ready) -> Truth:
        """`truth` of a condition that is ready."""
        kept = self.kept[ready.reach]
        if ready.key in kept:
            return kept[ready.key]
        plain = self.plain is not None and ready.depends.isdisjoint(self.differs)
        truth = kept[ready.key] = self.plain.told(ready) if plain else ready.test(self)  # type: ignore[union-attr]
        return truth

    def can_be_asked(self, node: Node) -> bool:
        """True when answers to questions can make a condition true that is unknown."""
        return bool(open_ways(node, self, True))

    def ways(self, node: Node, want: bool = True) -> list[Way]:
        return ways(node, self, want)

    def _find(self, number: int) -> Truth:
        leaf = self.conditions.numbered[number]
        if self.plain is not None and leaf.depends.isdisjoint(self.differs):
            return self.plain.leaves[leaf.reach][number]
        states, name = self._states[leaf.reach], leaf.fact.name
        state = states[name] if name in states else self.state(name)
        if state is None:
            return None
        if state is SILENT:
            return leaf.silent
        if state is MOOT:
            return leaf.moot
        return _holds(leaf.operator, state, leaf.target)

    def state(self, name: str) -> State:
        """The value of a fact, or what its absence means."""
        states = self._states[self.conditions.reach[name]]
        if name not in states:
            states[name] = None  # a definition that names itself stays unknown
            states[name] = self._state(name)
        return states[name]

    def _state(self, name: str) -> State:
        fact = self.facts.recorded.get(name)
        logic = self.definitions.get(name)
        if logic is not None:
            return self._defined(name, fact, logic)
        if fact is not None:
            return fact.value
        definition = self.vocabulary.facts[name]
        if name in self.conditions.children and definition.type == "boolean" and self._implied(name):
            return True
        if name in self.conditions.results:
            return self.results(name, self.presume)
        if definition.given is not None:
            given = self.state(definition.given)
            if given is False or given is SILENT or given is MOOT:
                return MOOT
        if name in self.facts.doubted:
            return None
        searched = name not in self.facts.unsearched
        if definition.absence == "false":
            return SILENT if searched else None
        if definition.absence == "presumed_false":
            return SILENT if self.presume and searched else None
        return True if definition.absence == "presumed_true" and self.presume else None

    def _implied(self, name: str) -> bool:
        """A recorded child makes the fact on which it depends true."""
        return any(child in self.facts.recorded for child in self.conditions.children[name])

    def _defined(self, name: str, fact: Fact | None, logic: Node) -> State:
        if fact is not None and fact.value is True:
            return True
        recorded = self.off.truth(logic)
        if recorded is True:
            return True
        if fact is not None:  # said to be false, and no recorded leaf contradicts it
            return False
        if name in self.facts.doubted:
            return None
        return self.truth(logic) if self.presume else recorded

    def presumed(self, name: str) -> bool:
        """True when the fact has its value only by presumption."""
        return self.state(name) is not None and self.off.state(name) is None

    def trace(self, node: Node, depth: int = 99) -> Step:
        """The condition with the result of each clause, for people, as far as it is read; ``depth`` levels of it."""
        inner = self.off if node.turns else self
        if isinstance(node, Leaf):
            truth = self.truth(node)
            found = self.facts.get(node.fact)
            presumed = found is None and truth is not None and self.presumed(node.fact)
            logic = self.definitions.get(node.fact) if found is None else None

            def made_of() -> tuple[Step, ...]:
                return inner.trace(logic, depth - 1).children if logic is not None and depth > 0 else ()

            says = node.says or self.vocabulary[node.fact].means
            return Step(says, truth, node.fact, found, presumed, node.rows, made_of, node)

        def parts() -> tuple[Step, ...]:
            return tuple(inner.trace(n, depth - 1) for n in children(node)) if depth > 0 else ()

        says = node.says or WORDS.get(type(node)) or f"at least {getattr(node, 'n', 0)} of"
        return Step(says, self.truth(node), rows=node.rows, below=parts, node=node)


class _SilentChart(Circumstances):
    """Nothing is recorded, all was searched. Shared by all requests, so what is found is found by one at a time."""

    def __init__(self, conditions: Conditions, presume: bool) -> None:
        self.touched = self.differs = {ANYTHING}
        self._begin(Facts({}), conditions, presume, _no_result, [Memory() for _ in Reach])

    def told(self, ready: Ready) -> Truth:
        kept = self.kept[ready.reach]
        if ready.key not in kept:
            with self.conditions.making:
                kept[ready.key] = ready.test(self)
        return kept[ready.key]

    def _find(self, number: int) -> Truth:
        with self.conditions.making:
            return super()._find(number)

    def _without_presumptions(self) -> Circumstances:
        return baseline(self.conditions)[False]


def baseline(conditions: Conditions) -> list[Circumstances]:
    """What a silent chart gives: without presumptions, and with them."""
    if not conditions.baseline:
        with conditions.making:
            conditions.baseline = conditions.baseline or [_SilentChart(conditions, p) for p in (False, True)]
    return conditions.baseline


class _Without(Circumstances):
    """Circumstances in which facts are unknown where a rule names them; results of rules are found anew.

    What the facts are made of is not touched, so their states are those of ``base``.
    """

    def __init__(self, base: Circumstances, unknown: frozenset[str], results: Results) -> None:
        self._base, self._unknown = base, unknown
        self.touched, self.differs = base.touched | unknown, unknown | {ANYTHING}
        self._begin(base.facts, base.conditions, base.presume, results, [Memory()] * len(Reach))
        self._states[: Reach.RESULTS] = base._states[: Reach.RESULTS]
        self.plain = base

    def _without_presumptions(self) -> Circumstances:
        return _Without(self._base.off, self._unknown, self.results)

    def _find(self, number: int) -> Truth:
        leaf = self.conditions.numbered[number]
        if leaf.fact.name in self._unknown:
            return None
        if leaf.reach is Reach.RESULTS:
            return super()._find(number)
        return self._base.leaves[leaf.reach][number]


def _holds(operator: str, value: Any, target: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = float(value)
    return bool(COMPARE[operator](value, target))


WORDS: Final[Mapping[type[Node], str]] = {All: "all of", Any_: "any of", Not: "not"}

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
