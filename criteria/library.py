"""Read and check everything the criteria consist of, once, at start."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from criteria.catalogue import load_studies
from criteria.criterion import Ages, Criterion, Local, read_criterion, select
from criteria.errors import DataError
from criteria.facts import Vocabulary
from criteria.indications import Indication, load_indications
from criteria.logic import Node, Reader
from criteria.policies import Policies, load_policies
from criteria.reading import Lines, read_yaml
from criteria.studies import Catalogue
from criteria.vocabulary import load_vocabulary, near

HERE = Path(__file__).parent
GUIDELINE_KEYS = {"title", "edition", "publisher", "prefix", "from", "to", "domain", "population", "sections", "href"}


@dataclass(frozen=True, slots=True)
class Guideline:
    """One source document. ``domain``: the studies whose pathways and prerequisites are its business; ``ages``: the
    patients it says it is for; ``sections``: their titles by number."""

    id: str
    title: str
    edition: str
    publisher: str
    prefix: str
    start: dt.date
    end: dt.date | None
    domain: frozenset[str]
    ages: Ages
    sections: Mapping[str, str]

    def in_force(self, on: dt.date) -> bool:
        return self.start <= on and (self.end is None or on <= self.end)


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """All that a judgement needs, read and checked. ``definitions`` are the logic of defined facts, by fact name.

    ``shared`` are the definitions that the rules of a guideline may use, by guideline and name; ``local`` is what a
    site's overlay changed (criteria.overlay).
    """

    vocabulary: Vocabulary
    catalogue: Catalogue
    indications: Mapping[str, Indication]
    guidelines: Mapping[str, Guideline]
    criteria: tuple[Criterion, ...]
    definitions: Mapping[str, Node]
    policies: Policies
    shared: Mapping[str, Mapping[str, Node]] = field(default_factory=dict)
    local: tuple[Local, ...] = ()

    def criterion(self, name: str) -> Criterion:
        return next(c for c in self.criteria if c.id == name)


def load_library(home: Path = HERE) -> Library:
    """Everything under criteria/. Raises `DataError` for the first slip, naming file, line and mend."""
    vocabulary = load_vocabulary(home / "facts.yaml")
    catalogue = load_studies(home / "studies.yaml")
    indications = load_indications(home / "indications.yaml")
    facts_reader = Reader(home / "facts.yaml", vocabulary, strict=False)
    defined = {name: facts_reader.read(f.logic) for name, f in vocabulary.facts.items() if f.logic is not None}
    guidelines = {
        path.parent.name: _guideline(path, catalogue) for path in sorted(home.glob("guidelines/*/guideline.yaml"))
    }
    criteria: list[Criterion] = []
    shared = {name: _shared(home, name, vocabulary) for name in guidelines}
    for guideline in guidelines.values():
        criteria += _criteria(home, guideline, vocabulary, catalogue, indications, shared[guideline.id])
    policies = load_policies(home / "policies.yaml", guidelines)
    return Library(vocabulary, catalogue, indications, guidelines, tuple(criteria), defined, policies, shared)


def _guideline(path: Path, catalogue: Catalogue) -> Guideline:
    raw = read_yaml(path)
    for key in raw:
        if key not in GUIDELINE_KEYS:
            raise DataError(path, raw.line(key), f"`{key}` is no key of a guideline.{near(key, GUIDELINE_KEYS)}")

    def fault(line: int | None, message: str) -> DataError:
        return DataError(path, line, message)

    ages = (raw.get("population") or {}).get("age_years") or {}
    return Guideline(
        id=path.parent.name,
        title=raw["title"],
        edition=str(raw["edition"]),
        publisher=raw["publisher"],
        prefix=raw["prefix"],
        start=raw["from"],
        end=raw.get("to"),
        domain=frozenset(select(raw["domain"], catalogue, fault, raw.line("domain")))
        if raw.get("domain")
        else frozenset(),
        ages=Ages(ages.get("at_least"), ages.get("at_most")),
        sections={str(k): str(v) for k, v in (raw.get("sections") or {}).items()},
    )


def _shared(home: Path, guideline: str, vocabulary: Vocabulary) -> dict[str, Node]:
    definitions: dict[str, Node] = {}
    for path in (home / "definitions.yaml", home / "guidelines" / guideline / "definitions.yaml"):
        if path.exists():
            raw: Any = read_yaml(path) or Lines()
            for name, body in raw.items():
                if name in definitions:
                    raise DataError(path, raw.line(name), f"the definition `{name}` stands in another file already.")
                read = Reader(path, vocabulary, definitions).read(body, raw.line(name))
                definitions[name] = replace(read, shared=True)
    return definitions


def _criteria(
    home: Path,
    guideline: Guideline,
    vocabulary: Vocabulary,
    catalogue: Catalogue,
    indications: Mapping[str, Indication],
    definitions: Mapping[str, Node],
) -> list[Criterion]:
    folder = home / "guidelines" / guideline.id
    out: dict[str, Criterion] = {}
    for path in sorted(folder.glob("*/*.yaml")):
        if path.name.endswith(".test.yaml"):
            continue
        criterion = read_criterion(
            path, guideline.id, catalogue, Reader(path, vocabulary, definitions), indications, guideline.start
        )
        if criterion.id in out:
            raise DataError(path, 1, f"another rule of {guideline.id} has this file name; rename one.")
        out[criterion.id] = criterion
    return sorted(out.values(), key=lambda c: _place(c.section, guideline))


def _place(section: str, guideline: Guideline) -> tuple[int, list[tuple[str, int]]]:
    """The guideline's own order of sections, which decides among equals: as listed, else by number (2.9, 2.10)."""
    listed = list(guideline.sections)
    numbers = [(part, -1) if not part.isdigit() else ("", int(part)) for part in re.split(r"(\d+)", section)]
    return (listed.index(section) if section in listed else len(listed)), numbers
