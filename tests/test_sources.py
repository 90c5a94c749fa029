"""No sentence of a source may stand in the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from criteria.errors import CriteriaError
from criteria.sources import copied
from service.cli import main

SOURCE = "Nine little words of a guideline that somebody else once wrote, and then more of them."


def hits(tmp_path: Path, ours: str, source: str = SOURCE) -> list[tuple[int, str, str]]:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(source)
    (tmp_path / "rule.yaml").write_text(ours)
    return [(h.line, h.words, h.source) for h in copied([tmp_path / "rule.yaml"], tmp_path / "texts")]


def test_nine_words_in_a_row_are_a_copy(tmp_path: Path) -> None:
    found = hits(tmp_path, "title: x\nsays: words of a guideline that somebody else once wrote\n")
    assert found == [(2, "words of a guideline that somebody else once wrote", "a.txt")]


def test_eight_words_are_not(tmp_path: Path) -> None:
    assert hits(tmp_path, "says: of a guideline that somebody else once wrote\n") == []


def test_case_punctuation_and_line_breaks_hide_nothing(tmp_path: Path) -> None:
    found = hits(tmp_path, "says: >\n  Words of a “GUIDELINE”, that\n  # somebody; else\n  once-\n  wrote: and\n")
    assert [(line, words.split()[0]) for line, words, _ in found] == [(2, "words")]


def test_neighbouring_runs_are_one_hit_and_a_second_copy_another(tmp_path: Path) -> None:
    found = hits(tmp_path, f"says: {SOURCE}\nmessage: {SOURCE}\n")
    assert [(line, len(words.split())) for line, words, _ in found] == [(1, 16), (2, 16)]


def test_an_empty_folder_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CriteriaError, match="no texts"):
        list(copied([], tmp_path))


def test_the_command_names_file_line_and_words_and_fails(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two three four five six seven eight nine ten")
    assert CliRunner().invoke(main, ["check", "--sources", str(tmp_path)]).exit_code == 0
    (tmp_path / "b.txt").write_text(Path("criteria/README.md").read_text())
    result = CliRunner().invoke(main, ["check", "--sources", str(tmp_path)])
    assert result.exit_code == 1
    assert "criteria/README.md line 1: “" in result.output
