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
from mappings.kept import Kept

CODES = Path(__file__).parent / "codes"
TABLE = CODES / "units.yaml"
MOLAR_MASSES = CODES / "molar_masses.yaml"
UCUM = ("", "http://unitsofmeasure.org", "https://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8")
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


@functools.cache
def molar_masses(path: Path = MOLAR_MASSES) -> Mapping[str, float]:
    """substance -> grams per mole. Raises `DataError` for an entry without a positive mass and a source."""
    masses: dict[str, float] = {}
    raw = read_yaml(path)
    for substance, entry in raw.items():
        mass = number(entry.get("grams_per_mole")) if isinstance(entry, dict) else None
        if mass is None or mass <= 0 or set(entry) != {"grams_per_mole", "source"} or not words(entry["source"]):
            raise DataError(path, raw.line(substance), f"`{substance}` needs grams_per_mole above 0 and a source.")
        masses[str(substance)] = mass
    return masses


def unit_of(quantity: Mapping[str, Any]) -> str | None:
    """The UCUM code of a Quantity, else its printed unit, else ''.

    None when something there is no text, and for a code of another system without a printed unit.
    """
    try:
        return UNITS[quantity.get("code"), quantity.get("unit"), quantity.get("system")]
    except TypeError:
        return None


def _unit(written: tuple[str | None, str | None, str | None]) -> str | None:
    code, unit, system = ((part or "").strip() for part in written)
    own = code if system.rstrip("/") in UCUM else ""
    if not own and code and not unit:
        return None
    return spelt(own or unit)


UNITS = Kept(_unit, 1024)


def spelt(unit: str) -> str:
    """The unit with u for either micro sign, which is UCUM's letter."""
    return unit.replace("\u00b5", "u").replace("\u03bc", "u")


def convert(value: float, unit: str, wanted: str, substance: str | None = None) -> float | None:
    """``value`` in ``wanted``; None when the table does not relate the two units.

    Mass and molar concentrations are related only for a ``substance`` whose molar mass is on file.
    """
    if unit == wanted:
        return value
    held, goal = units().get(unit), units().get(wanted)
    if held is None or goal is None:
        return None
    base = value * held[1]
    if held[0] != goal[0]:
        related = _related(base, held[0], goal[0], molar_masses().get(substance) if substance else None)
        if related is None:
            return None
        base = related
    return base / goal[1]


def _related(base: float, held: str, goal: str, mass: float | None) -> float | None:
    """A number in one base unit in another dimension's: Fahrenheit and Celsius, and mol/L and mg/L by molar mass."""
    match held, goal:
        case "fahrenheit", "celsius":
            return (base - 32) / 1.8
        case "celsius", "fahrenheit":
            return base * 1.8 + 32
        case "micromoles_per_litre", "milligrams_per_litre" if mass:
            return base * mass / 1000
        case "milligrams_per_litre", "micromoles_per_litre" if mass:
            return base * 1000 / mass
    return None


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
