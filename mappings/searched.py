"""Which facts could not be looked for: those whose resource types could not be had (searched.yaml)."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from criteria.errors import DataError
from criteria.facts import Fact
from criteria.reading import read_yaml
from mappings.attested import vocabulary
from mappings.queries import QUERIES
from mappings.records import SetAside
from mappings.tables import read_table

TABLE = Path(__file__).parent / "searched.yaml"
SETTLED, UNREADABLE, UNUSABLE = "settled", "unreadable", "set_aside"


@functools.cache
def places(path: Path = TABLE) -> Mapping[str, frozenset[str]]:
    """fact -> the resource types that would chiefly record it, for every fact whose absence counts as false.

    Raises `DataError` for a type without a query, and for a name or prefix that fits no fact.
    """
    raw = read_yaml(path)
    types = {q.type for q in QUERIES.values()}
    names = vocabulary().facts
    for name, held in raw.items():
        if name in (SETTLED, UNREADABLE, UNUSABLE):
            continue
        if not _named(name):
            raise DataError(path, raw.line(name), f"`{name}` fits no fact of the vocabulary.")
        for one in held:
            if one not in types:
                raise DataError(path, raw.line(name), f"`{one}` is searched by no query of queries.yaml.")
    out = {}
    for name, fact in names.items():
        if fact.absence in ("false", "presumed_false"):
            out[name] = frozenset(_longest(name, raw))
    return out


def _longest(name: str, raw: Mapping[str, list[str]]) -> list[str]:
    """The entry of the name itself, else of its longest prefix."""
    if name in raw:
        return raw[name]
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        if (prefix := ".".join(parts[:n]) + ".*") in raw:
            return raw[prefix]
    return []


def _named(name: str) -> frozenset[str]:
    """The facts that a name, or a prefix with .*, fits."""
    names = vocabulary().facts
    prefix = name.removesuffix("*")
    return frozenset(n for n in names if n == name or (name.endswith(".*") and n.startswith(prefix)))


@functools.cache
def settled(path: Path = TABLE) -> Mapping[str, frozenset[str]]:
    """fact -> the facts whose silence its "no" makes as good as searched. Raises `DataError`."""
    booleans = {n for n, fact in vocabulary().facts.items() if fact.type == "boolean"}
    return _section(path, SETTLED, booleans, "no boolean fact of the vocabulary")


@functools.cache
def unreadable(path: Path = TABLE) -> Mapping[str, frozenset[str]]:
    """result -> the facts that one which cannot be read leaves unknown. Raises `DataError`."""
    measured = {means for kinds in read_table("findings").exact.values() for means in kinds}
    return _section(path, UNREADABLE, measured, "no result of findings.csv")


@functools.cache
def unusable(path: Path = TABLE) -> Mapping[str, frozenset[str]]:
    """resource type -> the facts that one which was set aside may leave unknown. Raises `DataError`."""
    return _section(path, UNUSABLE, {q.type for q in QUERIES.values()}, "searched by no query of queries.yaml")


def _section(path: Path, section: str, known: Container[str], wrong: str) -> Mapping[str, frozenset[str]]:
    raw = read_yaml(path).get(section, {})
    for name, held in raw.items():
        if name not in known:
            raise DataError(path, raw.line(name), f"`{name}` is {wrong}.")
        for one in held:
            if not _named(one):
                raise DataError(path, raw.line(name), f"`{one}` fits no fact of the vocabulary.")
    return {name: frozenset().union(*map(_named, held)) for name, held in raw.items()}


def left_open(aside: Iterable[SetAside]) -> frozenset[str]:
    """The facts that results which could not be read leave unknown."""
    return frozenset().union(*(unreadable().get(kind, ()) for one in aside for kind in one.of))


def unsearched(missing: frozenset[str]) -> frozenset[str]:
    """The facts whose silence means unknown because one of their resource types is missing."""
    return frozenset(n for n, types in places().items() if types & missing) if missing else frozenset()


def still_open(names: frozenset[str], facts: Mapping[str, Fact]) -> frozenset[str]:
    """Those of `unsearched` facts that remain so: nothing is known of them, and nobody's "no" settles them."""
    if not names:
        return names
    for name, others in settled().items():
        if name in facts and facts[name].value is False:
            names -= others
    return names - facts.keys()
