"""Show the service at work: a real server process, real HTTP, made-up patients."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from criteria.reading import read_yaml
from service.outgoing import Outgoing, Unavailable
from service.placeholders import fill
from service.settings import read_settings
from service.urls import read_base

REQUESTS = Path(__file__).parent.parent / "fixtures" / "requests"
STORIES = REQUESTS / "stories.yaml"
OURS = "io.github.imaging-cds"
STARTS_WITHIN = 60.0
MAX_BYTES = 5_000_000
JSON = {"Content-Type": "application/json"}
Json = dict[str, Any]


def run(paths: Sequence[Path] = ()) -> int:
    """Exit status: 0 when every request was answered."""
    files = _files(paths)
    if not files:
        print(f"No requests to send: {REQUESTS} is empty.")
        return 1
    failed = 0
    stories = {name: entry["story"] for name, entry in read_yaml(STORIES).items()} if STORIES.exists() else {}
    today = _today()
    with tempfile.TemporaryDirectory(prefix="imaging-cds-") as folder, _server(Path(folder)) as base:
        calls, ours = Outgoing(read_settings({}, open=True)), read_base(base)
        offered = json.loads(calls.fetch(f"{base}/cds-services", ours, {}, 10, 10, MAX_BYTES))
        service = offered["services"][0]["id"]
        print(f"imaging-cds at {base}/cds-services\n")
        for file in files:
            body = json.loads(fill(file.read_text(encoding="utf-8"), today))
            began = time.perf_counter()
            status, said = calls.post(
                f"{base}/cds-services/{service}", ours, JSON, json.dumps(body), timeout=30, max_bytes=MAX_BYTES
            )
            answer = json.loads(said)
            ms = (time.perf_counter() - began) * 1000
            print(f"{file.stem} ({body.get('hook')}, {ms:.0f} ms)")
            if story := stories.get(file.stem):
                print(f"  {story}")
            if status != 200:
                failed += 1
                print(f"  HTTP {status}: {answer['issue'][0]['details']['text']}\n")
                continue
            for line in told(body, answer):
                print(f"  {line}")
            print()
    print(f"{len(files)} requests, {failed} failed.")
    return 1 if failed else 0


def show(paths: Sequence[Path] = ()) -> int:
    """The requests as they would be sent today, one per line, for `curl --data`."""
    for file in _files(paths):
        print(json.dumps(json.loads(fill(file.read_text(encoding="utf-8"), _today()))))
    return 0


def _files(paths: Sequence[Path]) -> list[Path]:
    return sorted(f for p in (paths or [REQUESTS]) for f in (p.glob("*.json") if p.is_dir() else [p]))


def _today() -> dt.date:
    """As a server counts that is told no zone."""
    return dt.datetime.now(dt.UTC).date()


def told(body: Json, answer: Json) -> Iterator[str]:
    """What came back, per order."""
    ratings = {
        a["resource"]["id"]: code
        for a in answer.get("systemActions", ())
        for e in a["resource"].get("extension", ())
        if e.get("url", "").endswith("/pama-rating")
        for code in [e["valueCodeableConcept"]["coding"][0]["code"]]
    }
    for entry in body["context"]["draftOrders"]["entry"]:
        order = entry["resource"]
        cards = [c for c in answer["cards"] if c["extension"][OURS]["order"] == f"ServiceRequest/{order['id']}"]
        marks = cards[0]["extension"][OURS] if cards else {}
        rating = ratings.get(order["id"]) or marks.get("rating") or "no rating"
        yield f"{_study(order)}: {rating}{' (provisional)' if marks.get('provisional') else ''}"
        for card in cards:
            yield f"  {card['indicator']}: {card['summary']}"
            for suggestion in card.get("suggestions", ()):
                yield f"  offers: {suggestion['label']}"
            if asks := card["extension"][OURS].get("asks"):
                yield f"  asks: {', '.join(asks)}"
            for link in card.get("links", ()):
                yield f"  read: {link['url']}"


def _study(order: Json) -> str:
    code = order.get("code", {})
    coding: Json = next(iter(code.get("coding", ())), {})
    name = code.get("text") or coding.get("display") or "order"
    return f"{name} [{coding['code']}]" if "code" in coding else str(name)


class _server:
    """The service as a process of its own on a free loopback port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> str:
        port = free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IMAGING_CDS_")}
        environment["IMAGING_CDS_DATA_DIR"] = str(self.folder)
        log = self.folder / "log"
        command = [sys.executable, "-m", "service.cli", "serve", "--open", "--port", str(port), "--workers", "1"]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)  # noqa: S603 - our own
        base = f"http://127.0.0.1:{port}"
        ends = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < ends and self.process.poll() is None:
            try:
                Outgoing(read_settings({}, open=True)).fetch(
                    f"{base}/health/live", read_base(base), {}, 1, 1, MAX_BYTES
                )
                return base
            except Unavailable:
                time.sleep(0.1)
        self.__exit__()
        raise SystemExit(f"The service did not start:\n{log.read_text(errors='replace')}")

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
