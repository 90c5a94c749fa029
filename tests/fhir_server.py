"""A small FHIR R4 server for tests: real search semantics, and faults on demand. Loopback only.

One process serves many servers, each at ``/<name>/fhir``, so that tests do not disturb each other:

    with FhirServers() as servers:
        fhir = servers.make("chart", resources, token="secret", faults=[Fault("Observation", "delay", seconds=3)])
        fhir.base          # http://127.0.0.1:41233/chart/fhir
        fhir.calls         # every request that reached it: method, path, authorization

By hand: ``python -m tests.fhir_server chart.ndjson`` prints the base URL of a server that holds the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

from tests.fhir_answers import Fault, Held, Refused, capability, page, read, search, spoil
from tests.fhir_search import PARAMETERS, Json

ROOT = Path(__file__).parent.parent


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FhirProcess

    def log_message(self, *_: object) -> None:
        """Silent: tests read `calls` instead."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.path.startswith("/_servers/"):
                self._send(200, self.server.control(method, self.path.removeprefix("/_servers/"), body))
            else:
                self._serve(method, body)
        except Refused as refusal:
            self._send(refusal.status, refusal.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _serve(self, method: str, body: bytes) -> None:
        url = urlsplit(self.path)
        name, _, rest = url.path.strip("/").partition("/")
        held = self.server.held.get(name)
        if held is None or (rest != "fhir" and not rest.startswith("fhir/")):
            raise Refused(404, "not-found", "no such server")
        path = rest.removeprefix("fhir").strip("/")
        asked = f"{path}?{url.query}" if url.query else path
        form = body.decode("utf-8", "replace") if method == "POST" else ""
        held.calls.append({"method": method, "path": asked, "authorization": self.headers.get("Authorization"),
                           "accept": self.headers.get("Accept"), "form": form})  # fmt: skip
        fault = next((f for f in held.faults if re.search(f.path, asked)), None)
        if fault is not None and self._fail_early(fault):
            return
        answer = self._respond(held, method, path, url.query, form)
        if fault is not None:
            answer = spoil(held, answer, fault, asked)
        self._send(200, answer, fault)

    def _respond(self, held: Held, method: str, path: str, query: str, form: str) -> Json:
        if path == "metadata" and method == "GET":
            return capability(held)
        if held.token is not None and self.headers.get("Authorization") != f"Bearer {held.token}":
            raise Refused(401, "login", "a bearer token is needed")
        pairs = parse_qsl(query, keep_blank_values=True)
        if dict(pairs).get("_format", "json") not in ("json", "application/json", "application/fhir+json"):
            raise Refused(406, "not-supported", "only JSON")
        parts = path.split("/") if path else []
        asked = dict(pairs)
        if not parts and method == "GET" and "_getpages" in asked:
            try:
                return page(held, asked["_getpages"], int(asked["_getpagesoffset"]), int(asked["_count"]))
            except (KeyError, ValueError):
                raise Refused(400, "invalid", "not a page") from None
        if not parts or parts[0] not in PARAMETERS:
            raise Refused(404, "not-found", "no such resource type")
        prefer = self.headers.get("Prefer", "")
        strict = "handling=strict" in prefer or (held.strict and "handling=lenient" not in prefer)
        if method == "GET" and len(parts) == 1:
            return search(held, parts[0], pairs, strict)
        if method == "POST" and parts[1:] == ["_search"]:
            if (self.headers.get("Content-Type") or "").split(";")[0] != "application/x-www-form-urlencoded":
                raise Refused(415, "not-supported", "a search is posted as a form")
            return search(held, parts[0], pairs + parse_qsl(form, keep_blank_values=True), strict)
        if method == "GET" and len(parts) == 2:
            return read(held, parts[0], parts[1])
        raise Refused(405, "not-supported", "this server only reads and searches")

    def _fail_early(self, fault: Fault) -> bool:
        """Faults that need no answer of ours. True when the request is done with."""
        if fault.kind == "delay":
            time.sleep(fault.seconds)
            return False
        if fault.kind == "status":
            raise Refused(fault.code, "exception", "the test wants it so")
        if fault.kind == "redirect":
            self.send_response(302)
            self.send_header("Location", fault.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return True
        if fault.kind in ("html", "empty"):
            self._write(200, b"<html><body>Sign in</body></html>" if fault.kind == "html" else b"", "text/html")
            return True
        return False

    def _send(self, status: int, answer: Any, fault: Fault | None = None) -> None:
        body = json.dumps(answer).encode()
        if fault is not None and fault.kind == "truncated":
            body = body[: len(body) // 2]
        self._write(status, body, "application/fhir+json", fault if fault and fault.kind == "drip" else None)

    def _write(self, status: int, body: bytes, kind: str, drip: Fault | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")  # a sandbox in a browser reads charts here
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        if drip is None:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(drip.seconds)


class FhirProcess(ThreadingHTTPServer):
    """All the servers of this process."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.held: dict[str, Held] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def make(self, name: str, resources: Iterable[Json], **more: Any) -> Held:
        held = [{**r, "id": r.get("id", f"{r.get('resourceType', 'r').lower()}-{n}")} for n, r in enumerate(resources)]
        self.held[name] = Held(f"{self.url}/{name}/fhir", held, **more)
        return self.held[name]

    def control(self, method: str, name: str, body: bytes) -> Json:
        """The tests' own door: PUT makes a server, GET tells what it was asked."""
        if method == "PUT":
            told = json.loads(body)
            told["faults"] = [Fault(**f) for f in told.get("faults", ())]
            return {"base": self.make(name, told.pop("resources"), **told).base}
        if method == "GET" and name in self.held:
            return {"calls": self.held[name].calls}
        raise Refused(404, "not-found", "no such server")


# --- from the tests


@dataclass(frozen=True)
class FhirServer:
    """One server as a test sees it."""

    base: str
    control: str

    @property
    def calls(self) -> list[Json]:
        with urlopen(self.control, timeout=60) as response:
            calls: list[Json] = json.load(response)["calls"]
        return calls


class FhirServers:
    """A process of its own that serves FHIR servers on loopback. A context manager."""

    def __enter__(self) -> FhirServers:
        command = [sys.executable, "-m", "tests.fhir_server", "--control"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url.startswith("http://"):
            raise RuntimeError("the FHIR server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def make(self, name: str, resources: Iterable[Json], **more: Any) -> FhirServer:
        """A server at its own base. ``more``: token, faults, page_size, largest_page, strict."""
        faults = [dataclasses.asdict(f) for f in more.pop("faults", ())]
        control = f"{self.url}/_servers/{name}"
        body = json.dumps({"resources": list(resources), "faults": faults, **more}).encode()
        with urlopen(Request(control, body, method="PUT"), timeout=60) as response:
            return FhirServer(json.load(response)["base"], control)


def load(paths: Iterable[Path]) -> Iterator[Json]:
    """The resources of NDJSON files, Bundles, or files with one resource."""
    for path in paths:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip()] if path.suffix == ".ndjson" else [text]
        for value in map(json.loads, lines):
            if value.get("resourceType") == "Bundle":
                yield from (e["resource"] for e in value.get("entry", ()))
            else:
                yield value


def main() -> None:
    ask = argparse.ArgumentParser(description="A small FHIR R4 server on loopback, for tests.")
    ask.add_argument("files", nargs="*", type=Path, help="NDJSON or JSON files to serve")
    ask.add_argument("--port", type=int, default=0)
    ask.add_argument("--control", action="store_true", help="serve nothing yet; tests make servers by HTTP")
    args = ask.parse_args()
    process = FhirProcess(args.port)
    print(process.url if args.control else process.make("chart", load(args.files)).base, flush=True)
    threading.Thread(target=_end_with_parent, args=(process,), daemon=True).start()
    process.serve_forever()


def _end_with_parent(process: FhirProcess) -> None:
    """Stop when the tests that started us are gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    process.shutdown()


if __name__ == "__main__":
    main()
