"""The hook requests of the benchmarks: one order, and a chart of so many resources as record systems send them.

Each resource bears what nobody reads and everybody sends: a narrative, identifiers, who performed it; a thousand are
1.7 MB. Four orders take turns, for an answer costs what there is to say: one that is rated appropriate and needs no
card, one that needs answers, one whose code is wrong, and one that no guideline speaks of.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.chart import CPT, HL7, ICD10CM, PATIENT, Json, made_chart, made_order
from mappings import QUERIES

SIZES = (1, 50, 1_000, 5_000)
FACT = "https://imaging-cds.github.io/fhir/CodeSystem/guideline-fact"
STATED: dict[str, bool | int] = {
    "clinical_evaluation.initial_performed": True,
    "clinical_evaluation.in_person_days_ago": 1,
}
"""What a clinician has attested: with it the order is appropriate."""
ORDERS: dict[str, tuple[str, str]] = {
    "appropriate": ("72148", "G83.4"),
    "needs-information": ("72148", "M54.50"),
    "not-appropriate": ("72131", "M54.50"),
    "no-criteria-apply": ("72148", "K08.89"),
}
"""By what becomes of it: the code of the order and its reason."""


def request(kind: str, size: int, today: dt.date) -> bytes:
    """A hook request with a chart of ``size`` resources, its Patient among them."""
    code, reason = ORDERS[kind]
    order = made_order(today)
    order["code"] = {"coding": [{"system": CPT, "code": code, "display": "as the catalogue of the EHR has it"}]}
    order["reasonCode"] = [{"coding": [{"system": ICD10CM, "code": reason}]}]
    body = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": "https://ehr.example.org/fhir",
        "context": {
            "userId": "Practitioner/p1",
            "patientId": "bench",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]},
        },
        "prefetch": prefetch(size, today, STATED if kind == "appropriate" else {}),
    }
    return json.dumps(body, separators=(",", ":")).encode()


def prefetch(size: int, today: dt.date, attested: dict[str, bool | int]) -> Json:
    """The chart by prefetch key: every so many-th of the thousand, or these over again; and what is attested."""
    patient, *rest = made_chart(today)
    wanted = size - 1
    if wanted < len(rest):
        rest = [rest[n * len(rest) // wanted] for n in range(wanted)]
    while len(rest) < wanted:
        again = copy.deepcopy(rest[: wanted - len(rest)])
        rest += [{**resource, "id": f"{resource['id']}-{len(rest) + n}"} for n, resource in enumerate(again)]
    sent = [as_sent(resource, n) for n, resource in enumerate(rest)]
    sent += [answer(name, value, today) for name, value in attested.items()]
    held: Json = {}
    for key, query in QUERIES.items():
        of_type = [r for r in sent if r["resourceType"] == query.type]
        held[key] = patient if query.type == "Patient" else searchset(query.type, of_type)
    return held


def answer(name: str, value: bool | int, today: dt.date) -> Json:
    """A fact that a clinician states, as the app writes it back."""
    return {
        "resourceType": "Observation",
        "id": name.replace(".", "-").replace("_", "-"),
        "status": "final",
        "code": {"coding": [{"system": FACT, "code": name}]},
        "subject": {"reference": PATIENT},
        "effectiveDateTime": today.isoformat(),
        "valueBoolean" if isinstance(value, bool) else "valueInteger": value,
    }


def as_sent(resource: Json, n: int) -> Json:
    """With what a record system adds."""
    kind, identity = resource["resourceType"], resource["id"]
    filler = {"coding": [{"system": f"{HL7}v2-0203", "code": "FILL", "display": "Filler Identifier"}]}
    rows = "".join(f"<tr><td>{k}</td><td>{v}</td></tr>" for k, v in (("id", identity), ("patient", "Bench, Made Up")))
    return {
        **resource,
        "meta": {**resource["meta"], "profile": [f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{kind}"]},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>{kind}</b></p><table>{rows}</table></div>',
        },
        "identifier": [
            {"use": "usual", "system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.798268", "value": f"{n:09d}"},
            {"type": filler, "system": "urn:oid:1.2.840.114350.1.13.0.1.7.3.798268.800", "value": f"E{n:011d}"},
        ],
        "performer": [{"reference": f"Practitioner/p{n % 9}", "display": "Physician Family Medicine, MD"}],
    }


def searchset(kind: str, resources: list[Json]) -> dict[str, Any]:
    base = "https://ehr.example.org/fhir"
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "link": [{"relation": "self", "url": f"{base}/{kind}"}],
        "entry": [
            {"fullUrl": f"{base}/{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in resources
        ],
    }
