"""Charts for tests of the readers: resources as an EHR sends them, and the facts of an order beside them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from criteria.facts import Facts
from criteria.vocabulary import FACT_SYSTEM as SYSTEM
from mappings import Chart, read_orders, read_records
from mappings.records import shapes
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


SOPT = "https://nahdo.org/sopt"


def covered(kind: str = "", text: str = "", identity: str = "c1", policy: str = "", **fields: Any) -> dict[str, Any]:
    held: dict[str, Any] = {"coding": [{"system": SOPT, "code": kind}]} if kind else {}
    named = {"system": "https://imaging-cds.github.io/fhir/NamingSystem/policy", "value": policy}
    payor = [{"identifier": named}] if policy else [{"display": "An insurer"}]
    typed = {"type": {**held, **({"text": text} if text else {})}} if kind or text else {}
    return resource("Coverage", identity, **{"status": "active", "payor": payor, **typed, **fields})


CODED = st.fixed_dictionaries(
    {
        "coding": st.lists(
            st.fixed_dictionaries({"system": st.sampled_from([*URI.values()]) | JSON, "code": JSON}), max_size=2
        )
        | JSON
    }
)
