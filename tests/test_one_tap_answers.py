"""Questions that a clinician answers on the card itself: each answer comes back as a stated fact, asked no more."""

from __future__ import annotations

import copy
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from criteria.orders import Proposal
from criteria.ratings import Because, Rating
from criteria.vocabulary import FACT_SYSTEM
from hooks import Profile
from hooks.validate import faults
from service.clients import load_profiles
from tests.answers import Json, asked, cards, rating
from tests.conftest import Service
from tests.hook_examples import answer, only_card, order, verdict
from tests.requests_loader import good_requests

DAY = dt.date(2026, 3, 4)
ASKS: Any = {"because": Because.FACTS_MISSING, "asks": ("care.weeks", "care.seen")}


def buttons(card: Json) -> list[Json]:
    return [
        s
        for s in card.get("suggestions", ())
        if s["actions"][0].get("resource", {}).get("resourceType") == "Observation"
    ]


def test_yes_and_no_are_offered_for_the_first_question_that_one_tap_answers() -> None:
    card = only_card(answer(verdict(Rating.NEEDS_INFORMATION, **ASKS), today=DAY))
    yes, no = buttons(card)
    assert (yes["label"], no["label"]) == (
        "Answer “yes”: Was the patient seen again?",
        "Answer “no”: Was the patient seen again?",
    )
    told = yes["actions"][0]["resource"]
    assert told["code"]["coding"] == [{"system": FACT_SYSTEM, "code": "care.seen"}]
    assert (told["valueBoolean"], no["actions"][0]["resource"]["valueBoolean"]) == (True, False)
    assert told["effectiveDateTime"] == "2026-03-04"
    assert told["focus"] == [{"reference": "ServiceRequest/order-1"}]
    assert not faults(told)


def test_no_answer_is_recommended_and_each_has_its_own_lasting_id() -> None:
    first = only_card(answer(verdict(Rating.NEEDS_INFORMATION, **ASKS), today=DAY))
    again = only_card(answer(verdict(Rating.NEEDS_INFORMATION, **ASKS), today=DAY))
    assert not any(b.get("isRecommended") for b in buttons(first))
    assert len({b["uuid"] for b in buttons(first)}) == 2
    assert first == again


def test_a_number_is_offered_to_confirm_where_the_order_says_it() -> None:
    said = Proposal("fact", "care.weeks", 8, "8 weeks of PT")
    card = only_card(
        answer(verdict(Rating.NEEDS_INFORMATION, **ASKS), orders=(replace(order(), proposals=(said,)),), today=DAY)
    )
    (only,) = buttons(card)
    told = only["actions"][0]["resource"]
    assert told["valueQuantity"]["value"] == 8
    assert "8" in only["label"] and not faults(told)


@pytest.mark.parametrize("name", [n for n, p in load_profiles().items() if not p.shows.attestations])
def test_a_client_that_cannot_take_answers_gets_none(name: str) -> None:
    shows = load_profiles()[name].shows
    assert not buttons(only_card(answer(verdict(Rating.NEEDS_INFORMATION, **ASKS), profile=shows, today=DAY)))


def test_a_card_keeps_room_for_its_answers() -> None:
    card = only_card(answer(verdict(Rating.NEEDS_INFORMATION, **ASKS), profile=Profile(max_suggestions=2), today=DAY))
    assert len(card["suggestions"]) == len(buttons(card)) == 2


def test_every_answer_that_is_taken_settles_its_question(service: Service) -> None:
    """An EHR that creates the Observation and calls again hears no question twice, and in the end only of numbers."""
    request = good_requests()["02_lumbar_mri_no_word_on_treatment"]
    (entry,) = request["context"]["draftOrders"]["entry"]
    identity = entry["resource"]["id"]
    settled: list[str] = []
    for n in range(12):
        reply = service.answer(request)
        assert not asked(reply, identity) & set(settled)
        offered = [b for card in cards(reply, identity) for b in buttons(card)]
        if not offered:
            break
        told = copy.deepcopy(offered[0]["actions"][0]["resource"])
        settled.append(told["code"]["coding"][0]["code"])
        held = request["prefetch"]["observations"]
        held.setdefault("entry", []).append({"resource": {**told, "id": f"told-{n}"}})
    assert len(settled) >= 2
    assert rating(reply, identity) == "appropriate" or asked(reply, identity)
