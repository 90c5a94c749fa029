"""The study catalogue: every study that a guideline names, each code naming one study by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from criteria.catalogue import CODES, STUDIES, load_studies, variants
from criteria.errors import DataError

CATALOGUE = load_studies()
INDEXED = """
0609T 0610T 0611T 0612T 0648T 0649T 0697T 0698T 19085 19086 62284 70486 70496 70551 70552 70553 72125 72126
72127 72128 72129 72130 72131 72132 72133 72141 72142 72146 72147 72148 72149 72156 72157 72158 72159 72191
72192 72193 72194 72195 72196 72197 72198 72265 74175 74185 75989 76140 76376 76377 76380 76390 76497 76498
76800 76942 76998 77002 77003 77011 77012 77013 77021 77022 77046 77047 77048 77049 77084 78072 78306 78803
78811 78812 78813 78814 78815 78816 78830 78831 78832 78608 78999 20982
"""


@pytest.mark.parametrize(
    ("code", "study"),
    [
        ("72148", "mri_lumbar_spine.without"),
        ("72158", "mri_lumbar_spine.without_and_with"),
        ("72126", "ct_cervical_spine.with"),
        ("72195", "mri_pelvis.without"),
        ("72159", "mra_spinal_canal"),
        ("76390", "mr_spectroscopy"),
        ("76498", "mri_unlisted"),
        ("76800", "us_spinal_canal"),
        ("77012", "ct_guidance_needle"),
        ("78815", "pet_ct_skull_base_to_thigh"),
        ("78830", "spect_ct"),
        ("0649T", "mr_quantitative_one_organ_with_mri"),
        ("70544", "mra_head.without"),
        ("73721", "mri_lower_extremity_joint.without"),
        ("62284", "myelography_injection"),
        ("72265", "myelography_lumbar"),
        ("72082", "xray_spine"),
    ],
)
def test_a_cpt_code_names_its_study(code: str, study: str) -> None:
    found = CATALOGUE.of_code("cpt", code)
    assert found is not None and found.id == study


def test_the_code_of_ct_with_contrast_also_serves_ct_myelography_but_does_not_mean_it() -> None:
    assert CATALOGUE.by_code["cpt", "72132"] == ("ct_lumbar_spine.with", "ct_myelography_lumbar_spine")
    assert CATALOGUE["ct_myelography_lumbar_spine"].cpt == "72132"


def test_loinc_and_snomed_codes_name_the_same_studies() -> None:
    for system, code in (("loinc", "30679-5"), ("snomed", "394451000119106")):
        found = CATALOGUE.of_code(system, code)
        assert found is not None and found.id == "mri_lumbar_spine.without"


def test_a_base_with_several_contrasts_also_has_a_study_that_leaves_contrast_open() -> None:
    study = CATALOGUE["mri_thoracic_spine"]
    assert study.contrast == "not_stated" and study.cpt is None
    assert {v.contrast for v in variants(CATALOGUE, study)} == {
        "without",
        "with",
        "without_and_with",
        "not_stated",
    }


def test_every_code_that_the_index_tests_is_in_the_catalogue() -> None:
    assert [code for code in INDEXED.split() if ("cpt", code) not in CATALOGUE.by_code] == []
    assert ("hcpcs", "S8042") in CATALOGUE.by_code


def test_session_classes_of_the_index_are_served() -> None:
    served = {name for s in CATALOGUE.studies.values() for name in (s.base, *s.classes)}
    wanted = {
        "cardiac_ct", "cardiac_mri", "cerebral_angiography", "computer_aided_detection", "coronary_cta",
        "ct_cervical_spine", "ct_colonography", "ct_urogram", "cta", "diagnostic_ct", "diagnostic_imaging",
        "diagnostic_mri", "guidance", "mammogram", "mra", "mrcp", "mri_breast", "mri_cervical_spine", "pet", "pet_ct",
        "rendering_3d", "spect", "us_breast", "us_pelvis",
    }  # fmt: skip
    assert wanted <= served


def test_guidance_rendering_limited_and_unlisted_codes_are_not_diagnostic() -> None:
    for code in ("77012", "76376", "76380", "76497", "76498"):
        study = CATALOGUE.of_code("cpt", code)
        assert study is not None and not {c for c in study.classes if c.startswith("diagnostic")}


def test_radiation_and_cost_order_mri_and_ct() -> None:
    ct, mri = CATALOGUE["ct_lumbar_spine.without"], CATALOGUE["mri_lumbar_spine.without"]
    assert ct.radiation and not mri.radiation and ct.cost < mri.cost


def test_check_digits_of_loinc_and_snomed_codes_hold() -> None:
    for study in CATALOGUE.studies.values():
        assert all(_mod10(code) for code in study.codes.get("loinc", ()))
        assert all(_verhoeff(code) for code in study.codes.get("snomed", ()))
    for system, code in (*CATALOGUE.panels, *CATALOGUE.undecided):
        assert (_mod10 if system == "loinc" else _verhoeff)(code)


def test_a_code_of_several_studies_names_none_of_them_by_itself() -> None:
    assert CATALOGUE.panels["loinc", "83304-6"] == ("ct_cervical_spine.without", "ct_thoracic_spine.without")
    assert "mri_lumbar_spine" in CATALOGUE.undecided["loinc", "36067-7"]
    for code in (*CATALOGUE.panels, *CATALOGUE.undecided):
        assert code not in CATALOGUE.by_code


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("loinc,83304-6,ct_cervical_spine.without +", "loinc,83304-6,ct_cervical_spin.without +", "is no study"),
        ("loinc,83304-6,", "loinc,30592-0,", "stands twice"),
        ("loinc,83304-6,", "loink,83304-6,", "is no code system"),
        ("system,code,studies,source", "system,code,study,source", "the first line must be"),
        (",ct_cervical_spine.without + ct_thoracic_spine.without,ecqm", ",,ecqm", "filled cells"),
        (" | mri_thoracic_spine |", " + mri_thoracic_spine |", "not both"),
    ],
)
def test_a_slip_in_the_further_codes_names_line_and_mend(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = CODES.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "study_codes.csv"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        load_studies(STUDIES, broken)
    assert caught.value.line


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "modality: mri\n    region: cervical_spine",
            "modality: mrr\n    region: cervical_spine",
            "`mrr` is no modality",
        ),
        ("region: lumbar_spine", "region: lumber_spine", "Did you mean `lumbar_spine`"),
        ("cpt: 72146, loinc", "cpt: 72141, loinc", "already names"),
        ("without:          {cpt: 72141", "wihtout:          {cpt: 72141", "Did you mean `without`"),
        ("{cpt: 72142", "{cptt: 72142", "Did you mean `cpt`"),
    ],
)
def test_a_slip_in_the_catalogue_names_line_and_mend(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = STUDIES.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "studies.yaml"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        load_studies(broken)
    assert caught.value.line


def _mod10(code: str) -> bool:
    digits, check = code.split("-")
    doubled = [int(d) * (2 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits))]
    return -sum(d // 10 + d % 10 for d in doubled) % 10 == int(check)


_D = [[(a + b) % 5 if b < 5 else (a + b) % 5 + 5 for b in range(10)] for a in range(5)] + [
    [(a - b) % 5 + 5 if b < 5 else (a - b) % 5 for b in range(10)] for a in range(5, 10)
]
_P = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
while len(_P) < 8:
    _P.append([_P[1][n] for n in _P[-1]])


def _verhoeff(code: str) -> bool:
    check = 0
    for n, digit in enumerate(reversed(code)):
        check = _D[check][_P[n % 8][int(digit)]]
    return check == 0
