"""The mutation check finds what the cases miss, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from criteria.errors import DataError
from criteria.library import load_library
from criteria.logic import leaves
from criteria.mutants import mutants_of, mutants_of_definition
from criteria.mutate import Report, mutate
from criteria.select import Book
from criteria.swap import swapped
from service.cli import main
from tests.rule_home import home, library, rule

HERE = "guidelines/evicore-spine-2023"
RULE = """indications: [low_back_pain]
when:
  all:
    - pain.night
    - {fact: trial_of_treatment.duration_weeks, at_least: {2024-01-01: 6}, unit: wk}
"""
GOOD = """
- base: {pain.night: true, trial_of_treatment.duration_weeks: 6}
- name: Six weeks
  expect: {rule: met, rating: appropriate}
- name: Five weeks
  facts: {trial_of_treatment.duration_weeks: 5}
  expect: {rule: not-met}
- name: No pain at night
  facts: {pain.night: false}
  expect: {rule: not-met}
"""


def survivors(report: Report) -> set[str]:
    return {s.what for s in report.survivors}


def tried(tmp_path: Path, text: str, cases: str, extra: dict[str, str] | None = None) -> Report:
    folder = home(tmp_path, {"p": text}, {f"{HERE}/topic/p.test.yaml": cases, **(extra or {})})
    return mutate(home=folder, processes=1)


def test_cases_on_both_sides_of_everything_leave_no_survivor(tmp_path: Path) -> None:
    report = tried(tmp_path, rule(RULE), GOOD)
    assert report.total.mutants >= 9
    assert survivors(report) == set()
    assert report.passes


@pytest.mark.parametrize(
    ("left_out", "left_alive"),
    [
        ("Five weeks", "trial_of_treatment.duration_weeks at_least 6 becomes 5"),
        ("Six weeks", "trial_of_treatment.duration_weeks at_least 6 becomes 7"),
        ("No pain at night", "dropped pain.night"),
    ],
)
def test_a_case_that_is_missing_lets_a_mutant_live(tmp_path: Path, left_out: str, left_alive: str) -> None:
    start = GOOD.index(f"- name: {left_out}")
    end = GOOD.find("- name:", start + 1)
    report = tried(tmp_path, rule(RULE), GOOD[:start] + (GOOD[end:] if end > 0 else ""))
    assert left_alive in survivors(report)
    assert not report.passes


def test_an_outcome_that_no_case_looks_at_survives(tmp_path: Path) -> None:
    report = tried(tmp_path, rule(RULE), GOOD.replace("{rule: met, rating: appropriate}", "{rule: met}"))
    assert survivors(report) == {"rating dropped", "kind pathway becomes exclusion"}


def test_a_survivor_says_where_it_stands(tmp_path: Path) -> None:
    report = tried(tmp_path, rule(RULE), GOOD[: GOOD.index("- name: Five")])
    found = next(s for s in report.survivors if s.what == "trial_of_treatment.duration_weeks at_least 6 becomes 5")
    assert (found.guideline, found.rule, found.file.name, found.line) == ("evicore-spine-2023", "p", "p.yaml", 13)


def test_a_case_that_does_not_hold_notices_nothing(tmp_path: Path) -> None:
    report = tried(tmp_path, rule(RULE), "- name: Wrong from the start\n  expect: {rule: met, rating: appropriate}\n")
    assert report.total.survived == report.total.mutants > 0


def test_a_reason_stands_beside_its_survivor_and_it_still_counts(tmp_path: Path) -> None:
    reasons = "p: {rating dropped: nobody looks, gone long ago: was noticed}\nq: {negated x: no such rule}\n"
    cases = GOOD.replace("{rule: met, rating: appropriate}", "{rule: met}")
    report = tried(tmp_path, rule(RULE), cases, {f"{HERE}/survivors.yaml": reasons})
    assert {s.what: s.reason for s in report.survivors}["rating dropped"] == "nobody looks"
    assert report.total.survived == 2
    assert len(report.stale) == 2
    assert "gone long ago" in report.stale[0] and "no rule" in report.stale[1]


def test_a_survivor_without_a_reason_in_its_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"survivors.yaml line 1: “rating dropped” needs a reason"):
        tried(tmp_path, rule(RULE), GOOD, {f"{HERE}/survivors.yaml": "p: {rating dropped: }\n"})


def test_a_shared_definition_is_mutated_once_and_every_user_may_notice(tmp_path: Path) -> None:
    definitions = "trial:\n  any: [pain.night, pain.neck]\n"
    body = "indications: [low_back_pain]\nwhen: {define: trial}\n"
    extra = {f"{HERE}/definitions.yaml": definitions}
    folder = home(tmp_path, {"p": rule(body), "q": rule(body)}, extra)
    books = load_library(folder)
    assert next(m.what for m in mutants_of(books.criteria[0], books)) == "negated define trial"
    inside = list(mutants_of_definition("evicore-spine-2023", "trial", books))
    assert "any [pain.night, pain.neck] - any becomes all" in [m.what for m in inside]
    assert all(set(m.changes) == {"evicore-spine-2023/p", "evicore-spine-2023/q"} for m in inside)
    cases = (
        "- name: At night\n  facts: {pain.night: true, pain.neck: false}\n  expect: {rule: met, rating: appropriate}\n"
    )
    (folder / HERE / "topic" / "q.test.yaml").write_text(cases)
    report = mutate([folder / HERE / "definitions.yaml"], home=folder, processes=1)
    assert survivors(report) == {"negated pain.neck", "dropped pain.neck"}


def test_the_same_sample_comes_for_the_same_seed(tmp_path: Path) -> None:
    folder = home(tmp_path, {"p": rule(RULE)})
    first, again, other = (mutate(home=folder, processes=1, sample=40, seed=s) for s in (1, 1, 2))
    assert survivors(first) == survivors(again) != survivors(other)
    assert 0 < first.total.mutants < mutate(home=folder, processes=1).total.mutants


def test_thresholds_move_one_step_and_lose_or_gain_the_value_itself_where_values_lie_between(tmp_path: Path) -> None:
    text = """indications: [low_back_pain]
when:
  - {fact: trial_of_treatment.duration_weeks, at_least: {2024-01-01: 6}, unit: wk}
  - {fact: patient.age_years, less_than: {2024-01-01: 21}, unit: a}
"""
    books = library(tmp_path, {"p": rule(text)})
    found = {m.what for m in mutants_of(books.criteria[0], books) if "becomes" in m.what and "rating" not in m.what}
    weeks, age = "trial_of_treatment.duration_weeks at_least 6 becomes", "patient.age_years less_than 21 becomes"
    assert {w for w in found if w.startswith(weeks)} == {f"{weeks} 5", f"{weeks} 7", f"{weeks} more_than"}
    assert {w for w in found if w.startswith(age)} == {f"{age} 20", f"{age} 22"}


def same(one: Book, other: Book) -> None:
    for table in ("pathways", "refusals", "redirects", "remarks", "pairs"):
        mine, theirs = getattr(one, table), getattr(other, table)
        assert {k: len(v) for k, v in mine.items() if v} == {k: len(v) for k, v in theirs.items() if v}, table


def test_a_book_with_a_rule_swapped_is_the_book_of_a_library_with_it(tmp_path: Path) -> None:
    books, day = load_library(), dt.date(2026, 6, 1)
    base = Book(books, day)
    seen: set[str] = set()
    for criterion in books.criteria:
        if criterion.kind in seen:
            continue
        seen.add(criterion.kind)
        other = next(leaves(criterion.when), None)
        if other is None:
            continue
        changed = replace(criterion, when=other)
        rules = tuple(changed if c is criterion else c for c in books.criteria)
        built = Book(replace(books, criteria=rules), day)
        quick = swapped(base, {criterion.id: changed})
        same(quick, built)
        assert _conditions(quick) == _conditions(built), criterion.id
    assert len(seen) >= 6


def _conditions(current: Book) -> dict[str, list[str]]:
    return {
        study: [
            f"{p.criterion.id}: {hash(p.criterion.when)} {[(q.id, hash(q.when)) for q in p.prerequisites]}"
            for p in paths
        ]
        for study, paths in current.pathways.items()
    }


def test_the_command_prints_sums_and_fails_above_the_limit() -> None:
    folder = Path("criteria/guidelines/evicore-spine-2023/low_back")
    result = CliRunner().invoke(main, ["check", "--mutate", str(folder), "--sample", "20", "--json"])
    report = json.loads(result.stdout)
    total = report["total"]
    assert total["mutants"] == total["killed"] + total["survived"] > 0
    assert (result.exit_code == 0) is (total["percent"] <= 3)
    assert all({"file", "line", "what", "rule"} <= set(s) for s in report["survivors"])
