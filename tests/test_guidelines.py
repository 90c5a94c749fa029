"""The criteria that ship: every rule reads, every case holds, and coverage adds up."""

from __future__ import annotations

import pytest

from criteria.cases import cases_of
from criteria.check import check_all
from criteria.coverage import Row, coverage
from criteria.library import Library, load_library
from criteria.logic import ALWAYS


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


@pytest.fixture(scope="module")
def rows(library: Library) -> list[Row]:
    return coverage(library)


def test_every_rule_and_every_case_holds() -> None:
    assert check_all() == []


def test_every_rule_has_cases_on_both_sides(library: Library) -> None:
    """A rule that only ever says yes, or only ever no, in its cases could be replaced by that word."""
    lacking = []
    for criterion in library.criteria:
        expected = {c.expect.get("rule") for c in cases_of(criterion, library)} - {None}
        conditional = criterion.when != ALWAYS or criterion.unless is not None
        if conditional and criterion.kind in ("pathway", "exclusion", "safety") and not {"met", "not-met"} <= expected:
            lacking.append(criterion.id)
    assert lacking == [], lacking


def test_every_row_of_every_index_is_counted_once(rows: list[Row]) -> None:
    assert len(rows) == len({(r.guideline, r.id) for r in rows}) == 1277


def test_rules_have_an_owner_and_a_review_day(library: Library) -> None:
    assert [c.id for c in library.criteria if not c.owner or c.reviewed.year < 2026] == []
