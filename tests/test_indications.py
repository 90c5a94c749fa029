"""The indication catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from criteria.errors import DataError
from criteria.indications import load_indications

GOOD = """neck_pain:
  name: neck pain
  regions: [cervical_spine]
  category: spine
  asserts: {pain.neck: true}
  guidelines: [evicore-spine-2023]
"""


def read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "indications.yaml"
    path.write_text(text)
    load_indications(path)


def test_the_shipped_catalogue_reads_and_each_entry_has_a_guideline() -> None:
    known = load_indications()
    assert len(known) > 150
    assert all(i.guidelines and i.name for i in known.values())


def test_low_back_pain_asserts_the_pain_in_its_region() -> None:
    pain = load_indications()["low_back_pain"]
    assert pain.asserts == {"pain.low_back": True} and pain.regions == ("lumbar_spine",)


def test_lumbar_radiculopathy_asserts_root_and_leg() -> None:
    asserts = set(load_indications()["lumbar_radiculopathy"].asserts)
    assert {"condition.lumbar_radiculopathy", "pain.radicular", "pain.lower_extremity"} <= asserts


def test_chiari_is_the_cervical_guidelines_business_alone() -> None:
    assert load_indications()["chiari_malformation"].guidelines == ("healthhelp-cspine-mri-2025",)


def test_injuries_name_what_remains_afterwards() -> None:
    known = load_indications()
    assert known["cervical_spine_trauma"].afterwards == "neck_pain"


def test_myelopathy_lies_where_the_cord_is() -> None:
    assert load_indications()["myelopathy"].regions == ("cervical_spine", "thoracic_spine")


def test_no_guideline_is_named_that_has_no_row_for_the_indication() -> None:
    known = load_indications()
    assert known["brachial_plexopathy"].guidelines == ("healthhelp-cspine-mri-2025",)
    assert "liver_lesion" not in known


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("regions: [cervical_spine]", "regions: [cervical_spin]", 3, "cervical_spine"),
        ("category: spine", "category: spinal", 4, "spine"),
        ("pain.neck: true", "pain.nek: true", 5, "pain.neck"),
        ("pain.neck: true", "pain.neck: maybe", 5, "boolean"),
        ("guidelines: [evicore-spine-2023]", "guidelines: [evicore-spine-2032]", 6, "evicore-spine-2023"),
        ("guidelines: [evicore-spine-2023]", "guidelines: []", 6, "guideline"),
        ("  name: neck pain\n", "", 1, "name"),
        ("name: neck pain", "nam: neck pain", 2, "nam"),
    ],
)
def test_a_slip_names_line_and_mend(tmp_path: Path, old: str, new: str, line: int, word: str) -> None:
    with pytest.raises(DataError, match=re.escape(word)) as raised:
        read(tmp_path, GOOD.replace(old, new))
    assert raised.value.line == line


def test_an_afterwards_that_does_not_exist_is_a_slip(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no indication"):
        read(tmp_path, GOOD + "  afterwards: neck_pane\n")


@pytest.mark.parametrize("fact", ["condition.syrinx_suspected", "order.purpose"])
def test_a_suspicion_is_a_yes_or_no_fact_of_the_vocabulary(tmp_path: Path, fact: str) -> None:
    with pytest.raises(DataError):
        read(tmp_path, GOOD + f"  suspected_as: [{fact}]\n")
