"""An EHR in a browser: an order screen that fires hooks, shows cards, launches the app in a frame and takes messages.

It is the SMART authorization server too (tests/smart_server.py), and takes what the app writes into the chart.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from service.smart.scopes import may_create
from tests.smart_server import Json, SmartServer, answering, serving

HERE = Path(__file__).parent
PAGES = {"/ehr": ("ehr_frame.html", "text/html"), "/ehr_frame.js": ("ehr_frame.js", "text/javascript")}


@dataclass
class Frame(SmartServer):
    """``request`` is the hook request that its screen sends to ``service``; ``told`` goes along with the tokens.

    ``messaging``: it speaks SMART Web Messaging. ``chart`` is what was written; ``refuses`` answers writes with that
    status, ``knows_conditions`` says whether it heeds If-None-Exist.
    """

    request: Json = field(default_factory=dict)
    service: str = ""
    messaging: bool = True
    new_window: bool = False
    told: Json = field(default_factory=dict)
    chart: list[Json] = field(default_factory=list)
    writes: int = 0
    refuses: int = 0
    knows_conditions: bool = True

    @property
    def app_origin(self) -> str:
        parts = urlsplit(self.service)
        return f"{parts.scheme}://{parts.netloc}"

    def session(self) -> Json:
        return {
            "request": self.request, "service": self.service, "iss": self.iss, "app": self.app_origin,
            "newWindow": self.new_window,
        }  # fmt: skip

    def launch_app(self, context: str) -> Json:
        """As its screen launches the app of a card."""
        handle = secrets.token_urlsafe(12)
        messaging = {"smart_web_messaging_handle": handle, "smart_web_messaging_origin": self.url}
        told = {"appContext": context, **(messaging if self.messaging else {}), **self.told}
        about = self.request["context"]
        return {"launch": self.launch(about["patientId"], about["userId"], **told), "handle": handle}

    def write(self, kind: str, resource: Json, authorization: str, condition: str) -> int:
        """A create: its HTTP status."""
        self.writes += 1
        token = authorization.removeprefix("Bearer ")
        if token not in self.access or not may_create(self.granted[token], kind):
            return 403
        if self.refuses:
            return self.refuses
        known = parse_qs(condition).get("identifier", [""])[0]
        if self.knows_conditions and known and any(known in _identifiers(r) for r in self.chart):
            return 200
        self.chart.append(resource)
        return 201


def _identifiers(resource: Json) -> list[str]:
    held = resource.get("identifier", [])
    return [f"{i['system']}|{i['value']}" for i in (held if isinstance(held, list) else [held])]


def _screen(double: Frame) -> type[BaseHTTPRequestHandler]:
    class Screen(answering(double)):  # type: ignore[misc]
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path in PAGES:
                name, kind = PAGES[path]
                self.send_file((HERE / name).read_bytes(), kind)
            elif path == "/session":
                self.say(200, double.session())
            else:
                super().do_GET()

        def do_POST(self) -> None:
            path = urlsplit(self.path).path
            if path == "/launch":
                self.say(200, double.launch_app(self.sent()["appContext"]))
            elif path.startswith("/fhir/"):
                told = (self.headers.get("Authorization", ""), self.headers.get("If-None-Exist", ""))
                self.say(double.write(path.removeprefix("/fhir/"), self.sent(), *told), {})
            else:
                super().do_POST()

        def sent(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def send_file(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Screen


@contextmanager
def ehr_frame(**more: Any) -> Iterator[Frame]:
    """The EHR on 127.0.0.1; its screen is at ``/ehr``."""
    double = Frame("", **more)
    with serving(double, _screen(double)):
        yield double
