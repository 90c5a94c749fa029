"""How the patient was seen: what the type of a visit says beats its class."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_chart_readers import code, encounter, facts

MODE, SEEN = "clinical_evaluation.mode", "clinical_evaluation.in_person_for_current_episode"


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        (code(snomed="448337001"), "telemedicine"),
        (code(snomed="185317003"), "telephone"),
        (code(cpt="99442"), "telephone"),
        (code(cpt="98005"), "video"),
        (code(cpt="98013"), "telephone"),
        ({"text": "Telehealth visit"}, "telemedicine"),
        ({"coding": [{"system": "urn:oid:1.2.3", "code": "70", "display": "Telephone"}]}, "telephone"),
        ({"coding": [{"system": "urn:oid:1.2.3", "code": "101", "display": "Office Visit"}]}, "in_person"),
        (code(cpt="99213"), "in_person"),
    ],
)
def test_telehealth_that_is_sent_as_ambulatory_is_not_in_person(kind: dict[str, Any], mode: str) -> None:
    found = facts(encounter("AMB", 0, "in-progress", type=[kind]), encounter_id="e1")
    assert found[MODE] == mode
    assert (SEEN in found) == (mode == "in_person")


@pytest.mark.parametrize("kind", [code(cpt="72100"), code(cpt="80053"), {"text": "Refill"}, {"text": "Lab visit"}])
def test_imaging_tests_and_refills_are_no_evaluation(kind: dict[str, Any]) -> None:
    found = facts(encounter("AMB", 3, type=[kind], reasonCode=[code(icd10="M54.50")]))
    assert "clinical_evaluation.initial_performed" not in found


def test_a_class_that_is_the_clients_own_leaves_the_mode_open() -> None:
    found = facts(encounter("13", 0, "in-progress"), encounter_id="e1")
    assert found["clinical_evaluation.initial_performed"] is True
    assert MODE not in found and SEEN not in found
