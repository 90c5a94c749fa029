"""A made-up chart of a thousand resources, in the shapes and the mix in which record systems hand them out.

Half of it are laboratory results and vital signs that no guideline asks for, as in real charts. Nobody's record: codes
and days are drawn by a fixed seed.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
PATIENT = "Patient/bench"
CPT, ICD10CM = "http://www.ama-assn.org/go/cpt", "http://hl7.org/fhir/sid/icd-10-cm"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOCAL = "urn:oid:1.2.840.114350.1.13.0.1.7.2.696580"
HL7 = "http://terminology.hl7.org/CodeSystem/"

LABORATORY = (
    ("2160-0", "Creatinine", "mg/dL"), ("33914-3", "Estimated GFR", "mL/min/{1.73_m2}"), ("2345-7", "Glucose", "mg/dL"),
    ("2951-2", "Sodium", "mmol/L"), ("2823-3", "Potassium", "mmol/L"), ("2075-0", "Chloride", "mmol/L"),
    ("2028-9", "Carbon dioxide", "mmol/L"), ("3094-0", "Urea nitrogen", "mg/dL"), ("17861-6", "Calcium", "mg/dL"),
    ("1742-6", "ALT", "U/L"), ("1920-8", "AST", "U/L"), ("6768-6", "Alkaline phosphatase", "U/L"),
    ("1975-2", "Bilirubin", "mg/dL"), ("2885-2", "Protein", "g/dL"), ("1751-7", "Albumin", "g/dL"),
    ("2093-3", "Cholesterol", "mg/dL"), ("2571-8", "Triglycerides", "mg/dL"), ("2085-9", "HDL", "mg/dL"),
    ("4548-4", "Hemoglobin A1c", "%"), ("3016-3", "TSH", "m[IU]/L"), ("6690-2", "Leukocytes", "10*3/uL"),
    ("789-8", "Erythrocytes", "10*6/uL"), ("718-7", "Hemoglobin", "g/dL"), ("4544-3", "Hematocrit", "%"),
    ("787-2", "MCV", "fL"), ("785-6", "MCH", "pg"), ("786-4", "MCHC", "g/dL"), ("788-0", "RDW", "%"),
    ("777-3", "Platelets", "10*3/uL"), ("1988-5", "C-reactive protein", "mg/L"), ("2276-4", "Ferritin", "ng/mL"),
)  # fmt: skip
VITAL_SIGNS = (
    ("8867-4", "Heart rate", "/min"), ("9279-1", "Respiratory rate", "/min"), ("8310-5", "Body temperature", "Cel"),
    ("29463-7", "Body weight", "kg"), ("8302-2", "Body height", "cm"), ("39156-5", "Body mass index", "kg/m2"),
    ("59408-5", "Oxygen saturation", "%"), ("72514-3", "Pain severity", "{score}"),
)  # fmt: skip
PROBLEMS = (
    ("M54.50", "279039007"), ("M54.16", "128196005"), ("I10", "38341003"), ("E11.9", "44054006"),
    ("E78.5", "55822004"),
    ("J06.9", "54150009"), ("K21.9", "235595009"), ("F41.1", "21897009"), ("M17.11", "239873007"),
    ("N39.0", "68566005"),
    ("Z87.891", "8517006"), ("G47.33", "78275009"), ("J45.909", "195967001"), ("E66.9", "414916001"),
)  # fmt: skip
MEDICINES = (
    ("197361", "amlodipine 5 MG Oral Tablet"), ("314076", "lisinopril 10 MG Oral Tablet"),
    ("860975", "metformin hydrochloride 500 MG Oral Tablet"), ("617312", "atorvastatin 20 MG Oral Tablet"),
    ("310965", "ibuprofen 200 MG Oral Tablet"), ("849574", "naproxen sodium 275 MG Oral Tablet"),
    ("198440", "acetaminophen 500 MG Oral Tablet"), ("198051", "omeprazole 20 MG Delayed Release Oral Capsule"),
    ("966222", "levothyroxine sodium 0.05 MG Oral Tablet"), ("745679", "albuterol 0.09 MG/ACTUAT Inhaler"),
    ("1049502", "oxycodone hydrochloride 10 MG Oral Tablet"), ("562251", "amoxicillin 250 MG / clavulanate 125 MG"),
)  # fmt: skip
PROCEDURES = (
    (CPT, "97110", "Therapeutic exercises"), (CPT, "97140", "Manual therapy"), (CPT, "36415", "Venipuncture"),
    (CPT, "90471", "Immunization"), (SNOMED, "430193006", "Medication reconciliation"), (CPT, "45378", "Colonoscopy"),
    (CPT, "93000", "Electrocardiogram"), (SNOMED, "73761001", "Colonoscopy"), (CPT, "62323", "Lumbar injection"),
)  # fmt: skip
REPORTS = (
    (LOINC, "58410-2", "CBC panel", "LAB"), (LOINC, "24323-8", "Comprehensive metabolic panel", "LAB"),
    (LOINC, "57698-3", "Lipid panel", "LAB"), (CPT, "72100", "X-ray lumbar spine 2 views", "RAD"),
    (CPT, "71046", "X-ray chest 2 views", "RAD"), (LOINC, "24648-8", "XR chest", "RAD"),
    (CPT, "70450", "CT head without contrast", "RAD"), (LOCAL, "IMG1234", "MR LUMBAR SPINE WO CONTRAST", "RAD"),
)  # fmt: skip
SCANS = (("CR", "72100", "XR LUMBAR SPINE"), ("DX", "71046", "XR CHEST"), ("CT", "70450", "CT HEAD WO"))
REQUESTS = (
    (LOCAL, "LAB17", "Comprehensive metabolic panel"), (CPT, "80053", "Comprehensive metabolic panel"),
    (CPT, "85025", "CBC with differential"), (LOCAL, "REF26", "Referral to physical therapy"),
    (CPT, "71046", "XR CHEST 2 VIEWS"), (LOCAL, "IMG309", "XR LUMBAR SPINE 2-3 VIEWS"),
)  # fmt: skip
MIX: dict[str, int] = {
    "Observation": 550, "Encounter": 100, "MedicationRequest": 90, "Procedure": 70, "DiagnosticReport": 70,
    "Condition": 50, "ServiceRequest": 45, "ImagingStudy": 15, "AllergyIntolerance": 5, "Device": 2, "Coverage": 2,
}  # fmt: skip
"""So many of each, with the Patient a thousand."""


def made_chart(today: dt.date) -> list[Json]:
    """The chart, its Patient first."""
    draw = random.Random(7)  # noqa: S311 - no secret
    patient = {"resourceType": "Patient", "id": "bench", "birthDate": f"{today.year - 58}-03-04", "gender": "female"}
    return [patient, *(_resource(kind, n, draw, today) for kind, many in MIX.items() for n in range(many))]


def made_order(today: dt.date) -> Json:
    """A lumbar MRI for low back pain."""
    return {
        "resourceType": "ServiceRequest",
        "id": "order",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": PATIENT},
        "authoredOn": today.isoformat(),
        "code": {
            "coding": [{"system": CPT, "code": "72148", "display": "MRI LUMBAR SPINE WO CONTRAST"}],
            "text": "MRI lumbar spine without contrast",
        },
        "reasonCode": [_concept((ICD10CM, "M54.50"), text="Low back pain")],
    }


def _resource(kind: str, n: int, draw: random.Random, today: dt.date) -> Json:
    day = today - dt.timedelta(days=int(draw.triangular(0, 2500, 0)))
    at = f"{day}T{draw.randrange(8, 18):02d}:{draw.randrange(60):02d}:00-05:00"
    who = "beneficiary" if kind == "Coverage" else "patient" if kind in ("AllergyIntolerance", "Device") else "subject"
    return {
        "resourceType": kind,
        "id": f"{kind.lower()}-{n}",
        "meta": {"versionId": "1", "lastUpdated": at},
        who: {"reference": PATIENT, "display": "Bench, Made Up"},
        **SHAPES[kind](draw, at, f"Encounter/encounter-{draw.randrange(MIX['Encounter'])}"),
    }


def _concept(*pairs: tuple[str, str], text: str = "") -> Json:
    said = {"text": text} if text else {}
    return {"coding": [{"system": s, "code": c, **({"display": text} if text else {})} for s, c in pairs], **said}


def _observation(draw: random.Random, at: str, visit: str) -> Json:
    vital = draw.random() < 0.4
    code, name, unit = draw.choice(VITAL_SIGNS if vital else LABORATORY)
    value = {"value": round(draw.uniform(3, 38), 1), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    shape = {
        "status": "final",
        "category": [_concept((f"{HL7}observation-category", "vital-signs" if vital else "laboratory"))],
        "code": _concept((LOINC, code), (LOCAL, f"{draw.randrange(300)}"), text=name),
        "encounter": {"reference": visit},
        "effectiveDateTime": at,
        "issued": at,
    }
    if vital and draw.random() < 0.15:
        parts = [{"code": _concept((LOINC, c)), "valueQuantity": value} for c in ("8480-6", "8462-4")]
        return {**shape, "code": _concept((LOINC, "85354-9"), text="Blood pressure"), "component": parts}
    limits = [{"low": {"value": 4, "unit": unit}, "high": {"value": 30, "unit": unit}, "text": "4 - 30"}]
    return {**shape, "valueQuantity": value, **({} if vital else {"referenceRange": limits})}


def _condition(draw: random.Random, at: str, visit: str) -> Json:
    icd, snomed = draw.choice(PROBLEMS)
    category = draw.choice(("problem-list-item", "encounter-diagnosis"))
    return {
        "clinicalStatus": _concept((f"{HL7}condition-clinical", draw.choice(("active", "active", "resolved")))),
        "verificationStatus": _concept((f"{HL7}condition-ver-status", "confirmed")),
        "category": [_concept((f"{HL7}condition-category", category))],
        "code": _concept((ICD10CM, icd), (SNOMED, snomed), text="As the problem list has it"),
        "encounter": {"reference": visit},
        "onsetDateTime": at[:10],
        "recordedDate": at,
    }


def _encounter(draw: random.Random, at: str, _visit: str) -> Json:
    icd, snomed = draw.choice(PROBLEMS)
    return {
        "status": "finished",
        "class": {"system": f"{HL7}v3-ActCode", "code": draw.choice(("AMB", "AMB", "AMB", "VR", "EMER"))},
        "type": [_concept((CPT, draw.choice(("99213", "99214", "99203"))), (LOCAL, "101"), text="Office visit")],
        "participant": [{"individual": {"reference": f"Practitioner/p{draw.randrange(9)}"}}],
        "period": {"start": at, "end": at},
        "reasonCode": [_concept((ICD10CM, icd), (SNOMED, snomed), text="Reason for visit")],
    }


def _medication(draw: random.Random, at: str, visit: str) -> Json:
    code, name = draw.choice(MEDICINES)
    return {
        "status": draw.choice(("active", "completed", "stopped")),
        "intent": "order",
        "medicationCodeableConcept": _concept((RXNORM, code), (LOCAL, f"{draw.randrange(900)}"), text=name),
        "encounter": {"reference": visit},
        "authoredOn": at,
        "dosageInstruction": [{"text": "1 tablet daily", "route": _concept((SNOMED, "26643006"), text="Oral")}],
        "dispenseRequest": {"numberOfRepeatsAllowed": 2, "expectedSupplyDuration": {"value": 30, "unit": "d"}},
    }


def _procedure(draw: random.Random, at: str, visit: str) -> Json:
    system, code, name = draw.choice(PROCEDURES)
    icd, _ = draw.choice(PROBLEMS)
    reason = {"reasonCode": [_concept((ICD10CM, icd))]} if draw.random() < 0.5 else {}
    return {
        "status": "completed",
        "code": _concept((system, code), text=name),
        "encounter": {"reference": visit},
        "performedPeriod": {"start": at, "end": at},
        **reason,
    }


def _report(draw: random.Random, at: str, visit: str) -> Json:
    system, code, name, section = draw.choice(REPORTS)
    return {
        "status": "final",
        "category": [_concept((f"{HL7}v2-0074", section))],
        "code": _concept((system, code), text=name),
        "encounter": {"reference": visit},
        "effectiveDateTime": at,
        "issued": at,
        "conclusion": "No acute abnormality. Mild degenerative changes." if section == "RAD" else "",
    }


def _scan(draw: random.Random, at: str, visit: str) -> Json:
    modality, code, name = draw.choice(SCANS)
    coded = {"procedureCode": [_concept((CPT, code), text=name)]} if draw.random() < 0.7 else {}
    return {
        "status": "available",
        "started": at,
        "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": modality}],
        "description": name,
        "series": [{"uid": "1.2.3", "modality": {"code": modality}, "bodySite": {"display": name.partition(" ")[2]}}],
        "encounter": {"reference": visit},
        **coded,
    }


def _request(draw: random.Random, at: str, visit: str) -> Json:
    system, code, name = draw.choice(REQUESTS)
    icd, _ = draw.choice(PROBLEMS)
    return {
        "status": draw.choice(("completed", "completed", "active")),
        "intent": "order",
        "code": _concept((system, code), text=name),
        "encounter": {"reference": visit},
        "authoredOn": at,
        "reasonCode": [_concept((ICD10CM, icd))],
    }


def _allergy(draw: random.Random, at: str, _visit: str) -> Json:
    code, name = draw.choice((("7980", "Penicillin"), ("10831", "Sulfamethoxazole"), ("2670", "Codeine")))
    return {
        "clinicalStatus": _concept((f"{HL7}allergyintolerance-clinical", "active")),
        "criticality": "low",
        "code": _concept((RXNORM, code), text=name),
        "recordedDate": at,
        "reaction": [{"manifestation": [_concept((SNOMED, "247472004"), text="Hives")]}],
    }


def _device(_draw: random.Random, _at: str, _visit: str) -> Json:
    return {"status": "active", "type": _concept((SNOMED, "6012004"), text="Hearing aid")}


def _coverage(_draw: random.Random, at: str, _visit: str) -> Json:
    return {"status": "active", "type": _concept((f"{HL7}v3-ActCode", "EHCPOL")), "period": {"start": at[:10]}}


SHAPES: dict[str, Callable[[random.Random, str, str], Json]] = {
    "Observation": _observation, "Condition": _condition, "Encounter": _encounter, "MedicationRequest": _medication,
    "Procedure": _procedure, "DiagnosticReport": _report, "ImagingStudy": _scan, "ServiceRequest": _request,
    "AllergyIntolerance": _allergy, "Device": _device, "Coverage": _coverage,
}  # fmt: skip
