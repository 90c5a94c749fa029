"""The journal under faults, with a real server of two workers, a real PostgreSQL and counts.

    python -m tests.faults            short: about a minute
    python -m tests.faults --full     each fault for a minute and longer

Of each phase: how many hooks and feedback calls were answered and how, how long that took, and whether each is in the
journal exactly once. Exit 1 where one is lost or doubled, or where a hook was not answered with 200 (kill: the calls
that died with their worker count as unanswered).
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests

from service.demo import free_port
from tests.databases import Postgres
from tests.postgres_proxy import Proxy
from tests.service_examples import SERVICE, call

ROOT = Path(__file__).parent.parent
SECRET = "s" * 32
CLIENTS = 4
STARTS_WITHIN = 240.0
SETTLED_WITHIN = 30.0


@dataclass
class Load:
    """What clients sent and got. ``hooks`` and ``feedback`` are the ids of the calls that were answered with 200,
    ``refused`` those of feedback that was answered with 503."""

    hooks: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    status: Counter[str] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(self.ms, default=0.0)

    def line(self) -> str:
        shares = statistics.quantiles(self.ms, n=100) if len(self.ms) > 1 else [0.0] * 99
        kinds = ", ".join(f"{name} {number}" for name, number in sorted(self.status.items()))
        return f"{kinds}; hooks p50 {shares[49]:.1f} p99 {shares[98]:.1f} max {self.slowest:.1f} ms"


@dataclass
class Site:
    """A service process and its database, behind a proxy."""

    base: str
    folder: Path
    process: subprocess.Popen[bytes]
    postgres: Postgres
    proxy: Proxy
    database: str

    def workers(self) -> list[psutil.Process]:
        """And the journal's writer."""
        return list(psutil.Process(self.process.pid).children())

    def under_load(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> Load:
        """Hooks and feedback from several clients, while something happens."""
        load, ends = Load(), time.monotonic() + seconds
        threads = [threading.Thread(target=self._client, args=(load, ends, n)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        meanwhile()
        for thread in threads:
            thread.join()
        return load

    def _client(self, load: Load, ends: float, number: int) -> None:
        with requests.Session() as session:
            while time.monotonic() < ends:
                instance, card = str(uuid.uuid4()), str(uuid.uuid4())
                began = time.perf_counter()
                status = self._post(session, SERVICE, call(hookInstance=instance))
                if status == "200":
                    load.hooks.append(instance)
                    load.ms.append((time.perf_counter() - began) * 1000)
                load.status[f"hooks {status}"] += 1
                entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-06-01T10:00:00Z"}
                status = self._post(session, f"{SERVICE}/feedback", {"feedback": [entry]})
                if status in ("200", "503"):
                    (load.feedback if status == "200" else load.refused).append(card)
                load.status[f"feedback {status}"] += 1
                time.sleep(0.02)

    def _post(self, session: requests.Session, path: str, body: Any) -> str:
        try:
            return str(session.post(self.base + path, json=body, timeout=30).status_code)
        except requests.RequestException:
            return "none"

    def settled(self, load: Load) -> tuple[float, list[str]]:
        """Wait until nothing waits for the database any more: how long that took, and what is lost or doubled then."""
        began = time.monotonic()
        while True:
            waiting = any(f.stat().st_size for f in (self.folder / "spool").glob("*.jsonl"))
            faults, took = self.faults(load), time.monotonic() - began
            if (not waiting and not faults) or took > SETTLED_WITHIN:
                return took, faults
            time.sleep(0.2)

    def faults(self, load: Load) -> list[str]:
        """What is lost or doubled of what was answered; and feedback that was refused, but kept."""
        with psycopg.connect(self.database) as database:
            kept = Counter(row[0] for row in database.execute("SELECT hook_instance FROM consults"))
            cards = Counter(row[0] for row in database.execute("SELECT card FROM feedback"))
        instances = Counter({instance: kept[_hashed(instance)] for instance in load.hooks})
        out = [f"hook in the journal {n} times" for n in instances.values() if n != 1]
        out += [f"feedback in the journal {cards[card]} times" for card in load.feedback if cards[card] != 1]
        out += [f"refused feedback in the journal {cards[c]} times" for c in load.refused if cards[c]]
        return out

    def stop_database(self) -> None:
        self.postgres.stop()

    def start_database(self) -> None:
        self.postgres.start()


def _hashed(instance: str) -> str:
    return hmac.new(SECRET.encode(), f"open\0hook\0{instance}".encode(), hashlib.sha256).hexdigest()


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    postgres = Postgres(folder / "pg")
    name = postgres.empty()
    proxy = Proxy(folder / "proxy", Path(postgres.host))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMAGING_CDS_")} | {
        "IMAGING_CDS_DATA_DIR": str(folder / "data"),
        "IMAGING_CDS_DATABASE_URL": f"postgresql+psycopg://postgres@/{name}?host={proxy.folder}",
        "IMAGING_CDS_SECRET_KEY": SECRET,
        "IMAGING_CDS_APP_LAUNCH": "own",
    }
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--open", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said: deque[bytes] = deque(maxlen=50)
    listener = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
    listener.start()
    site = Site(
        f"http://127.0.0.1:{port}", folder / "data", process, postgres, proxy,
        f"postgresql://postgres@/{name}?host={postgres.host}",
    )  # fmt: skip
    try:
        ends = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < ends and not _answers(site.base):
            assert process.poll() is None, b"".join(said).decode(errors="replace")
            time.sleep(0.1)
        yield site
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        listener.join(5)
        if process.stdout:
            process.stdout.close()
        proxy.close()
        postgres.end()


def _answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/health/live", timeout=2).status_code == 200
    except requests.RequestException:
        return False


# --- the faults


def killed(site: Site, seconds: float) -> Load:
    """A worker or the writer, whichever is the oldest, ends by kill -9 about every second."""

    def kill() -> None:
        ends = time.monotonic() + seconds - 0.5
        while time.monotonic() < ends:
            time.sleep(1)
            if workers := site.workers():
                min(workers, key=psutil.Process.create_time).send_signal(signal.SIGKILL)

    return site.under_load(seconds, kill)


def restarted(site: Site, seconds: float) -> Load:
    """The database is stopped for the middle third."""

    def restart() -> None:
        time.sleep(seconds / 3)
        site.stop_database()
        time.sleep(seconds / 3)
        site.start_database()

    return site.under_load(seconds, restart)


def silent(site: Site, seconds: float) -> Load:
    """The database takes connections and says nothing."""
    site.proxy.silent = True
    try:
        return site.under_load(seconds)
    finally:
        site.proxy.silent = False


def slow(site: Site, seconds: float) -> Load:
    """Every piece of a conversation with the database takes a quarter of a second."""
    site.proxy.delay = 0.25
    try:
        return site.under_load(seconds)
    finally:
        site.proxy.delay = 0.0


def disk_full(site: Site, seconds: float) -> Load:
    """The database is away and no file may grow any more."""
    site.stop_database()
    limits = {worker: worker.rlimit(resource.RLIMIT_FSIZE) for worker in site.workers()}
    for worker in limits:
        worker.rlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        return site.under_load(seconds)
    finally:
        for worker, limit in limits.items():
            worker.rlimit(resource.RLIMIT_FSIZE, limit)
        site.start_database()


PHASES: dict[str, Callable[[Site, float], Load]] = {
    "no fault": lambda site, seconds: site.under_load(seconds),
    "kill -9 of workers": killed,
    "database restarted": restarted,
    "database silent": silent,
    "database slow": slow,
    "disk full, database away": disk_full,
}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--full", action="store_true", help="each phase for a minute")
    seconds = 60.0 if asked.parse_args().full else 6.0
    failed = False
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as site:
        site.under_load(2)
        for name, phase in PHASES.items():
            load = phase(site, seconds)
            took, faults = site.settled(load)
            print(f"{name}: {load.line()}; written after {took:.1f} s; lost or doubled: {len(faults)}", flush=True)
            others = [s for s in load.status if s.startswith("hooks") and s != "hooks 200"]
            failed |= bool(faults) or (bool(others) and phase is not killed)
            for fault, number in Counter(faults).items():
                print(f"    {fault}: {number}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
