"""A device that is on file by its name alone is no less dangerous in a scanner."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.devices import device_facts, unrecognised
from mappings.records import read_records
from tests.chart_examples import PATIENT, TODAY, code, resource


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("Deep brain stimulation system", "neurostimulator"),
        ("Sacral neuromodulation device", "neurostimulator"),
        ("Phrenic nerve stimulator", "neurostimulator"),
        ("CRT-D device", "icd"),
        ("CRT-P device", "pacemaker"),
        ("Intrathecal baclofen pump", "other_active_device"),
        ("Infusion pump, implanted", "other_active_device"),
        ("Implantable loop recorder", "other_active_device"),
        ("Mechanical mitral valve", "heart_valve"),
        ("Left ventricular assist device", "other_active_device"),
        ("Bone-anchored hearing aid", "metal_ear"),
    ],
)
def test_an_implant_is_known_by_its_name(name: str, fact: str) -> None:
    assert f"implant.{fact}" in implants(name)


def test_a_device_that_is_not_implanted_is_none() -> None:
    assert implants("Transcutaneous electrical nerve stimulator") == set()
    assert implants("Insulin pen") == set()


def implants(name: str) -> set[str]:
    records = read_records([PATIENT, resource("Device", "d1", status="active", type={"text": name})], "p1")
    return {f.name for f in device_facts(records, TODAY) if f.value is True}


@pytest.mark.parametrize("name", ["Bone growth stimulator", "Magnetic tissue expander", "Implantable hearing aid"])
def test_a_device_that_nobody_recognises_is_kept_in_sight(name: str) -> None:
    assert implants(name) == {"implant.unrecognised"}
    assert strange(type={"text": name}) == [name]


def test_a_device_without_any_name_is_kept_in_sight_too() -> None:
    assert strange() == [""]
    assert strange(deviceName=[{"name": "Frobnicator", "type": "user-friendly-name"}]) == ["Frobnicator"]


@pytest.mark.parametrize(
    "kind",
    [{"text": "Hearing aid, left"}, {"text": "CPAP machine"}, code(snomed="228869008"), {"text": "Reading eyeglasses"}],
)
def test_what_is_worn_outside_the_body_is_no_matter_for_the_scanner(kind: dict[str, Any]) -> None:
    assert strange(type=kind) == []


def test_a_device_that_is_stated_to_be_mr_conditional_needs_no_word() -> None:
    label = [{"coding": [{"code": "C106046"}]}]
    assert strange(type={"text": "Frobnicator"}, safety=label) == []


def test_a_device_that_was_taken_out_needs_no_word() -> None:
    assert strange(type={"text": "Frobnicator"}, status="inactive") == []


def strange(**fields: Any) -> list[str]:
    held = resource("Device", "d1", **{"status": "active", **fields})
    return [name for _, name in unrecognised(read_records([PATIENT, held], "p1"))]
