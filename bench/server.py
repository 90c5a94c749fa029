"""The whole service over HTTP beside its floor, both in one run: latency of one caller, throughput of eight.

python bench/server.py [--sizes 1,50,1000] [--rounds N] [--seconds S] [--threads T] [--out FILE.json]

Each server is one process of gunicorn as the service starts it, on loopback; the client runs in this process, on the
other core. Callers take turns with the floor, block by block, so that both see the same machine. Four orders take
turns within a block (bench/calls.py); their medians stand apart below each size.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.calls import ORDERS, request

ROOT = Path(__file__).parent.parent
PATH = "/cds-services/imaging-appropriateness"
FLOOR, OURS = "floor", "service"
CALLERS, BLOCK = 8, 5
WAIT = 60.0


class Caller:
    """One kept connection, made anew where the server asks. Raises `RuntimeError` for an answer other than 200."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, sent: bytes) -> float:
        """Seconds from the first byte sent to the last byte received."""
        start = time.perf_counter()
        self.socket.sendall(sent)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._some()
        head, _, body = got.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        left = int(fields[b"content-length"]) - len(body)
        while left > 0:
            left -= len(self._some())
        took = time.perf_counter() - start
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.partition(b"\r\n")[0].decode())
        if fields.get(b"connection") == b"close":
            self.socket.close()
            self.connect()
        return took

    def _some(self) -> bytes:
        got = self.socket.recv(1 << 18)
        if not got:
            raise RuntimeError("the server closed the connection")
        return got


def post(body: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


@contextmanager
def served(command: Callable[[int], list[str]], folder: str) -> Iterator[int]:
    """A server on a free port, until it is no longer needed."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
    environment = {**os.environ, "IMAGING_CDS_DATA_DIR": folder}
    process = subprocess.Popen(  # noqa: S603
        command(port), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends = time.monotonic() + WAIT
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > ends or process.poll() is not None:
                    raise SystemExit("The server did not start.") from None
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(WAIT)


def latency(ports: dict[str, int], sent: dict[str, bytes], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by server and order; the two servers take turns."""
    callers = {name: Caller(port) for name, port in ports.items()}
    took: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ports}
    for turn in range(-BLOCK, rounds, BLOCK):
        for name, caller in callers.items():
            for _ in range(BLOCK):
                for kind, body in sent.items():
                    once = caller.call(body)
                    if turn >= 0:
                        took[name][kind].append(once)
    return took


def throughput(ports: dict[str, int], sent: dict[str, bytes], seconds: float) -> dict[str, float]:
    """Answers per second to eight callers; the two servers take turns of half a second."""
    done: dict[str, int] = defaultdict(int)
    spent: dict[str, float] = defaultdict(float)
    bodies = list(sent.values())
    for _ in range(max(1, round(seconds / 0.5))):
        for name, port in ports.items():
            counts = [0] * CALLERS
            start = time.perf_counter()
            callers = [Caller(port) for _ in range(CALLERS)]
            threads = [
                threading.Thread(target=_repeat, args=(caller, bodies, n, start + 0.5, counts))
                for n, caller in enumerate(callers)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            spent[name] += time.perf_counter() - start
            done[name] += sum(counts)
            for caller in callers:
                caller.socket.close()
    return {name: done[name] / spent[name] for name in ports}


def _repeat(caller: Caller, bodies: list[bytes], n: int, ends: float, counts: list[int]) -> None:
    while time.perf_counter() < ends:
        caller.call(bodies[(n + counts[n]) % len(bodies)])
        counts[n] += 1


def quantile(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(part * len(times)))] * 1000


def measured(size: int, rounds: int, seconds: float, ports: dict[str, int], today: dt.date) -> dict[str, Any]:
    sent = {kind: post(request(kind, size, today)) for kind in ORDERS}
    took = latency(ports, sent, rounds)
    row: dict[str, Any] = {"resources": size, "kB": len(sent["appropriate"]) // 1000}
    for name in ports:
        every = [t for times in took[name].values() for t in times]
        row[name] = {f"p{round(100 * p)}": quantile(every, p) for p in (0.5, 0.95, 0.99)}
        row[name]["by order"] = {kind: statistics.median(times) * 1000 for kind, times in took[name].items()}
    for name, rate in throughput(ports, sent, seconds).items():
        row[name]["per second"] = rate
    row["ratio"] = {key: row[OURS][key] / row[FLOOR][key] for key in ("p50", "p95", "p99", "per second")}
    return row


def show(row: dict[str, Any]) -> None:
    for name in (FLOOR, OURS, "ratio"):
        held = row[name]
        figures = "".join(f"{held[key]:10.2f}" for key in ("p50", "p95", "p99", "per second"))
        print(f"{row['resources']:9} {row['kB']:6} {name:10}{figures}")
    by_order = row[OURS]["by order"]
    print(" " * 17 + ", ".join(f"{kind} {median:.2f}" for kind, median in by_order.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,50,1000")
    parser.add_argument("--rounds", type=int, default=100, help="times that each order is sent by the one caller")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the eight callers, for each server and size")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    here = [sys.executable, "-m", "service.cli", "serve", "--open", "--workers", "1", "--threads", str(asked.threads)]
    least = [sys.executable, "-m", "gunicorn", "bench.floor:floor()", "--worker-class", "gthread", "--keep-alive", "15",
             "--threads", str(asked.threads)]  # fmt: skip
    rows = []
    print(f"{'resources':>9} {'kB':>6} {'':10}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}{'1/s at 8':>10}")
    with (
        tempfile.TemporaryDirectory() as folder,
        served(lambda port: [*least, "--bind", f"127.0.0.1:{port}"], folder) as floor,
        served(lambda port: [*here, "--port", str(port)], folder) as ours,
    ):
        for size in map(int, asked.sizes.split(",")):
            row = measured(size, asked.rounds, asked.seconds, {FLOOR: floor, OURS: ours}, dt.date.today())
            show(row)
            rows.append(row)
    if asked.out:
        asked.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
