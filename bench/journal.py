"""What the journal costs an answer, and what it does behind it.

    python -m bench.journal            a few seconds
    python -m bench.journal --full     ten times as many repetitions

Microseconds, median and fastest: the line of an answer, its way into the spool, the two reads in the path of an answer
(a used token, answers of the app) with SQLite and PostgreSQL, and 50 answers into the tables, behind. Milliseconds that
a silent PostgreSQL adds to an answer. Rows a second that `audit verify` walks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import structlog

from hooks.request import read_request
from hooks.services import hooks_of
from service.clients import load_profiles, open_client
from service.journal import Consultation, one_answer
from service.journal.records import answer_line, explained_line
from service.journal.spool import Spool
from service.journal.verify import verify
from service.parts import Parts
from tests.databases import Postgres
from tests.explain_examples import request_of
from tests.postgres_proxy import Proxy
from tests.service_examples import NOW, SERVICE, make_app, parts_of

FIXTURE = "02"


def timed(name: str, what: Callable[[], object], times: int) -> None:
    took = []
    for _ in range(times):
        began = time.perf_counter_ns()
        what()
        took.append((time.perf_counter_ns() - began) / 1000)
    print(f"{name:58}{statistics.median(took):>10.1f}{min(took):>10.1f}", flush=True)


def in_the_path(name: str, parts: Parts, times: int) -> None:
    request = read_request(request_of(FIXTURE), hooks_of(SERVICE.rpartition("/")[2]))
    client = open_client(None, next(iter(load_profiles())), None)
    continuity, soon = parts.smart.continuity, NOW + dt.timedelta(minutes=5)
    timed(f"{name}: used token", lambda: parts.journal.seen_before("t", uuid.uuid4().hex, soon), times)
    timed(f"{name}: answers of the app", lambda: continuity.told(request, client, [], NOW), times)


def behind(name: str, parts: Parts, kept: Consultation, times: int) -> None:
    journal = parts.journal

    def write() -> None:
        for _ in range(50):
            journal.pending.take(answer_line(kept, journal.hashed, "v"))
        journal.pending.drain()

    timed(f"{name}: 50 answers into the tables", write, max(3, times // 50))
    began = time.perf_counter()
    found = verify(journal.engine)
    print(f"{name}: audit verify, rows a second {found.checked / (time.perf_counter() - began):.0f} of {found.checked}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--full", action="store_true", help="ten times as many repetitions")
    times = 3000 if asked.parse_args().full else 300
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app = make_app(folder / "sqlite", base_url="https://cds.example.org", app_launch="own")
        parts = parts_of(app)
        kept: list[Consultation] = []
        keep = parts.journal.keep
        parts.journal.keep = kept.append  # type: ignore[method-assign]
        app.test_client().post(SERVICE, json=request_of(FIXTURE))
        parts.journal.keep = keep  # type: ignore[method-assign]
        print(f"{'':58}{'median':>10}{'fastest':>10}   microseconds")
        timed("line of an answer", lambda: answer_line(kept[0], parts.journal.hashed, "v"), times)
        spool, line = Spool(folder / "spool", 2**31), answer_line(kept[0], parts.journal.hashed, "v")
        timed("into the spool", lambda: spool.append(line), times)
        timed("line of an explanation", lambda: explained_line(kept[0], parts.journal.hashed, "v"), times)
        spool.close()
        in_the_path("SQLite", parts, times)
        behind("SQLite", parts, kept[0], times)
        parts.journal.engine.dispose()
        postgres = Postgres(folder / "pg")
        proxy = Proxy(folder / "proxy", Path(postgres.host))
        url = f"postgresql+psycopg://postgres@/{postgres.empty()}?host={proxy.folder}"
        parts = parts_of(make_app(folder / "pg-data", database_url=url, app_launch="own"))
        in_the_path("PostgreSQL", parts, times)
        behind("PostgreSQL", parts, kept[0], times)
        proxy.silent = True
        waits = [_waited(parts) for _ in range(20)]
        print(f"silent PostgreSQL, ms added to each of 20 answers: {' '.join(f'{w:.0f}' for w in waits)}")
        proxy.close()
        time.sleep(0.2)
        parts.journal.engine.dispose()
        postgres.end()


def _waited(parts: Parts) -> float:
    """Milliseconds of both reads of one answer."""
    began = time.perf_counter()
    with one_answer():
        in_the_path_once(parts)
    return (time.perf_counter() - began) * 1000


def in_the_path_once(parts: Parts) -> None:
    request = read_request(request_of(FIXTURE), hooks_of(SERVICE.rpartition("/")[2]))
    client = open_client(None, next(iter(load_profiles())), None)
    parts.journal.seen_before("t", uuid.uuid4().hex, NOW)
    parts.smart.continuity.told(request, client, [], NOW)


if __name__ == "__main__":
    main()
