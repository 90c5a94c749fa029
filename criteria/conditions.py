"""Conditions made ready for one day: each becomes a function of the circumstances, made once and called for each order.

A leaf is numbered, so that its truth is looked up and not worked out twice; equal leaves of different rules share one
number. Conditions whose truth is the same for every study considered for an order are told from those that are not.
"""

from __future__ import annotations

import datetime as dt
import enum
import threading
from collections.abc import Callable, Iterator, KeysView, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from criteria.facts import FactDefinition, Vocabulary
from criteria.logic import All, AtLeast, Leaf, Node, Not, children, leaves

if TYPE_CHECKING:
    from criteria.evaluate import Circumstances
    from criteria.ratings import Truth

    Test = Callable[[Circumstances], Truth]


class Reach(enum.IntEnum):
    """What a fact depends on beside the order: nothing, the region of the study considered for it, that study itself,
    or the results of other rules too."""

    ORDER = 0
    REGION = 1
    STUDY = 2
    RESULTS = 3


REACHES: Mapping[Reach, tuple[str, ...]] = {
    Reach.REGION: (
        "prior_imaging.",
        "xray.",
        "surgery.",
        "implant.near",
        "therapy.oncologic_started",
        "fracture.spinal_compression_treated",
        "anatomy.region_obscured_by_dense_bone",
    ),
    Reach.STUDY: ("order.", "prior_imaging.same_or_similar_performed"),
}
"""Beginnings of the facts that depend on the study; whoever reads charts keeps to it (tests/test_reach.py)."""
OF_ORDER = frozenset({
    "order.purpose", "order.indication_category", "order.indication_present", "order.sole_reason",
    "order.primary_reason", "order.urgent_or_emergent", "order.part_of_clinical_trial", "order.for_data_collection",
    "order.radiologist_interpretation_planned", "order.limited_field_of_view_sufficient",
})  # fmt: skip
"""Facts about the order that are the same whatever it is for."""
OF_REGION = frozenset({"order.region_matches_symptomatic_level", "order.indication_in_ordered_region"})
ANYTHING = ""
"""Stands among the facts that bear on a condition where the results of other rules do."""
UNSET: Any = object()


@dataclass(frozen=True, slots=True)
class Ready:
    """A condition with its test, and how far its truth reaches.

    ``early`` are the parts of a conjunction that depend on the order alone: one that is false settles it for every
    study. ``key`` is the identity under which its truth is kept; ``names`` are the facts it names, ``reads_results``
    where some are results of rules, ``depends`` all facts that bear on it, what they are made of included.
    """

    node: Node
    test: Test
    reach: Reach
    early: tuple[Ready, ...]
    key: int
    names: frozenset[str]
    reads_results: bool
    depends: frozenset[str]


@dataclass(frozen=True, slots=True)
class Numbered:
    """A leaf under its number; ``silent`` and ``moot``: its truth where the fact has no value (criteria.evaluate)."""

    fact: FactDefinition
    reach: Reach
    operator: str
    target: Any
    silent: bool
    moot: bool
    depends: frozenset[str]


class Conditions:
    """The conditions of a library on one day; ``definitions`` are the logic of defined facts, by name.

    ``results`` are facts that are results of rules, ``of_others`` those for which other studies are looked at too.
    `numbered` holds the leaves by their numbers.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        definitions: Mapping[str, Node],
        on: dt.date,
        results: frozenset[str] = frozenset(),
        of_others: frozenset[str] = frozenset(),
    ) -> None:
        self.vocabulary, self.definitions, self.on = vocabulary, definitions, on
        self.results, self.of_others = results, of_others
        self.numbered: list[Numbered] = []
        self._numbers: dict[tuple[str, str, Any], int] = {}
        self._ready: dict[int, Ready] = {}
        self._names: dict[int, tuple[Node, dict[str, None]]] = {}
        self._opened: dict[frozenset[str], frozenset[str]] = {}
        self._parts: dict[int, tuple[Node, tuple[Ready, ...]]] = {}
        self.known = frozenset(n for n, f in vocabulary.facts.items() if f.absence == "known")
        """Facts that the service makes itself, so that they are nearly always on file."""
        self.making = threading.RLock()  # requests share the book of a day, and may need the same condition at once
        self.reach: dict[str, Reach] = {}
        """What each fact depends on, what it is made of included."""
        self._depends: dict[str, frozenset[str]] = {}
        self.children: dict[str, set[str]] = {}
        """The facts that depend on a fact (`given`), by its name."""
        for name, parent in vocabulary.given.items():
            self.children.setdefault(parent, set()).add(name)
        for name in vocabulary.facts:
            self._find_reach(name)
            self._find_depends(name, ())
        self.presumable = frozenset(n for n in vocabulary.facts if n not in results and self._may_be_presumed(n))
        """Facts that may have their value by presumption alone."""
        self.baseline: list[Circumstances] = []
        """What a silent chart gives, without presumptions and with them (criteria.evaluate)."""

    def copy(self) -> Conditions:
        """For a library that differs in a few rules: what is ready stays so."""
        out = Conditions(self.vocabulary, self.definitions, self.on, self.results, self.of_others)
        out.numbered, out._numbers = self.numbered, self._numbers
        out._ready, out._names = dict(self._ready), dict(self._names)
        return out

    def ready(self, node: Node) -> Ready:
        """The condition with its test. The node is held, so that its identity stays its own."""
        found = self._ready.get(id(node))
        if found is None:
            with self.making:
                found = self._ready[id(node)] = self._make(node)
        return found

    def _make(self, node: Node) -> Ready:
        names = frozenset(self.names(node))
        reach = max((self.reach[n] for n in names), default=Reach.ORDER)
        early = tuple(self._early(node))
        depends = frozenset().union(*(self._depends[n] for n in names))
        test = self._test(node, reach, depends)
        results = not names.isdisjoint(self.results)
        return Ready(node, test, reach, early, id(node), names, results, depends)

    def _early(self, node: Node) -> Iterator[Ready]:
        """Parts without which a conjunction cannot be true: a prerequisite that is false bars as well."""
        if isinstance(node, All) and not node.turns:
            for child in node.children:
                ready = self.ready(child)
                yield from ready.early or ((ready,) if ready.reach is Reach.ORDER else ())

    def parts(self, node: Node) -> tuple[Ready, ...]:
        """The conditions that a conjunction joins, at any depth; of another condition itself."""
        found = self._parts.get(id(node))
        if found is None:
            joined = isinstance(node, All) and not node.turns and node.missing is None
            inner = tuple(p for c in children(node) for p in self.parts(c)) if joined else (self.ready(node),)
            found = self._parts[id(node)] = (node, inner)
        return found[1]

    def names(self, node: Node) -> KeysView[str]:
        """The facts that a condition names, in its order, not those of their definitions."""
        found = self._names.get(id(node))
        if found is None:
            found = self._names[id(node)] = (node, dict.fromkeys(n.fact for n in leaves(node)))
        return found[1].keys()

    def opened(self, names: frozenset[str]) -> frozenset[str]:
        """These facts, with what those of them are made of on which the results of other rules bear."""
        found = self._opened.get(names)
        if found is None:
            out, left = set[str](), list(names)
            while left:
                if (name := left.pop()) not in out:
                    out.add(name)
                    if name in self.definitions and self.reach[name] is Reach.RESULTS:
                        left += self.names(self.definitions[name])
            found = self._opened[names] = frozenset(out) if len(out) > len(names) else names
        return found

    def _find_reach(self, name: str) -> Reach:
        if name in self.reach:
            return self.reach[name]
        self.reach[name] = Reach.ORDER  # a definition that names itself adds nothing
        parts = [self._find_reach(n) for n in self.names(self.definitions[name])] if name in self.definitions else []
        if (given := self.vocabulary.given.get(name)) is not None:
            parts.append(self._find_reach(given))
        own = Reach.RESULTS if name in self.results else _own_reach(name)
        self.reach[name] = max((own, *parts))
        return self.reach[name]

    def _find_depends(self, name: str, above: tuple[str, ...]) -> frozenset[str]:
        """The facts that bear on a fact: itself, those it depends on or is made of, and those that imply it."""
        if name in self._depends:
            return self._depends[name]
        if name in above:
            return frozenset()
        parts = set(self.names(self.definitions[name])) if name in self.definitions else set()
        if (given := self.vocabulary.given.get(name)) is not None:
            parts.add(given)
        inner = (self._find_depends(n, (*above, name)) for n in parts)
        found = frozenset({name, *self.children.get(name, ())}).union(*inner)
        if name in self.results:
            found |= {ANYTHING}
        if not above:
            self._depends[name] = found
        return found

    def _may_be_presumed(self, name: str) -> bool:
        return any(n == ANYTHING or self.vocabulary[n].absence.startswith("presumed") for n in self._depends[name])

    def _test(self, node: Node, reach: Reach, depends: frozenset[str]) -> Test:
        test = self._plain(node)
        if node.missing is not None:
            test = _reminded(test) if node.missing == "note" else _barred(test, node)
        if node.shared or node.missing:
            test = _kept(test, id(node), reach, depends)
        return _turned(test) if node.turns else test

    def _plain(self, node: Node) -> Test:
        if isinstance(node, Leaf):
            return self._leaf(node)
        if isinstance(node, Not):
            return _not(self.ready(node.child).test)
        tests = tuple(r.test for r in sorted(map(self.ready, children(node)), key=self._effort))
        if isinstance(node, All):
            return tests[0] if len(tests) == 1 else _all(tests)
        return _at_least(node.n if isinstance(node, AtLeast) else 1, tests)

    def _effort(self, part: Ready) -> tuple[bool, bool, bool]:
        """Leaves come first, results of rules last: a look-up may settle a condition before longer parts are tried."""
        results = part.reach is Reach.RESULTS
        return results and not part.depends.isdisjoint(self.of_others), results, not isinstance(part.node, Leaf)

    def _leaf(self, leaf: Leaf) -> Test:
        number, at = self._number(leaf), self.reach[leaf.fact]
        return lambda here: here.leaves[at][number]

    def _number(self, leaf: Leaf) -> int:
        key = (leaf.fact, leaf.operator, leaf.value(self.on))
        if key not in self._numbers:
            self._numbers[key] = len(self.numbered)
            self.numbered.append(self._numbered(*key))
        return self._numbers[key]

    def _numbered(self, name: str, operator: str, target: Any) -> Numbered:
        moot = operator == "is" and target is False
        silent = moot or (operator == "is_not" and target is not False)
        return Numbered(self.vocabulary[name], self.reach[name], operator, target, silent, moot, self._depends[name])


def _own_reach(name: str) -> Reach:
    if name in OF_ORDER:
        return Reach.ORDER
    if name in OF_REGION:
        return Reach.REGION
    if name.startswith(REACHES[Reach.STUDY]):
        return Reach.STUDY
    return Reach.REGION if name.startswith(REACHES[Reach.REGION]) else Reach.ORDER


def _all(tests: tuple[Test, ...]) -> Test:
    def test(here: Circumstances) -> Truth:
        out: Truth = True
        for part in tests:
            truth = part(here)
            if truth is False:
                return False
            if truth is None:
                out = None
        return out

    return test


def _at_least(needed: int, tests: tuple[Test, ...]) -> Test:
    most = len(tests)

    def test(here: Circumstances) -> Truth:
        true, possible = 0, most
        for part in tests:
            truth = part(here)
            if truth is True:
                true += 1
                if true == needed:
                    return True
            elif truth is False:
                possible -= 1
        return None if possible >= needed else False

    return test


def _not(inner: Test) -> Test:
    def test(here: Circumstances) -> Truth:
        truth = inner(here)
        return None if truth is None else not truth

    return test


def _turned(inner: Test) -> Test:
    """Nothing in the clause that an indication turns on is presumed."""
    return lambda here: inner(here.off)


def _reminded(inner: Test) -> Test:
    return lambda here: inner(here) is not False


def _barred(inner: Test, node: Node) -> Test:
    """A prerequisite that nobody can be asked about is a note, never a bar (DESIGN section 4)."""

    def test(here: Circumstances) -> Truth:
        truth = inner(here)
        return True if truth is None and not here.can_be_asked(node) else truth

    return test


def _kept(inner: Test, key: int, reach: Reach, depends: frozenset[str]) -> Test:
    """Found once for all whom it reaches alike."""

    def test(here: Circumstances) -> Truth:
        kept = here.kept[reach]
        truth = kept.get(key, UNSET)
        if truth is UNSET:
            plain = here.plain
            truth = test(plain) if plain is not None and depends.isdisjoint(here.differs) else inner(here)
            kept[key] = truth
        return truth  # type: ignore[no-any-return]

    return test
