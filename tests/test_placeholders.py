"""Dates in stored requests move with the day on which they are sent."""

from __future__ import annotations

import datetime as dt

import pytest

from service.placeholders import fill
from tests.requests_loader import FIXTURES

DAY = dt.date(2026, 3, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${today}", "2026-03-10"),
        ("${today-45d}", "2026-01-24"),
        ("${today+1d}", "2026-03-11"),
        ("${today-58y}", "1968-03-10"),
        ("${today-58y-40d}", "1968-01-30"),
        ('"${today-7d}T08:15:00Z" and "${today}"', '"2026-03-03T08:15:00Z" and "2026-03-10"'),
        ("nothing to fill: $today {today} $", "nothing to fill: $today {today} $"),
    ],
)
def test_a_placeholder_becomes_a_date(text: str, expected: str) -> None:
    assert fill(text, DAY) == expected


def test_a_leap_day_becomes_the_28th() -> None:
    assert fill("${today-1y}", dt.date(2024, 2, 29)) == "2023-02-28"
    assert fill("${today-4y}", dt.date(2024, 2, 29)) == "2020-02-29"


@pytest.mark.parametrize("text", ["${tomorrow}", "${today-45}", "${today - 45d}", "${}", "${today-1m}"])
def test_what_is_no_placeholder_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ValueError, match="is no placeholder"):
        fill(text, DAY)


def test_stored_requests_hold_no_fixed_birth_date_or_chart_date() -> None:
    for file in (FIXTURES / "requests").glob("*.json"):
        text = file.read_text(encoding="utf-8")
        assert fill(text, DAY) != text, f"{file.name} would grow old"
        for key in ("birthDate", "effectiveDateTime", "onsetDateTime", "authoredOn"):
            assert f'"{key}": "2' not in text, f"{file.name}: {key} is fixed"
