"""A device that is on file by its name alone is no less dangerous in a scanner."""

from __future__ import annotations

import pytest

from mappings.devices import device_facts
from mappings.records import read_records
from tests.test_chart_readers import PATIENT, TODAY, resource


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
