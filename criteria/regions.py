"""Body regions: which study shows which part (regions.yaml)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import read_yaml
from criteria.vocabulary import load_vocabulary

TABLE = Path(__file__).parent / "regions.yaml"


@functools.cache
def _table(path: Path = TABLE) -> Mapping[str, Mapping[str, Any]]:
    known = set(load_vocabulary()["order.body_region"].values or ())
    raw = read_yaml(path)
    for region, entry in raw.items():
        if set(entry) != {"contains", "beside"}:
            raise DataError(path, raw.line(region), f"`{region}` has the keys contains and beside.")
        named = [region, *(entry["contains"] if entry["contains"] != "*" else []), *entry["beside"]]
        for name in named:
            if name not in known:
                raise DataError(path, raw.line(region), f"`{name}` is no value of order.body_region.")
    regions: Mapping[str, Mapping[str, Any]] = raw
    return regions


def shows(study_region: str, region: str) -> bool:
    """True when a study of ``study_region`` shows ``region``."""
    held = _table().get(study_region, {}).get("contains", ())
    return study_region == region or held == "*" or region in held


def overlap(one: str, other: str) -> bool:
    """True when studies of the two regions show some of the same."""
    return shows(one, other) or shows(other, one)


def same_part(one: str, other: str) -> bool:
    """True when complaints of the two regions are of the same part of the body (one in the other, or neighbours)."""
    beside = _table().get(one, {}).get("beside", ())
    return overlap(one, other) or other in beside


def meet(some: Iterable[str], others: Iterable[str]) -> bool:
    """True when any of ``some`` is the same part as any of ``others``."""
    held = tuple(others)
    return any(same_part(a, b) for a in some for b in held)
