"""How the server bears load: its capacity, minutes at 80 % of it, a minute at three times, and whether it recovers.

    python bench/load.py                    the long form: 70 s, 5 minutes, 1 minute, 10 s
    python bench/load.py --minutes 0.2      the short form, for a look: each part in proportion
    python bench/load.py --json out.json    the figures too

It starts the service on a free loopback port with a folder of its own, sends it the stored requests (as they are,
without their charts, and with charts of fifty resources), and ends it. The clients run in this process and need a core
of their own under full load: the capacity found is that of the cores that are left, and what matters is that the parts
are compared with each other. Requests are sent on time whether or not earlier ones were answered (open loop), and timed
from when they were due: a server that stalls cannot hide it.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.chart import made_chart  # noqa: E402
from service.demo import REQUESTS, free_port  # noqa: E402
from service.placeholders import fill  # noqa: E402
from service.settings import read_settings  # noqa: E402

PATH = "/cds-services/imaging-appropriateness"
CHART = 50
CONNECTIONS = 1_000
"""Most connections of the open loop at one time; a request that finds none is counted as "no connection"."""
PATIENCE = 15.0
GROWTH_MINUTES = 2.0
"""In less, what warms up cannot be told from what grows."""
Json = dict[str, Any]


@dataclass
class Part:
    """What one part of the run saw. ``times`` are those of the answers with status 200, in seconds."""

    name: str
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds since its start, MiB of all processes

    def quantile(self, q: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.times) or [0.0]
        return round(1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1)

    @property
    def rate(self) -> float:
        return self.statuses["200"] / self.seconds if self.seconds else 0.0

    @property
    def slope(self) -> float:
        """MiB per minute, by least squares over the second half: the first warms caches up."""
        held = self.memory[len(self.memory) // 2 :]
        if len(held) < 3:
            return 0.0
        mean_t = sum(t for t, _ in held) / len(held)
        mean_m = sum(m for _, m in held) / len(held)
        spread = sum((t - mean_t) ** 2 for t, _ in held)
        return 60 * sum((t - mean_t) * (m - mean_m) for t, m in held) / spread if spread else 0.0

    def figures(self) -> Json:
        start, end = (self.memory[0][1], self.memory[-1][1]) if self.memory else (0.0, 0.0)
        return {
            "part": self.name, "seconds": round(self.seconds, 1), "per_second": round(self.rate, 1),
            "p50_ms": self.quantile(0.5), "p95_ms": self.quantile(0.95), "p99_ms": self.quantile(0.99),
            "statuses": dict(sorted(self.statuses.items())), "mib_start": round(start, 1), "mib_end": round(end, 1),
            "mib_per_minute": round(self.slope, 2),
        }  # fmt: skip


def bodies() -> list[bytes]:
    """The stored requests: as they are, with a chart of fifty resources, and bare."""
    today = dt.datetime.now(dt.UTC).date()
    padding = [r for r in made_chart(today) if r["resourceType"] == "Observation"][:CHART]
    out = []
    for file in sorted(REQUESTS.glob("*.json")):
        body = json.loads(fill(file.read_text(encoding="utf-8"), today))
        whose = f"Patient/{body['context']['patientId']}"
        held = sum(len((bundle or {}).get("entry", ())) for bundle in body["prefetch"].values())
        more = [{"resource": {**r, "subject": {"reference": whose}}} for r in padding[: max(0, CHART - held)]]
        seen = body["prefetch"].get("observations") or {"resourceType": "Bundle", "type": "searchset"}
        entries = [*seen.get("entry", ()), *more]
        large = {**body["prefetch"], "observations": {**seen, "entry": entries, "total": len(entries)}}
        bare = {**dict.fromkeys(body["prefetch"]), "patient": body["prefetch"]["patient"]}
        out += [json.dumps({**body, "prefetch": chart}).encode() for chart in (body["prefetch"], large, bare)]
    return out


class Connection:
    """One kept-alive HTTP/1.1 connection; just enough of it to cost little."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, body: bytes) -> str:
        """The status, or in a word what went wrong."""
        try:
            return await asyncio.wait_for(self._post(body), PATIENCE)
        except TimeoutError:
            self.close()
            return "timeout"
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return "broken"

    async def _post(self, body: bytes) -> str:
        fresh = self.writer is None
        try:
            return await self._exchange(body)
        except (ConnectionError, asyncio.IncompleteReadError):
            if fresh:
                raise
            self.close()  # closed by the server while it lay idle, which clients must bear
            return await self._exchange(body)

    async def _exchange(self, body: bytes) -> str:
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        lines = answer.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        await self.reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return lines[0].split(" ")[1]

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


@dataclass
class Load:
    port: int
    server: psutil.Process
    sent: list[bytes]
    turn: int = 0

    def body(self) -> bytes:
        self.turn += 1
        return self.sent[self.turn % len(self.sent)]

    def memory(self) -> float:
        """MiB of all processes of the server; what they share counts once (PSS)."""
        total = 0
        for process in [self.server, *self.server.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 2**20

    async def run(self, name: str, seconds: float, work: Callable[[Part, float], Awaitable[None]]) -> Part:
        part = Part(name)
        began = time.monotonic()
        watching = asyncio.create_task(self._watch(part, began, max(0.5, seconds / 60)))
        await work(part, began + seconds)
        part.seconds = time.monotonic() - began
        watching.cancel()
        part.memory.append((part.seconds, self.memory()))
        print(line(part), flush=True)
        return part

    async def _watch(self, part: Part, began: float, every: float) -> None:
        while True:
            part.memory.append((time.monotonic() - began, self.memory()))
            await asyncio.sleep(every)

    async def closed(self, name: str, seconds: float, concurrency: int) -> Part:
        """So many clients, each of which waits for its answer before it sends the next."""

        async def client(part: Part, ends: float) -> None:
            connection = Connection(self.port)
            while (began := time.monotonic()) < ends:
                self._note(part, await connection.post(self.body()), began)
            connection.close()

        async def work(part: Part, ends: float) -> None:
            await asyncio.gather(*(client(part, ends) for _ in range(concurrency)))

        return await self.run(name, seconds, work)

    async def open(self, name: str, seconds: float, rate: float) -> Part:
        """So many requests per second, sent when they are due."""
        idle: list[Connection] = []
        running: set[asyncio.Task[None]] = set()

        async def one(part: Part, due: float) -> None:
            connection = idle.pop() if idle else Connection(self.port)
            self._note(part, await connection.post(self.body()), due)
            idle.append(connection)

        async def work(part: Part, ends: float) -> None:
            due = time.monotonic()
            while due < ends:
                if (wait := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                if len(running) < CONNECTIONS:
                    task = asyncio.create_task(one(part, due))
                    running.add(task)
                    task.add_done_callback(running.discard)
                else:
                    part.statuses["no connection"] += 1
                due += 1 / rate
            await asyncio.gather(*running)
            for connection in idle:
                connection.close()

        return await self.run(name, seconds, work)

    def _note(self, part: Part, status: str, began: float) -> None:
        part.statuses[status] += 1
        if status == "200":
            part.times.append(time.monotonic() - began)


def line(part: Part) -> str:
    f = part.figures()
    statuses = " ".join(f"{status}:{count}" for status, count in f["statuses"].items())
    return (
        f"{f['part']:<22} {f['seconds']:>6} s {f['per_second']:>7}/s   p50 {f['p50_ms']:>7}  p95 {f['p95_ms']:>7}"
        f"  p99 {f['p99_ms']:>7} ms   {statuses}   {f['mib_start']:.0f} -> {f['mib_end']:.0f} MiB"
        f" ({f['mib_per_minute']:+.2f}/min)"
    )


@contextmanager
def service(options: list[str]) -> Iterator[tuple[int, psutil.Process]]:
    """The service as an operator starts it, without a token, in a folder of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="imaging-cds-load-") as folder:
        environment = {**os.environ, "IMAGING_CDS_DATA_DIR": folder}
        command = [sys.executable, "-m", "service.cli", "serve", "--open", "--port", str(port), *options]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603
        try:
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def measure(port: int, server: psutil.Process, minutes: float) -> tuple[list[Part], list[tuple[str, bool]]]:
    load = Load(port, server, bodies())
    await until_ready(port)
    share = minutes / 5
    # what is written behind the answers is behind by then, and counts in the capacity that lasts
    await load.closed("until it is steady", max(2, 30 * share), 8)
    capacity = await load.closed("capacity, 8 clients", max(3, 40 * share), 8)
    quiet = await load.closed("alone, 1 client", max(2, 10 * share), 1)
    steady = await load.open("80 % of capacity", 60 * minutes, 0.8 * capacity.rate)
    over = await load.open("three times capacity", max(5, 60 * share), 3 * capacity.rate)
    after = await load.closed("afterwards, 1 client", max(2, 10 * share), 1)
    parts = [capacity, quiet, steady, over, after]
    budget = 1000 * read_settings(open=True).hook_budget_seconds
    verdicts = [
        ("capacity: every request answered", set(capacity.statuses) == {"200"}),
        ("80 %: no errors", set(steady.statuses) == {"200"}),
        (f"80 %: p99 within the hook's budget of {budget:.0f} ms", steady.quantile(0.99) <= budget),
        ("three times: only 200 and 503", set(over.statuses) <= {"200", "503"}),
        (f"three times: p99 of the 200s within {budget:.0f} ms", over.quantile(0.99) <= budget),
        ("three times: at least half of the capacity still answered", over.rate >= 0.5 * capacity.rate),
        ("afterwards: every request answered", set(after.statuses) == {"200"}),
        ("afterwards: p50 as before (at most 1.5 times and 10 ms more)",
         after.quantile(0.5) <= 1.5 * quiet.quantile(0.5) + 10),
    ]  # fmt: skip
    if minutes >= GROWTH_MINUTES:
        verdicts.insert(3, ("80 %: memory does not grow (under 2 MiB a minute in its second half)", steady.slope < 2))
    return parts, verdicts


async def until_ready(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.1)
    raise SystemExit("The service did not start within a minute.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="at 80 %% of capacity; the rest in proportion")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("options", nargs="*", help="for `imaging-cds serve`, after --, such as -- --workers 1")
    args = parser.parse_args()
    if not 0 < args.minutes <= 30:
        parser.error("--minutes: more than 0 and at most 30.")
    with service(args.options) as (port, process):
        parts, verdicts = asyncio.run(measure(port, process, args.minutes))
    for says, holds in verdicts:
        print(f"{'holds' if holds else 'FAILS'}  {says}")
    if args.json:
        figures = {"parts": [p.figures() for p in parts], "verdicts": dict(verdicts)}
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if all(holds for _, holds in verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
