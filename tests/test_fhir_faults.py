"""A client's FHIR server that fails in every way: the hook is answered in time, and says what it could not read.

Each row of FAULTS is one way in which the search for conditions goes wrong, down to the bytes; all other searches are
answered. Without `--open` or with the real server the same code runs (service/fhir.py, service/outgoing.py).
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.answers import Json, cards, rating, said
from tests.fhir_double import bundle
from tests.service_examples import SERVICE, call, make_app, parts_of

Fault = Callable[[socket.socket, str], None]
BUDGET = 1.0
MANY_PAGES = 5
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01", "gender": "female"}
GOOD = json.dumps(bundle()).encode()


def head(status: str = "200 OK", length: int | None = None, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/fhir+json", *more]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def says(*parts: bytes) -> Fault:
    def fault(connection: socket.socket, _path: str) -> None:
        for part in parts:
            connection.sendall(part)

    return fault


def body(content: bytes, status: str = "200 OK", *more: str) -> Fault:
    return says(head(status, len(content), *more) + content)


def refuses(status: str, *more: str) -> Fault:
    return body(json.dumps({"resourceType": "OperationOutcome"}).encode(), status, *more)


def hangs(_connection: socket.socket, _path: str) -> None:
    time.sleep(2 * BUDGET)


def hangs_within(connection: socket.socket, _path: str) -> None:
    connection.sendall(head("200 OK", 1000) + b'{"resourceType":')
    time.sleep(2 * BUDGET)


def resets(connection: socket.socket, _path: str) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resets_within(connection: socket.socket, path: str) -> None:
    connection.sendall(head("200 OK", len(GOOD)) + GOOD[:20])
    time.sleep(0.05)
    resets(connection, path)


def drips(connection: socket.socket, _path: str) -> None:
    connection.sendall(head("200 OK", len(GOOD)))
    for n in range(len(GOOD)):
        connection.sendall(GOOD[n : n + 1])
        time.sleep(0.1)


def drips_headers(connection: socket.socket, _path: str) -> None:
    for n in range(100):
        connection.sendall(b"H" if n else b"HTTP/1.1 200 OK\r\nX-")
        time.sleep(0.1)


def endless(connection: socket.socket, _path: str) -> None:
    connection.sendall(head())
    for _ in range(400):
        connection.sendall(b" " * 65_536)


def endless_headers(connection: socket.socket, _path: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for n in range(20_000):
        connection.sendall(f"X-{n}: x\r\n".encode())


def pages_for_ever(connection: socket.socket, path: str) -> None:
    number = int(path.partition("page=")[2] or "0") + 1
    page = json.dumps(bundle(following=f"Condition?patient=p1&page={number}")).encode()
    connection.sendall(head("200 OK", len(page)) + page)


def in_a_circle(connection: socket.socket, _path: str) -> None:
    page = json.dumps(bundle(following="Condition?patient=p1&again")).encode()
    connection.sendall(head("200 OK", len(page)) + page)


OUTCOME = json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}).encode()
FAULTS: dict[str, Fault] = {
    # the connection
    "hangs": hangs,
    "hangs within the answer": hangs_within,
    "closes without a word": says(),
    "resets": resets,
    "resets within the answer": resets_within,
    "drips the answer": drips,
    "drips the headers": drips_headers,
    # what comes is no HTTP, or not whole
    "garbage": says(bytes(range(256)) * 8),
    "speaks another protocol": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a status that is none": says(b"HTTP/1.1 abc\r\n\r\n"),
    "headers without end": endless_headers,
    "length too long": says(head("200 OK", len(GOOD) + 500) + GOOD),
    "length too short": says(head("200 OK", len(GOOD) - 7) + GOOD),
    "chunks broken off": says(head("200 OK", None, "Transfer-Encoding: chunked") + b"5\r\n{\"res"),
    "chunk size no number": says(head("200 OK", None, "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n"),
    # what comes is no JSON, or no FHIR
    "empty": body(b""),
    "no content": says(head("204 No Content")),
    "half JSON": body(GOOD[: len(GOOD) // 2]),
    "HTML": body(b"<html><body>Please log in</body></html>"),
    "not UTF-8": body(GOOD.replace(b"Bundle", b"B\xffndle")),
    "null": body(b"null"),
    "a list": body(b"[]"),
    "a number too large": body(b'{"resourceType":"Bundle","total":' + b"9" * 5000 + b"}"),
    "nested without end": body(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "an outcome": body(OUTCOME),
    "another type": body(json.dumps(PATIENT).encode()),
    "a Bundle without its entries": body(b'{"resourceType":"Bundle","entry":{"resource":7}}'),
    "fewer than the total": body(json.dumps(bundle(total=9)).encode()),
    # too much
    "ten megabytes": body(b'{"resourceType":"Bundle","x":"' + b"x" * 10_000_000 + b'"}'),
    "without end": endless,
    "zip bomb": body(gzip.compress(b" " * 50_000_000), "200 OK", "Content-Encoding: gzip"),
    "zip broken off": body(gzip.compress(GOOD * 50)[:60], "200 OK", "Content-Encoding: gzip"),
    "no zip at all": body(GOOD, "200 OK", "Content-Encoding: gzip"),
    "pages for ever": pages_for_ever,
    "pages in a circle": in_a_circle,
    "a next page elsewhere": body(json.dumps(bundle(following="http://127.0.0.1:1/fhir/Condition")).encode()),
    # refusals
    **{
        f"{status} {reason}": refuses(f"{status} {reason}")
        for status, reason in (
            (400, "Bad Request"), (401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found"), (410, "Gone"),
            (429, "Too Many Requests"), (500, "Internal Server Error"), (502, "Bad Gateway"), (503, "Unavailable"),
            (504, "Gateway Timeout"),
        )
    },
    # sent elsewhere
    **{
        f"{status} to {where}": refuses(f"{status} Moved", f"Location: {where}")
        for status, where in (
            (301, "http://127.0.0.1:1/fhir/Condition"), (302, "/fhir/Elsewhere"), (303, "//evil.example/"),
            (307, "http://169.254.169.254/latest"), (308, "file:///etc/passwd"),
        )
    },
}  # fmt: skip


class Faulty:
    """Answers every search with an empty Bundle, the patient with one, and conditions (or all) with a fault."""

    def __init__(self) -> None:
        self.fault: Fault = body(GOOD)
        self.everywhere = False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}/fhir"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked and (more := connection.recv(65_536)):
                asked += more
            path = asked.decode("latin-1").split(" ")[1] if b" " in asked else ""
            if self.everywhere or path.startswith("/fhir/Condition"):
                self.fault(connection, path)
            else:
                resource = PATIENT if path.startswith("/fhir/Patient") else bundle()
                body(json.dumps(resource).encode(), "200 OK", "Connection: close")(connection, path)


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    faulty = Faulty()
    yield faulty
    faulty.listener.close()


@pytest.fixture(scope="module")
def app(server: Faulty, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = make_app(
        tmp_path_factory.mktemp("faults"), fhir_bases=server.base, fhir_budget_seconds=BUDGET,
        fhir_timeout_seconds=BUDGET / 2, fhir_max_pages=MANY_PAGES,
    )  # fmt: skip
    yield made
    parts_of(made).journal.engine.dispose()


def hook(server: Faulty, prefetch: Any = None) -> Json:
    return call(
        prefetch=prefetch,
        fhirServer=server.base,
        fhirAuthorization={
            "access_token": "secret-token", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read",
            "subject": "imaging-cds",
        },
    )  # fmt: skip


def chart(*, without: str) -> Json:
    held: Json = call()["prefetch"]
    return {key: value for key, value in held.items() if key != without}


def answered(app: Flask, request: Json) -> Json:
    response = app.test_client().post(SERVICE, json=request)
    assert response.status_code == 200, response.get_data(as_text=True)
    answer: Json = response.get_json()
    return answer


def test_a_server_that_works_leaves_nothing_unread(app: Flask, server: Faulty) -> None:
    server.fault = body(GOOD)
    assert "could not be" not in said(answered(app, hook(server, chart(without="conditions"))))


@pytest.mark.parametrize("name", FAULTS)
def test_the_order_is_answered_and_the_card_says_what_could_not_be_read(app: Flask, server: Faulty, name: str) -> None:
    server.fault = FAULTS[name]
    answer = answered(app, hook(server, chart(without="conditions")))
    assert rating(answer, "order-1") != "appropriate"
    (card,) = cards(answer, "order-1")
    assert "The problem list" in card["detail"]
    assert "secret-token" not in json.dumps(answer)


@pytest.mark.parametrize("name", ["hangs", "resets", "garbage", "503 Unavailable", "without end"])
def test_where_nothing_at_all_can_be_had_the_error_says_so(app: Flask, server: Faulty, name: str) -> None:
    server.fault, server.everywhere = FAULTS[name], True
    try:
        response = app.test_client().post(SERVICE, json=hook(server))
    finally:
        server.everywhere = False
    assert response.status_code == 412
    assert response.get_json()["issue"][0]["expression"] == ["prefetch.patient"]


def test_faults_leave_no_thread_behind_that_keeps_the_next_hook_waiting(app: Flask, server: Faulty) -> None:
    server.fault = body(GOOD)
    for name in itertools.islice(FAULTS, 6):
        server.fault = FAULTS[name]
        answered(app, hook(server, chart(without="conditions")))
    server.fault = body(GOOD)
    assert "could not be" not in said(answered(app, hook(server, chart(without="conditions"))))


def test_the_faults_can_be_counted(tmp_path: Path) -> None:
    assert len(FAULTS) >= 50
