"""The PAMA screen of the public CDS Hooks sandbox, as its source reads us.

Every place where the sandbox reads without looking fails here too, with a KeyError, TypeError or IndexError; what it
leaves alone is left alone. Read in github.com/cds-hooks/sandbox at commit 3b7e255, below src/:
reducers/cds-services-reducers.js, middleware/cds-execution.js, retrieve-data-helpers/service-exchange.js,
components/Pama/pama.jsx, components/CardList/card-list.jsx.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import jwt
from flask.testing import FlaskClient

from tests.fhir_answers import Held, read, search

Json = dict[str, Any]
ORDER = "example-request-id"
ORIGIN = "http://localhost:8080"
CPT = "http://www.ama-assn.org/go/cpt"
SNOMED = "http://snomed.info/sct"
RATING = "http://fhir.org/argonaut/Extension/pama-rating"


def study(code: str) -> Json:
    return {"system": CPT, "code": code, "display": f"study {code}"}


def reason(code: str) -> Json:
    return {"system": SNOMED, "code": code, "display": f"reason {code}"}


@dataclass
class Screen:
    """One patient's order, its rating and its cards; calls the service after every change."""

    client: FlaskClient
    chart: Held
    patient: str
    hook: str = "order-select"
    discovery: str = "/cds-services"
    study: Json = field(default_factory=dict)
    reasons: list[Json] = field(default_factory=list)
    rating: str = "unknown"
    cards: list[Json] = field(default_factory=list)
    services: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        listed = self._call("GET", self.discovery)["services"]
        assert listed, "no services: the discovery is refused"
        for service in listed:  # by address: of two services with one id the later stays
            self.services[f"{self.discovery}/{service['id']}"] = service
        self._changed()

    # --- what the clinician does

    def choose(self, coding: Json) -> None:
        self.study = coding
        self._changed()

    def give_reasons(self, *codings: Json) -> None:
        self.reasons = list(codings)
        self._changed()

    def take(self, card: Json, suggestion: Json) -> None:
        """Feedback first, then every update as an imaging order."""
        if suggestion["uuid"] and card["uuid"]:
            accepted = {"outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}]}
            self._feedback(card, accepted)
        for action in suggestion["actions"]:
            if action["type"] == "update":
                resource = action.get("resource") or {}
                self.rating = _ratings(resource)[0]
                self.study = resource["code"]["coding"][0]
                self.reasons = [concept["coding"][0] for concept in resource["reasonCode"]]
                self._changed()

    def dismiss(self, card: Json, why: Json | None = None) -> None:
        outcome: Json = {"outcome": "overridden"}
        if why:
            outcome["overrideReason"] = {"reason": {k: why[k] for k in ("code", "system") if k in why}}
        self._feedback(card, outcome)
        self.cards = [c for c in self.cards if c["uuid"] != card["uuid"]]

    # --- what the sandbox does

    def _changed(self) -> None:
        for url, service in self.services.items():
            if service["hook"] == "order-select":  # of the screen; the body names the hook of the address
                self._exchange(url, service)

    def _exchange(self, url: str, service: Json) -> None:
        code: Json = {"coding": [self.study]}
        if "display" in self.study:
            code["text"] = self.study["display"]
        order = {
            "resourceType": "ServiceRequest",
            "id": ORDER,
            "status": "draft",
            "intent": "plan",
            "code": code,
            "subject": {"reference": f"Patient/{self.patient}"},
            "reasonCode": [{"coding": [r], "text": r["display"]} for r in self.reasons],
        }
        body = {
            "hookInstance": str(uuid.uuid4()),
            "hook": self.hook,
            "fhirServer": self.chart.base,
            "context": {
                "patientId": self.patient,
                "userId": "Practitioner/COREPRACTITIONER1",
                "selections": [f"ServiceRequest/{ORDER}"],
                "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
            },
            "prefetch": {key: self._fetched(template) for key, template in service["prefetch"].items()},
        }
        answer = self._call("POST", url, body)
        assert answer, "an empty answer shows nothing"
        self.cards = answer["cards"] if self.hook == "order-select" else []
        actions = answer["extension"]["systemActions"]
        updates = [action["resource"] for action in actions if action["type"] == "update"]
        for code_shown in [rating for resource in updates for rating in _ratings(resource)][:1]:
            self.rating = code_shown

    def _fetched(self, template: str) -> Json:
        path, _, query = template.replace("{{context.patientId}}", self.patient).partition("?")
        assert "{{" not in path + query, f"the sandbox does not fill {template}"
        pairs = parse_qsl(query)
        assert len(dict(pairs)) == len(pairs), "the sandbox makes one OR value of a repeated parameter"
        return search(self.chart, path, pairs, False) if query else read(self.chart, *path.split("/"))

    def _feedback(self, card: Json, outcome: Json) -> None:
        at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        (url,) = self.services
        entry = {"card": card["uuid"], **outcome, "outcomeTimestamp": at}
        self._call("POST", f"{url}/feedback", {"feedback": [entry]})

    def _call(self, method: str, url: str, body: Json | None = None) -> Json:
        """A call from a browser: preflight, then the call, both with the headers that let its page read them."""
        asked = {
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        preflight = self.client.options(url, headers={"Origin": ORIGIN, **asked})
        assert preflight.status_code in range(200, 300)
        allowed = preflight.headers["Access-Control-Allow-Headers"].replace(" ", "").lower().split(",")
        assert {"authorization", "content-type"} <= set(allowed)
        claims = {"iss": "https://sandbox.cds-hooks.org", "aud": url, "jti": str(uuid.uuid4())}
        token = jwt.encode(claims, "x" * 64, algorithm="HS256")  # nobody checks the signature in open mode
        headers = {"Origin": ORIGIN, "Authorization": f"Bearer {token}", "Accept": "application/json"}
        response = self.client.open(url, method=method, json=body, headers=headers)
        assert response.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
        assert response.status_code == 200, response.text
        answer: Json = response.get_json()
        return answer


def _ratings(resource: Json) -> Sequence[str]:
    extensions = [e for e in resource.get("extension", ()) if e["url"] == RATING]
    return [coding["code"] for e in extensions for coding in e["valueCodeableConcept"]["coding"]]
