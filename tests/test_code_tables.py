"""The reviewed tables of diagnosis codes hold what they claim to hold."""

from __future__ import annotations

import functools
import re
import warnings
from pathlib import Path

import pytest

from criteria.errors import DataError
from mappings import diagnoses
from mappings.attested import vocabulary
from mappings.diagnoses import CODES, COLUMNS, indications, of_icd10cm, of_snomed, read_meanings, rows
from mappings.phrases import candidates

with warnings.catch_warnings():  # the library reads its data in a way that Python has since deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    import simple_icd_10_cm as icd


SPINE_RANGES = (
    *("M40", "M41", "M42", "M43", "M45", "M46", "M47", "M48", "M49", "M50", "M51", "M53", "M54", "M96"),
    *("S12", "S13", "S14", "S22.0", "S23", "S24", "S32", "S33", "S34", "G95", "G83.4"),
    *("Q05", "Q06", "Q67.5", "Q76", "C41.2", "C72.0", "C72.1", "C79.51", "T84"),
)
NAMES_THE_SPINE = (
    *(" spine", " spinal", "vertebra", "cauda equina", "sacral", "sacrum", "sacro", "coccy", "lumbar", "lumbo"),
    *(
        "spondyl",
        "scolio",
        "kypho",
        "lordo",
        "radicul",
        " myelitis",
        " myelopath",
        "torticollis",
        "sciatic",
        "nerve root",
    ),
    *(
        "lower back",
        "upper back",
        "of back",
        "atlant",
        "dorsopath",
        "cervicalgia",
        "paraple",
        "quadriple",
        "meningioma",
    ),
    *("cord syndrome", "cord compression"),
)
OUTSIDE = ("code", "reason")


def table(name: str, columns: tuple[str, ...] = COLUMNS) -> list[list[str]]:
    return [cells for _, cells in rows(CODES / name, columns)]


@functools.cache
def leaves() -> dict[str, str]:
    """Every code of ICD-10-CM with nothing below it, and its title."""
    codes = (c for c in icd.get_all_codes(True) if re.fullmatch(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?", c))
    return {c: icd.get_description(c) for c in codes if icd.is_leaf(c)}


def of_an_indication(code: str) -> bool:
    meaning = of_icd10cm(code)
    return meaning is not None and meaning.indications != ()


@functools.cache
def outside() -> tuple[str, ...]:
    return tuple(code for code, _ in table("icd10cm_out_of_scope.csv", OUTSIDE))


def test_every_icd_code_of_the_table_exists_in_icd_10_cm() -> None:
    assert [code for code, *_ in table("icd10cm.csv") if not icd.is_valid_item(code)] == []


def test_every_code_of_the_spine_ranges_has_an_indication_or_a_reason_why_not() -> None:
    ranges = [c for c in leaves() if c.startswith(SPINE_RANGES)]
    assert {r for r in SPINE_RANGES if not any(c.startswith(r) for c in ranges)} == set()
    assert [c for c in ranges if of_an_indication(c) is c.startswith(outside())] == []


def test_every_code_whose_title_names_the_spine_has_an_indication_or_a_reason_why_not() -> None:
    named = [c for c, title in leaves().items() if any(word in f" {title.lower()}" for word in NAMES_THE_SPINE)]
    assert len(named) > 2000
    assert [c for c in named if not of_an_indication(c) and not c.startswith(outside())] == []


def test_what_is_out_of_scope_exists_once_with_a_reason_and_is_no_indication() -> None:
    whole = table("icd10cm_out_of_scope.csv", OUTSIDE)
    assert [code for code, reason in whole if not icd.is_valid_item(code) or not reason] == []
    assert [code for code in outside() if code.startswith(tuple(o for o in outside() if o != code))] == []
    assert len(outside()) == len(set(outside()))
    assert [c for c in leaves() if c.startswith(outside()) and of_an_indication(c)] == []


@pytest.mark.parametrize(
    ("newer", "known_by"),
    [("M51.363", "M51.36"), ("S22.0A0A", "S22.0"), ("G95.3", "G95"), ("M41.A1", "M41"), ("C50.A12", "C50")],
)
def test_a_code_newer_than_the_table_means_what_the_longest_code_above_it_means(newer: str, known_by: str) -> None:
    meaning, above = of_icd10cm(newer), of_icd10cm(known_by)
    assert not icd.is_valid_item(newer)
    assert meaning and above and meaning.indications == above.indications and meaning.code == newer


def test_every_cancer_code_states_a_malignancy_and_every_unsettled_one_a_suspicion() -> None:
    def states(code: str, *facts: str) -> bool:
        meaning = of_icd10cm(code)
        return meaning is not None and set(facts) <= set(meaning.facts) and meaning.indications != ()

    cancers = [c for c in leaves() if c.startswith("C")]
    assert [c for c in cancers if not states(c, "malignancy.known", "malignancy.current_or_past")] == []
    spread = [c for c in cancers if c.startswith(("C77", "C78", "C79", "C7B", "C80.0"))]
    assert [c for c in spread if not states(c, "malignancy.metastatic")] == []
    assert [c for c in cancers if c not in spread and states(c, "malignancy.metastatic")] == []
    unsettled = [c for c in leaves() if "D37" <= c[:3] <= "D49" and not c.startswith("D3A")]
    assert [c for c in unsettled if not states(c, "malignancy.suspected")] == []
    assert [c for c in unsettled if states(c, "malignancy.known")] == []
    assert [c for c in leaves() if c.startswith("Z85") and not states(c, "malignancy.current_or_past")] == []


LEVELS = {  # a region, the facts of it, and how titles name it
    "cervical_spine": (
        ("pain.neck", "trauma.cervical_spine"),
        r"cervic|neck|occipito|atlant|dens\b|torticollis|brachial",
    ),
    "thoracic_spine": (("pain.mid_back", "trauma.thoracic_spine"), r"thora|\bT\d"),
    "lumbar_spine": (("pain.low_back", "trauma.lumbar_spine"), r"lumb|low(er)? back|sciatica|cauda|sacr"),
}


def test_a_level_of_the_spine_is_stated_only_where_the_title_names_it() -> None:
    wrong = []
    for code, title in leaves().items():
        meaning = of_icd10cm(code)
        if meaning is None or not code.startswith(("M4", "M5", "M99", "S1", "S2", "S3")):
            continue
        named = {r for r, (_, words) in LEVELS.items() if re.search(words, title, re.IGNORECASE)}
        stated = {r for r, (facts, _) in LEVELS.items() if not meaning.facts.keys().isdisjoint(facts)}
        levelled = [set(indications()[i].regions) & set(LEVELS) for i in meaning.indications if i != "myelopathy"]
        if not stated <= named or any(of and of.isdisjoint(named) for of in levelled):
            wrong.append(code)
    assert wrong == []


def test_a_fracture_is_displaced_compressed_or_open_as_the_title_says() -> None:
    def held(code: str, fact: str) -> bool:
        meaning = of_icd10cm(code)
        return meaning is not None and fact in meaning.facts

    fresh = [c for c in leaves() if c.startswith(("S12", "S22.0", "S32")) and not c.endswith("S")]
    titles = {c: leaves()[c].lower() for c in fresh}
    assert [c for c, t in titles.items() if held(c, "fracture.displaced") != bool(re.search(r"\bdisplaced", t))] == []
    assert [c for c, t in titles.items() if held(c, "fracture.spinal_compression") != ("wedge compression" in t)] == []
    injuries = [c for c in leaves() if c[0] == "S" and len(c) == 8 and held(c[:7] + "A", "trauma.present")]
    current = {c: "initial encounter" in leaves()[c] for c in injuries}
    assert [c for c, now in current.items() if held(c, "trauma.present") is not now] == []


def test_a_code_of_pregnancy_is_of_the_time_before_birth() -> None:
    stated = [c for c in leaves() if (m := of_icd10cm(c)) and "pregnancy.current" in m.facts]
    assert len(stated) > 1700
    after = re.compile(r"puerperium|childbirth|lactation|postpartum", re.IGNORECASE)
    assert [c for c in stated if after.search(leaves()[c])] == []


def test_a_row_says_something_that_the_row_above_it_does_not() -> None:
    exact, prefixes = read_meanings(CODES / "icd10cm.csv")
    again = []
    for code, row in {**exact, **prefixes}.items():
        above = next((prefixes[code[:n]] for n in range(len(code) - 1, 2, -1) if code[:n] in prefixes), None)
        if above and (above.says, above.indications, above.facts) == (row.says, row.indications, row.facts):
            again.append(code)
    assert again == []


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


def test_every_disease_process_that_bars_pet_ct_is_one_of_the_vocabulary_and_its_codes_exist() -> None:
    whole = rows(CODES / "primary_reasons.csv", ("system", "code", "means", "name", "source"))
    listed = [(cells[0], cells[1].rstrip("*"), cells[2]) for _, cells in whole]
    assert {means for *_, means in listed} <= set(vocabulary()["order.primary_reason"].values or ())
    codes = [code for system, code, _ in listed if system == "icd10cm"]
    assert [code for code in codes if not any(leaf.startswith(code) for leaf in leaves())] == []
    assert [code for system, code, _ in listed if system == "fact" and code not in vocabulary()] == []


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


def test_an_external_cause_of_a_later_visit_is_no_present_trauma() -> None:
    first, later, late_effect = of_icd10cm("V43.52XA"), of_icd10cm("V43.52XD"), of_icd10cm("Y01.XXXS")
    assert first and first.facts == {"trauma.present": True}
    assert later and later.facts == {} and late_effect and late_effect.facts == {}


@pytest.mark.parametrize("code", ["M48.46XS", "M48.57XS", "M84.58XS"])
def test_the_sequela_of_a_vertebral_fracture_is_a_spinal_disorder_and_no_fracture(code: str) -> None:
    meaning = of_icd10cm(code)
    assert meaning and meaning.indications == ("other_spinal_disorder",)
    assert meaning.facts == {"condition.other_spinal_disorder": True}


READINGS = [  # code, an indication or fact that it has, one that it has not
    ("M08.1", "ankylosing_spondylitis", "rheumatoid_cervical_disease"),
    ("M96.5", "scoliosis", "spinal_infection"),
    ("M47.28", "lumbar_radiculopathy", "neck_pain"),
    ("M51.369", "disc_disorder", "pain.low_back"),
    ("M51.361", "pain.lower_extremity", "pain.low_back"),
    ("M51.362", "pain.low_back", "pain.neck"),
    ("M99.26", None, "spinal_stenosis"),
    ("M00.08", "spinal_infection", "condition.inflammatory_arthritis"),
    ("M02.38", "inflammatory_spondylitis", "spinal_infection"),
    ("M02.361", "condition.inflammatory_arthritis", "inflammatory_spondylitis"),
    ("G95.11", "condition.myelopathy", "condition.myelitis"),
    ("G95.81", "spinal_cord_disorder", "condition.myelopathy"),
    ("G83.81", "spinal_cord_disorder", "limb_weakness"),
    ("G36.0", "condition.neuroinflammatory_disease", "condition.multiple_sclerosis"),
    ("G37.81", "neuroinflammatory_disease", "condition.multiple_sclerosis_suspected"),
    ("R40.241", None, "exam.consciousness"),
    ("R40.236", None, "exam.consciousness"),
    ("R40.243", "exam.consciousness", "trauma.head"),
    ("R53.2", None, "quadriparesis"),
    ("Q76.411", "kyphosis", "scoliosis"),
    ("P11.5", "trauma.birth_spinal", "trauma.lumbar_spine"),
    ("C78.6", "malignancy.metastatic", "tumor.hematogenous_spread"),
    ("C78.01", "tumor.hematogenous_spread", "tumor.lymphatic_spread"),
    ("C7B.01", "tumor.lymphatic_spread", "tumor.hematogenous_spread"),
    ("C7B.1", "metastatic_cancer", "neuroendocrine_tumor"),
    ("C75.1", "pituitary_tumor", "brain_tumor_malignant"),
    ("S02.5XXA", "fracture.present", "trauma.maxillofacial"),
    ("S19.81XA", "trauma.present", "trauma.cervical_spine"),
    ("S30.0XXA", "lumbar_spine_trauma", "fracture.present"),
    ("S32.412A", "fracture.displaced", "lumbar_spine_trauma"),
    ("S32.414A", "fracture.present", "fracture.displaced"),
    ("S12.130A", "fracture.displaced", "fracture.spinal_compression"),
    ("T84.63XA", "infection.spinal_suspected", "implant.spinal_hardware_loosening_suspected"),
    ("T84.610A", "surgery.complication_suspected", "surgery.infection_suspected"),
    ("T84.84XA", "postoperative_complication", "implant.spinal_hardware_loosening_suspected"),
    ("T85.112A", "implant.spinal_cord_stimulator", "implant.spinal_hardware_loosening_suspected"),
    ("Z87.828", None, "trauma.prior"),
    ("Z94.7", None, "history.organ_transplant"),
    ("Z94.0", "history.organ_transplant", "renal.dialysis"),
    ("I12.0", "renal.failure_diagnosed", "renal.dialysis"),
    ("I12.9", "renal.insufficiency", "renal.failure_diagnosed"),
    ("O24.011", "pregnancy.current", "pregnancy.breastfeeding"),
    ("O24.03", "condition.diabetes_mellitus", "pregnancy.current"),
    ("O10.03", None, "pregnancy.current"),
    ("O80", None, "pregnancy.current"),
    ("Z3A.20", "pregnancy.current", "pregnancy.breastfeeding"),
]


@pytest.mark.parametrize(("code", "has", "has_not"), READINGS)
def test_a_code_says_what_its_title_says_and_no_more(code: str, has: str | None, has_not: str) -> None:
    meaning = of_icd10cm(code)
    said = {*meaning.indications, *meaning.facts} if meaning else set()
    assert has is None or has in said
    assert has_not not in said


def test_a_snomed_concept_states_what_its_indication_asserts() -> None:
    meaning = of_snomed("128196005")
    assert meaning and meaning.facts["condition.lumbar_radiculopathy"] is True


def test_a_fact_channel_without_a_suspected_reading_is_a_slip(tmp_path: Path) -> None:
    path = tmp_path / "fact_channels.csv"
    path.write_text(",".join(diagnoses.CHANNEL_COLUMNS) + "\nfracture.spinal_known,,suspected,,,,,,\n")
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
