"""What a suggestion promises: taken and sent back, the order gets the rating that was shown, and no new question."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from criteria import Library, load_library
from criteria.cases import Posed, cases_of
from criteria.ratings import Alternative, Rating, Verdict
from criteria.select import book
from criteria.settle import settle
from tests.answers import RATING, Json, asked, rating
from tests.conftest import Service
from tests.requests_loader import good_requests

GUIDELINES = sorted(load_library().guidelines)


@functools.cache
def library() -> Library:
    return load_library()


def posed(guideline: str) -> Iterator[Posed]:
    for criterion in library().criteria:
        if criterion.guideline == guideline:
            yield from (Posed(case, library()) for case in cases_of(criterion, library())[::3])


def taken(case: Posed, offer: Alternative) -> Verdict:
    """The verdict on the order once the suggestion is taken."""
    order = replace(case.order, study=offer.study, candidates=())
    orders = [order if o.reference == order.reference else o for o in case.orders]
    return settle(order, orders, case.facts, book(library(), case.case.on), case.policy)


@pytest.mark.parametrize("guideline", GUIDELINES)
def test_every_offer_of_every_rule_case_is_rated_as_shown(guideline: str) -> None:
    broken, offers = [], 0
    for case in posed(guideline):
        for offer in case.verdict(book(library(), case.case.on)).alternatives:
            if offer.action == "update" and offer.study is not None:
                offers += 1
                verdict = taken(case, offer)
                kept = verdict.rating is offer.rating
                if not kept or (
                    verdict.rating is Rating.NEEDS_INFORMATION and not set(verdict.asks) <= set(offer.asks)
                ):
                    broken.append(f"{case.case.name}: {offer.study.id} {offer.rating}, then {verdict.rating}")
    assert offers and broken == []


@pytest.mark.parametrize("name", good_requests())
def test_every_suggestion_on_a_card_is_rated_as_shown_when_sent_back(service: Service, name: str) -> None:
    request = good_requests()[name]
    for order, card, resource in suggestions(service.answer(request)):
        again = copy.deepcopy(request)
        for entry in again["context"]["draftOrders"]["entry"]:
            if entry["resource"].get("id") == order:
                entry["resource"] = resource
        answer = service.answer(again)
        shown = [e for e in resource.get("extension", ()) if e["url"] == RATING]
        if shown:
            assert rating(answer, order) == shown[0]["valueCodeableConcept"]["coding"][0]["code"]
        elif rating(answer, order) is None:
            assert asked(answer, order), f"{card['summary']}: no rating was promised, and nothing is asked"


def suggestions(answer: Json) -> Iterator[tuple[str, Json, Json]]:
    """Each suggested change of an order: its id, the card, the order as suggested."""
    for card in answer["cards"]:
        for suggestion in card.get("suggestions", ()):
            for action in suggestion["actions"]:
                if action["type"] == "update":
                    yield action["resource"]["id"], card, action["resource"]
