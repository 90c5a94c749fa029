"""An x-ray that the guideline wants first is offered beside the order, and only where nobody has made one."""

from __future__ import annotations

import functools
from dataclasses import replace

from criteria import Library, load_library
from criteria.cases import Posed, RuleCase, cases_of
from criteria.ratings import Alternative, Because, Rating
from criteria.select import book
from hooks.actions import codings
from hooks.validate import faults
from tests.hook_examples import XRAY, answer, only_card, verdict


@functools.cache
def library() -> Library:
    return load_library()


def case(rule: str, name: str) -> RuleCase:
    criterion = next(c for c in library().criteria if c.id == rule)
    return next(c for c in cases_of(criterion, library()) if c.name == name)


BEFORE_THE_INJURY = ("evicore-spine-2023/thoracic_trauma", "The x-ray is from before the injury")
NOT_ON_RECORD = ("evicore-spine-2023/thoracic_trauma", "No x-ray is on record")


def companions(posed: RuleCase) -> list[str]:
    found = Posed(posed, library()).verdict(book(library(), posed.on))
    return [a.study.id for a in found.alternatives if a.action == "create" and a.study]


def test_films_that_are_older_than_the_injury_are_offered_anew() -> None:
    assert companions(case(*BEFORE_THE_INJURY)) == ["xray_thoracic_spine"]


def test_films_of_which_nothing_is_known_are_offered_beside_the_question() -> None:
    assert companions(case(*NOT_ON_RECORD)) == ["xray_thoracic_spine"]


def test_films_that_were_made_are_not_offered_again() -> None:
    held = case(*BEFORE_THE_INJURY)
    assert not companions(replace(held, facts={**held.facts, "xray.since_onset": True, "xray.results_available": True}))


def test_films_that_are_ordered_in_the_session_are_not_offered_again() -> None:
    assert not companions(replace(case(*NOT_ON_RECORD), session=("xray_thoracic_spine",)))


def test_films_are_not_offered_where_they_would_change_nothing() -> None:
    offered = {
        name
        for name, held in (
            (c.id, k) for c in library().criteria if c.id.endswith("/low_back_pain_mri") for k in cases_of(c, library())
        )
        if held.name == "No word about the treatment" and companions(held)
    }
    assert offered == set()


def test_the_card_offers_a_whole_order_and_recommends_it_only_where_none_was_made() -> None:
    film = Alternative(XRAY, Rating.NOT_APPROPRIATE, action="create", why="X-ray first")
    bare = verdict(because=Because.REQUIREMENT_MISSING, alternatives=(film,))
    (offer,) = only_card(answer(bare))["suggestions"]
    (action,) = offer["actions"]
    assert (action["type"], offer["isRecommended"]) == ("create", True)
    assert not faults(action["resource"])
    assert [c["code"] for c in codings(action["resource"]["code"])] == ["73502"]
    asked = replace(
        bare, rating=Rating.NEEDS_INFORMATION, alternatives=(replace(film, rating=Rating.NEEDS_INFORMATION),)
    )
    card = only_card(answer(asked))
    assert "isRecommended" not in card["suggestions"][0]
    assert "if none was made" in card["detail"]
