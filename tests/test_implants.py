"""Implants known from operations and the problem list, and what is known of them and MR."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart_examples import code, condition, facts, procedure, resource

SAFE = "implant.mr_conditional_or_safe"


def device(snomed: str, label: str = "") -> dict[str, Any]:
    safety = {"safety": [{"coding": [{"code": label}]}]} if label else {}
    return resource("Device", f"d{snomed}", status="active", type=code(snomed=snomed), **safety)


def inpatient(pcs: str, ago: int = 300) -> dict[str, Any]:
    held = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/ICD10", "code": pcs}]}
    return {**procedure(ago, ago, cpt="1"), "code": held}


@pytest.mark.parametrize(
    ("operation", "implant"),
    [
        (procedure(900, 900, cpt="33208"), "pacemaker"),
        (procedure(900, 900, cpt="33274"), "pacemaker"),
        (procedure(900, 900, cpt="33249"), "icd"),
        (procedure(900, 900, cpt="64568"), "neurostimulator"),
        (procedure(900, 900, cpt="27130"), "hip_replacement"),
        (procedure(900, 900, cpt="33270"), "icd"),
        (procedure(900, 900, cpt="33264"), "icd"),
        (procedure(900, 900, cpt="61700"), "aneurysm_clip"),
        (procedure(900, 900, cpt="62360"), "infusion_catheter"),
        (procedure(900, 900, cpt="62362"), "other_active_device"),
        (procedure(900, 900, cpt="64590"), "neurostimulator"),
        (procedure(900, 900, cpt="61863"), "neurostimulator"),
        (procedure(900, 900, cpt="33361"), "heart_valve"),
        (procedure(900, 900, cpt="33405"), "heart_valve"),
        (procedure(900, 900, cpt="33430"), "heart_valve"),
        (procedure(900, 900, cpt="33285"), "other_active_device"),
        (inpatient("0JH606Z"), "pacemaker"),
        (inpatient("0JH608Z"), "icd"),
        (inpatient("09HD06Z"), "cochlear"),
        (inpatient("02RF0JZ"), "heart_valve"),
        (inpatient("03VG0CZ"), "aneurysm_clip"),
        (inpatient("00HU0MZ"), "spinal_cord_stimulator"),
    ],
)
def test_an_implant_is_known_by_the_operation_that_placed_it(operation: dict[str, Any], implant: str) -> None:
    assert facts(operation)[f"implant.{implant}"] is True


@pytest.mark.parametrize(
    ("diagnosis", "implant"),
    [
        ("T82.110A", "other_active_device"),
        ("T82.191D", "other_active_device"),
        ("T82.01XA", "heart_valve"),
        ("T82.221A", "heart_valve"),
        ("T85.118A", "neurostimulator"),
        ("Z95.818", "unrecognised"),
        ("Z46.2", "unrecognised"),
    ],
)
def test_an_implant_is_known_by_the_diagnosis_that_speaks_of_it(diagnosis: str, implant: str) -> None:
    found = facts(condition(diagnosis, 900))
    assert [name for name in found if name.startswith("implant.")] == [f"implant.{implant}"]


def test_a_heart_monitor_that_was_taken_out_is_gone() -> None:
    assert "implant.other_active_device" not in facts(
        procedure(300, 300, cpt="33285"), procedure(100, 100, cpt="33286")
    )


def test_stimulator_leads_that_were_taken_out_are_gone_by_inpatient_codes_too() -> None:
    assert "implant.spinal_cord_stimulator" not in facts(inpatient("00HU0MZ", 300), inpatient("00PU0MZ", 100))


@pytest.mark.parametrize("other", [procedure(900, 900, cpt="33208"), condition("Z95.0", 900)])
def test_a_safe_device_says_nothing_of_an_implant_that_is_not_on_the_list_of_devices(other: dict[str, Any]) -> None:
    stimulator = device("25937001", "C106046")
    assert facts(stimulator)[SAFE] is True
    assert SAFE not in facts(stimulator, other)
    assert facts(stimulator, other, device("14106009", "C106046"))[SAFE] is True
    assert facts(device("25937001", "C106047"), other)[SAFE] is False


def test_a_stimulator_on_the_list_covers_the_operation_that_placed_it() -> None:
    assert facts(device("25937001", "C106046"), procedure(900, 900, cpt="63685"))[SAFE] is True
