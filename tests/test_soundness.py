"""Rules that can never or always be true, rules that contradict, reviews overdue: found, and nothing else."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from criteria.evaluate import COMPARE
from criteria.logic import All, Any_, AtLeast, Leaf, Node, Not, children
from criteria.possible import possible
from criteria.soundness import overdue, unsound
from criteria.vocabulary import load_vocabulary
from tests.rule_home import library, rule

VOCABULARY = load_vocabulary()
AGE = "{fact: patient.age_years, %s: {2024-01-01: %s}, unit: a}"
HEAD = "indications: [low_back_pain]\n"


def faults(tmp_path: Path, body: str, **more: Any) -> list[str]:
    return list(unsound(library(tmp_path, {"p": rule(HEAD + body, **more)})))


@pytest.mark.parametrize(
    "body",
    [
        "when:\n  all:\n    - pain.night\n    - not: pain.night\n",
        f"when:\n  all:\n    - {AGE % ('at_least', 18)}\n    - {AGE % ('less_than', 18)}\n",
        f"when:\n  all:\n    - {AGE % ('more_than', 17)}\n    - {AGE % ('less_than', 18)}\n",
        "when:\n  all:\n    - {fact: symptom.course, is: resolved}\n    - {fact: symptom.course, is: worsening}\n",
        "when:\n  all:\n    - any: [pain.night, pain.neck]\n    - not: pain.night\n    - not: pain.neck\n",
        "when:\n  all:\n    - of: [pain.night, pain.neck]\n      at_least: 2\n    - not: pain.neck\n",
    ],
)
def test_a_condition_that_can_never_be_true_is_named_with_its_line(tmp_path: Path, body: str) -> None:
    found = faults(tmp_path, body)
    assert len(found) == 1
    assert found[0].startswith("p.yaml line 11: this condition can never be true")


@pytest.mark.parametrize(
    "body",
    [
        "when:\n  any:\n    - pain.night\n    - not: pain.night\n",
        f"when:\n  any:\n    - {AGE % ('at_least', 18)}\n    - {AGE % ('at_most', 17)}\n",
    ],
)
def test_a_condition_that_is_always_true_is_named(tmp_path: Path, body: str) -> None:
    assert "this condition is always true" in faults(tmp_path, body)[0]


def test_that_a_fact_must_be_known_is_no_tautology(tmp_path: Path) -> None:
    body = "when:\n  any:\n    - pain.night\n    - {fact: pain.night, is: false, turns: true}\n"
    assert faults(tmp_path, body) == []


def test_a_dead_branch_is_found_inside_a_rule_that_can_be_true(tmp_path: Path) -> None:
    body = "when:\n  any:\n    - pain.neck\n    - all:\n        - pain.night\n        - not: pain.night\n"
    assert "line 13: this condition can never" in faults(tmp_path, body)[0]


def test_a_condition_that_its_own_studies_rule_out_is_found(tmp_path: Path) -> None:
    found = faults(tmp_path, "when: {fact: order.modality, is: ct}\n")
    assert found == [
        "p.yaml line 10: the rule can never be true for its studies and ages; mend `when`, `studies` or ages."
    ]


def test_an_exception_that_lifts_the_rule_always_is_found(tmp_path: Path) -> None:
    found = faults(tmp_path, "when: pain.night\nunless: {any: [pain.night, pain.neck]}\n", kind="exclusion")
    assert "lifts the rule whenever it is true" in found[0]


def test_two_rules_that_contradict_are_found_whatever_their_clauses_order(tmp_path: Path) -> None:
    yes = rule(HEAD + "when:\n  all: [pain.night, pain.neck]\n")
    no = rule(HEAD + "when:\n  all:\n    - {fact: pain.neck, says: x}\n    - pain.night\n", kind="exclusion")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert "says the opposite of no.yaml" in next(unsound(library(tmp_path / "a", {"yes": yes, "no": no})))
    apart = no.replace("[low_back_pain]", "[lumbar_radiculopathy]")
    assert list(unsound(library(tmp_path / "b", {"yes": yes, "no": apart}))) == []


def test_a_review_is_due_after_a_year_and_not_before(tmp_path: Path) -> None:
    books = library(tmp_path, {"p": rule(HEAD + "when: pain.night\n")})  # reviewed 2026-01-01
    assert list(overdue(books, dt.date(2027, 1, 1))) == []
    assert "p.yaml: last reviewed on 2026-01-01" in next(overdue(books, dt.date(2027, 1, 2)))


FACTS: dict[str, tuple[Any, ...]] = {
    "pain.night": (True, False),
    "pain.neck": (True, False),
    "patient.age_years": (16, 17, 18, 19),
    "symptom.course": tuple(VOCABULARY["symptom.course"].values or ()),
}
LEAVES = st.one_of(
    st.sampled_from([Leaf("pain.night", "is", ((None, True),)), Leaf("pain.neck", "is", ((None, False),))]),
    st.builds(
        lambda op, n: Leaf("patient.age_years", op, ((None, float(n)),)),
        st.sampled_from(["at_least", "at_most", "more_than", "less_than", "is", "is_not"]),
        st.integers(17, 18),
    ),
    st.builds(lambda op, v: Leaf("symptom.course", op, ((None, v),)), st.sampled_from(["is", "is_not"]),
              st.sampled_from(FACTS["symptom.course"][:2])),
)  # fmt: skip
NODES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda n: All(tuple(n))),
        st.lists(inner, min_size=1, max_size=3).map(lambda n: Any_(tuple(n))),
        st.lists(inner, min_size=2, max_size=3).map(lambda n: AtLeast(2, tuple(n))),
    ),
    max_leaves=8,
)


def truth(node: Node, facts: dict[str, Any]) -> bool:
    if isinstance(node, Leaf):
        return bool(COMPARE[node.operator](facts[node.fact], node.values[0][1]))
    parts = [truth(c, facts) for c in children(node)]
    if isinstance(node, Not):
        return not parts[0]
    return sum(parts) >= (len(parts) if isinstance(node, All) else node.n if isinstance(node, AtLeast) else 1)


@settings(max_examples=300, deadline=None)
@given(NODES, st.booleans())
def test_the_search_agrees_with_trying_every_value(node: Node, want: bool) -> None:
    worlds = (dict(zip(FACTS, values, strict=True)) for values in itertools.product(*FACTS.values()))
    assert possible([(node, want)], VOCABULARY) is any(truth(node, world) is want for world in worlds)
