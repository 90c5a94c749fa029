"""Feedback: the specification's examples pass whole, wrong shapes are refused kindly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks import errors, outcome, read_feedback

CARD = "9368d37b-283f-44a0-93ea-547cebab93ed"
AT = "2020-12-11T00:00:00Z"
ACCEPTED = {
    "card": CARD,
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
    "outcomeTimestamp": "2021-12-11T10:05:31Z",
}
DISMISSED = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": AT}
EXPLAINED = {
    "card": CARD,
    "outcome": "overridden",
    "overrideReason": {
        "reason": {"code": "d7ecf885", "system": "https://example.com/cds-hooks/override-reason-system"},
        "userComment": "A comment entered by the clinician.",
    },
    "outcomeTimestamp": AT,
}


@pytest.mark.parametrize("entry", [ACCEPTED, DISMISSED, EXPLAINED])
def test_what_is_unknown_does_no_harm(entry: dict[str, Any]) -> None:
    more = {**entry, "extension": {"org.example": [1, {"a": None}]}, "unknown": "let be"}
    assert read_feedback({"feedback": [more]}) == read_feedback({"feedback": [entry]})


def test_several_entries_are_read_in_order_with_what_statistics_need() -> None:
    accepted, dismissed, explained = read_feedback({"feedback": [ACCEPTED, DISMISSED, EXPLAINED], "extra": 1})
    assert accepted.suggestions == ("e56e1945-20b3-4393-8503-a1a20fd73152",)
    assert dismissed.reason_code is None
    assert (explained.reason_code, explained.has_comment) == ("d7ecf885", True)
    assert explained.at.isoformat() == "2020-12-11T00:00:00+00:00"


def test_an_id_that_we_never_gave_out_is_kept() -> None:
    (read,) = read_feedback({"feedback": [{**DISMISSED, "card": "somebody-elses-card"}]})
    assert read.card == "somebody-elses-card"


def test_a_comment_without_a_reason_is_enough() -> None:
    (read,) = read_feedback({"feedback": [{**DISMISSED, "overrideReason": {"userComment": "no"}}]})
    assert read.has_comment and read.reason_code is None


@pytest.mark.parametrize(
    ("sent", "expression"),
    [
        ({}, "feedback"),
        ({"feedback": {}}, "feedback"),
        ({"feedback": [7]}, "feedback[0]"),
        ({"feedback": [DISMISSED, {**DISMISSED, "card": 5}]}, "feedback[1].card"),
        ({"feedback": [{k: v for k, v in DISMISSED.items() if k != "card"}]}, "feedback[0].card"),
        ({"feedback": [{**DISMISSED, "outcome": "ignored"}]}, "feedback[0].outcome"),
        ({"feedback": [{**DISMISSED, "outcomeTimestamp": "yesterday"}]}, "feedback[0].outcomeTimestamp"),
        ({"feedback": [{**DISMISSED, "outcomeTimestamp": "2020-12-11T00:00:00"}]}, "feedback[0].outcomeTimestamp"),
        ({"feedback": [{**DISMISSED, "outcome": "accepted"}]}, "feedback[0].acceptedSuggestions"),
        ({"feedback": [{**ACCEPTED, "acceptedSuggestions": ["x"]}]}, "feedback[0].acceptedSuggestions"),
        ({"feedback": [{**DISMISSED, "overrideReason": "no"}]}, "feedback[0].overrideReason"),
        ({"feedback": [DISMISSED] * 1001}, "feedback"),
    ],
)
def test_a_wrong_shape_is_refused_by_field(sent: dict[str, Any], expression: str) -> None:
    with pytest.raises(errors.HooksError) as caught:
        read_feedback(sent)
    assert (caught.value.status, caught.value.expression) == (400, expression)


def test_a_refusal_does_not_repeat_the_comment() -> None:
    sent = {"feedback": [{**EXPLAINED, "outcome": "Jane Roe said no"}]}
    with pytest.raises(errors.WrongField) as caught:
        read_feedback(sent)
    assert "Jane" not in json.dumps(outcome(caught.value))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from([*EXPLAINED, "acceptedSuggestions"]), value=anything)
def test_any_json_in_any_field_is_read_or_refused(name: str, value: object) -> None:
    entry = {**EXPLAINED, name: value}
    try:
        (read,) = read_feedback({"feedback": [entry]})
    except errors.HooksError as error:
        assert error.status == 400
    else:
        assert (read.card, read.outcome) == (entry["card"], entry["outcome"])
