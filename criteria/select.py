"""Which criteria speak to a study on a day: indexed once, looked up for each order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import TypeVar

from criteria.conditions import Conditions
from criteria.criterion import Criterion, requirement
from criteria.docket import Called, Docket, call
from criteria.heard import Heard, heard, trigger
from criteria.library import Library
from criteria.logic import Node
from criteria.results import OF_OTHER_STUDIES, RESULT_FACTS
from criteria.studies import Study

T = TypeVar("T")
REFUSING = {"exclusion", "coding", "combination", "safety"}
REMARKING = {"note", "document", "safety"}
TABLES = ("pathways", "refusals", "redirects", "remarks", "pairs", "standing")
ANY_REASON = "any_reason"
"""What `binds` says where a requirement also holds orders whose reason is no guideline's business."""
DOCKETS = 256
"""How many kinds of patient are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A pathway for one study with the prerequisites that bind it there, where their guideline speaks."""

    study: Study
    criterion: Criterion
    prerequisites: tuple[Criterion, ...]


class Book:
    """The criteria in force on one day, by study id; ``turning_points`` are the ages at which some rule changes."""

    def __init__(self, library: Library, on: dt.date) -> None:
        self.library, self.on = library, on
        self.pathways: dict[str, list[Path]] = defaultdict(list)
        self.refusals: dict[str, list[Criterion]] = defaultdict(list)
        self.redirects: dict[str, list[Criterion]] = defaultdict(list)
        self.remarks: dict[str, list[Criterion]] = defaultdict(list)
        self.pairs: dict[str, list[Criterion]] = defaultdict(list)
        self.standing: dict[str, list[Criterion]] = defaultdict(list)
        """Requirements that hold whatever the reason of the order is."""
        current = {name for name, guideline in library.guidelines.items() if guideline.in_force(on)}
        in_force = [c for c in library.criteria if c.guideline in current and c.in_force(on)]
        prerequisites = [c for c in in_force if c.kind == "prerequisite"]
        for criterion in in_force:
            for study in criterion.studies:
                if criterion.kind == "pathway":
                    self.pathways[study].append(_path(criterion, library.catalogue[study], prerequisites))
                elif criterion.kind == "redirect":
                    self.redirects[study].append(criterion)
                elif criterion.kind in REFUSING and criterion.rates:
                    self.refusals[study].append(criterion)
                elif criterion.kind == "prerequisite":
                    if criterion.pair is not None:
                        self.pairs[study].append(criterion)
                    elif ANY_REASON in criterion.binds:
                        self.standing[study].append(criterion)
                elif criterion.kind in REMARKING:
                    self.remarks[study].append(criterion)

        self.conditions = Conditions(library.vocabulary, library.definitions, on, RESULT_FACTS, OF_OTHER_STUDIES)
        self.turning_points = turning_points(library.criteria, library)
        self._requirements: dict[Criterion, Node] = {}
        self._called: dict[tuple[Path, frozenset[str], frozenset[str], bool], Called] = {}
        self._heard: dict[Criterion, Heard] = {}
        self._unchecked: dict[Criterion, Heard] = {}
        self._dockets: Callable[..., Docket] = lru_cache(maxsize=DOCKETS)(partial(Docket, self))

    @cached_property
    def triggers(self) -> tuple[Heard, ...]:
        """Those of the pathways that a trigger can call."""
        every = {p.criterion.id: p.criterion for paths in self.pathways.values() for p in paths}
        called = [(c, c.trigger) for c in every.values() if c.trigger is not None]
        return tuple(trigger(c, node, self.conditions, self._session_names(c)) for c, node in called)

    def _session_names(self, rule: Criterion) -> frozenset[str]:
        catalogue = self.library.catalogue
        return frozenset().union(*(catalogue[s].session_names for s in rule.studies))

    @cached_property
    def films(self) -> frozenset[str]:
        """The facts about x-rays."""
        return frozenset(n for n in self.library.vocabulary.facts if n.startswith("xray."))

    def copy(self, turning_points: frozenset[int]) -> Book:
        """The same tables, to be changed; what is ready stays so, what was found for patients does not."""
        out = Book(replace(self.library, criteria=()), self.on)
        out.library = self.library
        for name in TABLES:
            setattr(out, name, dict(getattr(self, name)))
        out.turning_points = self.turning_points | turning_points
        out.conditions, out._requirements = self.conditions.copy(), dict(self._requirements)
        return out

    def docket(
        self, guidelines: tuple[str, ...], safety: tuple[str, ...], age: int, indications: tuple[str, ...]
    ) -> Docket:
        """What the criteria say to such a patient; ages between which no rule tells share it."""
        since = max((a for a in self.turning_points if a <= age), default=-1)
        return self._dockets(guidelines, safety, since, indications)

    def heard(self, rule: Criterion) -> Heard:
        """A rule that speaks where its condition is true."""
        return _once(self._heard, rule, lambda: heard(rule, self.conditions))

    def unchecked(self, rule: Criterion) -> Heard:
        """The same for a rule that has a word too where its condition is not known."""
        return _once(self._unchecked, rule, lambda: heard(rule, self.conditions, (True, None)))

    def requirement(self, prerequisite: Criterion) -> Node:
        """A prerequisite as a clause of the pathways it binds, the same for all of them."""
        return _once(self._requirements, prerequisite, lambda: requirement(prerequisite))

    def called(self, path: Path, guidelines: frozenset[str], safety: frozenset[str], by_indication: bool) -> Called:
        """A pathway as these guidelines together have it, the same for all their patients."""
        key = (path, guidelines, safety, by_indication)
        if key not in self._called:
            self._called[key] = call(self, path, guidelines, safety, by_indication)
        return self._called[key]

    @cached_property
    def supported(self) -> dict[str, list[Study]]:
        """The studies that some pathway may support, by region."""
        found: dict[str, list[Study]] = {}
        for study in map(self.library.catalogue.__getitem__, self.pathways):
            found.setdefault(study.region, []).append(study)
        return found

    def speaks(self, guideline: str, study: Study, indications: Iterable[str]) -> bool:
        """True when the study is the guideline's business and it covers a recorded indication."""
        held = self.library.guidelines[guideline]
        if not held.in_force(self.on) or study.id not in held.domain:
            return False
        return any(guideline in self.library.indications[i].guidelines for i in indications)

    def domain(self, guidelines: Sequence[str], study: Study) -> bool:
        """True when the study is the business of one of these guidelines that is in force."""
        held = (self.library.guidelines[g] for g in guidelines)
        return any(g.in_force(self.on) and study.id in g.domain for g in held)

    def admits(self, criterion: Criterion, age: int) -> bool:
        """Age: a rule that names its patients is for them; the others are for whom their guideline is for."""
        if criterion.ages is not None:
            return criterion.ages.hold(age)
        return self.library.guidelines[criterion.guideline].ages.hold(age)


def _once(kept: dict[Criterion, T], rule: Criterion, make: Callable[[], T]) -> T:
    """What is made of a rule, the same for all who ask."""
    if rule not in kept:
        kept[rule] = make()
    return kept[rule]


def turning_points(criteria: Iterable[Criterion], library: Library) -> frozenset[int]:
    """The ages (completed years) from which a rule, or a guideline, speaks otherwise than before."""
    spans = [c.ages for c in criteria if c.ages is not None]
    spans += [g.ages for g in library.guidelines.values()]
    starts = {s.at_least for s in spans if s.at_least is not None}
    return frozenset(starts | {s.at_most + 1 for s in spans if s.at_most is not None})


def _path(criterion: Criterion, study: Study, prerequisites: Sequence[Criterion]) -> Path:
    bound = tuple(p for p in prerequisites if p.pair is None and study.id in p.studies and _binds(p, criterion))
    return Path(study, criterion, bound)


def _binds(prerequisite: Criterion, criterion: Criterion) -> bool:
    if {criterion.section, criterion.id, criterion.id.split("/")[1]} & set(prerequisite.spares):
        return False
    if prerequisite.indications and criterion.indications and not prerequisite.indications & criterion.indications:
        return False
    if prerequisite.for_safety or {"everything", ANY_REASON} & set(prerequisite.binds):
        return True
    if prerequisite.guideline != criterion.guideline:
        return False
    return "all" in prerequisite.binds or criterion.section in prerequisite.binds


@lru_cache(maxsize=8)
def book(library: Library, on: dt.date) -> Book:
    return Book(library, on)
