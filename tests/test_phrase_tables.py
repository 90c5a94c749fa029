"""The tables by which texts are read: a slip in one of them is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from criteria.errors import DataError
from mappings.text.lexicon import lexicon
from mappings.text.tables import FINDINGS, PHRASES, RANKS, WORDS, read_phrases, read_ranks, read_words
from mappings.text.triggers import CONTEXT, triggers


@pytest.mark.parametrize(
    ("read", "table", "old", "new", "says"),
    [
        (
            read_phrases,
            PHRASES,
            "sciatica pain,lumbar_radiculopathy",
            "sciatica pain,lumbar_radiculopaty",
            "Did you mean",
        ),
        (read_phrases, PHRASES, "neck,@cervical,", "neck,@cervicle,", "no site"),
        (read_phrases, PHRASES, "fever,symptom.fever=true,", "fever,symptom.fver=true,", "no fact"),
        (read_phrases, PHRASES, "fever,symptom.fever=true,", "fever,symptom.fever=maybe,", "does not fit"),
        (read_phrases, PHRASES, "spine,@spine,", "vertebral,@spine,\nspine,@spine,", "stands twice"),
    ],
)
def test_a_slip_in_the_table_is_named(tmp_path: Path, read: Any, table: Path, old: str, new: str, says: str) -> None:
    text = table.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / table.name
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read(lexicon().words, broken)


@pytest.mark.parametrize(
    ("read", "table", "old", "new"),
    [
        (read_words, WORDS, "numbers:", "numberz:"),
        (read_words, WORDS, "  legs: leg\n", "  legs: lag\n"),
        (read_ranks, RANKS, "osteoporosis, fibromyalgia", "osteoporosis, fibromyalgi"),
        (triggers.__wrapped__, CONTEXT, "imagined:", "imaginary:"),
    ],
)
def test_a_slip_in_the_other_tables_is_named(tmp_path: Path, read: Any, table: Path, old: str, new: str) -> None:
    text = table.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / table.name
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError):
        read(broken)


def test_every_finding_of_a_phrase_has_a_meaning() -> None:
    named = {
        part[1:]
        for line in PHRASES.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
        for part in line.split(",")[1].split()
        if part.startswith("+")
    }
    meant = {finding for finding, _ in lexicon().findings} | {"strength"}  # measured by its number alone
    assert named - meant == set(), FINDINGS.name
