"""Judge orders from a file, without HTTP, a journal or a FHIR server."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from criteria import judge
from criteria.explain import explain
from hooks.compose import compose
from hooks.errors import MissingField, PatientMissing, UnreadableRequest
from hooks.prefetch import read_prefetch
from hooks.request import read_request
from hooks.site import Keys, LibraryView, Profile, Site
from mappings.coverage import policy_ids
from mappings.gather import Chart
from mappings.orders import read_orders
from mappings.queries import QUERIES
from mappings.records import read_records
from service.decide import editions
from service.files import resolved
from service.parts import library_of
from service.placeholders import fill
from service.settings import Settings, read_settings

ORDER = "ServiceRequest"
HOOKS = frozenset({"order-select", "order-sign"})
DRAFT = ("draft", "active", "on-hold", None)


def judge_file(
    file: Path, hook: str | None = None, as_json: bool = False, settings: Settings | None = None, complete: bool = False
) -> Iterator[str]:
    """The verdicts of a hook request or a FHIR Bundle as indented lines, by the criteria and policies that the service
    has with these settings. ``complete``: a type that the Bundle lacks has no record. Raises `hooks.errors`."""
    settings = settings or read_settings({}, open=True)
    today = dt.datetime.now().astimezone().date()
    try:
        body = orjson.loads(fill(file.read_text(encoding="utf-8"), today))
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        raise UnreadableRequest(f"{file.name} is not JSON.") from None
    if isinstance(body, dict) and body.get("resourceType") == "Bundle":
        body = from_bundle(resolved(body), hook or "order-sign", complete)
    elif hook and isinstance(body, dict):
        body = {**body, "hook": hook}
    request = read_request(body, HOOKS)
    library = library_of(settings)
    held = read_prefetch(request.prefetch, QUERIES)
    missing = {QUERIES[key].type for key, state in held.items() if not state.complete and not QUERIES[key].required}
    records = read_records([r for state in held.values() for r in state.resources], request.patient_id, missing)
    if not records.patient:
        raise PatientMissing()
    orders = read_orders(request.drafts, records)
    chart = Chart(records, orders, today, request.encounter_id, settings.site, request.drafts)
    policy = library.policies.choose(policy_ids(records, settings.policy_systems, today))
    verdicts = judge(chart.session, chart.facts, library, today, policy=policy, focus=request.focus)
    if as_json:
        view = LibraryView(library.vocabulary, library.catalogue, editions(library), policy.id, policy.notice)
        answer = compose(
            verdicts,
            request,
            library_view=view,
            profile=Profile(),
            site=Site(qcdsm=settings.qcdsm, auc=settings.auc, confirm_appropriate=settings.confirm_appropriate),
            orders=orders,
            keys=Keys("file", b"not secret: nothing is kept"),
            unread=sorted(records.missing),
            set_aside=chart.set_aside,
        )
        yield orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()
        return
    for verdict in verdicts:
        yield from explain(verdict)
    for aside in chart.set_aside:
        yield f"set aside: {aside.reference}: {aside.why}"


def from_bundle(bundle: dict[str, Any], hook: str, complete: bool = False) -> dict[str, Any]:
    """A hook request made of a Bundle with one Patient: its draft ServiceRequests (else all) are the orders. A type
    that is nowhere in it was not searched, unless it is ``complete``."""
    entries = bundle.get("entry")
    held = [e.get("resource") for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    resources = [r for r in held if isinstance(r, dict)]
    patient = next((r for r in resources if r.get("resourceType") == "Patient" and isinstance(r.get("id"), str)), None)
    if patient is None:
        raise MissingField("Bundle.entry", "The Bundle holds no Patient with an id.")
    requests = [r for r in resources if r.get("resourceType") == "ServiceRequest"]
    drafts = [r for r in requests if r.get("status") == "draft"] or [r for r in requests if r.get("status") in DRAFT]
    if not drafts:
        raise MissingField("Bundle.entry", "The Bundle holds no ServiceRequest to judge.")
    by_type: dict[str, list[dict[str, Any]]] = {ORDER: []}
    for resource in resources:
        if resource not in drafts:
            by_type.setdefault(str(resource.get("resourceType")), []).append(resource)
    prefetch: dict[str, Any] = {
        key: {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": r} for r in by_type.get(q.type, ())],
        }
        for key, q in QUERIES.items()
        if complete or q.type in by_type
    }
    return {
        "hook": hook,
        "hookInstance": str(uuid.uuid4()),
        "context": {
            "userId": "Practitioner/unknown",
            "patientId": patient["id"],
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": d} for d in drafts]},
            "selections": [f"ServiceRequest/{d.get('id')}" for d in drafts],
        },
        "prefetch": {**prefetch, "patient": patient},
    }
