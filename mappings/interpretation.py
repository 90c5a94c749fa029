"""Where a result lies in its reference range: by the laboratory's own flag, else by the ranges that apply."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.amounts import Amount, amount
from mappings.answers import positive
from mappings.fields import mapping, number, objects, span, words
from mappings.observations import Result
from mappings.records import codes_in
from mappings.units import convert, unit_of

HIGH = frozenset({"H", "HH", "HU", "HX", ">"})
LOW = frozenset({"L", "LL", "LU", "LX", "<"})
ODD = frozenset({"A", "AA", "EX"})
UNSURE = frozenset({"E", "IND", "IE"})
BIRTH_SEX_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
SEXES = {"248153007": "male", "248152002": "female", "male": "male", "female": "female", "M": "male", "F": "female"}


@dataclass(frozen=True, slots=True)
class Place:
    """Above the upper limit, and outside the range at all; None where that is not known."""

    above: bool | None = None
    outside: bool | None = None


FLAGS = ((HIGH, Place(True, True)), (LOW, Place(False, True)), (frozenset({"N"}), Place(False, False)))
"""The laboratory's own, and where they place a result."""


def place(result: Result, patient: Mapping[str, Any], substance: str | None = None) -> Place:
    """Where the result lies. Flags that contradict each other, and ranges that disagree, tell nothing."""
    marks = codes_in(result.body.get("interpretation"))
    flags = [told for codes, told in FLAGS if marks & codes] if marks else []
    if marks & UNSURE or len(flags) > 1:
        return Place()
    if flags:
        return flags[0]
    ranged = _in_ranges(result, patient, substance)
    if marks & ODD:
        return Place(ranged.above if ranged.outside else None, True)
    if (said := positive(result.body)) is not None:
        return Place(None, True) if said else Place(False, False)
    return ranged


def _in_ranges(result: Result, patient: Mapping[str, Any], substance: str | None) -> Place:
    """All ranges that may apply to the patient have to agree."""
    held = amount(result.body)
    if held is None:
        return Place()
    told = [_against(held, r, substance) for r in _ranges(result, patient)]
    if not told:
        return Place()
    return Place(_agreed([t.above for t in told]), _agreed([t.outside for t in told]))


def _agreed(said: list[bool | None]) -> bool | None:
    return said[0] if len(set(said)) == 1 else None


def _against(held: Amount, limits: Mapping[str, Any], substance: str | None) -> Place:
    low, high = (_bound(limits.get(end), held.unit, substance) for end in ("low", "high"))
    above = held.above(high) if high is not None else None
    below = held.below(low) if low is not None else None
    if above or below:
        return Place(bool(above), True)
    return Place(above, False if above is False and below is False else None)


def _bound(quantity: Any, unit: str, substance: str | None) -> float | None:
    held = mapping(quantity)
    value, own = number(held.get("value")), unit_of(held)
    if value is None or own is None:
        return None
    if not own or not unit or own == unit:
        return value
    return convert(value, own, unit, substance)


def _ranges(result: Result, patient: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The normal ranges that are not surely another sex's or another age's."""
    for limits in objects(result.body.get("referenceRange")):
        normal = codes_in(limits.get("type")) <= {"normal"}
        if normal and _sex_fits(limits, patient) and _age_fits(limits, patient, result.on):
            yield limits


def _sex_fits(limits: Mapping[str, Any], patient: Mapping[str, Any]) -> bool:
    """False only for a range of the other sex than every sex or gender on record."""
    meant = {SEXES[c] for c in codes_in(limits.get("appliesTo")) if c in SEXES}
    told = {words(patient.get("gender"))}
    for held in objects(patient.get("extension")):
        if held.get("url") == BIRTH_SEX_URL:
            told.add(SEXES.get(words(held.get("valueCode")), ""))
    return not meant or not told <= {"male", "female"} or not meant.isdisjoint(told)


def _age_fits(limits: Mapping[str, Any], patient: Mapping[str, Any], on: dt.date) -> bool:
    """False only when every day on which the patient may have been born puts the age outside."""
    born, ages = span(patient.get("birthDate")), mapping(limits.get("age"))
    if born is None:
        return True
    for end, oldest in (("low", True), ("high", False)):
        held = mapping(ages.get(end))
        value, unit = number(held.get("value")), unit_of(held)
        bound = convert(value, unit or "a", "d") if value is not None and unit is not None else None
        if bound is None:
            continue
        days = (on - (born.first if oldest else born.last)).days
        # The upper bound of an age range is the last completed unit: 17 a holds until the eighteenth birthday.
        step = convert(1, unit or "a", "d") or 0
        if (oldest and days < bound - 1) or (not oldest and days > bound + step):
            return False
    return True
