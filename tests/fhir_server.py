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
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import Request, urlopen

from tests.fhir_search import PARAMETERS, BadQuery, Json, Parameter, at, matches, read_parameter, sort

ROOT = Path(__file__).parent.parent
RESULT_PARAMETERS = {"_count", "_sort", "_include", "_total", "_summary", "_format", "_pretty", "_elements"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong at requests whose path and query match ``path`` (a regular expression).

    kind: delay (``seconds`` late) | drip (byte by byte) | status (``code``) | redirect (to ``location``) | truncated | html
    | empty | array | outcome (an error with HTTP 200) | endless (always a next page) | loop (next is itself)
    | elsewhere (next is at ``location``) | wrong_patient (everything is about somebody else) | lost_link (no next, total stays)
    """

    path: str
    kind: str
    seconds: float = 0.0
    code: int = 500
    location: str = ""


@dataclass
class Held:
    """One server: what it holds, who may read it and what is wrong with it."""

    base: str
    resources: list[Json]
    token: str | None = None
    faults: list[Fault] = field(default_factory=list)
    page_size: int = 20
    largest_page: int = 1000
    strict: bool = False
    calls: list[Json] = field(default_factory=list)
    pages: dict[str, tuple[list[Json], str]] = field(default_factory=dict)


def outcome(code: str, text: str, severity: str = "error") -> Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code, "diagnostics": text}]}


class Refused(Exception):
    """An answer that is an OperationOutcome."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.body = status, outcome(code, text)


# --- what a server answers


def read(held: Held, resource_type: str, identity: str) -> Json:
    for resource in held.resources:
        if resource.get("resourceType") == resource_type and resource.get("id") == identity:
            return resource
    raise Refused(404, "not-found", f"no such {resource_type}")


def search(held: Held, resource_type: str, query: Sequence[tuple[str, str]], strict: bool) -> Json:
    """The searchset Bundle for a type search. Raises `Refused`."""
    filters: list[Parameter] = []
    used: list[tuple[str, str]] = []
    ignored: list[str] = []
    asked = dict(query)
    try:
        for name, value in query:
            if name in RESULT_PARAMETERS:
                used.append((name, value))
            elif value == "":
                ignored.append(name)
            elif parameter := read_parameter(resource_type, name, value):
                filters.append(parameter)
                used.append((name, value))
            elif strict:
                raise Refused(400, "not-supported", f"unknown search parameter {name}")
            else:
                ignored.append(name)
        found = [r for r in held.resources if r.get("resourceType") == resource_type]
        found = [r for r in found if all(matches(r, p, held.base) for p in filters)]
        if "_sort" in asked:
            found = sort(resource_type, found, asked["_sort"])
        count = int(asked["_count"]) if re.fullmatch(r"\d{1,6}", asked.get("_count", "")) else None
        if "_count" in asked and count is None:
            raise BadQuery("_count is a whole number")
    except BadQuery as error:
        raise Refused(400, "invalid", str(error)) from None
    self_url = f"{held.base}/{resource_type}?{urlencode(used)}"
    if count == 0 or asked.get("_summary") == "count":
        return {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": [_link("self", self_url)]}
    entries = [_entry(held, r, "match") for r in found]
    size = min(count or held.page_size, held.largest_page)
    handle = uuid.uuid4().hex
    held.pages[handle] = (entries, self_url)
    extra = _included(held, found[:size], [v for n, v in query if n == "_include"])
    if ignored:
        remark = outcome("not-supported", f"ignored: {', '.join(ignored)}", "warning")
        extra.append({"resource": remark, "search": {"mode": "outcome"}})
    return page(held, handle, 0, size, extra)


def page(held: Held, handle: str, offset: int, size: int, extra: Sequence[Json] = ()) -> Json:
    """One page of a search that was begun; later pages come from the same answer. Raises `Refused`."""
    if handle not in held.pages:
        raise Refused(410, "not-found", "this search has expired")
    entries, self_url = held.pages[handle]
    links = [_link("self", self_url)]
    if offset + size < len(entries):
        following = {"_getpages": handle, "_getpagesoffset": offset + size, "_count": size}
        links.append(_link("next", f"{held.base}?{urlencode(following)}"))
    bundle: Json = {"resourceType": "Bundle", "id": handle, "type": "searchset", "total": len(entries), "link": links}
    if shown := [*entries[offset : offset + size], *extra]:
        bundle["entry"] = shown
    return bundle


def _link(relation: str, url: str) -> Json:
    return {"relation": relation, "url": url}


def _entry(held: Held, resource: Json, mode: str) -> Json:
    return {
        "fullUrl": f"{held.base}/{resource['resourceType']}/{resource['id']}",
        "resource": resource,
        "search": {"mode": mode},
    }


def _included(held: Held, found: Iterable[Json], rules: Iterable[str]) -> list[Json]:
    """Entries for `_include=Type:parameter`."""
    wanted: dict[str, None] = {}
    for rule in rules:
        resource_type, _, name = rule.partition(":")
        kind, elements = PARAMETERS.get(resource_type, {}).get(name.split(":")[0], ("", ()))
        if kind in ("reference", "patient"):
            for resource in found:
                for element in elements:
                    wanted |= dict.fromkeys(str(v) for v in at(resource, f"{element}.reference"))
    local = {r.removeprefix(f"{held.base}/") for r in wanted}
    return [_entry(held, r, "include") for r in held.resources if f"{r['resourceType']}/{r.get('id')}" in local]


def capability(held: Held) -> Json:
    kinds = {"patient": "reference"}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "implementation": {"description": "test double", "url": held.base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": resource_type,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [{"name": n, "type": kinds.get(k, k)} for n, (k, _) in parameters.items()],
                    }
                    for resource_type, parameters in PARAMETERS.items()
                ],
            }
        ],
    }


# --- over HTTP


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
            answer = _spoil(held, answer, fault, asked)
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


def _spoil(held: Held, answer: Json, fault: Fault, asked: str) -> Any:
    """An answer with something wrong in it; the resources of the server stay as they are."""
    answer = json.loads(json.dumps(answer))
    if fault.kind == "array":
        return [answer]
    if fault.kind == "outcome":
        return outcome("exception", "the test wants it so")
    if fault.kind == "wrong_patient":
        text = re.sub(r'"reference": "Patient/[^"]+"', '"reference": "Patient/somebody-else"', json.dumps(answer))
        answer = json.loads(text)
        if answer["resourceType"] == "Patient":
            answer["id"] = "somebody-else"
        return answer
    if answer["resourceType"] != "Bundle":
        return answer
    links = [link for link in answer.get("link", []) if link["relation"] != "next"]
    if fault.kind == "endless":
        plain = re.sub(r"[?&]page=[^&]*", "", asked)
        links.append(_link("next", f"{held.base}/{plain}{'&' if '?' in plain else '?'}page={uuid.uuid4().hex}"))
    elif fault.kind == "loop":
        links.append(_link("next", f"{held.base}/{asked}"))
    elif fault.kind == "elsewhere":
        links.append(_link("next", fault.location))
    elif fault.kind != "lost_link":
        return answer
    answer["link"] = links
    return answer


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
        with urlopen(self.control, timeout=10) as response:
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
        with urlopen(Request(control, body, method="PUT"), timeout=10) as response:
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
