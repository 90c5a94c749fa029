"""Pictures of conditions: they show what makes a rule what it is, and are never wider than a person takes in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from criteria import load_library
from service.guidelines.picture import DEEPEST, LONGEST, WIDEST, Box, picture
from service.guidelines.shelf import shelf_of

Json = dict[str, Any]


def leaf(says: str, truth: str) -> Json:
    return {"says": says, "truth": truth, "fact": "x.y", "means": "X", "compared": "yes"}


def group(joint: str, truth: str, *parts: Json, **more: str) -> Json:
    return {"joint": joint, "truth": truth, "parts": list(parts), **more}


def labels(box: Box) -> list[str]:
    return [part.label for part in box.parts]


def below(box: Box) -> Iterator[Box]:
    yield box
    for part in box.parts:
        yield from below(part)


def depth(box: Box) -> int:
    return 1 + max(map(depth, box.parts), default=0)


def test_a_choice_that_is_met_shows_what_met_it_and_counts_the_rest() -> None:
    drawn = picture(
        group("any of these", "met", leaf("night pain", "not-met"), leaf("fever", "met"), leaf("gout", "not-met"))
    )
    assert (labels(drawn), drawn.more) == (["Fever"], 2)


def test_an_open_choice_shows_what_is_open() -> None:
    drawn = picture(group("any of these", "unknown", leaf("night pain", "not-met"), leaf("fever", "unknown")))
    assert (labels(drawn), drawn.more) == (["Fever"], 1)


@pytest.mark.parametrize("truth", ["met", "not-met", "unknown"])
def test_requirements_are_all_shown(truth: str) -> None:
    drawn = picture(group("all of these", truth, leaf("x-ray", "met"), leaf("six weeks", truth)))
    assert labels(drawn) == ["X-ray", "Six weeks"]
    assert [part.truth for part in drawn.parts] == ["met", truth]


def test_a_choice_that_failed_shows_all_that_would_have_done() -> None:
    drawn = picture(group("any of these", "presumed-not-met", leaf("a", "presumed-not-met"), leaf("b", "not-met")))
    assert labels(drawn) == ["A", "B"]


def test_a_fact_made_of_others_opens_only_while_it_is_open() -> None:
    made = {"says": "red flags", "fact": "red_flag.any", "means": "X", "compared": "yes", "joint": "any of these"}
    parts = [leaf("fever", "unknown"), leaf("fall", "not-met")]
    assert not picture({**made, "truth": "not-met", "parts": [leaf("fever", "not-met")]}).parts
    assert labels(picture({**made, "truth": "unknown", "parts": parts})) == ["Fever"]


def test_what_must_not_hold_is_one_box() -> None:
    parts = leaf("neurological features", "not-met")
    assert picture(group("this must not hold", "met", parts)) == Box("Not: Neurological features", "met")
    named = picture(group("this must not hold", "met", parts, says="no neurological features"))
    assert named == Box("No neurological features", "met")


def test_a_group_of_many_is_cut_and_counted() -> None:
    drawn = picture(group("all of these", "", *(leaf(f"clause {n}", "") for n in range(WIDEST + 5))))
    assert (len(drawn.parts), drawn.more) == (WIDEST, 5)


def test_no_picture_of_a_rule_is_deep_or_wide_or_empty() -> None:
    library = load_library()
    read = shelf_of(library).conditions.read
    for criterion in library.criteria:
        drawn = picture(read(criterion.when))
        assert depth(drawn) <= DEEPEST
        for box in below(drawn):
            assert box.label or box.joint, criterion.id
            assert len(box.label) <= LONGEST + 2, (criterion.id, box.label)
            assert len(box.parts) <= WIDEST
