"""Dates in stored requests, relative to today: `${today}`, `${today-45d}`, `${today-58y}`, `${today-58y-40d}`.

A stored request would grow old: a treatment of last month would be one of last year. Years are calendar years; the
29th of February becomes the 28th where there is none.
"""

from __future__ import annotations

import datetime as dt
import re

_PLACE = re.compile(r"\$\{([^{}]*)\}")
_TODAY = re.compile(r"today(?P<years>[+-]\d{1,3}y)?(?P<days>[+-]\d{1,5}d)?")


def fill(text: str, today: dt.date) -> str:
    """``text`` with every placeholder replaced by an ISO date. Raises `ValueError` naming one that is none."""

    def day(match: re.Match[str]) -> str:
        form = _TODAY.fullmatch(match[1])
        if form is None:
            raise ValueError(f"{match[0]} is no placeholder; write ${{today}}, ${{today-45d}} or ${{today-58y}}.")
        years, days = (int(part[:-1]) if part else 0 for part in form.group("years", "days"))
        return (_years_on(today, years) + dt.timedelta(days=days)).isoformat()

    return _PLACE.sub(day, text)


def _years_on(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
