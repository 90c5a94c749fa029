"""Prefetch in all its states: none, nothing, failed, partial and unreadable are five different things."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks import State, read_prefetch

OBSERVATION = {"resourceType": "Observation", "id": "o"}


def issue(severity: object) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "exception"}]}


def searchset(*resources: object, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources], **more}


NEXT = [{"relation": "self", "url": "http://x/1"}, {"relation": "next", "url": "http://x/2"}]


@pytest.mark.parametrize(
    ("value", "state", "count", "complete"),
    [
        (OBSERVATION, State.GIVEN, 1, True),
        (searchset(OBSERVATION), State.GIVEN, 1, True),
        ({"resourceType": "Bundle"}, State.EMPTY, 0, True),
        (searchset(total=0), State.EMPTY, 0, True),
        (None, State.NULL, 0, True),
        (issue("error"), State.FAILED, 0, False),
        (issue("warning"), State.FAILED, 0, False),
        (searchset(issue("error")), State.FAILED, 0, False),
        (searchset(OBSERVATION, issue("fatal")), State.FAILED, 1, False),
        (searchset(OBSERVATION, issue("warning")), State.GIVEN, 1, True),
        (searchset(issue("information")), State.EMPTY, 0, True),
        (searchset(issue({"a": 1})), State.FAILED, 0, False),
        (searchset(OBSERVATION, link=NEXT), State.GIVEN, 1, False),
        (searchset(OBSERVATION, total=40), State.GIVEN, 1, False),
        (searchset(OBSERVATION, total=1), State.GIVEN, 1, True),
        (searchset(OBSERVATION, "junk", None), State.GIVEN, 1, True),
        (searchset("junk"), State.UNREADABLE, 0, False),
        ({"resourceType": "Bundle", "entry": "x"}, State.UNREADABLE, 0, False),
        ([OBSERVATION], State.UNREADABLE, 0, False),
        ("Patient/1", State.UNREADABLE, 0, False),
        ({}, State.UNREADABLE, 0, False),
        ({"resourceType": 7}, State.UNREADABLE, 0, False),
    ],
)
def test_each_state_is_told_apart(value: object, state: State, count: int, complete: bool) -> None:
    read = read_prefetch({"observations": value}, ["observations"])["observations"]
    assert (read.state, len(read.resources), read.complete) == (state, count, complete)


def test_a_key_that_is_absent_is_not_a_key_that_is_null() -> None:
    read = read_prefetch({"b": None, "unasked": OBSERVATION}, ["a", "b"])
    assert (read["a"].state, read["b"].state) == (State.ABSENT, State.NULL)
    assert not read["a"].complete
    assert "unasked" not in read


def test_the_next_page_is_named() -> None:
    assert read_prefetch({"o": searchset(OBSERVATION, link=NEXT)}, ["o"])["o"].next_url == "http://x/2"


def test_included_resources_do_not_count_towards_the_total() -> None:
    bundle = searchset(OBSERVATION, {"resourceType": "Encounter", "id": "e"}, total=1)
    bundle["entry"][1]["search"] = {"mode": "include"}
    assert read_prefetch({"o": bundle}, ["o"])["o"].complete


def test_entries_that_are_no_resource_are_counted() -> None:
    assert read_prefetch({"o": searchset(OBSERVATION, 5, {"id": "x"})}, ["o"])["o"].broken == 2


leaf = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
keys = st.sampled_from(
    ["resourceType", "entry", "resource", "link", "relation", "url", "total", "issue", "severity", "search"]
)
anything = st.recursive(
    leaf | st.sampled_from(["Bundle", "OperationOutcome", "Observation", "next"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(anything)
def test_anything_at_all_is_some_state_and_holds_only_resources(value: object) -> None:
    read = read_prefetch({"k": value}, ["k"])["k"]
    assert read.state in State
    assert all(isinstance(r["resourceType"], str) for r in read.resources)
