"""Orders on their way out: the rating written onto the client's own order, and the orders that cards suggest."""

from __future__ import annotations

import copy
import functools
import json
from typing import Any
from urllib.parse import quote

from criteria.orders import Order
from criteria.ratings import Alternative, Rating, Verdict
from criteria.studies import Study, System
from hooks.scores import scores
from hooks.site import LibraryView, Profile, Site
from hooks.validate import faults, without_empty
from hooks.wording import Wording

Json = dict[str, Any]

PAMA = "http://fhir.org/argonaut/Extension/pama-rating"
QCDSM = f"{PAMA}-qcdsm-consulted"
CONSULT = f"{PAMA}-consult-id"
AUC = f"{PAMA}-auc-applied"
OURS = frozenset({PAMA, QCDSM, CONSULT, AUC})
RATINGS = "http://fhir.org/argonaut/CodeSystem/pama-rating"
GUIDELINES = "https://imaging-cds.github.io/guidelines"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"

SYSTEMS: dict[str, System] = {
    CPT: "cpt",
    "https://www.ama-assn.org/go/cpt": "cpt",
    "urn:oid:2.16.840.1.113883.6.12": "cpt",
    HCPCS: "hcpcs",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "hcpcs",
    "urn:oid:2.16.840.1.113883.6.285": "hcpcs",
    "http://loinc.org": "loinc",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    "http://snomed.info/sct": "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
}
"""Code systems in which an order may name its study, under the names that clients use for them."""


def codings(concept: Any) -> list[Json]:
    """The codings of a CodeableConcept of any shape."""
    found = concept.get("coding") if isinstance(concept, dict) else None
    return [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []


def rating_extensions(code: str, consult: str, auc: str, site: Site, profile: Profile) -> list[Json]:
    """The Argonaut extensions; ``consult`` is a urn:uuid, ``auc`` the URI of the criteria or empty."""
    out: list[Json] = [
        {"url": PAMA, "valueCodeableConcept": {"coding": _codings(code, profile)}},
        {"url": CONSULT, "valueUri": consult},
    ]
    if site.qcdsm:
        out.insert(1, {"url": QCDSM, "valueString": site.qcdsm})
    if auc:
        out.append({"url": AUC, "valueUri": auc})
    return out


def is_valid(extensions: list[Json]) -> bool:
    """Whether an order with these rating extensions is FHIR; they differ from answer to answer by the consult id."""
    held = [{**e, "valueUri": "urn:uuid:0"} if e["url"] == CONSULT else e for e in extensions]
    return _is_valid(json.dumps(held))


@functools.lru_cache(maxsize=512)
def _is_valid(extensions: str) -> bool:
    order = {"resourceType": "ServiceRequest", "status": "draft", "intent": "order", "subject": {"display": "-"}}
    return not faults({**order, "extension": json.loads(extensions)})


def _codings(rating: str, profile: Profile) -> list[Json]:
    """The rating in Argonaut's code, which needs-information does not have, and in the words of the client's own."""
    own = [scores()[profile.scores].coding(rating)] if profile.scores else []
    if own and rating == Rating.NEEDS_INFORMATION:
        return own
    return [{"system": RATINGS, "code": rating}, *own]


def rated(draft: Json, extensions: list[Json]) -> Json:
    """The client's own order with our extensions in place of earlier ones, and nothing else changed."""
    order = unrated(draft)
    order["extension"] = [*order.get("extension", []), *extensions]
    return order


def unrated(draft: Json) -> Json:
    """The order without rating extensions: a new one, whose parts are still the client's own."""
    order = dict(draft)
    held = order.get("extension")
    if isinstance(held, list):
        kept = [e for e in held if not (isinstance(e, dict) and e.get("url") in OURS)]
        if kept:
            order["extension"] = kept
        else:
            del order["extension"]
    return order


def is_rated(draft: Json) -> bool:
    """Whether it has a rating on it, from an earlier answer."""
    return unrated(draft) != draft


def criteria_uri(verdict: Verdict, site: Site) -> str:
    """The URI of the criteria that were applied: the site's own, else the deciding section's."""
    if site.auc:
        return site.auc
    decisive = next((r for r in verdict.rulings if r.decisive), None)
    guideline = decisive.guideline if decisive else next(iter(verdict.guidelines), "")
    if not guideline:
        return ""
    section = f"#{quote(decisive.section)}" if decisive and decisive.section else ""
    return f"{GUIDELINES}/{quote(guideline)}{section}"


def system_action(resource: Json, wording: Wording) -> Json:
    return {"type": "update", "description": wording.say("action.rate"), "resource": resource}


def rating_withdrawn(draft: Json, profile: Profile, wording: Wording) -> list[Json]:
    """The update that takes an earlier rating off an order that has none now; nothing where it has none on it."""
    if not profile.ratings or not is_rated(draft):
        return []
    return [{"type": "update", "description": wording.say("action.unrate"), "resource": unrated(draft)}]


def study_code(draft: Json, study: Study) -> Json | None:
    """The CodeableConcept of a suggested study: its billing code first, then the codes of the systems that the order
    itself uses, each under the system name the client wrote. None where we know no code at all."""
    used: dict[System, str] = {}
    for coding in codings(draft.get("code")):
        if isinstance(system := coding.get("system"), str) and system in SYSTEMS:
            used.setdefault(SYSTEMS[system], system)
    wanted: dict[System, str] = {}
    billing: System | None = next((s for s in ("cpt", "hcpcs") if study.codes.get(s)), None)
    if billing:
        wanted[billing] = used.get(billing, CPT if billing == "cpt" else HCPCS)
    wanted |= {s: uri for s, uri in used.items() if study.codes.get(s) and s not in wanted}
    found = [{"system": uri, "code": study.codes[s][0], "display": study.name} for s, uri in wanted.items()]
    return {"coding": found, "text": study.name} if found else None


def changed(
    draft: Json, order: Order | None, alternative: Alternative, extensions: list[Json], profile: Profile
) -> Json | None:
    """The whole order with another study; None where the study has no code that could be sent."""
    study = alternative.study
    if study is None or (code := study_code(draft, study)) is None:
        return None
    resource: Json = {k: code if k == "code" else v for k, v in without_empty(unrated(draft)).items()}
    resource.setdefault("code", code)
    if order is not None and order.study is not None and order.study.region != study.region:
        resource.pop("bodySite", None)  # it names the old region, and the new code says the new one
    if extensions:
        resource["extension"] = [*resource.get("extension", []), *extensions]
    return _for_sandbox(resource) if profile.sandbox_resources else resource


def companion(draft: Json, study: Study, patient_id: str) -> Json | None:
    """A further order for the same patient and reason."""
    if (code := study_code(draft, study)) is None:
        return None
    kept = without_empty(copy.deepcopy({k: draft[k] for k in _SHARED if k in draft}))
    subject = draft.get("subject") or {"reference": f"Patient/{patient_id}"}
    new = {"resourceType": "ServiceRequest", "status": "draft", "intent": "order", "subject": subject}
    return {**new, **kept, "code": code}


_SHARED = ("intent", "subject", "encounter", "requester", "reasonCode", "reasonReference", "insurance")


def _for_sandbox(resource: Json) -> Json:
    """What the public sandbox reads without looking: a list of reasons, each with a coding."""
    reasons = resource.get("reasonCode")
    resource["reasonCode"] = [
        r if codings(r) else {**r, "coding": [{"display": r.get("text", "-")}]}
        for r in (reasons if isinstance(reasons, list) else [])
        if isinstance(r, dict)
    ]
    return resource


def auc_for(alternative: Alternative, view: LibraryView, site: Site, verdict: Verdict) -> str:
    """The criteria behind a suggested study: the guideline of the pathway that supports it."""
    if site.auc:
        return site.auc
    guideline = alternative.criterion.split("/")[0]
    return f"{GUIDELINES}/{quote(guideline)}" if guideline in view.editions else criteria_uri(verdict, site)


def suggested_rating(alternative: Alternative, profile: Profile) -> str | None:
    """The rating that a suggested order carries: appropriate when it is; the sandbox wants one always."""
    if alternative.rating is Rating.APPROPRIATE or profile.always_rate:
        return alternative.rating.value
    return None
