"""Made-up charts whose FHIR servers can launch SMART apps, as the CDS Hooks sandbox wants it: see docs/sandbox.md.

To launch an app the sandbox asks `<FHIR base>/_services/smart/Launch`, and is given a `launch_id`. Nobody signs in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tests.fhir_answers import Held
from tests.fhir_server import FhirProcess, Handler
from tests.smart_server import App, Json, SmartServer

USER = "Practitioner/COREPRACTITIONER1"
"""Who is always at work in the sandbox."""
LAUNCH = "/fhir/_services/smart/Launch"


class SandboxHandler(Handler):
    server: SandboxProcess

    def do_OPTIONS(self) -> None:
        self.send_response(204)
        for name, value in (
            ("Origin", "*"), ("Headers", "authorization, content-type"), ("Methods", "GET, POST")
        ):  # fmt: skip
            self.send_header(f"Access-Control-Allow-{name}", value)
        self.end_headers()

    def _serve(self, method: str, body: bytes) -> None:
        url = urlsplit(self.path)
        name, _, rest = url.path.strip("/").partition("/")
        ehr, path = self.server.ehrs.get(name), f"/{rest}"
        if ehr and method == "POST" and path == LAUNCH:
            self._send(200, {"launch_id": launch(ehr, json.loads(body)["parameters"])})
        elif ehr and (answer := ehr.respond(method, path, url.query if method == "GET" else body.decode())):
            status, said, there = answer
            self._send(status, said) if not there else self._lead(there)
        else:
            super()._serve(method, body)

    def _lead(self, there: str) -> None:
        self.send_response(302)
        self.send_header("Location", there)
        self.send_header("Content-Length", "0")
        self.end_headers()


def launch(ehr: SmartServer, told: Json) -> str:
    """What the sandbox wants passed on with the tokens: appContext and smart_messaging_origin."""
    return ehr.launch(told["patient"], USER, **{k: v for k, v in told.items() if k != "patient"})


class SandboxProcess(FhirProcess):
    """``app`` is where our service is."""

    def __init__(self, port: int, app: str) -> None:
        super().__init__(port)
        self.RequestHandlerClass = SandboxHandler
        self.ehrs: dict[str, SmartServer] = {}
        self.app = App(redirect_uris=(f"{app}/app/callback",))

    def make(self, name: str, resources: Iterable[Json], **more: Any) -> Held:
        self.ehrs[name] = SmartServer(f"{self.url}/{name}", app=self.app)
        return super().make(name, resources, **more)
