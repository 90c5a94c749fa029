"""From the chart's resources to facts, through the whole chart: what a clinician would read there, and no more."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from criteria.facts import Basis, Facts
from criteria.vocabulary import FACT_SYSTEM as SYSTEM
from mappings import Chart, policy_ids, read_orders, read_records
from mappings.derived import links
from mappings.patient import age_years, patient_facts
from mappings.records import shapes
from mappings.searched import places, unsearched
from tests.test_records import JSON

TODAY = dt.date(2026, 11, 20)
SUBJECT = {"reference": "Patient/p1"}
URI = {
    "cpt": "http://www.ama-assn.org/go/cpt",
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "icd10": "http://hl7.org/fhir/sid/icd-10-cm",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
    "fact": SYSTEM,
}
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1981-05-02", "gender": "female"}


def day(ago: int) -> str:
    return (TODAY - dt.timedelta(days=ago)).isoformat()


def code(**codes: str) -> dict[str, Any]:
    text = codes.pop("text", None)
    held: dict[str, Any] = {"coding": [{"system": URI[k], "code": v} for k, v in codes.items()]}
    return {**held, "text": text} if text else held


def resource(kind: str, identity: str = "", **fields: Any) -> dict[str, Any]:
    about = shapes()[kind].patient
    return {
        "resourceType": kind,
        **({about: SUBJECT} if about else {}),
        **({"id": identity} if identity else {}),
        **fields,
    }


def condition(icd10: str, onset: int | None = None, recorded: int = 0, **fields: Any) -> dict[str, Any]:
    dated = {"onsetDateTime": day(onset)} if onset is not None else {}
    return resource("Condition", code=code(icd10=icd10), recordedDate=day(onset or recorded), **dated, **fields)


def observation(loinc: str, value: float, unit: str | None, ago: int = 1, **fields: Any) -> dict[str, Any]:
    quantity = {"value": value, **({"code": unit} if unit else {})}
    held = resource(
        "Observation", status="final", code=code(loinc=loinc), effectiveDateTime=day(ago), valueQuantity=quantity
    )
    return {**held, **fields}


def stated(name: str, value: Any) -> dict[str, Any]:
    held: dict[str, Any] = {"valueBoolean": value} if isinstance(value, bool) else {"valueQuantity": {"value": value}}
    return resource("Observation", status="final", code=code(fact=name), effectiveDateTime=day(0), **held)


def report(cpt: str, ago: int, conclusion: str = "", **fields: Any) -> dict[str, Any]:
    said = {"conclusion": conclusion} if conclusion else {}
    return resource(
        "DiagnosticReport", status="final", code=code(cpt=cpt), effectiveDateTime=day(ago), **said, **fields
    )


def procedure(first: int, last: int | None = None, *, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """``fields`` are codes, or fields of the Procedure."""
    codes = {k: fields.pop(k) for k in list(fields) if k in URI}
    performed = {"start": day(first), **({"end": day(last)} if last is not None else {})}
    return resource("Procedure", status=status, code=code(**codes), performedPeriod=performed, **fields)


def encounter(kind: str, ago: int, status: str = "finished", identity: str = "e1", **fields: Any) -> dict[str, Any]:
    period = {"start": day(ago), **({"end": day(ago)} if status == "finished" else {})}
    return resource("Encounter", identity, status=status, period=period, **{"class": {"code": kind}}, **fields)


def medicine(ago: int, status: str = "active", text: str = "", **fields: Any) -> dict[str, Any]:
    held = resource(
        "MedicationRequest",
        status=status,
        intent="order",
        authoredOn=day(ago),
        medicationCodeableConcept={"text": text},
    )
    return {**held, **fields}


def chart(
    *held: dict[str, Any],
    cpt: str = "72148",
    icd10: str = "M54.59",
    encounter_id: str | None = None,
    missing: Any = (),
    **site: Any,
) -> Chart:
    numbered = [r if "id" in r else {**r, "id": f"r{n}"} for n, r in enumerate(held)]
    draft = resource("ServiceRequest", "order-1", status="draft", code=code(cpt=cpt), reasonCode=[code(icd10=icd10)])
    records = read_records([PATIENT, *numbered], "p1", missing)
    return Chart(records, read_orders([draft], records), TODAY, encounter_id, site, [draft])


def facts(*held: dict[str, Any], **options: Any) -> dict[str, Any]:
    found = gathered(*held, **options)
    return {f.name: f.value for f in found}


def gathered(*held: dict[str, Any], **options: Any) -> Facts:
    read = chart(*held, **options)
    order = read.orders[0]
    assert order.study is not None
    return read.facts(order, order.study)


# --- the patient


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("1981-11-20", 45),
        ("1981-11-21", 44),
        ("1981", None),
        ("1981-10", 45),
        ("1981-11", None),
        ("2031-01-01", None),
        (5, None),
    ],
)
def test_age_is_told_only_when_it_is_certain(born: Any, age: int | None) -> None:
    records = read_records([{**PATIENT, "birthDate": born}], "p1", ())
    assert age_years(records.patient, TODAY) == age


@pytest.mark.parametrize(
    ("deceased", "told"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": "true"}, False),
        ({"deceasedDateTime": "2026-02-01T10:00:00Z"}, True),
        ({"deceasedDateTime": "2025"}, True),
        ({"deceasedDateTime": ""}, False),
        ({"deceasedDateTime": None, "_deceasedDateTime": {"extension": []}}, False),
    ],
)
def test_a_death_is_told_by_either_form_of_it(deceased: dict[str, Any], told: bool) -> None:
    records = read_records([{**PATIENT, **deceased}], "p1")
    assert [f.value for f in patient_facts(records, TODAY) if f.name == "patient.deceased"] == [True] * told


def test_very_elderly_needs_a_site_setting() -> None:
    assert "patient.very_elderly" not in facts()
    assert facts(very_elderly_years=80)["patient.very_elderly"] is False


def test_the_gender_marker_is_the_recorded_identity_and_never_the_birth_sex() -> None:
    core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
    told = [
        {"url": f"{core}genderIdentity", "valueCodeableConcept": code(snomed="407377005")},
        {"url": f"{core}birthsex", "valueCode": "F"},
    ]
    records = read_records([{**PATIENT, "gender": "male", "extension": told}], "p1", ())
    found = {f.name: f.value for f in patient_facts(records, TODAY)}
    assert found["patient.gender_marker"] == "transgender_male"
    assert found["patient.sex_assigned_at_birth"] == "female"


# --- visits


def test_a_visit_in_progress_here_is_the_in_person_evaluation() -> None:
    found = facts(encounter("AMB", 0, "in-progress"), encounter_id="e1")
    assert found["clinical_evaluation.in_person_days_ago"] == 0
    assert found["clinical_evaluation.initial_performed"] is True


def test_a_video_visit_is_a_contact_and_not_in_person() -> None:
    found = facts(encounter("VR", 0, "in-progress"), encounter_id="e1")
    assert found["clinical_evaluation.mode"] == "telemedicine"
    assert "clinical_evaluation.in_person_for_current_episode" not in found


@pytest.mark.parametrize(("icd10", "counts"), [("M54.50", True), ("M54.16", True), ("J06.9", False), (None, True)])
def test_an_earlier_visit_counts_with_a_reason_of_the_episode(icd10: str | None, counts: bool) -> None:
    reason: dict[str, Any] = {"reasonCode": [code(icd10=icd10)]} if icd10 else {}
    found = facts(encounter("AMB", 50, **reason))
    assert found.get("clinical_evaluation.in_person_days_ago") == (50 if counts else None)


@pytest.mark.parametrize("status", ["planned", "cancelled", "entered-in-error"])
def test_a_visit_that_did_not_take_place_does_not_count(status: str) -> None:
    assert "clinical_evaluation.initial_performed" not in facts(encounter("AMB", 0, status), encounter_id="e1")


TRIAL = (
    stated("trial_of_treatment.provider_directed", True),
    stated("trial_of_treatment.duration_weeks", 7),
    stated("trial_of_treatment.ended_days_ago", 7),
)


def test_a_visit_after_the_trial_is_the_reevaluation_and_none_before_it_is() -> None:
    after = facts(*TRIAL, encounter("AMB", 0, "in-progress"), encounter_id="e1")
    before = facts(*TRIAL, encounter("AMB", 50, reasonCode=[code(icd10="M54.50")]))
    assert after["reevaluation.after_treatment"] is True
    assert after["reevaluation.mode"] == "in_person"
    assert "reevaluation.after_treatment" not in before


def test_days_since_a_stated_visit_do_not_make_a_reevaluation() -> None:
    found = facts(*TRIAL, stated("clinical_evaluation.in_person_days_ago", 50))
    assert found["clinical_evaluation.in_person_for_current_episode"] is True
    assert "reevaluation.after_treatment" not in found


# --- treatment


def test_therapy_visits_since_onset_are_a_trial_with_its_length_and_end() -> None:
    found = facts(condition("M54.59", 90), procedure(60, 60, cpt="97110"), procedure(11, 11, cpt="97140"))
    assert found["trial_of_treatment.provider_directed"] is True
    assert found["trial_of_treatment.duration_weeks"] == 7
    assert found["trial_of_treatment.ended_days_ago"] == 11
    assert found["trial_of_treatment.active.modality"] == "physical_therapy"
    assert "trial_of_treatment.significant_improvement" not in found


def test_therapy_before_onset_or_for_another_part_is_no_trial() -> None:
    assert "trial_of_treatment.provider_directed" not in facts(condition("M54.59", 20), procedure(90, 40, cpt="97110"))
    knee = procedure(60, 10, cpt="97110", reasonCode=[code(icd10="M17.11")])
    assert "trial_of_treatment.provider_directed" not in facts(condition("M54.59", 90), knee)


def test_a_running_nsaid_since_onset_counts_and_one_without_onset_does_not() -> None:
    ibuprofen = medicine(49, text="Ibuprofen 600 MG Oral Tablet")
    found = facts(condition("M54.59", 60), ibuprofen)
    assert found["trial_of_treatment.nsaid"] is True
    assert found["trial_of_treatment.duration_weeks"] == 7
    assert "trial_of_treatment.nsaid" not in facts(ibuprofen)


def test_a_medicine_taken_since_long_before_the_complaint_is_no_trial() -> None:
    found = facts(condition("M54.59", 60), medicine(900, text="Naproxen 500 MG Oral Tablet"))
    assert "trial_of_treatment.provider_directed" not in found


def test_an_ended_prescription_of_unknown_length_gives_no_duration() -> None:
    found = facts(condition("M54.59", 60), medicine(49, "completed", "naproxen 500 MG"))
    assert found["trial_of_treatment.provider_directed"] is True
    assert "trial_of_treatment.duration_weeks" not in found


# --- films and scans


def test_a_film_from_before_the_injury_was_made_and_not_since_onset() -> None:
    found = facts(condition("S33.5XXA", 3), report("72100", 65, "Normal."), cpt="72131", icd10="S33.5XXA")
    assert (found["xray.performed"], found["xray.since_onset"], found["xray.finding"]) == (True, False, "negative")


def test_a_film_since_onset_with_a_reading_that_is_no_result_by_itself_has_no_finding() -> None:
    found = facts(condition("M54.59", 30), report("72100", 10, "Normal alignment. Mild osteophytes."))
    assert (found["xray.since_onset"], found["xray.results_available"]) == (True, True)
    assert "xray.finding" not in found


def test_where_only_the_recording_is_dated_an_older_film_is_neither_before_nor_after_onset() -> None:
    assert "xray.since_onset" not in facts(condition("M54.59", recorded=30), report("72100", 60))
    assert facts(condition("M54.59", recorded=30), report("72100", 10))["xray.since_onset"] is True


def test_a_film_of_another_part_is_no_film_of_the_complaint() -> None:
    assert "xray.performed" not in facts(condition("M54.59", 30), report("73030", 10))
    assert "xray.performed" not in facts(condition("M54.59", 30), report("72040", 10))


def test_an_earlier_mri_tells_its_age_contrast_and_coded_result() -> None:
    found = facts(report("72148", 40, conclusionCode=[code(snomed="82334004")]))
    assert found["prior_imaging.mri.days_ago"] == 40
    assert found["prior_imaging.mri.contrast"] == "without"
    assert found["prior_imaging.mri.result"] == "indeterminate"
    assert found["prior_imaging.mri.completion_needed"] is True
    assert found["prior_imaging.same_or_similar_performed"] is True


def test_prior_imaging_follows_the_study_that_is_asked_about() -> None:
    read = chart(report("72141", 40))
    order = read.orders[0]
    assert order.study is not None
    neck = read_orders([resource("ServiceRequest", "n", code=code(cpt="72141"))], read.records)[0].study
    assert neck is not None
    assert read.facts(order, order.study).get("prior_imaging.mri.performed") is None
    assert read.facts(order, neck).get("prior_imaging.mri.performed") is not None


def test_an_image_set_without_a_report_counts_by_modality_and_body_site() -> None:
    series = [{"modality": {"code": "MR"}, "bodySite": {"system": URI["snomed"], "code": "122496007"}}]
    images = resource("ImagingStudy", status="available", started=day(12), series=series)
    found = facts(images)
    assert found["prior_imaging.mri.days_ago"] == 12
    assert "prior_imaging.mri.result" not in found


def test_a_preliminary_report_has_no_result_yet() -> None:
    found = facts(condition("M54.59", 30), {**report("72100", 10, "Normal."), "status": "preliminary"})
    assert found["xray.performed"] is True
    assert "xray.results_available" not in found and "xray.finding" not in found


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


SOPT = "https://nahdo.org/sopt"


def covered(kind: str = "", text: str = "", identity: str = "c1", policy: str = "", **fields: Any) -> dict[str, Any]:
    held: dict[str, Any] = {"coding": [{"system": SOPT, "code": kind}]} if kind else {}
    named = {"system": "https://imaging-cds.github.io/fhir/NamingSystem/policy", "value": policy}
    payor = [{"identifier": named}] if policy else [{"display": "An insurer"}]
    typed = {"type": {**held, **({"text": text} if text else {})}} if kind or text else {}
    return resource("Coverage", identity, **{"status": "active", "payor": payor, **typed, **fields})


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


CODED = st.fixed_dictionaries(
    {
        "coding": st.lists(
            st.fixed_dictionaries({"system": st.sampled_from([*URI.values()]) | JSON, "code": JSON}), max_size=2
        )
        | JSON
    }
)


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
