"""A site's overlay changes, silences or adds rules, signed; a slip in it is named; and what is local says so."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from click.testing import CliRunner

from criteria.errors import DataError
from criteria.explain import explain
from criteria.library import Library
from criteria.overlay import apply
from service.cli import main
from service.parts import library_of
from service.settings import read_settings
from tests.rule_home import judge, library, rule

SIGNED = "  author: spine-clinic-lead\n  date: 2026-05-01\n  reason: Our clinic sees them sooner.\n"
WEEKS = "trial_of_treatment.duration_weeks"
LOWER = f"  thresholds: [{{fact: {WEEKS}, at_least: {{2026-05-01: 4}}, unit: wk}}]\n"
SILENCE = f"- silence: evicore-spine-2023/never\n{SIGNED}"
RULES = {
    "weeks": rule(f"indications: [low_back_pain]\nwhen: {{fact: {WEEKS}, at_least: {{2024-01-01: 6}}, unit: wk}}\n"),
    "twice": rule(
        "indications: [neck_pain]\nwhen:\n"
        f"  - {{fact: {WEEKS}, at_least: {{2024-01-01: 6}}, unit: wk}}\n"
        f"  - any:\n    - {{fact: {WEEKS}, at_least: {{2024-01-01: 9}}, unit: wk}}\n    - pain.night\n"
    ),
    "never": rule("when: pain.night\nmessage: No.\n", kind="exclusion"),
}
ADDED = f"""- add: evicore-spine-2023/ours
{SIGNED}  rule:
    title: Ours
    kind: exclusion
    studies: [mri_lumbar_spine]
    reference: {{section: T-1}}
    when: pain.neck
    message: Not here.
"""


def overlaid(tmp_path: Path, text: str) -> Library:
    (tmp_path / "overlay.yaml").write_text(text)
    (tmp_path / "home").mkdir()
    return apply(library(tmp_path / "home", RULES), tmp_path / "overlay.yaml")


def change(what: str) -> str:
    return f"- change: evicore-spine-2023/weeks\n{SIGNED}{what}"


def test_a_threshold_changes_from_its_day_on_and_is_marked_local(tmp_path: Path) -> None:
    books = overlaid(tmp_path, change(LOWER))
    verdict = judge(books, {WEEKS: 4})
    assert verdict.rating == "appropriate"
    assert verdict.rulings[0].local.startswith("changed at this site on 2026-05-01 by spine-clinic-lead: Our clinic")
    assert any(line.strip().startswith("local: changed at this site") for line in explain(verdict))
    leaf = books.criterion("evicore-spine-2023/weeks").when
    assert leaf.value(dt.date(2026, 4, 30)) == 6 and leaf.value(dt.date(2026, 5, 1)) == 4  # type: ignore[attr-defined]


def test_what_is_shipped_is_not_marked(tmp_path: Path) -> None:
    books = overlaid(tmp_path, "- silence: evicore-spine-2023/never\n" + SIGNED)
    verdict = judge(books, {WEEKS: 6, "pain.night": True})
    assert (verdict.rating, [r.local for r in verdict.rulings]) == ("appropriate", [""])


def test_message_and_studies_change(tmp_path: Path) -> None:
    books = overlaid(tmp_path, change("  message: Ask our clinic.\n  studies: [mri_thoracic_spine.without]\n"))
    changed = books.criterion("evicore-spine-2023/weeks")
    assert (changed.message, changed.studies) == ("Ask our clinic.", ("mri_thoracic_spine.without",))


def test_a_silenced_rule_decides_nothing_and_is_listed(tmp_path: Path) -> None:
    before = judge(library(_made(tmp_path / "before"), RULES), {WEEKS: 6, "pain.night": True})
    assert before.rating == "not-appropriate"
    books = overlaid(tmp_path, "- silence: evicore-spine-2023/never\n" + SIGNED)
    assert "evicore-spine-2023/never" not in [c.id for c in books.criteria]
    assert [(m.criterion, m.what) for m in books.local] == [("evicore-spine-2023/never", "silenced")]


def test_an_added_rule_decides_and_is_owned_by_its_author(tmp_path: Path) -> None:
    books = overlaid(tmp_path, ADDED)
    verdict = judge(books, {WEEKS: 6, "pain.neck": True})
    assert (verdict.rating, verdict.message, verdict.criteria) == (
        "not-appropriate", "Not here.", ("evicore-spine-2023/ours",)
    )  # fmt: skip
    ours = books.criterion("evicore-spine-2023/ours")
    assert (ours.owner, ours.reviewed, ours.rows) == ("spine-clinic-lead", dt.date(2026, 5, 1), ())
    assert ours.local is not None and ours.local.what == "added"


def test_an_empty_overlay_changes_nothing(tmp_path: Path) -> None:
    assert overlaid(tmp_path, "# nothing yet\n").local == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("change: x\n", "line 1: an overlay is a list"),
        ("- 3\n", "an entry has one of change, silence, add"),
        ("- reason: x\n", "line 1: an entry has one of"),
        (f"- silence: a\n  add: b\n{SIGNED}", "an entry has one of"),
        (f"- silence: evicore-spine-2023/nevr\n{SIGNED}", "Did you mean `evicore-spine-2023/never`?"),
        ("- silence: evicore-spine-2023/never\n  date: 2026-05-01\n  reason: x\n", "`author` is needed"),
        ("- silence: evicore-spine-2023/never\n  author: x\n  date: soon\n  reason: x\n", "line 3: `date` is needed"),
        ("- silence: evicore-spine-2023/never\n  author: x\n  date: 2026-05-01\n  reason: ' '\n", "`reason` is needed"),
        (f"{SILENCE}  message: x\n", "line 5: `message` does not go with `silence`"),
        (f"- silence: [a]\n{SIGNED}", "takes the id of a rule"),
        (2 * SILENCE, "line 5: `evicore-spine-2023/never` stands twice"),
        (change(""), "a change has message, studies, thresholds"),
        (change("  studies: []\n"), "use `silence`"),
        (change("  studies: [mri_lumbr_spine]\n"), "Did you mean `mri_lumbar_spine`?"),
        (change("  message: 3\n"), "`message` is text"),
        (change(f"  message: {'x' * 201}\n"), "at most 200"),
        (change("  thresholds: 4\n"), "`thresholds` is a list"),
        (change("  thresholds: [pain.night]\n"), "a threshold is"),
        (
            change(f"  thresholds: [{{fact: {WEEKS}, at_most: {{2026-05-01: 4}}, unit: wk}}]\n"),
            f"with `at_most` nowhere; it has {WEEKS} at_least",
        ),
        (change(f"  thresholds: [{{fact: {WEEKS}, at_least: {{2026-05-01: 4}}, unit: d}}]\n"), "is in wk, not in d"),
        (
            change(LOWER).replace("weeks\n", "twice\n", 1),
            "several times",
        ),
        (ADDED.replace("add: evicore-spine-2023/ours", "add: evicore-spine-2023/weeks"), "is there already"),
        (ADDED.replace("add: evicore-spine-2023", "add: evicore-spine"), "Did you mean `evicore-spine-2023`?"),
        (ADDED.replace("    kind: exclusion\n", ""), "the rule lacks `kind`"),
        (ADDED.replace("when: pain.neck", "when: pain.nekc"), "line 10: `pain.nekc` is no fact"),
        (ADDED.replace("{section: T-1}", "T-1"), "line 9: reference is"),
        (ADDED + "    covers: [T-1.1]\n", "covers no row"),
        (ADDED + "    reviewed: soon\n", "reviewed is the day"),
    ],
)  # fmt: skip
def test_a_slip_in_an_overlay_is_named_with_its_mend(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        overlaid(tmp_path, text)
    assert caught.value.file.name == "overlay.yaml"
    assert words in str(caught.value)


def test_the_service_reads_the_overlay_that_the_setting_names(tmp_path: Path) -> None:
    shipped = library_of(read_settings({}, open=True))
    name = shipped.criteria[0].id
    (tmp_path / "overlay.yaml").write_text(f"- silence: {name}\n{SIGNED}")
    settings = read_settings({"IMAGING_CDS_OVERLAY_FILE": str(tmp_path / "overlay.yaml")}, open=True)
    assert len(library_of(settings).criteria) == len(shipped.criteria) - 1


def test_the_command_checks_an_overlay(tmp_path: Path) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text(f"- silence: evicore-spine-2023/low_back_pain_mri\n{SIGNED}")
    result = CliRunner().invoke(main, ["check", "--overlay", str(path)])
    assert result.exit_code == 0
    assert "evicore-spine-2023/low_back_pain_mri: silenced at this site on 2026-05-01" in result.output
    path.write_text(f"- silence: evicore-spine-2023/no_such_rule\n{SIGNED}")
    failed = CliRunner().invoke(main, ["check", "--overlay", str(path)])
    assert failed.exit_code == 1 and "overlay.yaml line 1" in failed.output


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
