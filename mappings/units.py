"""Numbers with units: UCUM codes and the usual spellings, converted by a table, never guessed."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.fields import number, words

TABLE = Path(__file__).parent / "codes" / "units.yaml"
JUST_BELOW = 0.999


@functools.cache
def units(path: Path = TABLE) -> Mapping[str, tuple[str, float]]:
    """unit -> (dimension, size in the base unit). Raises `DataError` for a unit that stands twice."""
    table: dict[str, tuple[str, float]] = {}
    for dimension, sizes in read_yaml(path).items():
        for unit, size in sizes.items():
            if str(unit) in table:
                raise DataError(path, sizes.line(unit), f"`{unit}` stands under {table[str(unit)][0]} already.")
            table[str(unit)] = (dimension, float(size))
    return table


def unit_of(quantity: Mapping[str, Any]) -> str | None:
    """The UCUM code of a Quantity, else its printed unit, else ''; None when there is something that is no text."""
    held = quantity.get("code"), quantity.get("unit")
    if any(part is not None and not isinstance(part, str) for part in held):
        return None
    return words(held[0]) or words(held[1])


def convert(value: float, unit: str, wanted: str) -> float | None:
    """``value`` in ``wanted``; None when the table does not relate the two units. Temperatures: Cel and [degF]."""
    if unit == wanted:
        return value
    if wanted == "Cel":
        return (value - 32) / 1.8 if unit in ("[degF]", "degF", "°F", "F") else value if unit in ("°C", "C") else None
    held, goal = units().get(unit), units().get(wanted)
    if held is None or goal is None or held[0] != goal[0]:
        return None
    return value * held[1] / goal[1]


def measured(quantity: Any, wanted: str | None, *, bare: bool = True) -> float | None:
    """The number of a Quantity in the unit ``wanted``; a number without unit is in it already when ``bare``.

    ``<15`` is read as just below 15, ``>60`` as 60. None when there is no number or the unit is unknown or
    unreadable.
    """
    if not isinstance(quantity, dict):
        return None
    value, unit = number(quantity.get("value")), unit_of(quantity)
    if value is None or unit is None:
        return None
    if unit and wanted is None:
        return value if units().get(unit, ("", 0))[0] == "count" else None
    converted = convert(value, unit, wanted or "") if unit else value if bare else None
    if converted is None or not math.isfinite(converted):
        return None
    if words(quantity.get("comparator")) == "<":
        return converted * JUST_BELOW
    return converted
