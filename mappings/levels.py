"""The level of the spine that an ICD-10-CM code itself names (codes/icd10cm_sites.yaml)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.attested import vocabulary
from mappings.diagnoses import CODES

TABLE = CODES / "icd10cm_sites.yaml"


@dataclass(frozen=True, slots=True)
class Sites:
    """``levels``: site character -> regions; ``places``: code prefix -> place of that character (0-based, -1 last)."""

    levels: Mapping[str, tuple[str, ...]]
    places: Mapping[str, int]


def levels_of(codes: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The regions that these (system, code) pairs name, each once; empty where they name none."""
    found = (r for system, code in codes if system == "icd10cm" for r in _level(code))
    return tuple(dict.fromkeys(found))


def _level(code: str) -> tuple[str, ...]:
    plain = code.strip().upper().replace(".", "")
    table = sites()
    place = next((table.places[plain[:n]] for n in range(len(plain), 2, -1) if plain[:n] in table.places), None)
    if place is None or len(plain) < 4 or place >= len(plain):
        return ()
    return table.levels.get(plain[place], ())


@functools.cache
def sites(path: Path = TABLE) -> Sites:
    """The table, checked. Raises `DataError`."""
    raw = read_yaml(path)
    if set(raw) != {"levels", "places"}:
        raise DataError(path, 1, "the table has the keys levels and places.")
    known = set(vocabulary()["order.body_region"].values or ())
    for site, regions in raw["levels"].items():
        if unknown := set(regions) - known:
            raise DataError(path, raw["levels"].line(site), f"{sorted(unknown)} are no values of order.body_region.")
    places = {}
    for prefix, place in raw["places"].items():
        if place != "last" and not (isinstance(place, int) and place > 3):
            raise DataError(path, raw["places"].line(prefix), "a place is `last`, or counted from 1 and at least 4.")
        places[str(prefix)] = -1 if place == "last" else place - 1
    return Sites({str(k): tuple(v) for k, v in raw["levels"].items()}, places)
