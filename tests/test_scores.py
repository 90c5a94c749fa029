"""Our ratings in the words of an EHR's own score field."""

from __future__ import annotations

from pathlib import Path

import pytest

from criteria.errors import DataError
from criteria.ratings import Rating
from hooks.actions import CONSULT, PAMA
from hooks.scores import SCORES, scores
from tests.hook_examples import EPIC, answer, ratings, verdict

EXPECTED = {
    Rating.APPROPRIATE: "Appropriate",
    Rating.NOT_APPROPRIATE: "Inappropriate",
    Rating.NO_CRITERIA: "Not Validated",
    Rating.NEEDS_INFORMATION: "Indeterminate",
}


@pytest.mark.parametrize("rating", list(Rating))
def test_epic_reads_its_own_word_beside_the_argonaut_code_and_a_consult_id(rating: Rating) -> None:
    (action,) = answer(verdict(rating), profile=EPIC)["systemActions"]
    extensions = {e["url"]: e for e in action["resource"]["extension"]}
    codings = extensions[PAMA]["valueCodeableConcept"]["coding"]
    assert codings[-1]["code"] == EXPECTED[rating]
    assert extensions[CONSULT]["valueUri"].startswith("urn:uuid:")
    assert len(codings) == (1 if rating is Rating.NEEDS_INFORMATION else 2)


def test_other_clients_read_the_argonaut_code_alone() -> None:
    (action,) = answer(verdict())["systemActions"]
    assert len(action["resource"]["extension"][0]["valueCodeableConcept"]["coding"]) == 1
    assert ratings(answer(verdict())) == ["not-appropriate"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Not Validated\n    needs", "Unvalidated\n    needs", "not in `known`"),
        ("    no-criteria-apply: Not Validated\n", "", "has exactly"),
        ("  source: Epic", "  from: Epic", "needs exactly"),
    ],
)
def test_a_slip_in_the_table_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = tmp_path / "scores.yaml"
    text = SCORES.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=says):
        scores(file)
