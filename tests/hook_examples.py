"""Small made-up requests and verdicts for the tests of hooks/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from criteria.facts import FactDefinition, Vocabulary
from criteria.orders import Kind, Order, Reason
from criteria.ratings import Alternative, Because, Rating, Ruling, Step, Verdict
from criteria.studies import Catalogue, Study
from hooks import Edition, HookRequest, Keys, LibraryView, Profile, Site, compose, read_request
from hooks.actions import PAMA
from service.clients import load_profiles

CPT = "http://www.ama-assn.org/go/cpt"
LOINC = "http://loinc.org"
BOTH = frozenset({"order-select", "order-sign"})
KEYS = Keys("clinic-a", b"a secret of at least 16 bytes")

MRI = Study(
    "mri_lumbar_spine.without", "mri_lumbar_spine", "MRI lumbar spine without contrast", "mri", "lumbar_spine",
    "without", {"cpt": ("72148",), "loinc": ("30679-5",)},
)  # fmt: skip
CT = Study(
    "ct_lumbar_spine.without", "ct_lumbar_spine", "CT lumbar spine without contrast", "ct", "lumbar_spine", "without",
    {"cpt": ("72131",), "loinc": ("30620-9",)}, radiation=True,
)  # fmt: skip
XRAY = Study("xray_hip", "xray_hip", "X-ray hip", "xray", "hip", "not_applicable", {"cpt": ("73502",)}, radiation=True)
CATALOGUE = Catalogue(
    {s.id: s for s in (MRI, CT, XRAY)},
    {(system, code): (s.id,) for s in (MRI, CT, XRAY) for system, codes in s.codes.items() for code in codes},
)
FACTS = (
    FactDefinition("care.weeks", "integer", "Weeks of treatment.", "unknown", "How many weeks of treatment?", "-"),
    FactDefinition("care.seen", "boolean", "Seen again.", "unknown", "Was the patient seen again?", "-"),
    FactDefinition("flag.fever", "boolean", "The patient has a fever.", "presumed_false", "Is there a fever?", "-"),
    FactDefinition("plan.change", "boolean", "The result changes the plan.", "presumed_true", "Will it?", "-"),
)
VIEW = LibraryView(
    Vocabulary({f.name: f for f in FACTS}),
    CATALOGUE,
    {"spine": Edition("Example Spine Guideline", "V2"), "preface": Edition("Example Preface", "2021")},
)


def draft(identity: str = "order-1", code: Any = "72131", **more: Any) -> dict[str, Any]:
    """A draft CT of the lumbar spine as an EHR would send it."""
    return {
        "resourceType": "ServiceRequest",
        "id": identity,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/pat-1"},
        "code": code if isinstance(code, dict) else {"coding": [{"system": CPT, "code": code, "display": "CT"}]},
        "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.59"}]}],
        **more,
    }


def body(*drafts: dict[str, Any], hook: str = "order-sign", **context: Any) -> dict[str, Any]:
    """The JSON of a hook call; selections name every draft unless given."""
    orders = drafts or (draft(),)
    selections = {"selections": [f"ServiceRequest/{d.get('id')}" for d in orders]} if hook == "order-select" else {}
    return {
        "hook": hook,
        "hookInstance": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
        "context": {
            "userId": "Practitioner/7",
            "patientId": "pat-1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": d} for d in orders]},
            **selections,
            **context,
        },
    }


def request(*drafts: dict[str, Any], hook: str = "order-sign", **context: Any) -> HookRequest:
    return read_request(body(*drafts, hook=hook, **context), BOTH)


def order(study: Study | None = CT, identity: str = "order-1") -> Order:
    kind = Kind.STUDY if study else Kind.UNRECOGNISED
    return Order(f"ServiceRequest/{identity}", kind, study, (Reason("covered", ("lbp",), "low back pain"),))


def ruling(message: str = "", section: str = "SP-5.1", kind: str = "pathway") -> Ruling:
    name, step = f"spine/{section.lower()}", Step("x", True)
    return Ruling(name, "spine", section, "Low back pain", kind, True, True, lambda: step, ("SP-5.1.4",), message)


def verdict(rating: Rating | None = Rating.NOT_APPROPRIATE, identity: str = "order-1", **more: Any) -> Verdict:
    fields: dict[str, Any] = {
        "because": Because.NOT_LISTED if rating is Rating.NOT_APPROPRIATE else None,
        "rulings": (ruling(),),
        "guidelines": ("spine",),
    }
    if rating is Rating.NOT_APPROPRIATE:
        fields["alternatives"] = (Alternative(MRI, Rating.APPROPRIATE, criterion="spine/sp-5.1"),)
    return Verdict(f"ServiceRequest/{identity}", rating, **{**fields, **more})


OURS = "io.github.imaging-cds"
SITE = Site("https://cds.example/guidelines", "https://cds.example/consults", "https://cds.example/launch")
SANDBOX = Profile("sandbox", always_rate=True, sandbox_resources=True, suggestion_actions=("update",))
CRD_2_0 = load_profiles()["crd-2.0.1"].shows
CRD_2_2 = load_profiles()["crd-2.2"].shows
EPIC = load_profiles()["epic"].shows
PROFILES = tuple(p.shows for p in load_profiles().values())


@dataclass(frozen=True)
class Broken:
    reference: str
    why: str


def answer(
    *verdicts: Verdict, to: HookRequest | None = None, orders: tuple[Order, ...] | None = None, **more: Any
) -> dict[str, Any]:
    settings_: dict[str, Any] = {"profile": Profile(), "site": SITE, "keys": KEYS, "library_view": VIEW, **more}
    known = orders if orders is not None else (order(),)
    return compose(verdicts, to or request(), orders=known, **settings_)


def only_card(out: dict[str, Any]) -> dict[str, Any]:
    (card,) = out["cards"]
    return dict(card)


def ratings(out: dict[str, Any]) -> list[str]:
    return [
        e["valueCodeableConcept"]["coding"][0]["code"]
        for a in out.get("systemActions", [])
        for e in a["resource"]["extension"]
        if e["url"] == PAMA
    ]
