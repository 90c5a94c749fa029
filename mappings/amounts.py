"""What a result says of a number: the interval in which it lies, and its unit. A plain number is one point."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mappings.fields import mapping, number, words
from mappings.units import convert, spelt, unit_of, units

_SAID = re.compile(
    r"(<=|>=|<|>|\u2264|\u2265)?\s*(\d{1,9}(?:\.\d{1,9})?)"  # comparator and number
    r"(?:\s*([A-Za-z%/\[{\u00b0\u00b5\u03bc].{0,30}))?"  # unit
)
_SIGNS = {"\u2264": "<=", "\u2265": ">="}


@dataclass(frozen=True, slots=True)
class Amount:
    """From ``low`` to ``high``; an open end (``<5``, ``>90``) is not reached itself."""

    low: float
    high: float
    unit: str = ""
    open: bool = False

    @property
    def exact(self) -> float | None:
        """The number, when it is one."""
        return self.low if self.low == self.high else None

    def above(self, limit: float) -> bool | None:
        """Whether it lies above ``limit``; None when both may be."""
        if self.low > limit or (self.open and self.low == limit):
            return True
        return False if self.high <= limit else None

    def below(self, limit: float) -> bool | None:
        """Whether it lies below ``limit``; None when both may be."""
        if self.high < limit or (self.open and self.high == limit):
            return True
        return False if self.low >= limit else None

    def within(self, unit: str, substance: str | None = None, *, bare: bool = True) -> Amount | None:
        """The same in ``unit``; without a unit it is in it already when ``bare``. None when it cannot be converted."""
        if not self.unit:
            return replace(self, unit=unit) if bare else None
        ends = [_turned(end, self.unit, unit, substance) for end in (self.low, self.high)]
        if ends[0] is None or ends[1] is None:
            return None
        return Amount(ends[0], ends[1], unit, self.open)


def _turned(end: float, unit: str, wanted: str, substance: str | None) -> float | None:
    if math.isinf(end):
        return end if convert(1, unit, wanted, substance) is not None else None
    turned = convert(end, unit, wanted, substance)
    return turned if turned is not None and math.isfinite(turned) else None


def amount(body: Mapping[str, Any]) -> Amount | None:
    """The number of an Observation or of one of its components; None when it holds none that can be read.

    Of text only a number with comparator and known unit is read (``<5``, ``7.2 mg/L``).
    """
    quantity = mapping(body.get("valueQuantity"))
    if quantity:
        value, unit = number(quantity.get("value")), unit_of(quantity)
        if value is None or unit is None:
            return None
        sign = quantity.get("comparator")
        return _bounded(value, unit, words(sign)) if sign is None or isinstance(sign, str) else None
    if (whole := number(body.get("valueInteger"))) is not None:
        return Amount(whole, whole)
    said = _SAID.fullmatch(words(body.get("valueString")))
    unit = spelt((said[3] or "").strip()) if said else ""
    if said is None or (unit and unit not in units()):
        return None
    return _bounded(float(said[2]), unit, _SIGNS.get(said[1] or "", said[1] or ""))


def _bounded(value: float, unit: str, sign: str) -> Amount | None:
    match sign:
        case "":
            return Amount(value, value, unit)
        case "<" | "<=":
            return Amount(-math.inf, value, unit, sign == "<")
        case ">" | ">=":
            return Amount(value, math.inf, unit, sign == ">")
    return None
