"""A record that cannot be used is never taken for one that is not there, where safety rests on there being none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from criteria.errors import DataError
from mappings.records import Records, read_records, shapes
from mappings.searched import unreadable, unusable
from tests.chart_examples import PATIENT, chart, code, resource

PACEMAKER = "implant.pacemaker"


def read(*held: dict[str, Any]) -> Records:
    return read_records([PATIENT, *held], PATIENT["id"])


def unknown(*held: dict[str, Any]) -> frozenset[str]:
    """The facts whose silence means nothing."""
    found = chart(*held)
    order = found.orders[0]
    assert order.study is not None
    return found.facts(order, order.study).unsearched


def device(**changed: Any) -> dict[str, Any]:
    return {**resource("Device", "d1", status="active", type=code(snomed="14106009")), **changed}


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "pacemaker"},
        {"patient": {"display": "a name"}},
        {"patient": {"reference": "urn:uuid:1"}},
        {"patient": {}},
        {"patient": None},
        {"safety": {}},
    ],
)
def test_a_device_that_cannot_be_used_leaves_implants_unknown(changed: dict[str, Any]) -> None:
    records = read(device(**changed))
    assert records.missing == {"Device"}
    assert [a.reference for a in records.set_aside] == ["Device/d1"]
    assert PACEMAKER in unknown(device(**changed))


@pytest.mark.parametrize(
    "changed",
    [{"patient": {"reference": "Patient/other"}}, {"type": "pacemaker", "status": "entered-in-error"}, {}],
)
def test_one_of_another_patient_or_entered_by_mistake_says_nothing(changed: dict[str, Any]) -> None:
    assert read(device(**changed)).missing == frozenset()
    assert PACEMAKER not in unknown(device(**changed))


def test_an_allergy_that_cannot_be_used_leaves_allergies_unknown() -> None:
    broken = resource("AllergyIntolerance", "a1", code="contrast")
    assert any(name.startswith("allergy.") for name in unknown(broken))


def test_a_diagnosis_that_cannot_be_used_is_named_and_leaves_the_rest_of_the_list_searched() -> None:
    records = read({**resource("Condition", "c1", code=code(icd10="Z95.0")), "subject": {}})
    assert records.missing == frozenset()
    assert [a.reference for a in records.set_aside] == ["Condition/c1"]


NOBODYS: dict[str, Any] = {"subject": {"display": "a name"}}


@pytest.mark.parametrize(
    "changed",
    [
        NOBODYS,
        {"subject": {}},
        {"subject": {"reference": "urn:uuid:1"}},
        {"onsetDateTime": 5},
        {"severity": "severe"},
    ],
)
@pytest.mark.parametrize(
    ("icd10", "fact"),
    [
        ("Z95.0", PACEMAKER),
        ("Z95.810", "implant.icd"),
        ("O09.91", "pregnancy.current"),
        ("N18.5", "renal.insufficiency"),
    ],
)
def test_a_diagnosis_that_cannot_be_used_leaves_unknown_what_it_names(
    changed: dict[str, Any], icd10: str, fact: str
) -> None:
    held = {**resource("Condition", "c1", code=code(icd10=icd10)), **changed}
    assert fact in unknown(held)
    assert not {PACEMAKER, "pregnancy.current"} - {fact} & unknown(held)


def test_where_its_code_cannot_be_read_either_all_that_safety_rests_on_is_unknown() -> None:
    for broken in ({"code": "pacemaker"}, {"code": None, **NOBODYS}, {"code": {"coding": 5}, **NOBODYS}):
        found = unknown({**resource("Condition", "c1"), **broken})
        assert {PACEMAKER, "pregnancy.current", "renal.insufficiency"} <= found
        assert not any(name.startswith(("symptom.", "red_flag.", "surgery.")) for name in found)


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": {"reference": "Patient/other"}},
        {**NOBODYS, "verificationStatus": {"coding": [{"code": "refuted"}]}},
        {**NOBODYS, "clinicalStatus": {"coding": [{"code": "resolved"}]}},
        {**NOBODYS, "code": code(icd10="M54.50")},
        {**NOBODYS, "code": {"text": "backache"}},
    ],
)
def test_a_diagnosis_that_says_nothing_of_them_leaves_nothing_unknown(changed: dict[str, Any]) -> None:
    assert unknown({**resource("Condition", "c1", code=code(icd10="Z95.0")), **changed}) == frozenset()


def test_an_implant_operation_that_cannot_be_used_leaves_the_implant_unknown() -> None:
    held = resource("Procedure", "p1", status="completed", code=code(cpt="33208"), performedDateTime="2020-01-01")
    assert PACEMAKER not in unknown(held)
    assert PACEMAKER in unknown({**held, **NOBODYS})
    assert PACEMAKER in unknown({**held, "bodySite": "chest"})
    assert unknown({**held, **NOBODYS, "code": code(cpt="97110")}) == frozenset()
    assert PACEMAKER not in unknown({**held, "subject": {"reference": "Patient/other"}})


@pytest.mark.parametrize(
    ("loinc", "fact"),
    [("82810-3", "pregnancy.current"), ("2106-3", "pregnancy.current"), ("33914-3", "renal.insufficiency")],
)
def test_a_result_that_cannot_be_used_leaves_unknown_what_it_measures(loinc: str, fact: str) -> None:
    held = resource("Observation", "o1", status="final", code=code(loinc=loinc), effectiveDateTime="2026-11-01")
    assert fact in unknown({**held, **NOBODYS})
    assert fact in unknown({**held, "valueCodeableConcept": "yes"})
    assert fact not in unknown({**held, "subject": {"reference": "Patient/other"}})


def test_a_pregnancy_test_of_long_ago_is_nobodys_loss() -> None:
    held = resource("Observation", "o1", status="final", code=code(loinc="2106-3"), effectiveDateTime="2020-11-01")
    assert unknown({**held, **NOBODYS}) == frozenset()


EGFR = "33914-3"


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": {"value": 20, "unit": "furlong"}},
        {"valueQuantity": {"value": 20, "unit": "mmol/L", "code": "mmol/L", "system": "http://unitsofmeasure.org"}},
        {"valueQuantity": "20"},
        {"valueString": "low"},
    ],
)
def test_a_filtration_rate_that_cannot_be_read_is_not_taken_for_a_good_one(value: dict[str, Any]) -> None:
    rate = resource("Observation", "o1", status="final", code=code(loinc=EGFR), effectiveDateTime="2026-11-01", **value)
    assert {"renal.egfr_ml_min", "renal.insufficiency"} <= unknown(rate)


def test_one_that_can_be_read_stands() -> None:
    rate = resource(
        "Observation", "o1", status="final", code=code(loinc=EGFR), effectiveDateTime="2026-11-01",
        valueQuantity={"value": 80, "unit": "mL/min/1.73m2"},
    )  # fmt: skip
    assert unknown(rate) == frozenset()


@pytest.mark.parametrize("flag", ["rests: maybe", "late: 1"])
def test_a_flag_is_true_or_left_out(tmp_path: Path, flag: str) -> None:
    table = tmp_path / "resources.yaml"
    table.write_text(f"Device:\n  patient: patient\n  lost: []\n  {flag}\n  fields: {{status: text}}\n")
    with pytest.raises(DataError, match="line 4"):
        shapes(table)


@pytest.mark.parametrize("line", ["egfrs: [renal.egfr_ml_min]", "egfr: [renal.egfr]"])
def test_what_an_unreadable_result_leaves_open_is_named_in_the_vocabulary(tmp_path: Path, line: str) -> None:
    table = tmp_path / "searched.yaml"
    table.write_text(f"unreadable:\n  {line}\n")
    with pytest.raises(DataError, match="line 2"):
        unreadable(table)


@pytest.mark.parametrize("line", ["Diagnosis: [implant.*]", "Condition: [implants.*]"])
def test_what_a_record_that_cannot_be_used_leaves_open_is_named_in_the_vocabulary(tmp_path: Path, line: str) -> None:
    table = tmp_path / "searched.yaml"
    table.write_text(f"set_aside:\n  {line}\n")
    with pytest.raises(DataError, match="line 2"):
        unusable(table)
