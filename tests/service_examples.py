"""An application for tests: its own database, a fixed time in a zone that is not UTC, and a request to send."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from flask import Flask

from mappings.queries import QUERIES
from service.app import create_app
from service.parts import Parts
from service.settings import read_settings

NOW = dt.datetime(2026, 6, 2, 3, 0, tzinfo=dt.UTC)  # still 1 June in Chicago
SERVICE = "/cds-services/imaging-appropriateness"
Json = dict[str, Any]


def make_app(folder: Path, **settings: Any) -> Flask:
    read = read_settings({}, **{"open": True, "data_dir": str(folder), "time_zone": "America/Chicago", **settings})
    return create_app(read, lambda: NOW)


def parts_of(app: Flask) -> Parts:
    parts: Parts = app.extensions["imaging_cds"]
    return parts


def order(identity: str = "order-1", code: str = "72133", **more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest", "id": identity, "status": "draft", "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": code, "display": "a study"}]},
        "reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "279039007", "display": "a reason"}]}],
        **more,
    }  # fmt: skip


def call(*orders: Json, hook: str = "order-sign", **changed: Any) -> Json:
    """A hook request with a chart that holds an adult Patient and nothing else."""
    drafts = orders or (order(),)
    prefetch: Json = {key: {"resourceType": "Bundle", "type": "searchset", "total": 0} for key in QUERIES}
    prefetch["patient"] = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01", "gender": "female"}
    context: Json = {
        "userId": "Practitioner/1",
        "patientId": "p1",
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": d} for d in drafts]},
    }
    if hook == "order-select":
        context["selections"] = [f"ServiceRequest/{d['id']}" for d in drafts]
    body = {
        "hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context, "prefetch": prefetch,
        **changed,
    }  # fmt: skip
    return {k: v for k, v in body.items() if v is not ...}
