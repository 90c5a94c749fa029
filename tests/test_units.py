"""Units of measurement, numbers in text and limits of detection: converted or read exactly, or not at all."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.amounts import amount
from mappings.tables import CODES
from mappings.units import convert, molar_masses, unit_of, units
from tests.chart_examples import chart, facts, observation
from tests.test_laboratory import CREATININE, CRP, UP_TO_FIVE, said

# --- units


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "substance", "converted"),
    [
        (88.4, "umol/L", "mg/dL", "creatinine", 1.0),
        (2.5, "mmol/L", "mg/dL", "calcium", 10.02),
        (100.4, "[degF]", "Cel", None, 38.0),
        (5, "ng/mL", "ug/L", None, 5),
        (0.3, "mg/dL", "mg/L", None, 3),
        (11, "K/uL", "10*9/L", None, 11),
    ],
)
def test_units_of_laboratories_are_converted(
    value: float, unit: str, wanted: str, substance: str | None, converted: float
) -> None:
    assert convert(value, unit, wanted, substance) == pytest.approx(converted, rel=1e-3)


@pytest.mark.parametrize(
    ("unit", "wanted", "substance"),
    [
        ("umol/L", "mg/dL", None),
        ("pmol/L", "pg/mL", "calcitonin"),
        ("mmol/L", "mg/dL", "urea_nitrogen"),
        ("furlong", "mg/dL", None),
        ("mg/dL", "Cel", None),
        ("Mg/dL", "mg/L", None),
    ],
)
def test_what_no_table_relates_is_not_converted(unit: str, wanted: str, substance: str | None) -> None:
    assert convert(1, unit, wanted, substance) is None


@given(
    value=st.floats(-1e6, 1e6),
    pair=st.sampled_from([(a, b) for a in units() for b in units() if units()[a][0] == units()[b][0]])
    | st.sampled_from([("[degF]", "Cel"), ("Cel", "[degF]"), ("umol/L", "mg/dL"), ("mg/dL", "mmol/L")]),
    substance=st.sampled_from(sorted(molar_masses())),
)
def test_a_conversion_there_and_back_is_the_same_number(value: float, pair: tuple[str, str], substance: str) -> None:
    there = convert(value, *pair, substance)
    assert there is not None
    assert convert(there, pair[1], pair[0], substance) == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_the_micro_sign_is_ucums_u_and_a_code_of_another_system_is_no_unit() -> None:
    assert unit_of({"unit": "\u00b5mol/L"}) == unit_of({"unit": "\u03bcmol/L"}) == "umol/L"
    assert unit_of({"system": "http://snomed.info/sct", "code": "258797006", "unit": "mg/dL"}) == "mg/dL"
    assert unit_of({"system": "https://lab.example/units", "code": "g"}) is None
    assert unit_of({"system": "urn:oid:2.16.840.1.113883.6.8", "code": "g"}) == "g"


UNREADABLE = [{"code": 7}, {"unit": ["mg"]}, {"code": {"x": 1}, "unit": "mL/min/{1.73_m2}"}, {"code": [], "unit": 7}]


@pytest.mark.parametrize("unit", UNREADABLE)
def test_a_result_whose_unit_cannot_be_read_is_set_aside(unit: dict[str, Any]) -> None:
    held = [
        observation(loinc, 5, None, valueQuantity={"value": 5, **unit}, referenceRange=[{"high": {"value": 3, **unit}}])
        for loinc in ("33914-3", CRP, CREATININE)
    ]
    found = facts(*held)
    assert not {"renal.egfr_ml_min", "renal.creatinine_elevated", "lab.crp_abnormal"} & set(found)
    assert len(chart(*held).set_aside) == 3


def test_an_empty_unit_is_no_unit() -> None:
    empty = observation("33914-3", 22, None, valueQuantity={"value": 22, "code": None, "unit": ""})
    assert facts(empty)["renal.egfr_ml_min"] == 22


# --- numbers in text, and limits of detection


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("7.2 mg/L", 7.2, 7.2, "mg/L"),
        ("<5", float("-inf"), 5, ""),
        (">= 60 mL/min/1.73m2", 60, float("inf"), "mL/min/1.73m2"),
        ("\u22640.3 mg/dL", float("-inf"), 0.3, "mg/dL"),
    ],
)
def test_a_number_with_comparator_and_unit_is_read_from_text(text: str, low: float, high: float, unit: str) -> None:
    held = amount({"valueString": text})
    assert held is not None and (held.low, held.high, held.unit) == (low, high, unit)


@pytest.mark.parametrize("text", ["negative", "5-7", "1,200", "about 5", "5 / 7", "", "see note", "-3", "5e3"])
def test_text_that_needs_understanding_is_no_number(text: str) -> None:
    assert amount({"valueString": text}) is None


@pytest.mark.parametrize(("low", "above"), [("<5", False), ("<6", None), (">5", True), (">=5", None), (">4", None)])
def test_a_limit_of_detection_counts_only_as_far_as_it_goes(low: str, above: bool | None) -> None:
    found = facts(said(CREATININE, valueString=low, referenceRange=UP_TO_FIVE))
    assert found.get("renal.creatinine_elevated") is above


# --- the tables of codes


def rows(table: str) -> list[dict[str, str]]:
    lines = (CODES / f"{table}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_every_kind_of_result_is_read_by_a_reader() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CODES.parent.glob("*.py"))
    unread = {row["means"] for row in rows("findings") if f'"{row["means"]}"' not in text}
    assert not unread


def loinc_digit(code: str) -> bool:
    """The last digit of a LOINC code follows from the others (Luhn); answers (LA) have another rule."""
    digits = [int(d) for d in code.replace("-", "")] if code[0] != "L" else [0]
    doubled = [d * 2 - 9 * (d > 4) if n % 2 else d for n, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def snomed_digit(code: str) -> bool:
    """The last digit of a SNOMED CT identifier follows from the others (Verhoeff)."""
    turns = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(turns) < 8:
        turns.append([turns[-1][d] for d in turns[1]])
    checked = 0
    for n, digit in enumerate(reversed(code)):
        a, b = checked, turns[n % 8][int(digit)]
        checked = (a + b) % 5 + 5 * (b > 4) if a < 5 else (a - b) % 5 + 5 * (b < 5)
    return checked == 0


@pytest.mark.parametrize("table", ["findings", "answers", "examination", "muscles"])
def test_the_check_digit_of_every_code_is_right(table: str) -> None:
    wrong = [
        row["code"]
        for row in rows(table)
        if (row["system"] == "loinc" and not loinc_digit(row["code"]))
        or (row["system"] == "snomed" and not snomed_digit(row["code"]))
    ]
    assert not wrong
    assert not loinc_digit("2160-1") and not snomed_digit("366448009") and not snomed_digit("364648008")
