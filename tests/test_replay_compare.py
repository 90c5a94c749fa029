"""Compare: which orders change under other rules, which clause does it, and a page that says so in plain words."""

from __future__ import annotations

import datetime as dt
import shutil
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

import mappings
from criteria.errors import DataError
from criteria.facts import Fact, Facts
from criteria.library import HERE, load_library
from criteria.orders import Order
from criteria.ratings import Rating, Ruling, Step, Verdict
from criteria.studies import Study
from service.cli import main
from service.replay.clauses import difference
from service.replay.rules import Rules, Standing, named, turning_days
from tests.replay_runs import compared, mri, ndjson, pacemaker, patient, population, replayed, summary, table

WEEKS = "trial_of_treatment.duration_weeks"
GUIDELINE = "evicore-spine-2023"
PATIENTS = 24


def four_weeks(folder: Path) -> Path:
    """A copy of the guideline with one threshold changed from six weeks to four."""
    copy = folder / "spine-with-four-weeks"
    shutil.copytree(HERE / "guidelines" / GUIDELINE, copy)
    file = copy / "definitions.yaml"
    text = file.read_text()
    before = f"{{fact: {WEEKS}, at_least: {{2023-01-01: 6}}, unit: wk}}"
    assert text.count(before) == 1
    file.write_text(text.replace(before, before.replace("6}", "4}")))
    return copy


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six weeks against four."""
    home = tmp_path_factory.mktemp("four")
    return compared(population(PATIENTS), home / "out", Rules(), named(str(four_weeks(home))), keep_ids=True)


def test_exactly_the_orders_whose_trial_lies_between_change(four: Path, tmp_path: Path) -> None:
    """What should change is found another way: by the shipped rules, on charts whose trials of four and five weeks
    are taken for six."""
    seen: dict[str, float] = {}
    plain = ratings(replayed(population(PATIENTS), tmp_path / "plain", keep_ids=True, rules_of="latest"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mappings, "Chart", longer(seen))
        taken = ratings(replayed(population(PATIENTS), tmp_path / "taken", keep_ids=True, rules_of="latest"))
    expected = {order for order in of_the_guideline(tmp_path / "plain") if plain[order] != taken[order]}
    changed = [row for row in table(four, "changes") if row["change"] == "rating"]
    assert {row["order"] for row in changed} == expected
    assert len(expected) >= 2
    assert {row["order"]: row["old_rating"] for row in table(four, "changes")} == plain
    for row in changed:
        assert row["fact"] == WEEKS
        assert 4 <= float(row["value"]) < 6
        assert float(row["value"]) == seen[row["order"]]
        assert (row["old_clause"], row["new_clause"]) == ("at least 6 (not met)", "at least 4 (met)")


def ratings(folder: Path) -> dict[str, str]:
    return {row["order"]: row["rating"] for row in table(folder, "verdicts")}


def of_the_guideline(folder: Path) -> set[str]:
    """The orders to which the changed guideline speaks: others have a threshold of six weeks of their own."""
    policies = load_library().policies.by_id
    return {
        row["order"]
        for row in table(folder, "orders")
        if row["study"] and GUIDELINE in policies[row["policy"]].guidelines_for(row["study"].partition(".")[0])
    }


def longer(seen: dict[str, float]) -> type[mappings.Chart]:
    """Charts whose trials of at least four and less than six weeks count as of six."""

    class Longer(mappings.Chart):
        def facts(self, order: Order, study: Study) -> Facts:
            held = super().facts(order, study)
            weeks = held.get(WEEKS)
            if weeks is None or not 4 <= float(weeks.value) < 6:  # type: ignore[arg-type]
                return held
            seen[order.reference.partition("/")[2]] = float(weeks.value)  # type: ignore[arg-type]
            six = Fact(WEEKS, 6.0, weeks.basis, weeks.sources, weeks.on, weeks.note)
            return Facts({**held.recorded, WEEKS: six}, held.unsearched)

    return Longer


def test_the_page_says_what_changes_and_why(four: Path) -> None:
    held, page = summary(four, "compare"), (four / "compare.md").read_text()
    changed = held["changed_rating"]["orders"]
    assert f"{changed:,} of them get another rating" in page
    assert f"{WEEKS} at least 6 becomes {WEEKS} at least 4" in page
    assert "Old: at least 6 (not met). New: at least 4 (met)." in page
    assert sum(clause["orders"] for clause in held["clauses"]) == changed
    assert sum(held["matrix"].values()) == held["orders"] == len(table(four, "changes"))
    low, high = held["changed_rating"]["interval_95"]
    assert low < held["changed_rating"]["percent"] < high
    assert held["cards_per_100_orders"]["new"] < held["cards_per_100_orders"]["old"]
    for rating, shift in held["shift"].items():
        moved = held["new"][rating]["orders"] - held["old"][rating]["orders"]
        assert shift["came"] - shift["left"] == moved
    assert "denied" not in page and "approv" not in page


def test_the_same_rules_change_nothing(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("one", "2025-05-01"), mri("two", "2025-06-01")])
    out = compared(source, tmp_path / "out", Rules(), Rules())
    assert {row["change"] for row in table(out, "changes")} == {"none"}
    assert "Nothing: both sets of rules say the same." in (out / "compare.md").read_text()


OVERLAY = """- silence: evicore-preface-2021/implant_that_forbids_mri
  author: head-of-radiology
  date: 2026-11-20
  reason: Our scanner team checks every <implant> itself.
- change: evicore-spine-2023/low_back_pain_mri
  author: spine-clinic-lead
  date: 2026-11-20
  reason: Patients are seen within four weeks.
  thresholds:
    - {fact: trial_of_treatment.duration_weeks, at_least: {2099-12-01: 4}, unit: wk}
"""


def test_a_rule_that_passes_on_the_result_of_another_is_not_named_as_the_cause() -> None:
    def verdict(six: bool) -> Verdict:
        weeks = Step("weeks", six, WEEKS)
        passed = Step("MRI would be supported", six, "guideline.supports_mri")
        told = (("g/ct_instead", passed), ("g/neck_pain", weeks))
        rulings = tuple(
            Ruling(
                name,
                "g",
                "1",
                name,
                "pathway",
                six,
                True,
                partial(Step, "all of", six, below=partial(tuple, [step])),
                (),
            )
            for name, step in told
        )
        return Verdict("ServiceRequest/1", Rating.APPROPRIATE if six else Rating.NOT_APPROPRIATE, rulings=rulings)

    found = difference(verdict(False), verdict(True))
    assert found is not None
    assert (found.criterion, found.fact) == ("g/neck_pain", WEEKS)


def test_a_sites_overlay_is_shown_as_such(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), pacemaker("2020-01-01"), mri("one", "2025-05-01")])
    overlay = tmp_path / "ours.yaml"
    overlay.write_text(OVERLAY)
    command = ["compare", str(source), "--overlay", str(overlay), "--out", str(tmp_path / "out"), "--processes", "1"]
    assert CliRunner().invoke(main, command).exit_code == 0
    out = tmp_path / "out"
    (row,) = table(out, "changes")
    assert (row["change"], row["criterion"]) == ("rating", "evicore-preface-2021/implant_that_forbids_mri")
    assert row["new_clause"] == "no such rule"
    page = (out / "compare.html").read_text()
    for words in ("head-of-radiology", "spine-clinic-lead", "silenced", "checks every &lt;implant&gt; itself"):
        assert words in page
    assert "taken out" in page
    held = summary(out, "compare")
    assert held["rules_in_force_on"] == "2099-12-01", "what is written for later is compared too"


def test_an_added_rule_is_named_as_the_one_that_did_it(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text(
        "- add: evicore-spine-2023/our_refusal\n  author: lead\n  date: 2026-01-01\n  reason: to try it\n"
        "  rule:\n    title: Nobody under 80\n    kind: exclusion\n    studies: [mri_lumbar_spine.without]\n"
        "    reference: {section: '1.0'}\n    covers: []\n    when: pain.low_back\n"
    )  # fmt: skip
    source = ndjson(tmp_path / "in", [patient(), mri("one", "2025-05-01")])
    out = compared(source, tmp_path / "out", Rules(), named(str(overlay)))
    (row,) = table(out, "changes")
    assert (row["new_rating"], row["criterion"]) == ("not-appropriate", "evicore-spine-2023/our_refusal")
    assert row["old_clause"] == "no such rule"
    assert str(row["local"]).startswith("added at this site")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name OLD and NEW"),
        (["--criteria", "shipped"], "Name OLD and NEW"),
        (["--criteria", "shipped", "--criteria", "nowhere"], "no such file or folder"),
        (["--criteria", "shipped", "--criteria", "shipped", "--rules-of", "soon"], "write order, latest"),
    ],
)
def test_what_is_to_be_compared_has_to_be_named(arguments: list[str], words: str, tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient()])
    said = CliRunner().invoke(main, ["compare", str(source), *arguments, "--out", str(tmp_path / "out")])
    assert said.exit_code in (1, 2) and words in said.output


def test_a_slip_in_a_folder_of_rules_is_named_where_it_stands(tmp_path: Path) -> None:
    copy = four_weeks(tmp_path)
    (copy / "low_back" / "low_back_pain_mri.yaml").write_text("title: [\n")
    with pytest.raises(DataError) as error:
        named(str(copy)).library()
    assert error.value.file == copy / "low_back" / "low_back_pain_mri.yaml"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"facts\.yaml"):
        named(str(tmp_path / "empty")).library()


def test_days_between_which_no_rule_changes_share_one_book(four: Path) -> None:
    """The rules of any day are those of the last day on which something changed."""
    rules = Standing(Rules().library())
    days = sorted(set(turning_days(rules.library)))
    for day in days:
        before, after = rules.book(day - dt.timedelta(days=1)), rules.book(day + dt.timedelta(days=20))
        assert before is not rules.book(day)
        assert after is rules.book(day) or any(day < d <= day + dt.timedelta(days=20) for d in days)
    assert rules.book(dt.date(1990, 1, 1)).pathways == {}


SILENCED = """- silence: evicore-preface-2021/implant_that_forbids_mri
  author: mri-safety-officer
  date: 2026-11-20
  reason: Screened by our own form.
"""


def test_a_safety_rule_that_is_silenced_is_said_first(tmp_path: Path) -> None:
    overlay = tmp_path / "our.yaml"
    overlay.write_text(SILENCED)
    source = ndjson(tmp_path / "in", [patient(), pacemaker("2001-01-01"), mri("o", "2025-05-01")])
    out = compared(source, tmp_path / "out", Rules(), Rules("new", overlay=str(overlay)))
    held, page = summary(out, "compare"), (out / "compare.md").read_text()
    assert held["safety_words_lost"]["orders"] == 1
    assert [c["safety"] for c in held["rules_changed"]] == [True]
    assert page.index("1 order loses the word of a safety rule.") < page.index("past orders were judged twice")
    assert "SAFETY RULE: " in page and "as they are in force on" not in page
    said = CliRunner().invoke(main, ["check", "--overlay", str(overlay)])
    assert (
        said.exit_code == 0 and "WARNING: evicore-preface-2021/implant_that_forbids_mri is a safety rule" in said.output
    )
