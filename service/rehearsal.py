"""One made-up order, before the first real one: what is built on first use is built before the workers fork.

A service that cannot answer the simplest order does not start.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

import structlog

import hooks
from hooks.services import services
from mappings import QUERIES
from mappings.ready import read_everything
from service.clients import OPEN_TENANT, Client, load_profiles
from service.journal import Consultation
from service.parts import Parts

PATIENT = "rehearsal"


class _Silent:
    """Keeps nothing."""

    def keep(self, consultation: Consultation) -> None:
        return None


def rehearse(parts: Parts) -> None:
    """Read what readers would read when a chart first asks for it; answer one order of nobody's. Raises whatever goes
    wrong."""
    read_everything()
    order = {
        "resourceType": "ServiceRequest",
        "id": "rehearsal",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148"}]},
        "reasonCode": [
            {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.50"}], "text": "low back pain"}
        ],
    }
    prefetch: dict[str, object] = dict.fromkeys(QUERIES)
    prefetch["patient"] = {"resourceType": "Patient", "id": PATIENT, "birthDate": "1980-01-01"}
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    body = {
        "hook": "order-sign",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/none", "patientId": PATIENT, "draftOrders": drafts},
        "prefetch": prefetch,
    }
    request = hooks.read_request(body, {service.hook for service in services()})
    client = Client(OPEN_TENANT, load_profiles()["no-callbacks"], ())
    with structlog.contextvars.bound_contextvars(rehearsal=True):  # its line in the log is nobody's call
        replace(parts.decision, journal=_Silent(), continuity=None).decide(request, client)
