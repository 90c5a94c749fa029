"""The criteria that ship: every rule reads, every case holds, and coverage adds up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from criteria.cases import RuleCase, cases_of
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
        sides = {side for case in cases_of(criterion, library) for side in _sides(case)}
        conditional = criterion.when != ALWAYS or criterion.unless is not None
        if conditional and criterion.kind in ("pathway", "exclusion", "safety") and not {"met", "not-met"} <= sides:
            lacking.append(criterion.id)
    assert lacking == [], lacking


def _sides(case: RuleCase) -> Iterator[str]:
    """What a case says of its rule: outright, or by the rule's studies being offered for another order or not."""
    yield str(case.expect.get("rule"))
    if set(case.expect.get("suggests", ())) & set(case.criterion.studies):
        yield "met"
    if set(case.expect.get("suggests_none_of", ())) & set(case.criterion.studies):
        yield "not-met"


def test_every_row_of_every_index_is_counted_once(rows: list[Row]) -> None:
    assert len(rows) == len({(r.guideline, r.id) for r in rows}) == 1277


def test_rules_have_an_owner_and_a_review_day(library: Library) -> None:
    assert [c.id for c in library.criteria if not c.owner or c.reviewed.year < 2026] == []
