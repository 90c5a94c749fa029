"""What the criteria in force say to one kind of patient: who is alike in policy, age and indications shares it.

Looked up by study; worked out when a study is first asked for, and kept: the same complaints come again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from criteria.conditions import Reach, Ready
from criteria.criterion import Criterion
from criteria.heard import Roll
from criteria.logic import All, Node, leaves, walk
from criteria.regions import shows
from criteria.results import RESULT_FACTS, RESULTS, result_place
from criteria.studies import Study
from criteria.triggers import settled_for

if TYPE_CHECKING:
    from criteria.select import Book, Path

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Called:
    """A pathway that may count; ``by_indication``: a recorded indication calls it, else its trigger has to.

    ``clauses`` are its own condition and the prerequisites that bind it under the policy, ``node`` all of them;
    ``key`` is the same for other studies that need the same, ``reach`` how far their truth does. ``certain``: it counts
    whatever is on file.
    """

    criterion: Criterion
    by_indication: bool
    trigger: Ready | None
    clauses: tuple[Ready, ...]
    node: Node
    key: tuple[int, ...]
    reach: Reach
    once: Ready | None = None
    settled: Ready | None = None
    """Its trigger, with what the catalogue says of the study put in."""
    certain: bool = field(init=False)
    names: frozenset[str] = field(init=False)
    reads_results: bool = field(init=False)
    waived: frozenset[str] = field(init=False)
    """The facts named where `missing` may waive a clause."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "certain", self.by_indication and self.once is None)
        object.__setattr__(self, "names", frozenset().union(*(c.names for c in self.clauses)))
        object.__setattr__(self, "reads_results", any(c.reads_results for c in self.clauses))
        waiving = (n for c in self.clauses for n in walk(c.node) if n.missing)
        object.__setattr__(self, "waived", frozenset(leaf.fact for n in waiving for leaf in leaves(n)))

    @property
    def stands_in(self) -> bool:
        """A substitute for what another pathway supports; where none does, it has nothing to say."""
        return not self.by_indication and self.clauses[0].reads_results


def call(book: Book, path: Path, guidelines: frozenset[str], safety: frozenset[str], by_indication: bool) -> Called:
    """A pathway as these guidelines together have it; of those in ``safety`` only what safety requires binds it."""
    criterion, ready = path.criterion, book.conditions.ready
    binding = (p for p in path.prerequisites if p.guideline in guidelines or (p.for_safety and p.guideline in safety))
    bound = map(book.requirement, binding)
    nodes = (criterion.when, *bound)
    clauses = tuple(map(ready, nodes))
    trigger = None if criterion.trigger is None else ready(criterion.trigger)
    node = All(nodes) if len(nodes) > 1 else criterion.when
    key, reach = tuple(c.key for c in clauses), max(c.reach for c in clauses)
    once = None if criterion.once is None else ready(criterion.once)
    settled = None if trigger is None else ready(settled_for(path.study, trigger.node, book.on))
    return Called(criterion, by_indication, trigger, clauses, node, key, reach, once, settled)


Answering = tuple[Study, Called]
Answers = tuple[list[Answering], dict[str, list[Answering]]]


class Docket:
    """What the rules of a book say, looked up by study. The arguments are those of `criteria.case.Case`."""

    def __init__(
        self,
        book: Book,
        guidelines: tuple[str, ...],
        safety: tuple[str, ...],
        age: int,
        indications: tuple[str, ...],
    ) -> None:
        self.book, self.age, self.indications = book, age, indications
        self.ranks = {g: n for n, g in enumerate((*guidelines, *safety))}
        """The place of each guideline in the policy, the most specific first."""
        self._guidelines, self._safety = frozenset(guidelines), frozenset(safety)
        self._paths: dict[str, tuple[Called, ...]] = {}
        self._refusals: dict[str, Roll] = {}
        self._redirects: dict[str, Roll] = {}
        self._pairs: dict[str, tuple[Criterion, ...]] = {}
        self._remarks: dict[str, Roll] = {}
        self._safe: dict[str, Roll] = {}
        self._unchecked: dict[str, Roll] = {}
        self._providers: dict[tuple[str, str], Answers] = {}
        self._listed: dict[tuple[str, ...], tuple[Study, ...]] = {}
        self._behind: dict[tuple[str, str], tuple[frozenset[str], frozenset[str]]] = {}

    def paths(self, study: str) -> tuple[Called, ...]:
        """The pathways for a study that a recorded indication or a trigger may call, guideline order."""
        return _once(self._paths, study, self._find_paths)

    def _find_paths(self, study: str) -> tuple[Called, ...]:
        found = (self._called(p) for p in self.book.pathways.get(study, ()))
        return tuple(sorted((c for c in found if c), key=lambda c: self.ranks[c.criterion.guideline]))

    def _called(self, path: Path) -> Called | None:
        criterion = path.criterion
        if criterion.guideline not in self._guidelines or not self.book.admits(criterion, self.age):
            return None
        by_indication = not criterion.indications.isdisjoint(self.indications)
        if not by_indication and criterion.trigger is None:
            return None
        return self.book.called(path, self._guidelines, self._safety, by_indication)

    @cached_property
    def triggers(self) -> Roll:
        """Those of the pathways that a trigger can call."""
        return Roll(t for t in self.book.triggers if t.criterion.guideline in self._guidelines)

    def refusals(self, study: str) -> Roll:
        return _once(self._refusals, study, lambda s: self._heard(self.concerns, self.book.refusals.get(s, ())))

    def redirects(self, study: str) -> Roll:
        return _once(self._redirects, study, lambda s: self._heard(self.concerns, self.book.redirects.get(s, ())))

    def pairs(self, study: str) -> tuple[Criterion, ...]:
        """Prerequisites that bind only one of a pair."""
        return _once(self._pairs, study, lambda s: tuple(filter(self.concerns, self.book.pairs.get(s, ()))))

    def remarks(self, study: str) -> Roll:
        """What goes with a rating. Safety speaks to every age: a rule of an adult guideline has a word for a child."""
        return _once(self._remarks, study, lambda s: self._heard(self._remarked, self.book.remarks.get(s, ())))

    def _remarked(self, criterion: Criterion) -> bool:
        return self.hears(criterion) and (criterion.kind == "safety" or self.book.admits(criterion, self.age))

    def safety(self, study: str, all_read: bool) -> Roll:
        """The safety rules that refuse, whatever the age. Where some records could not be read, those that cannot be
        checked have a word too."""
        rules = (c for c in self.book.refusals.get(study, ()) if c.kind == "safety" and self.hears(c))
        kept, heard = (self._safe, self.book.heard) if all_read else (self._unchecked, self.book.unchecked)
        return _once(kept, study, lambda _: Roll(map(heard, rules)))

    def _heard(self, wanted: Callable[[Criterion], bool], rules: Iterable[Criterion]) -> Roll:
        return Roll(map(self.book.heard, filter(wanted, rules)))

    def concerns(self, criterion: Criterion) -> bool:
        """A rule other than a pathway: in force for this patient and policy, and not limited to other indications."""
        if not self.hears(criterion) or not self.book.admits(criterion, self.age):
            return False
        return not criterion.indications or not criterion.indications.isdisjoint(self.indications)

    def hears(self, criterion: Criterion) -> bool:
        """The policy lets this rule speak."""
        speaks = criterion.guideline in self._guidelines
        return speaks or (criterion.kind == "safety" and criterion.guideline in self._safety)

    def providers(self, result: str, study: Study) -> Answers:
        """The pathways, each with a study, that answer a result fact: for this study, or for those of its region.

        First those that a recorded indication calls, then by their ids those that need their trigger.
        """
        wanted, catalogue = RESULTS[result], self.book.library.catalogue
        key = result_place(result, study)
        if key not in self._providers:
            certain: list[Answering] = []
            triggered: dict[str, list[Answering]] = {}
            if wanted.own_study:
                asked: Iterable[Study] = (study,)
            elif wanted.any_region:
                asked = (catalogue[s] for s in self.book.pathways)
            else:
                asked = self.book.supported.get(study.region, ())
            for other in asked:
                for called in self.paths(other.id):
                    if wanted.include(called.criterion, other):
                        held = certain if called.by_indication else triggered.setdefault(called.criterion.id, [])
                        held.append((other, called))
            self._providers[key] = (certain, triggered)
        return self._providers[key]

    def touches(self, unknown: frozenset[str], condition: Ready | Called, study: Study) -> bool:
        """Whether a condition, or a pathway for a study, may come out otherwise where these facts are unknown: it names
        one of them, or reads the result of a rule that does."""
        if not condition.names.isdisjoint(unknown):
            return True
        if not condition.reads_results:
            return False
        named = self.book.conditions.opened(condition.names)
        results = RESULT_FACTS & named
        behind = (self._behind_it(r, study)[0] for r in results)
        return not named.isdisjoint(unknown) or not all(map(unknown.isdisjoint, behind))

    def waives(self, unknown: frozenset[str], called: Called, study: Study) -> bool:
        """Whether a pathway for a study may be met for that these facts are unknown: they stand where `missing` may
        waive a clause, in it or in one whose result it reads."""
        opened = self.book.conditions.opened
        if not called.reads_results:
            return not called.waived.isdisjoint(unknown)
        behind = (self._behind_it(r, study)[1] for r in RESULT_FACTS & opened(called.names))
        return not opened(called.waived).isdisjoint(unknown) or not all(map(unknown.isdisjoint, behind))

    def _behind_it(self, result: str, study: Study) -> tuple[frozenset[str], frozenset[str]]:
        """The facts that the pathways name which answer a result fact, and those that answer what these read; and
        which of them stand where `missing` may waive a clause."""
        key = result_place(result, study)
        if key not in self._behind:
            opened = self.book.conditions.opened
            found, waived, seen, left = set[str](), set[str](), {key}, [(result, study)]
            while left:
                certain, triggered = self.providers(*left.pop())
                for other, called in chain(certain, *triggered.values()):
                    named = opened(called.names)
                    found |= named
                    waived |= opened(called.waived)
                    for inner in RESULT_FACTS & named:
                        if (at := result_place(inner, other)) not in seen:
                            seen.add(at)
                            left.append((inner, other))
            self._behind[key] = frozenset(found), frozenset(waived)
        return self._behind[key]

    def listed(self, regions: tuple[str, ...]) -> tuple[Study, ...]:
        """The studies of these regions that have a code and that a pathway may support."""
        if regions not in self._listed:
            catalogue = self.book.library.catalogue
            near = (catalogue[s] for s in self.book.pathways if any(shows(catalogue[s].region, r) for r in regions))
            self._listed[regions] = tuple(s for s in near if s.cpt and not s.unlisted and self.paths(s.id))
        return self._listed[regions]


def _once(kept: dict[str, T], study: str, find: Callable[[str], T]) -> T:
    if study not in kept:
        kept[study] = find(study)
    return kept[study]
