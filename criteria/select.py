"""Which criteria speak to a study on a day: indexed once, looked up for each order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from criteria.criterion import Criterion
from criteria.library import Library
from criteria.logic import All, Any_, Node, leaves
from criteria.results import RESULT_FACTS, RESULTS
from criteria.studies import Study

REFUSING = {"exclusion", "coding", "combination", "safety"}
REMARKING = {"note", "document", "safety"}
BY_STUDY = ("order.", "prior_imaging.", "xray.", "surgery.", "implant.near", "procedure.", "therapy.oncologic_started")
Reach = Literal["order", "study", "results"]
"""Beginnings of the facts that depend on the study considered, its region above all."""


@dataclass(frozen=True, slots=True)
class Path:
    """A pathway for one study with the prerequisites that bind it there, where their guideline speaks."""

    criterion: Criterion
    prerequisites: tuple[Criterion, ...]


class Book:
    """The criteria in force on one day, by study id."""

    def __init__(self, library: Library, on: dt.date) -> None:
        self.library, self.on = library, on
        self.pathways: dict[str, list[Path]] = defaultdict(list)
        self.refusals: dict[str, list[Criterion]] = defaultdict(list)
        self.redirects: dict[str, list[Criterion]] = defaultdict(list)
        self.remarks: dict[str, list[Criterion]] = defaultdict(list)
        self.pairs: dict[str, list[Criterion]] = defaultdict(list)
        in_force = [c for c in library.criteria if c.in_force(on)]
        prerequisites = [c for c in in_force if c.kind == "prerequisite"]
        for criterion in in_force:
            for study in criterion.studies:
                if criterion.kind == "pathway":
                    self.pathways[study].append(_path(criterion, study, prerequisites))
                elif criterion.kind == "redirect":
                    self.redirects[study].append(criterion)
                elif criterion.kind in REFUSING and criterion.rates:
                    self.refusals[study].append(criterion)
                elif criterion.kind == "prerequisite":
                    if criterion.pair is not None:
                        self.pairs[study].append(criterion)
                elif criterion.kind in REMARKING:
                    self.remarks[study].append(criterion)

        self._nodes: dict[tuple[int, tuple[str, ...]], Node] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._reach: dict[str, Reach] = {}
        self._providers: dict[tuple[str, str], list[tuple[Study, Path]]] = {}

    def node(self, path: Path, guidelines: tuple[str, ...]) -> Node:
        """The pathway and the prerequisites of these guidelines that bind it, as one condition."""
        key = (id(path), guidelines)
        if key not in self._nodes:
            parts = [requirement(p) for p in path.prerequisites if p.guideline in guidelines]
            self._nodes[key] = All((path.criterion.when, *parts)) if parts else path.criterion.when
        return self._nodes[key]

    def names(self, node: Node) -> frozenset[str]:
        """The facts that a condition of the library names, not those of their definitions."""
        key = id(node)  # nodes live as long as the library
        if key not in self._names:
            self._names[key] = frozenset(n.fact for n in leaves(node))
        return self._names[key]

    def same_for_all_studies(self, node: Node) -> bool:
        """True when no fact of a condition, nor of its definitions, depends on which study is considered."""
        return all(self.reach(n) == "order" for n in self.names(node))

    def reach(self, name: str) -> Reach:
        """What a fact depends on, what it is made of included."""
        if name not in self._reach:
            self._reach[name] = "order"  # a definition that names itself adds nothing
            self._reach[name] = self._find_reach(name)
        return self._reach[name]

    def _find_reach(self, name: str) -> Reach:
        if name in RESULT_FACTS:
            return "results"
        library = self.library
        parts = {self.reach(n) for n in self.names(library.definitions[name])} if name in library.definitions else set()
        given = library.vocabulary.given.get(name)
        if given is not None:
            parts.add(self.reach(given))
        if "results" in parts:
            return "results"
        return "study" if "study" in parts or name.startswith(BY_STUDY) else "order"

    def providers(self, result: str, region: str) -> list[tuple[Study, Path]]:
        """The pathways for studies of a region, each with such a study, that answer a result fact."""
        key = (result, region)
        if key not in self._providers:
            wanted, catalogue = RESULTS[result], self.library.catalogue
            self._providers[key] = [
                (catalogue[s], p)
                for s, paths in self.pathways.items()
                for p in paths
                if (wanted.any_region or catalogue[s].region == region) and wanted.include(p.criterion, catalogue[s])
            ]
        return self._providers[key]

    def speaks(self, guideline: str, study: Study, indications: Iterable[str]) -> bool:
        """True when the study is the guideline's business and it covers a recorded indication."""
        if study.id not in self.library.guidelines[guideline].domain:
            return False
        return any(guideline in self.library.indications[i].guidelines for i in indications)

    def domain(self, guidelines: Sequence[str], study: Study) -> bool:
        return any(study.id in self.library.guidelines[g].domain for g in guidelines)

    def admits(self, criterion: Criterion, age: int) -> bool:
        """Age: a rule that names its patients is for them; the others are for whom their guideline is for."""
        if criterion.ages is not None:
            return criterion.ages.hold(age)
        return self.library.guidelines[criterion.guideline].ages.hold(age)


def _path(criterion: Criterion, study: str, prerequisites: Sequence[Criterion]) -> Path:
    bound = tuple(p for p in prerequisites if p.pair is None and study in p.studies and _binds(p, criterion))
    return Path(criterion, bound)


def _binds(prerequisite: Criterion, criterion: Criterion) -> bool:
    if {criterion.section, criterion.id, criterion.id.split("/")[1]} & set(prerequisite.spares):
        return False
    if prerequisite.indications and criterion.indications and not prerequisite.indications & criterion.indications:
        return False
    if "everything" in prerequisite.binds:
        return True
    if prerequisite.guideline != criterion.guideline:
        return False
    return "all" in prerequisite.binds or criterion.section in prerequisite.binds


@cache  # never evicted: a book remembers conditions by their identity
def _requirement(when: Node, unless: Node | None, says: str, rows: tuple[str, ...]) -> Node:
    inner = Any_((unless, when)) if unless is not None else when
    return All((inner,), says=says, rows=rows, missing="bar")


def requirement(prerequisite: Criterion) -> Node:
    """A prerequisite as a clause: what nobody can be asked about is a note, not a bar."""
    return _requirement(prerequisite.when, prerequisite.unless, prerequisite.title, prerequisite.rows)


@lru_cache(maxsize=8)
def book(library: Library, on: dt.date) -> Book:
    return Book(library, on)
