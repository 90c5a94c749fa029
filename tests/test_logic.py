"""Three-valued logic: unknown is never false, and learning more never takes a definite answer back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from criteria.ask import ways
from criteria.conditions import Conditions
from criteria.errors import DataError
from criteria.evaluate import Circumstances
from criteria.facts import Basis, Fact, FactDefinition, Facts, Vocabulary
from criteria.logic import All, Any_, AtLeast, Leaf, Node, Not, Reader
from criteria.reading import Lines

DAY = dt.date(2026, 6, 1)
NAMES = ["a.unknown", "b.unknown", "c.false", "d.presumed", "e.presumed", "f.asserted"]
ABSENCE = {"unknown": "unknown", "false": "false", "presumed": "presumed_false", "asserted": "presumed_true"}


def definition(name: str, **more: Any) -> FactDefinition:
    absence: Any = ABSENCE[name.split(".")[1]]
    return FactDefinition(name, "boolean", name, absence, f"Is {name}?", "", **more)


VOCABULARY = Vocabulary(
    {
        **{n: definition(n) for n in NAMES},
        "n.unknown": FactDefinition("n.unknown", "quantity", "n", "unknown", "How many?", "", unit="wk"),
        "n.presumed": FactDefinition("n.presumed", "quantity", "n", "presumed_false", "How many?", "", unit="wk"),
        "child.unknown": definition("child.unknown", given="a.unknown"),
    }
)


CONDITIONS = Conditions(VOCABULARY, {}, DAY)


def here(facts: dict[str, Any], **more: Any) -> Circumstances:
    known = {n: Fact(n, v, Basis.RECORDED) for n, v in facts.items()}
    return Circumstances(Facts(known, more.pop("unsearched", frozenset())), CONDITIONS, **more)


def leaf(name: str, operator: Any = "is", value: Any = True) -> Leaf:
    return Leaf(name, operator, ((None, value),))


leaves = st.sampled_from(NAMES).map(leaf)
nodes = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda c: All(tuple(c))),
        st.lists(inner, min_size=1, max_size=3).map(lambda c: Any_(tuple(c))),
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: AtLeast(2, tuple(c))),
    ),
    max_leaves=8,
)
known_facts = st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=6)


@given(nodes, known_facts, st.sampled_from(NAMES), st.booleans())
def test_learning_one_more_fact_never_takes_a_definite_answer_back(
    node: Node, facts: dict[str, bool], name: str, value: bool
) -> None:
    before = here(facts, presume=False).truth(node)
    if name in facts or name.endswith("false"):  # a silent `false` fact is an answer already
        return
    after = here({**facts, name: value}, presume=False).truth(node)
    assert before is None or after is before


@given(nodes, known_facts)
def test_a_denial_is_the_opposite_and_of_the_unknown_stays_unknown(node: Node, facts: dict[str, bool]) -> None:
    truth, opposite = here(facts).truth(node), here(facts).truth(Not(node))
    assert opposite is (None if truth is None else not truth)


@given(nodes, known_facts)
def test_answering_the_smallest_set_of_questions_favourably_can_settle_the_condition(
    node: Node, facts: dict[str, bool]
) -> None:
    circumstances = here(facts, presume=False)
    found = ways(node, circumstances, True)
    if circumstances.truth(node) is True:
        assert found == [()]
    elif found:
        questions = found[0]
        answers = [
            {**facts, **{q: bool(bits >> n & 1) for n, q in enumerate(questions)}}
            for bits in range(2 ** len(questions))
        ]
        contradictory = not any(here(a, presume=False).truth(node) is True for a in answers)
        # a fact wanted both ways in different branches cannot be satisfied; otherwise some answer settles it
        assert not contradictory or _both_ways(node)


def _both_ways(node: Node, positive: bool = True) -> bool:
    signs: dict[str, set[bool]] = {}

    def collect(part: Node, sign: bool) -> None:
        if isinstance(part, Leaf):
            signs.setdefault(part.fact, set()).add(sign)
        elif isinstance(part, Not):
            collect(part.child, not sign)
        elif isinstance(part, All | Any_ | AtLeast):
            for child in part.children:
                collect(child, sign)

    collect(node, positive)
    return any(len(s) == 2 for s in signs.values())


@pytest.mark.parametrize(
    ("name", "presumed", "without"),
    [("a.unknown", None, None), ("c.false", False, False), ("d.presumed", False, None), ("f.asserted", True, None)],
)
def test_what_a_silent_chart_means_is_said_fact_by_fact(name: str, presumed: bool | None, without: bool | None) -> None:
    assert here({}).truth(leaf(name)) is presumed
    assert here({}).off.truth(leaf(name)) is without


def test_silence_is_unknown_where_the_records_could_not_be_searched() -> None:
    assert here({}, unsearched=frozenset({"c.false"})).truth(leaf("c.false")) is None
    assert here({}, unsearched=frozenset({"d.presumed"})).truth(leaf("d.presumed")) is None


def test_the_clause_an_indication_turns_on_is_never_failed_by_a_presumption() -> None:
    assert here({}).truth(Any_((leaf("d.presumed"),), turns=True)) is None
    assert here({}).truth(Any_((leaf("d.presumed"),))) is False


def test_a_presumed_number_fails_its_comparison_and_an_unknown_one_does_not() -> None:
    assert here({}).truth(leaf("n.presumed", "at_least", 9.0)) is False
    assert here({}).truth(leaf("n.unknown", "at_least", 9.0)) is None


@pytest.mark.parametrize(("value", "met"), [(5.9, False), (6, True), (6.1, True)])
def test_a_threshold_holds_from_its_value_on(value: float, met: bool) -> None:
    assert here({"n.unknown": value}).truth(leaf("n.unknown", "at_least", 6.0)) is met


def test_a_threshold_changes_on_its_day() -> None:
    dated = Leaf("n.unknown", "at_least", ((dt.date(2020, 1, 1), 4.0), (dt.date(2024, 2, 1), 6.0)))
    assert (dated.value(dt.date(2024, 1, 31)), dated.value(dt.date(2024, 2, 1))) == (4.0, 6.0)


def test_a_child_is_false_and_not_asked_when_its_given_is_false() -> None:
    circumstances = here({"a.unknown": False})
    assert circumstances.truth(leaf("child.unknown")) is False
    assert ways(leaf("child.unknown"), circumstances) == []


def test_a_recorded_child_makes_its_given_true() -> None:
    assert here({"child.unknown": False}).truth(leaf("a.unknown")) is True


def test_a_prerequisite_nobody_can_be_asked_about_is_no_bar_and_one_that_can_be_asked_is() -> None:
    silent = Vocabulary({"x.unknown": FactDefinition("x.unknown", "boolean", "x", "unknown", None, "")})
    circumstances = Circumstances(Facts({}), Conditions(silent, {}, DAY))
    assert circumstances.truth(All((leaf("x.unknown"),), missing="bar")) is True
    assert here({}).truth(All((leaf("a.unknown"),), missing="bar")) is None
    assert here({}).truth(All((leaf("a.unknown"),), missing="note")) is True
    assert here({"a.unknown": False}).truth(All((leaf("a.unknown"),), missing="note")) is False


def test_fewest_questions_come_first_and_guideline_order_decides_among_equals() -> None:
    node = Any_((All((leaf("a.unknown"), leaf("b.unknown"))), leaf("n.unknown", "at_least", 6.0), leaf("b.unknown")))
    assert ways(node, here({}))[:2] == [("n.unknown",), ("b.unknown",)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.unknwon", "Did you mean `a.unknown`?"),
        ("n.unknown >= 6", "write a threshold out"),
        ("a.unknown == 3", "is yes or no"),
    ],
)
def test_a_slip_in_a_condition_is_named_with_its_mend(text: str, words: str) -> None:
    with pytest.raises(DataError, match=r"rule\.yaml line 7") as caught:
        Reader(Path("rule.yaml"), VOCABULARY).read(text, 7)
    assert words in str(caught.value)


def test_a_misspelt_comparison_is_named_with_the_one_that_was_meant() -> None:
    raw = Lines()
    for line, (key, value) in enumerate({"fact": "n.unknown", "at_leats": 6}.items(), 3):
        raw[key], raw.lines[key] = value, line
    with pytest.raises(DataError) as caught:
        Reader(Path("rule.yaml"), VOCABULARY).read(raw)
    assert str(caught.value) == (
        "rule.yaml line 4: `at_leats` is not a comparison. Did you mean `at_least`? "
        "A date key is the first day the value applies."
    )
