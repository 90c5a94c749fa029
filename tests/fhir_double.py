"""A FHIR server that does what a test tells it to, on loopback; for failures, not for search semantics."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


@dataclass
class Reply:
    """One answer: status, body (JSON or bytes), headers, seconds to wait first, seconds between bytes."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0
    drip: float = 0


@dataclass
class Double:
    """``replies``: path, with or without query, -> what to answer; an empty Bundle where nothing is said."""

    base: str
    replies: dict[str, Reply | Callable[[], Reply]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]


def bundle(*resources: Any, following: str | None = None, total: int | None = None) -> Json:
    out: Json = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}
    if following:
        out["link"] = [{"relation": "next", "url": following}]
    if total is not None:
        out["total"] = total
    return out


class Waiting(ThreadingHTTPServer):
    request_queue_size = 64
    """All searches of a chart knock at once; past the queue a connection is tried again only a second later."""


@contextmanager
def fhir_double(prefix: str = "/fhir") -> Iterator[Double]:
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            double.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            path = self.path.removeprefix(prefix)
            reply = double.replies.get(path) or double.replies.get(urlsplit(path).path) or Reply(bundle())
            reply = reply() if callable(reply) else reply
            time.sleep(reply.wait)
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/fhir+json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for n in range(len(body) if reply.drip else 0):
                    self.wfile.write(body[n : n + 1])
                    time.sleep(reply.drip)
                if not reply.drip:
                    self.wfile.write(body)
            except OSError:  # the client has had enough
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = Waiting(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    server.block_on_close = False
    double = Double(f"http://127.0.0.1:{server.server_address[1]}{prefix}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
