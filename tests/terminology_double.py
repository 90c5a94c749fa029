"""A terminology server on the loopback, with a hierarchy of its own and as many faults as a test asks for."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class TerminologyDouble:
    """``parents``: concept -> the concepts right above it. ``broken`` answers everything with these bytes and status.

    While ``gate`` is closed no answer leaves.
    """

    def __init__(self, parents: Mapping[str, tuple[str, ...]]) -> None:
        self.parents = parents
        self.url = ""
        self.expressions = True
        self.always_yes = False
        self.broken: tuple[int, bytes] | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.calls: list[str] = []

    def above(self, code: str) -> set[str]:
        found = set(self.parents.get(code, ()))
        return found | {up for parent in found for up in self.above(parent)}

    def answer(self, path: str, asked: Mapping[str, str]) -> tuple[int, bytes]:
        if self.broken is not None:
            return self.broken
        if path.endswith("CodeSystem/$validate-code"):
            return _parameters("result", "valueBoolean", self.always_yes or asked["code"] in self.parents)
        if path.endswith("CodeSystem/$subsumes"):
            a, b = asked["codeA"], asked["codeB"]
            down, up = a in self.above(b), b in self.above(a)
            outcome = "equivalent" if a == b else "subsumes" if down else "subsumed-by" if up else "not-subsumed"
            return _parameters("outcome", "valueCode", "subsumes" if self.always_yes else outcome)
        if path.endswith("ValueSet/$validate-code") and self.expressions:
            group = set(re.findall(r"<<(\d+)", asked["url"]))
            return _parameters("result", "valueBoolean", self.always_yes or bool(group & self.above(asked["code"])))
        return 404, json.dumps({"resourceType": "OperationOutcome", "issue": []}).encode()


def _parameters(name: str, kind: str, value: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"resourceType": "Parameters", "parameter": [{"name": name, kind: value}]}).encode()


@contextmanager
def terminology_server(parents: Mapping[str, tuple[str, ...]]) -> Iterator[TerminologyDouble]:
    double = TerminologyDouble(parents)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            double.calls.append(self.path)
            double.gate.wait(30)
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, body = double.answer(parts.path, asked)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}/fhir"
    try:
        yield double
    finally:
        double.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
