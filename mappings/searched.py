"""Which facts could not be looked for: those whose resource types could not be had (searched.yaml)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.attested import vocabulary
from mappings.queries import QUERIES

TABLE = Path(__file__).parent / "searched.yaml"


@functools.cache
def places(path: Path = TABLE) -> Mapping[str, frozenset[str]]:
    """fact -> the resource types that would chiefly record it, for every fact whose absence counts as false.

    Raises `DataError` for a type without a query, and for a name or prefix that fits no fact.
    """
    raw = read_yaml(path)
    types = {q.type for q in QUERIES.values()}
    names = vocabulary().facts
    for name, held in raw.items():
        prefix = name.removesuffix("*")
        fits = name in names or (name.endswith(".*") and any(n.startswith(prefix) for n in names))
        if not fits:
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


def unsearched(missing: frozenset[str]) -> frozenset[str]:
    """The facts whose silence means unknown because one of their resource types is missing."""
    return frozenset(n for n, types in places().items() if types & missing) if missing else frozenset()
