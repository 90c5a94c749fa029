"""The reviewed tables of diagnosis codes hold what they claim to hold."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from criteria.errors import DataError
from mappings import diagnoses
from mappings.diagnoses import CODES, COLUMNS, of_icd10cm, of_snomed, read_meanings, rows
from mappings.phrases import candidates

with warnings.catch_warnings():  # the library reads its data in a way that Python has since deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    import simple_icd_10_cm as icd


def table(name: str, columns: tuple[str, ...] = COLUMNS) -> list[list[str]]:
    return [cells for _, cells in rows(CODES / name, columns)]


def test_every_icd_code_of_the_table_exists_in_icd_10_cm() -> None:
    assert [code for code, *_ in table("icd10cm.csv") if not icd.is_valid_item(code)] == []


def test_an_exact_row_has_nothing_below_it_but_7th_characters() -> None:
    exact = [code for code, match, *_ in table("icd10cm.csv") if match == "exact"]
    assert [code for code in exact if icd.get_children(code)] == []


def test_the_categories_are_those_of_the_code_set() -> None:
    shipped = {cells[0] for cells in table("icd10cm_categories.csv", ("category",))}
    whole = {c for c in icd.get_all_codes(True) if re.fullmatch(r"[A-Z]\d[0-9A-Z]", c)}
    assert shipped == whole


def test_no_snomed_concept_is_both_an_indication_and_judged_other() -> None:
    covered = {cells[0] for cells in table("snomed.csv") if cells[3]}
    other = [cells[0] for cells in table("snomed_other.csv", ("code",))]
    assert covered.isdisjoint(other)
    assert len(other) == len(set(other))


def test_every_snomed_code_has_a_valid_check_digit() -> None:
    codes = [c[0] for c in table("snomed.csv")] + [c[0] for c in table("snomed_other.csv", ("code",))]
    assert [code for code in codes if not verhoeff(code)] == []


@pytest.mark.parametrize("name", ["icd10cm.csv", "snomed.csv"])
def test_tables_read_without_a_slip(name: str) -> None:
    exact, prefixes = read_meanings(CODES / name)
    assert len(exact) + len(prefixes) > 600


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("M54.2,exact,symptom,neck_pain,pain.nek=true,,x", "pain.neck"),
        ("M54.2,exact,symptom,neck_pane,,,x", "neck_pain"),
        ("M54.2,exact,symptom,neck_pain,order.purpose=curiosity,,x", "order.purpose"),
        ("M54.2,exact,guess,neck_pain,,,x", "says (one of"),
        ("M54.2,exact,symptom,neck_pain,,x", "7 cells"),
        ("M54.2,exact,symptom,neck_pain,,,x\nM54.2,prefix,symptom,neck_pain,,,x", "twice"),
    ],
)
def test_a_slip_names_file_line_and_mend(tmp_path: Path, line: str, word: str) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(f"# legend\n{','.join(COLUMNS)}\n{line}\n")
    with pytest.raises(DataError, match=re.escape(word)) as raised:
        read_meanings(path)
    assert raised.value.line == 2 + line.count("\n") + 1


def test_the_longest_row_wins() -> None:
    lumbar, any_level = of_icd10cm("M48.062"), of_icd10cm("M48.00")
    assert lumbar and "symptom.neurogenic_claudication" in lumbar.facts
    assert any_level and any_level.indications == ("spinal_stenosis",)


@pytest.mark.parametrize("code", ["m54.16", "M5416", " M54.16 "])
def test_codes_are_read_with_or_without_dot_and_case(code: str) -> None:
    meaning = of_icd10cm(code)
    assert meaning and meaning.indications == ("lumbar_radiculopathy",)


def test_a_disc_disorder_with_radiculopathy_states_all_of_it() -> None:
    meaning = of_icd10cm("M51.16")
    assert meaning and {
        "condition.disc_disorder",
        "condition.disc_herniation",
        "condition.lumbar_radiculopathy",
        "condition.radiculopathy",
        "pain.low_back",
        "pain.lower_extremity",
        "pain.radicular",
    } <= set(meaning.facts)


def test_current_trauma_is_trauma_and_its_sequela_is_not() -> None:
    now, later = of_icd10cm("S33.5XXA"), of_icd10cm("S33.5XXS")
    assert now and now.facts["trauma.lumbar_spine"] is True and now.indications == ("lumbar_spine_trauma",)
    assert later and "trauma.lumbar_spine" not in later.facts and later.facts["trauma.prior"] is True
    assert later.indications == ("low_back_pain",)


def test_a_fracture_that_has_not_healed_says_so_and_is_no_current_trauma() -> None:
    delayed, nonunion = of_icd10cm("S32.010G"), of_icd10cm("S32.010K")
    assert delayed and delayed.facts["fracture.delayed_union_suspected"] is True
    assert nonunion and nonunion.facts["fracture.nonunion_suspected"] is True
    assert "trauma.lumbar_spine" not in nonunion.facts


def test_an_open_fracture_is_current_trauma_too() -> None:
    meaning = of_icd10cm("S12.100B")
    assert meaning and meaning.facts["trauma.cervical_spine"] is True


def test_a_snomed_concept_states_what_its_indication_asserts() -> None:
    meaning = of_snomed("128196005")
    assert meaning and meaning.facts["condition.lumbar_radiculopathy"] is True


def test_a_fact_channel_without_a_suspected_reading_is_a_slip(tmp_path: Path) -> None:
    path = tmp_path / "fact_channels.csv"
    path.write_text(",".join(diagnoses.CHANNEL_COLUMNS) + "\nfracture.spinal_known,,suspected,,,,,\n")
    with pytest.raises(DataError, match="suspected reading") as raised:
        diagnoses._channels.__wrapped__(path)
    assert raised.value.line == 2


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("Low back pain for 3 weeks", ("low_back_pain",)),
        ("neck pain, no radiculopathy", ("neck_pain",)),
        ("denies sciatica; r/o discitis", ("spinal_infection",)),
        ("cauda equina syndrome ruled out", ()),
        ("back pain without myelopathy", ("back_pain",)),
        ("esophageal adenocarcinoma, staging before surgery", ("esophageal_cancer",)),
        ("knee pain", ()),
        ("", ()),
    ],
)
def test_words_propose_and_negation_is_respected(text: str, proposed: tuple[str, ...]) -> None:
    assert candidates(text) == proposed


def verhoeff(code: str) -> bool:
    """The check digit of SNOMED CT identifiers."""
    d = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6]]
    d += [[3, 4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1]]
    d += [[6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8, 7, 6, 5, 9, 3, 2, 1, 0, 4]]
    d += [[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]
    p = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for i in range(2, 8):
        p.append([p[i - 1][p[1][j]] for j in range(10)])
    check = 0
    for i, digit in enumerate(reversed(code)):
        check = d[check][p[i % 8][int(digit)]]
    return check == 0
