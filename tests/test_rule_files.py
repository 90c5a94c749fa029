"""A slip in a rule file is named with file, line and mend; and the case runner can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from criteria.cases import cases_of, run_case
from criteria.errors import DataError
from criteria.library import load_library
from tests.rule_home import home, library, rule

GOOD = "indications: [low_back_pain]\nwhen: pain.low_back\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rule(GOOD) + "studeis: []\n", "line 11: `studeis` is no key of a rule. Did you mean `studies`?"),
        (rule(GOOD).replace("kind: pathway", "kind: pathwya"), "Did you mean `pathway`?"),
        (rule(GOOD).replace("covers: [T-1.1]\n", ""), "the rule lacks `covers`"),
        (rule(GOOD, study="mri_lumbr_spine"), "Did you mean `mri_lumbar_spine`?"),
        (rule(GOOD.replace("low_back_pain", "low_bak_pain")), "Did you mean `low_back_pain`?"),
        (rule(GOOD.replace("pain.low_back", "pain.low_bcak")), "Did you mean `pain.low_back`?"),
        (rule(GOOD + "when: pain.neck\n"), "`when` stands twice; keep one (first in line 10)"),
        (rule("when: pain.low_back\n"), "names its `indications`, or the `trigger`"),
        (rule("indications: [low_back_pain]\nwhen: {define: nothing}\n"), "`nothing` is no definition"),
        (rule("indications: [low_back_pain]\nwhen: {all: pain.neck}\n"), "`all` takes a list"),
        (
            rule("indications: [low_back_pain]\nwhen: {fact: pain.severity_vas, at_least: 9, unit: '{score}'}\n"),
            "give the day from which it holds",
        ),
        (
            rule(
                "indications: [low_back_pain]\n"
                "when: {fact: trial_of_treatment.duration_weeks, at_least: {2024-01-01: 42}, unit: d}\n"
            ),
            "is in wk, not in d",
        ),
        (
            rule("indications: [low_back_pain]\nwhen: {fact: symptom.course, is: resloved}\n"),
            "`resloved` is not a value of `symptom.course`. Did you mean `resolved`?",
        ),
        (rule(GOOD + "suggest: {contrast: wihtout}\n"), "names a contrast that the rule's studies exist with"),
        (rule(GOOD + "suggest: {contrast: without}\n"), "and that none has yet"),
        (rule(GOOD + "offers: [mri_brain]\n"), "lists some of its studies"),
        ("- a list\n", "a rule file is a mapping"),
        ("title: [unclosed\n", "not readable as YAML"),
    ],
)
def test_a_slip_in_a_rule_file_is_named_with_its_mend(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        library(tmp_path, {"slip": text})
    assert str(caught.value).startswith("slip.yaml")
    assert words in str(caught.value)


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = home(tmp_path, {"one": rule(GOOD)}, {"guidelines/evicore-spine-2023/other/one.yaml": rule(GOOD)})
    with pytest.raises(DataError, match="has this file name"):
        load_library(folder)


CASES = """
- name: Low back pain is recorded
  expect: appropriate
- name: Low back pain is denied
  facts: {pain.low_back: false}
  expect: {rule: not-met, rating: not-appropriate}
"""
WRONG = """
- name: A rating that does not come
  expect: no-criteria-apply
- name: A truth that does not come
  expect: {rule: unknown}
- name: A question that is not asked
  expect: {asks: [pain.night]}
- name: A study that is not offered
  expect: {suggests: [mri_brain.without]}
- name: A presumption that is not made
  expect: {presumes: [pain.night]}
- name: A note that is not given
  expect: {notes: [nothing of the kind]}
"""
CASE_FILE = "guidelines/evicore-spine-2023/topic/p.test.yaml"


def test_right_cases_hold(tmp_path: Path) -> None:
    books = load_library(home(tmp_path, {"p": rule(GOOD)}, {CASE_FILE: CASES}))
    outcomes = [run_case(c, books) for c in cases_of(books.criteria[0], books)]
    assert [o.faults for o in outcomes] == [[], []]
    assert outcomes[0].rows == {"T-1.1"}


def test_every_kind_of_expectation_can_fail(tmp_path: Path) -> None:
    books = load_library(home(tmp_path, {"p": rule(GOOD)}, {CASE_FILE: WRONG}))
    outcomes = [run_case(c, books) for c in cases_of(books.criteria[0], books)]
    assert len(outcomes) == 6
    assert all(len(o.faults) == 1 for o in outcomes), [o.faults for o in outcomes]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- name: x\n  expects: appropriate\n", "has a `name` and an `expect`"),
        ("- name: x\n  fcats: {}\n  expect: appropriate\n", "Did you mean `facts`?"),
        ("- name: x\n  facts: {pain.nigth: true}\n  expect: appropriate\n", "Did you mean `pain.night`?"),
        ("- name: x\n  expect: {ratings: appropriate}\n", "Did you mean `rating`?"),
        ("- name: x\n  expect: apropriate\n", "a rating is one of"),
        ("- name: x\n  expect: {}\n", "an empty `expect` proves nothing"),
        ("- name: x\n  expect: appropriate\n- name: x\n  expect: appropriate\n", "two cases are called"),
    ],
)
def test_a_slip_in_a_case_is_an_error_and_not_a_case_that_passes(tmp_path: Path, text: str, words: str) -> None:
    books = load_library(home(tmp_path, {"p": rule(GOOD)}, {CASE_FILE: text}))
    with pytest.raises(DataError) as caught:
        cases_of(books.criteria[0], books)
    assert words in str(caught.value)


def test_each_makes_a_case_for_each_of_its_facts(tmp_path: Path) -> None:
    text = """
- base: {pain.night: false, pain.neck: false}
- name: One is enough
  each: [{pain.night: true}, {pain.neck: true}]
  expect: {rule: met}
- name: None is not
  expect: {rule: not-met}
"""
    body = "indications: [low_back_pain]\nwhen: {any: [pain.night, pain.neck]}\n"
    books = load_library(home(tmp_path, {"p": rule(body)}, {CASE_FILE: text}))
    cases = cases_of(books.criteria[0], books)
    assert [c.name for c in cases] == [
        "One is enough (pain.night: yes)",
        "One is enough (pain.neck: yes)",
        "None is not",
    ]
    assert [f for c in cases for f in run_case(c, books).faults] == []


@pytest.mark.parametrize("each", ["[]", "pain.night", "[{}]", "[pain.night]"])
def test_each_without_facts_is_an_error(tmp_path: Path, each: str) -> None:
    text = f"- name: x\n  each: {each}\n  expect: {{rule: met}}\n"
    books = load_library(home(tmp_path, {"p": rule(GOOD)}, {CASE_FILE: text}))
    with pytest.raises(DataError, match="line 2: `each` is a list of facts"):
        cases_of(books.criteria[0], books)


def test_suggesting_another_contrast_means_the_same_study(tmp_path: Path) -> None:
    text = rule("suggest: {contrast: without}\nwhen: always\n", study="mri_lumbar_spine.with").replace(
        "pathway", "coding"
    )
    (criterion,) = (c for c in library(tmp_path, {"one": text}).criteria if c.id.endswith("/one"))
    assert criterion.suggests("mri_lumbar_spine.with") == ("mri_lumbar_spine.without",)
