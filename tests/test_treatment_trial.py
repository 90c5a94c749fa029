"""The trial of conservative treatment as charts send it, and what came of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart_examples import (
    code,
    condition,
    day,
    encounter,
    facts,
    gathered,
    medicine,
    procedure,
    resource,
    stated,
)

PAIN = condition("M54.59", 100)
TRIAL = "trial_of_treatment."
SERVICE_TYPE = "http://terminology.hl7.org/CodeSystem/service-type"
PHYSIO = {"coding": [{"system": SERVICE_TYPE, "code": "65"}]}


def therapy_visit(ago: int, identity: str, status: str = "finished", **fields: Any) -> dict[str, Any]:
    return encounter("AMB", ago, status, identity, serviceType=PHYSIO, **fields)


def test_therapy_on_record_as_visits_is_a_trial() -> None:
    found = facts(PAIN, therapy_visit(70, "a"), therapy_visit(40, "b"), therapy_visit(14, "c"))
    assert found[TRIAL + "physical_or_occupational_therapy"] is True
    assert found[TRIAL + "duration_weeks"] == 8
    assert found[TRIAL + "ended_days_ago"] == 14


def test_a_therapy_session_is_no_clinical_evaluation() -> None:
    ours: dict[str, Any] = {"reasonCode": [code(icd10="M54.50")]}
    assert "clinical_evaluation.in_person_days_ago" not in facts(PAIN, therapy_visit(5, "a", **ours))
    assert "reevaluation.after_treatment" not in facts(
        PAIN, therapy_visit(70, "a", **ours), therapy_visit(5, "b", **ours)
    )


def test_a_booked_session_shows_that_therapy_goes_on_and_adds_no_weeks() -> None:
    ours: dict[str, Any] = {"reasonCode": [code(icd10="M54.50")]}
    booked = therapy_visit(-7, "c", "planned", **ours)
    found = facts(PAIN, therapy_visit(42, "a"), therapy_visit(7, "b"), booked)
    assert (found[TRIAL + "ended_days_ago"], found[TRIAL + "duration_weeks"]) == (0, 5)
    assert found[TRIAL + "active.in_progress"] is True
    alone = facts(PAIN, booked)
    assert TRIAL + "provider_directed" not in alone


def test_a_referral_to_therapy_is_no_treatment() -> None:
    referral = resource("ServiceRequest", "r", status="completed", intent="order", code=code(snomed="91251008"))
    assert TRIAL + "provider_directed" not in facts(PAIN, referral)


def test_a_session_has_the_reason_of_the_order_it_is_based_on() -> None:
    def referral(icd10: str) -> dict[str, Any]:
        return resource("ServiceRequest", "r", status="completed", intent="order", reasonCode=[code(icd10=icd10)])

    visit = procedure(30, 30, cpt="97110", basedOn=[{"reference": "ServiceRequest/r"}])
    assert TRIAL + "provider_directed" in facts(PAIN, referral("M54.50"), visit)
    assert TRIAL + "provider_directed" not in facts(PAIN, referral("M17.11"), visit)


def test_a_medicine_prescribed_at_a_visit_for_the_complaint_is_for_the_complaint() -> None:
    visit = encounter("AMB", 50, identity="v", reasonCode=[code(icd10="M54.50")])
    given = medicine(50, text="Naproxen 500 MG", encounter={"reference": "Encounter/v"})
    assert facts(visit, given)[TRIAL + "nsaid"] is True
    other = encounter("AMB", 50, identity="v", reasonCode=[code(icd10="J06.9")])
    assert TRIAL + "nsaid" not in facts(other, given)


def test_a_break_of_more_than_three_months_ends_a_trial() -> None:
    old = condition("M54.59", 400)
    visits = [procedure(n, n, cpt="97110") for n in (300, 280, 30, 2)]
    assert facts(old, *visits)[TRIAL + "duration_weeks"] == 4
    near = [procedure(n, n, cpt="97110") for n in (80, 30, 2)]
    assert facts(old, *near)[TRIAL + "duration_weeks"] == pytest.approx(11.1)


def test_an_injection_is_a_steroid_injection_only_with_the_steroid_on_record_that_day() -> None:
    injection = procedure(20, 20, cpt="62323")
    steroid = medicine(20, "completed", "Triamcinolone 40 MG/ML Injectable Suspension")
    assert facts(PAIN, injection, steroid)[TRIAL + "corticosteroid_injection"] is True
    assert TRIAL + "corticosteroid_injection" not in facts(PAIN, injection)
    assert TRIAL + "corticosteroid_injection" not in facts(PAIN, injection, {**steroid, "authoredOn": day(60)})


def test_supervision_is_told_by_the_role_of_the_therapist() -> None:
    therapist = [{"function": code(snomed="36682004"), "actor": {"reference": "Practitioner/t"}}]
    visits = procedure(30, 30, cpt="97110", performer=therapist)
    assert facts(PAIN, visits)[TRIAL + "active.physical_therapy_supervised"] is True
    assert TRIAL + "active.physical_therapy_supervised" not in facts(PAIN, procedure(30, 30, cpt="97110"))


def test_a_spinal_brace_is_passive_treatment() -> None:
    hcpcs = {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.285", "code": "L0625"}]}
    brace = {**procedure(30, 30, cpt="1"), "code": hcpcs}
    assert facts(PAIN, brace)[TRIAL + "passive.modality"] == "brace"


# --- what came of it


def seen(ago: int, identity: str, icd10: str = "M54.50") -> dict[str, Any]:
    return encounter("AMB", ago, identity=identity, reasonCode=[code(icd10=icd10)])


def score(value: float, ago: int, visit: str | None, unit: str = "{score}") -> dict[str, Any]:
    at: dict[str, Any] = {"encounter": {"reference": f"Encounter/{visit}"}} if visit else {}
    quantity = {"value": value, "code": unit}
    held = resource("Observation", status="final", code=code(loinc="72514-3"), effectiveDateTime=day(ago))
    return {**held, "valueQuantity": quantity, **at}


VISITS = (seen(72, "before"), seen(3, "after"))
COURSE = (PAIN, procedure(70, 70, cpt="97110"), procedure(10, 10, cpt="97110"))
BETTER = TRIAL + "significant_improvement"


@pytest.mark.parametrize(
    ("before", "after", "improved", "worse"),
    [(6, 6, False, None), (6, 7, False, None), (6, 8, False, True), (6, 5, None, None), (6, 0, None, None)],
)
def test_pain_as_bad_as_before_is_no_improvement_and_a_fall_says_nothing_by_itself(
    before: float, after: float, improved: bool | None, worse: bool | None
) -> None:
    found = facts(*COURSE, *VISITS, score(before, 72, "before"), score(after, 3, "after"))
    assert found.get(BETTER) is improved
    assert found.get(TRIAL + "worsening") is worse


@pytest.mark.parametrize(("after", "improved"), [(3, True), (5, False)])
def test_a_site_may_say_which_fall_is_significant(after: float, improved: bool) -> None:
    found = facts(*COURSE, *VISITS, score(6, 72, "before"), score(after, 3, "after"), pain_improvement_percent=50)
    assert found[BETTER] is improved


def test_a_score_that_may_be_of_another_pain_says_nothing() -> None:
    assert BETTER not in facts(*COURSE, *VISITS, score(6, 72, "before"), score(8, 3, None))
    elsewhere = (seen(72, "before"), seen(3, "after", "M25.511"))
    assert BETTER not in facts(*COURSE, *elsewhere, score(6, 72, "before"), score(8, 3, "after"))


def test_little_pain_at_the_start_and_scores_that_contradict_each_other_say_nothing() -> None:
    assert BETTER not in facts(*COURSE, *VISITS, score(2, 72, "before"), score(2, 3, "after"))
    assert BETTER not in facts(*COURSE, *VISITS, score(6, 72, "before"), score(8, 3, "after"), score(2, 3, "after"))


def test_a_score_from_early_in_the_treatment_is_no_outcome() -> None:
    early = (seen(72, "before"), seen(50, "during"))
    assert BETTER not in facts(*COURSE, *early, score(6, 72, "before"), score(8, 50, "during"))


def test_what_the_clinician_says_of_the_outcome_stays() -> None:
    said = facts(*COURSE, *VISITS, score(6, 72, "before"), score(8, 3, "after"), stated(BETTER, True))
    assert said[BETTER] is True


def test_the_card_can_show_the_visits_and_the_scores() -> None:
    found = gathered(*COURSE, *VISITS, score(6, 72, "before"), score(8, 3, "after"))
    notes = {f.name: f.note for f in found}
    assert notes[TRIAL + "provider_directed"] == f"2 therapy visits {day(70)} to {day(10)}"
    assert notes[BETTER] == f"pain score 6 of {day(72)}, 8 of {day(3)}"


def test_the_active_part_of_the_trial_has_its_own_outcome() -> None:
    found = facts(*COURSE, *VISITS, score(6, 72, "before"), score(8, 3, "after"))
    assert found[TRIAL + "active.significant_improvement"] is False
    assert found[TRIAL + "active.worsening"] is True
