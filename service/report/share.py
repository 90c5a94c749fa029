"""A part of a whole, with the interval in which the true share lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959964
"""Of 95 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """Wilson's interval of 95 %, without continuity correction."""

    part: int
    whole: int

    @property
    def percent(self) -> float:
        return 100 * self.part / self.whole if self.whole else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        n, z = self.whole, Z
        if not n:
            return math.nan, math.nan
        p = self.part / n
        middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return 100 * max(0.0, (middle - half) / (1 + z * z / n)), 100 * min(1.0, (middle + half) / (1 + z * z / n))

    @property
    def told(self) -> dict[str, float | int | list[float] | None]:
        """For JSON, which knows no NaN."""
        low, high = self.interval
        known = bool(self.whole)
        return {
            "part": self.part,
            "whole": self.whole,
            "percent": round(self.percent, 3) if known else None,
            "interval_95": [round(low, 3), round(high, 3)] if known else None,
        }
