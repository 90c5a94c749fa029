"""How the patient was seen: what the type of a visit says beats its class."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart_examples import code, condition, encounter, facts

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


IN_PERSON = "clinical_evaluation.in_person_days_ago"


def test_a_visit_in_person_that_names_no_reason_counts_as_the_latest_one() -> None:
    found = facts(encounter("AMB", 30))
    assert found[IN_PERSON] == 30
    assert found["clinical_evaluation.in_person_for_current_episode"] is True
    assert "reevaluation.performed" not in found


@pytest.mark.parametrize(("days", "counts"), [(60, True), (61, False), (365, False)])
def test_an_old_visit_without_a_reason_is_a_check_up_where_no_onset_is_known(days: int, counts: bool) -> None:
    assert (IN_PERSON in facts(encounter("AMB", days))) is counts


@pytest.mark.parametrize(
    "visit",
    [
        encounter("AMB", 30, reasonCode=[code(icd10="J02.9")]),
        encounter("VR", 30),
        encounter("AMB", 30, status="planned"),
        encounter("AMB", 30, type=[{"text": "Telephone encounter"}]),
    ],
)
def test_a_visit_for_something_else_or_from_afar_does_not(visit: dict[str, Any]) -> None:
    assert IN_PERSON not in facts(visit)


def test_a_visit_at_which_another_disease_was_diagnosed_was_for_that() -> None:
    elsewhere: dict[str, Any] = {"encounter": {"reference": "Encounter/e1"}}
    assert IN_PERSON not in facts(encounter("AMB", 30), condition("J02.9", 30, **elsewhere))
    assert facts(encounter("AMB", 30), condition("M54.50", 30, **elsewhere))[IN_PERSON] == 30


def test_a_visit_before_the_complaint_began_was_for_something_else() -> None:
    assert IN_PERSON not in facts(encounter("AMB", 30), condition("M54.50", 10))
