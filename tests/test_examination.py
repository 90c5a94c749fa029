"""Examination findings in Observations: signs, strength, reflexes, consciousness. What is not said is not read."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from criteria.errors import DataError
from mappings import examination
from mappings.examination import signs
from mappings.tables import CODES, read_table
from tests.chart_examples import chart, code, day, facts, resource

POSITIVE, NEGATIVE = code(snomed="10828004"), code(snomed="260385009")
LEFT, RIGHT = "7771000", "24028007"
DELTOID, LEG = "35259002", "30021000"


def found(snomed: str, ago: int = 1, **fields: Any) -> dict[str, Any]:
    return resource("Observation", status="final", code=code(snomed=snomed), effectiveDateTime=day(ago), **fields)


def site(*codes: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://snomed.info/sct", "code": c} for c in codes]}


# --- signs


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"valueCodeableConcept": POSITIVE}, "positive"),
        ({"valueCodeableConcept": NEGATIVE}, "negative"),
        ({"valueString": "Positive"}, "positive"),
        ({"valueBoolean": True}, "positive"),
        ({"valueBoolean": False}, "negative"),
        ({"interpretation": [{"coding": [{"code": "POS"}]}]}, "positive"),
        ({"interpretation": [{"coding": [{"code": "NEG"}]}]}, "negative"),
        ({"valueCodeableConcept": POSITIVE, "interpretation": [{"coding": [{"code": "NEG"}]}]}, None),
        ({"valueString": "positive at 40 degrees on the left"}, None),
        ({"valueCodeableConcept": code(snomed="373068000")}, None),
        ({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}, None),
        ({}, None),
    ],
)
def test_a_test_is_positive_or_negative_only_when_its_answer_says_so(
    fields: dict[str, Any], answer: str | None
) -> None:
    assert facts(found("366448008", **fields)).get("exam.straight_leg_raise") == answer


@pytest.mark.parametrize(
    ("fields", "there"),
    [
        ({}, True),
        ({"valueBoolean": True}, True),
        ({"valueCodeableConcept": code(snomed="373066001")}, True),
        ({"valueBoolean": False}, False),
        ({"valueCodeableConcept": code(snomed="2667000")}, False),
        ({"valueString": "cannot be judged"}, False),
        ({"valueInteger": 3}, False),
        ({"interpretation": [{"coding": [{"code": "N"}]}]}, False),
        ({"dataAbsentReason": {"coding": [{"code": "unknown"}]}}, False),
    ],
)
def test_a_coded_finding_is_there_unless_its_value_says_no_or_something_else(
    fields: dict[str, Any], there: bool
) -> None:
    assert ("exam.hyperreflexia" in facts(found("86854008", **fields))) is there


def test_the_denial_of_one_finding_says_nothing_of_the_others() -> None:
    """No clonus at the knee is not: no clonus."""
    assert "exam.clonus_sustained" not in facts(found("54360005", valueBoolean=False))
    both = facts(found("54360005", valueBoolean=False), found("39055007", valueBoolean=True))
    assert both["exam.clonus_sustained"] is True


def test_a_sign_that_was_looked_for_and_not_found_is_negative() -> None:
    assert facts(found("299849001", valueBoolean=False))["exam.hoffmann"] == "negative"


@pytest.mark.parametrize(
    ("asked", "category", "there"),
    [("29545-1", "exam", True), ("29545-1", None, False), ("8670-2", "survey", False)],
)
def test_a_finding_as_the_value_counts_in_an_examination(asked: str, category: str | None, there: bool) -> None:
    """The same code under another question may be a relative's, or what is feared."""
    kind = {"category": [{"coding": [{"code": category}]}]} if category else {}
    held = {**found("x", valueCodeableConcept=code(snomed="86854008")), "code": code(loinc=asked), **kind}
    assert ("exam.hyperreflexia" in facts(held)) is there


def test_a_finding_as_the_value_of_its_own_test_counts() -> None:
    assert facts(found("366575004", valueCodeableConcept=code(snomed="246586009")))["exam.babinski"] == "positive"


@pytest.mark.parametrize(("flag", "answer"), [("A", "positive"), ("NEG", "negative"), ("N", None), ("IND", None)])
def test_a_flag_against_the_coded_value_is_heard(flag: str, answer: str | None) -> None:
    held = found("366575004", valueCodeableConcept=code(snomed="246586009"))
    held["interpretation"] = [{"coding": [{"code": flag}]}]
    assert facts(held).get("exam.babinski") == answer


def test_the_worse_side_of_a_day_and_then_the_newest_day_decides() -> None:
    left, right = found("19411004", 3, valueCodeableConcept=POSITIVE), found("19411004", 3, valueBoolean=False)
    assert facts(left, right)["exam.spurling"] == "positive"
    assert facts(left, right, found("19411004", 1, valueBoolean=False))["exam.spurling"] == "negative"


def test_a_side_that_was_positive_stays_so_until_it_is_examined_again() -> None:
    left = found("366448008", 30, valueCodeableConcept=POSITIVE, bodySite=site(LEG, LEFT))
    right = found("366448008", 2, valueCodeableConcept=NEGATIVE, bodySite=site(LEG, RIGHT))
    assert facts(left, right)["exam.straight_leg_raise"] == "positive"
    again = found("366448008", 2, valueCodeableConcept=NEGATIVE, bodySite=site(LEG, LEFT))
    assert facts(left, right, again)["exam.straight_leg_raise"] == "negative"
    both = found("366448008", 1, valueCodeableConcept=NEGATIVE)
    assert facts(left, right, both)["exam.straight_leg_raise"] == "negative"


def test_a_finding_that_is_gone_at_the_next_examination_is_gone() -> None:
    assert "exam.spasticity" not in facts(found("394679006", 30), found("394679006", 2, valueBoolean=False))
    assert "exam.spasticity" in facts(found("394679006", 30), found("394680009", 2, valueBoolean=False))


@pytest.mark.parametrize(("ago", "counts"), [(92, True), (93, False)])
def test_an_examination_counts_for_three_months(ago: int, counts: bool) -> None:
    assert ("exam.hyperreflexia" in facts(found("86854008", ago))) is counts
    assert ("exam.motor_strength_grade" in facts(found("249948009", ago, valueInteger=3))) is counts


def test_signs_lead_to_what_follows_from_them() -> None:
    held = facts(found("25136009"))
    assert held["exam.ataxia"] is held["exam.gait_abnormal"] is held["exam.neurologic_abnormal"] is True


def test_two_kinds_of_finding_on_one_day_are_a_detailed_examination() -> None:
    reflex, strength = found("246581004", 9, valueInteger=2), found("249948009", 9, valueInteger=5)
    assert facts(reflex, strength)["exam.neurologic_days_ago"] == 9
    assert "exam.neurologic_days_ago" not in facts(reflex)
    assert "exam.neurologic_days_ago" not in facts(found("25136009"))
    assert "exam.neurologic_days_ago" not in facts(reflex, found("249948009", 8, valueInteger=5))


# --- strength and reflexes


@pytest.mark.parametrize(
    ("fields", "grade"),
    [
        ({"valueInteger": 3}, 3),
        ({"valueQuantity": {"value": 4, "code": "{score}"}}, 4),
        ({"valueString": "4+/5"}, 4),
        ({"valueString": "4-"}, 4),
        ({"valueString": "5/5"}, 5),
        ({"valueString": "5-/5"}, None),
        ({"valueQuantity": {"value": 3.5}}, None),
        ({"valueInteger": 6}, None),
        ({"valueQuantity": {"value": 30, "unit": "kg"}}, None),
        ({"valueString": "3/4"}, None),
    ],
)
def test_strength_is_a_whole_grade_of_five(fields: dict[str, Any], grade: int | None) -> None:
    held = found("249948009", **fields)
    assert facts(held).get("exam.motor_strength_grade") == grade
    assert len(chart(held).set_aside) == (grade is None)


@pytest.mark.parametrize(("grade", "weak"), [(4, True), (5, False)])
def test_less_than_full_strength_is_weakness(grade: int, weak: bool) -> None:
    held = facts(found("249948009", valueInteger=grade))
    assert ("exam.extremity_weakness" in held) is weak
    assert "exam.weak_muscle_specified" not in held


def test_the_weakest_muscle_of_the_newest_day_counts_and_is_named_by_a_muscle_code_alone() -> None:
    arm = found("249948009", 1, valueInteger=3, bodySite=site(DELTOID, LEFT))
    leg = found("249948009", 1, valueInteger=4, bodySite=site(LEG, RIGHT))
    older = found("249948009", 8, valueInteger=1)
    held = facts(arm, leg, older)
    assert held["exam.motor_strength_grade"] == 3
    assert held["exam.weak_muscle_specified"] is held["exam.bilateral_motor_weakness"] is True
    assert "exam.weak_muscle_specified" not in facts(leg)
    assert "exam.bilateral_motor_weakness" not in facts(arm)


@pytest.mark.parametrize(
    ("before", "ago", "where", "worse"),
    [
        (5, 30, (LEG, LEFT), True),
        (3, 30, (LEG, LEFT), False),
        (5, 190, (LEG, LEFT), False),
        (5, 30, (LEG, RIGHT), False),
        (5, 30, (LEG,), False),
    ],
)
def test_a_lower_grade_of_the_same_muscle_and_side_is_a_progressive_deficit(
    before: int, ago: int, where: tuple[str, ...], worse: bool
) -> None:
    older = found("249948009", ago, valueInteger=before, bodySite=site(*where))
    newer = found("249948009", 1, valueInteger=3, bodySite=site(LEG, LEFT))
    assert ("exam.deficit_progressive" in facts(older, newer)) is worse


@pytest.mark.parametrize(
    ("grades", "worst"), [((2, 2), 2), ((1, 2), 1), ((0, 4), 4), ((0, 3), 0), (("2+", "3+"), 3), (("4/4", 2), 4)]
)
def test_the_most_abnormal_reflex_counts(grades: tuple[Any, ...], worst: int) -> None:
    held = [{"valueString": g} if isinstance(g, str) else {"valueInteger": g} for g in grades]
    assert facts(*(found("246581004", **one) for one in held))["exam.deep_tendon_reflex_grade"] == worst


@pytest.mark.parametrize(("grade", "brisk"), [(2, False), (3, True)])
def test_a_grade_over_two_is_hyperreflexia(grade: int, brisk: bool) -> None:
    assert ("exam.hyperreflexia" in facts(found("246581004", valueInteger=grade))) is brisk


# --- consciousness


def coma(loinc: str, ago: int = 0, **fields: Any) -> dict[str, Any]:
    return {**found("x", ago, **fields), "code": code(loinc=loinc)}


@pytest.mark.parametrize(("score", "state"), [(15, "alert"), (14, "altered"), (3, "altered"), (2, None), (16, None)])
def test_the_coma_score_tells_alert_from_altered(score: int, state: str | None) -> None:
    held = facts(coma("9269-2", valueQuantity={"value": score, "code": "{score}"}))
    assert held.get("exam.consciousness") == state
    assert held.get("exam.glasgow_coma_scale_score") == (score if state else None)


@pytest.mark.parametrize(("ago", "counts"), [(2, True), (3, False)])
def test_the_coma_score_is_of_the_last_two_days(ago: int, counts: bool) -> None:
    assert ("exam.glasgow_coma_scale_score" in facts(coma("9269-2", ago, valueInteger=15))) is counts


def test_the_parts_of_the_coma_score_are_added_when_all_were_taken_together() -> None:
    eyes: dict[str, Any] = {"code": code(loinc="9267-6"), "valueCodeableConcept": code(loinc="LA6556-0")}
    speech: dict[str, Any] = {"code": code(loinc="9270-0"), "valueInteger": 4}
    movement: dict[str, Any] = {"code": code(loinc="9268-4"), "valueCodeableConcept": code(loinc="LA6567-7")}
    panel = coma("35088-4", component=[eyes, speech, movement])
    assert facts(panel)["exam.glasgow_coma_scale_score"] == 14
    assert "exam.glasgow_coma_scale_score" not in facts(coma("35088-4", component=[eyes, movement]))
    apart = [{**coma("x", n), **part} for n, part in enumerate((eyes, speech, movement))]
    assert "exam.glasgow_coma_scale_score" not in facts(*apart)
    beyond = {**speech, "valueInteger": 6}
    assert "exam.glasgow_coma_scale_score" not in facts(coma("35088-4", component=[eyes, beyond, movement]))


# --- the table


def test_every_line_of_the_table_is_a_sign_or_a_grade() -> None:
    lines = (CODES / "examination.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert {row["means"] for row in rows} == {*signs(), "grade strength", "grade reflex"}
    assert len(rows) > 40


@pytest.mark.parametrize("means", ["finding exam.nothing", "test exam.ataxia", "finding exam.babinski", "sign x"])
def test_a_line_that_means_nothing_is_refused_with_its_place(means: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_table("examination")
    wrong = type(table)(exact={("snomed", "1"): (means,)})
    monkeypatch.setattr(examination, "read_table", lambda name: wrong)
    signs.cache_clear()
    with pytest.raises(DataError, match=r"examination\.csv"):
        signs()
    signs.cache_clear()
