"""The journal's writer beside a real server: killed, held up, orphaned."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.cli import main
from service.journal.database import make_engine
from service.journal.models import Consult
from tests.service_examples import SERVICE, call
from tests.test_server import Running, served

WITHIN = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(tmp_path_factory.mktemp("writer"), "--open") as running:
        yield running


def processes(server: Running) -> list[psutil.Process]:
    return list(psutil.Process(server.process.pid).children())


def writer_of(server: Running) -> psutil.Process:
    """It is the one that gives way to the others."""
    until(lambda: any(process.nice() > 0 for process in processes(server)))
    return next(process for process in processes(server) if process.nice() > 0)


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def answered(server: Running, times: int) -> None:
    for _ in range(times):
        assert requests.post(server.base + SERVICE, json=call(), timeout=60).status_code == 200


def kept(server: Running) -> int:
    engine = make_engine(f"sqlite:///{server.folder / 'journal.sqlite'}")
    try:
        with Session(engine) as session:
            return session.scalar(select(func.count()).select_from(Consult)) or 0
    finally:
        engine.dispose()


def waiting(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "spool").glob("*.jsonl"))


def event(server: Running, name: str) -> float:
    text = requests.get(f"{server.base}/metrics", timeout=60).text
    found = [line for line in text.splitlines() if line.startswith(f'imaging_cds_events_total{{event="{name}"}}')]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_answers_are_written_by_one_process_that_gives_way_to_those_that_answer(server: Running) -> None:
    answered(server, 5)
    until(lambda: kept(server) == 5)
    assert sorted(process.nice() > 0 for process in processes(server)) == [False, False, True]
    until(lambda: event(server, "journal_written") >= 5)


def test_while_the_writer_is_held_up_orders_are_answered_and_wait(server: Running) -> None:
    before, writer = kept(server), writer_of(server)
    writer.suspend()
    try:
        answered(server, 10)
        assert kept(server) == before and waiting(server.folder) > 0
    finally:
        writer.resume()
    until(lambda: kept(server) == before + 10)


def test_a_writer_that_is_killed_is_started_again_and_loses_and_doubles_nothing(server: Running) -> None:
    before = kept(server)
    for _ in range(3):
        writer = writer_of(server)
        answered(server, 10)
        writer.kill()
        until(lambda gone=writer.pid: writer_of(server).pid != gone)  # type: ignore[misc]
    until(lambda: kept(server) == before + 30)
    until(lambda: event(server, "journal_writer_restarts") == 3)
    done = CliRunner().invoke(main, ["audit", "verify"], env={"IMAGING_CDS_DATA_DIR": str(server.folder)})
    assert done.exit_code == 0, done.output


def test_nothing_outlives_a_server_that_is_killed(server: Running) -> None:
    before, left = kept(server), processes(server)
    answered(server, 10)
    os.kill(server.process.pid, 9)
    server.process.wait()
    psutil.wait_procs(left, timeout=WITHIN)
    assert not any(process.is_running() for process in left)
    with served(server.folder, "--open") as next_one:
        until(lambda: kept(next_one) == before + 10)
        next_one.process.terminate()
        assert next_one.process.wait(30) == 0
    assert waiting(server.folder) == 0 and kept(server) == before + 10
