"""The library as the pages need it: sections in the source's order, who uses which fact, which study and which rule."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from criteria.criterion import Criterion
from criteria.library import HERE, Guideline, Library
from criteria.logic import leaves
from criteria.reading import read_yaml
from criteria.select import book
from service.guidelines.clauses import Conditions, conditions


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a source. ``statements``: how many the index lists; a section may have no rule of its own."""

    id: str
    title: str
    statements: int
    rules: tuple[Criterion, ...]


class Shelf:
    """Made once for a library. Raises `DataError` where an index cannot be read."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.conditions = Conditions(library)
        self.sections = {g.id: tuple(_sections(g, library)) for g in library.guidelines.values()}
        self.rules: dict[tuple[str, str], Criterion] = {(c.guideline, name(c)): c for c in library.criteria}
        self.of_fact: dict[str, list[Criterion]] = defaultdict(list)
        self.of_study: dict[str, list[Criterion]] = defaultdict(list)
        for criterion in library.criteria:
            for fact in dict.fromkeys(leaf.fact for node in conditions(criterion) for leaf in leaves(node)):
                self.of_fact[fact].append(criterion)
            for study in criterion.studies:
                self.of_study[study].append(criterion)
        self.defines: dict[str, list[str]] = defaultdict(list)
        for defined, node in library.definitions.items():
            for fact in dict.fromkeys(leaf.fact for leaf in leaves(node)):
                self.defines[fact].append(defined)

    def policies(self, guideline: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(policy, the studies it limits the guideline to; none for no limit) of those that use a guideline."""
        for policy in self.library.policies.by_id.values():
            for voice in policy.voices:
                if voice.guideline == guideline:
                    yield policy.id, tuple(self.conditions.bases.get(s, s) for s in sorted(voice.studies or ()))

    def prerequisites(self, pathway: Criterion, on: dt.date) -> tuple[Criterion, ...]:
        """What binds a pathway on a day, for any of its studies."""
        paths = book(self.library, on).pathways
        bound = (p for s in pathway.studies for path in paths.get(s, ()) if path.criterion is pathway
                 for p in path.prerequisites)  # fmt: skip
        return tuple(dict.fromkeys(bound))

    def bound_by(self, prerequisite: Criterion, on: dt.date) -> tuple[Criterion, ...]:
        """The pathways that a prerequisite binds on a day."""
        paths = book(self.library, on).pathways
        bound = (path.criterion for s in prerequisite.studies for path in paths.get(s, ())
                 if prerequisite in path.prerequisites)  # fmt: skip
        return tuple(dict.fromkeys(bound))


@lru_cache(maxsize=8)
def shelf_of(library: Library) -> Shelf:
    return Shelf(library)


def name(criterion: Criterion) -> str:
    """A rule's own name, without its guideline."""
    return criterion.id.partition("/")[2]


def _sections(guideline: Guideline, library: Library) -> Iterator[Section]:
    rules: dict[str, list[Criterion]] = defaultdict(list)
    for criterion in library.criteria:
        if criterion.guideline == guideline.id:
            rules[criterion.section].append(criterion)
    titles: dict[str, list[str]] = defaultdict(list)
    index = HERE / "guidelines" / guideline.id / "index.yaml"
    for row in read_yaml(index) if index.exists() else ():
        titles[str(row["section"])].append(str(row["title"]))
    for section in dict.fromkeys((*titles, *guideline.sections, *rules)):
        title = guideline.sections.get(section) or _title(titles[section])
        yield Section(section, title, len(titles[section]), tuple(rules.get(section, ())))


def _title(rows: list[str]) -> str:
    """What most row titles of a section start with; empty where they have nothing in common."""
    heads = Counter(row.split(": ")[0].split(" - ")[0] for row in rows)
    head, count = heads.most_common(1)[0] if heads else ("", 0)
    return head if count * 2 >= len(rows) else ""


def by_guideline(criteria: list[Criterion]) -> Mapping[str, list[Criterion]]:
    out: dict[str, list[Criterion]] = {}
    for criterion in criteria:
        out.setdefault(criterion.guideline, []).append(criterion)
    return out
