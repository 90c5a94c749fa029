"""What a chart holds beside visits, treatment and images, into facts: problems, implants, medicines, surgery, payer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from criteria.facts import Basis
from mappings import policy_ids, read_records
from mappings.derived import links
from mappings.records import shapes
from mappings.searched import places, unsearched
from tests.chart_examples import (
    CODED,
    code,
    condition,
    covered,
    day,
    facts,
    gathered,
    medicine,
    procedure,
    report,
    resource,
    stated,
)
from tests.test_records import JSON

# --- symptoms on the problem list


def test_old_tingling_does_not_go_with_a_new_complaint_and_does_with_an_old_one() -> None:
    name = "symptom.neurologic_features"
    assert name not in facts(condition("R20.2", 700), condition("M54.59", 60))
    assert name not in facts(condition("R20.2", 700))
    assert name in facts(condition("R20.2", 700), condition("M54.59", 800))
    assert name in facts(condition("R20.2", 30), condition("M54.59", 60))


def test_an_old_loss_of_bladder_control_is_not_its_own_episode() -> None:
    assert "symptom.bowel_bladder_dysfunction" not in facts(condition("R32", 1500))


def test_what_the_order_is_for_counts_however_old_it_is() -> None:
    assert facts(condition("R20.2", 700), icd10="R20.2")["symptom.tingling"] is True


# --- implants, allergies, medicines, operations


def test_a_pacemaker_is_told_from_code_or_name_and_its_mr_safety_only_when_stated() -> None:
    pacemaker = resource("Device", status="active", type=code(snomed="14106009"))
    assert facts(pacemaker)["implant.pacemaker"] is True
    assert "implant.mr_conditional_or_safe" not in facts(pacemaker)
    safe = {**pacemaker, "safety": [{"coding": [{"code": "C106046"}]}]}
    assert facts(safe)["implant.mr_conditional_or_safe"] is True
    assert "implant.mr_conditional_or_safe" not in facts(
        safe, resource("Device", type={"text": "Cochlear implant, left"})
    )
    assert (
        facts(safe, {**pacemaker, "safety": [{"coding": [{"code": "C106047"}]}]})["implant.mr_conditional_or_safe"]
        is False
    )
    assert "implant.pacemaker" not in facts({**pacemaker, "status": "inactive"})


def test_a_stimulator_lead_taken_out_is_gone_and_a_generator_stays() -> None:
    lead, generator, out = procedure(900, cpt="63650"), procedure(880, cpt="63685"), procedure(100, cpt="63661")
    assert "implant.spinal_cord_stimulator" not in facts(lead, out)
    found = facts(lead, generator, out)
    assert found["implant.spinal_cord_stimulator"] is found["implant.neurostimulator"] is True


def test_shellfish_is_never_a_contrast_allergy() -> None:
    found = facts(resource("AllergyIntolerance", code={"text": "Shellfish / iodinated contrast?"}, criticality="high"))
    assert found["allergy.shellfish"] is True
    assert "allergy.iodinated_contrast" not in found


def test_a_severe_reaction_to_iodinated_contrast_forbids_it_and_a_resolved_one_counts_no_more() -> None:
    allergy = resource("AllergyIntolerance", code=code(snomed="109218004"), reaction=[{"severity": "severe"}])
    assert facts(allergy)["contrast.iodinated_contraindicated"] is True
    mild = facts({**allergy, "reaction": [{"severity": "mild"}]})
    assert mild["allergy.iodinated_contrast"] is True and "contrast.iodinated_contraindicated" not in mild
    assert "allergy.iodinated_contrast" not in facts({**allergy, "clinicalStatus": {"coding": [{"code": "resolved"}]}})
    gadolinium = facts(resource("AllergyIntolerance", code={"text": "Gadolinium contrast"}))
    assert gadolinium["allergy.gadolinium_contrast"] is True and "allergy.iodinated_contrast" not in gadolinium


def test_long_term_steroids_and_immunosuppressants_come_from_running_prescriptions() -> None:
    assert facts(medicine(120, text="Prednisone 10 MG Oral Tablet"))["medication.glucocorticoid_long_term"] is True
    assert "medication.glucocorticoid_long_term" not in facts(medicine(10, text="prednisone 10 MG Oral Tablet"))
    assert "medication.glucocorticoid_long_term" not in facts(medicine(120, text="Hydrocortisone 1% topical cream"))
    assert facts(medicine(30, text="Adalimumab"))["medication.immunosuppressant"] is True
    assert "medication.immunosuppressant" not in facts(medicine(30, "stopped", "Adalimumab"))


def test_spinal_surgery_counts_for_its_region_with_its_days() -> None:
    found = facts(procedure(200, cpt="22612", bodySite=[code(snomed="122496007")]))
    assert (found["surgery.spine.performed"], found["surgery.spine.days_ago"]) == (True, 200)
    assert found["surgery.spinal_fusion.performed"] is True
    assert "surgery.spine.performed" not in facts(procedure(200, cpt="22551", bodySite=[code(snomed="122494005")]))
    assert "surgery.spine.performed" not in facts(procedure(200, cpt="63047"), cpt="72141")
    assert facts(procedure(200, cpt="63045"), cpt="72141")["surgery.spine.days_ago"] == 200
    assert "surgery.spine.recent" not in found
    assert facts(procedure(20, cpt="63030"), recent_surgery_days=90)["surgery.spine.recent"] is True
    assert facts(stated("surgery.spine.days_ago", 20), recent_surgery_days=30)["surgery.spine.recent"] is True
    assert "surgery.spine.recent" not in facts(stated("surgery.spine.days_ago", 31), recent_surgery_days=30)


# --- payer, absence, the whole


def test_the_policy_is_the_identifier_of_an_active_coverages_payor() -> None:
    held = {"system": "https://imaging-cds.github.io/fhir/NamingSystem/policy", "value": "healthhelp"}
    direct = resource("Coverage", "c1", status="active", payor=[{"identifier": held}])
    site = {"system": "urn:site", "value": "x"}
    inside = resource(
        "Coverage",
        "c2",
        status="active",
        payor=[{"reference": "#o"}],
        contained=[{"resourceType": "Organization", "id": "o", "identifier": [site]}],
    )
    records = read_records([direct, inside, {**direct, "id": "c3", "status": "cancelled"}], "p1", ())
    assert policy_ids(records) == ("healthhelp",)
    assert policy_ids(records, ["urn:site"]) == ("healthhelp", "x")


@pytest.mark.parametrize(
    ("coverages", "kind"),
    [
        ([covered("1")], "medicare"),
        ([covered("121")], "medicare"),
        ([covered("111")], "medicare_advantage"),
        ([covered("211")], "medicaid"),
        ([covered("512")], "commercial"),
        ([covered("321")], "other"),
        ([covered("81")], "self_pay"),
        ([covered(text="Medicare Advantage PPO")], "medicare_advantage"),
        ([covered(text="Medicare Part B")], "medicare"),
        ([covered(policy="medicare")], "medicare"),
        ([covered("112", policy="medicare")], "medicare_advantage"),
        ([covered("12"), covered("523", identity="c2")], "medicare"),
        ([covered("12"), covered("561", identity="c2")], "medicare"),
        ([covered("512", order=1), covered("12", identity="c2", order=2)], "commercial"),
        ([covered("512", status="cancelled"), covered("12", identity="c2")], "medicare"),
        ([covered("512", period={"end": day(30)}), covered("12", identity="c2")], "medicare"),
        ([covered("512"), covered("12", identity="c2")], None),
        ([covered("512"), covered(identity="c2")], None),
        ([covered("71")], None),
        ([covered(text="Medicare and Medicaid")], None),
        ([covered(policy="healthhelp")], None),
        ([], None),
    ],
)
def test_the_kind_of_the_coverage_in_force_is_told_or_stays_unknown(
    coverages: list[dict[str, Any]], kind: str | None
) -> None:
    assert facts(*coverages).get("coverage.payer_type") == kind


@pytest.mark.parametrize(
    "cpt",
    ["92928", "92929", "92933", "37215", "37216", "37217", "37221", "37226", "37230", "37236", "37237"],
)
def test_a_stent_is_known_by_the_procedure_that_placed_it(cpt: str) -> None:
    found = facts(procedure(30, 30, cpt=cpt))
    assert found["implant.intravascular_stent"] is True
    assert found["implant.intravascular_stent_days_ago"] == 30


@pytest.mark.parametrize("cpt", ["92920", "92941", "92943", "37220"])
def test_a_procedure_that_may_have_done_without_a_stent_tells_of_none(cpt: str) -> None:
    assert "implant.intravascular_stent" not in facts(procedure(30, 30, cpt=cpt))


def test_a_tethered_cord_on_the_problem_list_is_told_by_its_words() -> None:
    held = code(icd10="Q06.8", text="Tethered cord syndrome")
    assert facts({**condition("Q06.8"), "code": held})["condition.tethered_cord"] is True
    assert "condition.tethered_cord" not in facts(condition("Q06.8"))


def test_facts_of_a_type_that_could_not_be_searched_are_unsearched_unless_recorded() -> None:
    found = gathered(stated("implant.pacemaker", False), missing=["Device"])
    assert "implant.icd" in found.unsearched
    assert "implant.pacemaker" not in found.unsearched
    assert "surgery.spine.performed" not in found.unsearched
    assert not unsearched(frozenset())


def test_every_fact_whose_absence_is_false_has_its_place_or_is_knowingly_without() -> None:
    nowhere = {n.split(".")[0] for n, types in places().items() if not types}
    assert nowhere <= {"order", "documentation", "pet_ct", "mri", "implant"}


def test_nothing_follows_from_facts_of_the_ordered_study_alone() -> None:
    """What follows is found once for all studies of a region (mappings/gather.py)."""
    needed = {clause.fact for clauses in links().values() for clause in clauses}
    of_the_study = {"prior_imaging.same_or_similar_performed", "patient.symptomatic"}
    assert [name for name in (needed | links().keys()) if name.startswith("order.") or name in of_the_study] == []


def test_what_follows_from_other_facts_is_derived_and_an_attested_no_stays() -> None:
    assert facts(stated("exam.saddle_anesthesia", True))["symptom.neurologic_features"] is True
    kept = facts(stated("exam.saddle_anesthesia", True), stated("symptom.neurologic_features", False))
    assert kept["symptom.neurologic_features"] is False
    assert len(links()) > 20


def test_attested_beats_recorded() -> None:
    found = gathered(report("72148", 40), stated("prior_imaging.mri.performed", False))
    fact = found.get("prior_imaging.mri.performed")
    assert fact is not None and (fact.value, fact.basis) == (False, Basis.ATTESTED)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(shapes())), data=st.data())
def test_any_json_in_any_field_of_the_chart_never_stops_the_reading(kind: str, data: st.DataObject) -> None:
    drawn: dict[str, Any] = {}
    for name, wanted in shapes()[kind].fields.items():
        right = {
            str: st.text(max_size=6) | st.just("2026-11"),
            list: st.lists(JSON | CODED, max_size=2),
            bool: st.booleans(),
        }
        drawn[name] = data.draw(right.get(wanted, st.dictionaries(st.text(max_size=5), JSON, max_size=2) | CODED))
    drawn["status"] = data.draw(st.sampled_from(["final", "completed", "active", "finished", "in-progress", "amended"]))
    facts({**resource(kind, "x"), **drawn}, encounter_id="x")
