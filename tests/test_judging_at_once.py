"""Requests that share the book of a day do not disturb one another, though conditions are made ready on first use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from criteria import load_library
from criteria.cases import Posed, cases_of
from criteria.ratings import Verdict
from criteria.select import Book, book

LIBRARY = load_library()
ORDERS = [Posed(cases[0], LIBRARY) for c in LIBRARY.criteria[::30] if (cases := cases_of(c, LIBRARY))]


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def said(verdict: Verdict) -> tuple[object, ...]:
    rulings = tuple((r.criterion, r.truth) for r in verdict.rulings)
    return verdict.rating, verdict.asks, verdict.presumes, verdict.alternatives, rulings


@pytest.mark.usefixtures("hurried")
def test_orders_judged_at_once_by_a_fresh_book_are_judged_as_one_by_one() -> None:
    alone = [said(p.verdict(book(LIBRARY, p.case.on))) for p in ORDERS]
    fresh = {day: Book(LIBRARY, day) for day in {p.case.on for p in ORDERS}}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda p: said(p.verdict(fresh[p.case.on])), ORDERS))
    assert together == alone
