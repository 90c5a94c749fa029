"""The requests of fixtures/, sent over HTTP to a real service process: each gets the answer its story calls for."""

from __future__ import annotations

import re

import pytest

from tests.answers import Json, asked, cards, faults, offered, rating, said
from tests.conftest import Service
from tests.requests_loader import good_requests, stories

STORIES = stories()


def test_every_request_has_a_story() -> None:
    assert set(good_requests()) == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_story(service: Service, name: str) -> None:
    answer = service.answer(good_requests()[name])
    assert faults(answer) == []
    for order, expected in STORIES[name]["orders"].items():
        if expected is None:
            assert (rating(answer, order), cards(answer, order)) == (None, [])
            continue
        check(answer, order, expected)


def check(answer: Json, order: str, expected: Json) -> None:
    assert (rating(answer, order) or "needs-information") == expected["rating"], said(answer)
    mine = cards(answer, order)
    assert len(mine) <= expected.get("cards_max", 9), said(answer)
    if "indicator" in expected:
        assert expected["indicator"] in [c["indicator"] for c in mine]
    assert set(expected.get("suggests", ())) <= offered(answer, order)
    assert set(expected.get("asks", ())) <= asked(answer, order)
    assert re.search(expected.get("mentions", ""), said(answer), re.IGNORECASE)
