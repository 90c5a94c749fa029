"""A database that does not answer holds nobody up: what could not be read is skipped, counted and said."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from service import counts
from service.journal.bounded import LATE, PATH_SECONDS, Away, Bounded, one_answer
from service.journal.database import make_engine
from tests.databases import Postgres
from tests.postgres_proxy import Proxy
from tests.service_examples import NOW, make_app, parts_of

PATIENCE = 20 * PATH_SECONDS
"""Far more than is allowed, since machines that test are slow, and far less than a wait without an end."""


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory() as folder:
        made = Proxy(Path(folder) / "proxy", Path(postgres.host))
        yield made
        made.close()


@pytest.fixture
def bounded(postgres: Postgres, proxy: Proxy) -> Iterator[Bounded]:
    name = postgres.empty()
    engine = make_engine(f"postgresql+psycopg://postgres@/{name}?host={proxy.folder}")
    made = Bounded(engine)
    assert ask(made) == 1
    yield made
    proxy.cut()
    time.sleep(0.1)  # threads of ours that waited
    engine.dispose()
    postgres.drop(postgres.url(name))


def ask(bounded: Bounded) -> int:
    return bounded.run(lambda db: int(db.scalar(text("SELECT 1")) or 0), 5.0, insist=True)


def missed(bounded: Bounded) -> float:
    """Seconds until somebody who asks for an answer goes away without."""
    began = time.monotonic()
    with pytest.raises(Away):
        bounded.in_path(lambda db: db.execute(text("SELECT 1")))
    return time.monotonic() - began


def test_a_silent_database_is_waited_for_a_moment_and_then_not_at_all(bounded: Bounded, proxy: Proxy) -> None:
    proxy.silent = True
    waits = [missed(bounded) for _ in range(LATE)]
    assert all(PATH_SECONDS * 0.9 < wait < PATIENCE for wait in waits)
    assert bounded.away
    assert missed(bounded) < PATH_SECONDS
    proxy.silent = False
    assert ask(bounded) == 1 and not bounded.away


def test_a_database_that_went_is_found_again(bounded: Bounded, proxy: Proxy) -> None:
    proxy.closed = True
    proxy.cut()
    missed(bounded)
    assert bounded.away, "a refused connection is enough"
    proxy.closed = False
    assert ask(bounded) == 1 and not bounded.away


def test_the_reads_of_one_answer_share_its_time(bounded: Bounded, proxy: Proxy) -> None:
    proxy.silent = True
    with one_answer():
        time.sleep(2 * PATH_SECONDS)  # as for a FHIR server: no time of the database's
        assert missed(bounded) > PATH_SECONDS * 0.9
        assert missed(bounded) < PATH_SECONDS, "all of it is spent"
    proxy.silent = False


def test_who_waits_in_vain_keeps_no_thread(bounded: Bounded, proxy: Proxy) -> None:
    proxy.silent = True
    for _ in range(30):
        with pytest.raises(Away):
            bounded.run(lambda db: db.execute(text("SELECT 1")), 0.02, insist=True)
    proxy.silent = False
    assert [ask(bounded) for _ in range(10)] == [1] * 10


def test_a_sqlite_file_that_another_writes_to_is_waited_for_a_moment(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    journal = parts_of(app).journal
    before = counts.read().get("journal_skipped_tokens", 0)
    other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert not journal.seen_before("t", "mark", NOW)
    assert time.monotonic() - began < PATIENCE
    assert journal.seen_before("t", "mark", NOW), "the process remembers"
    assert counts.read()["journal_skipped_tokens"] == before + 1
    other.close()
    journal.engine.dispose()


@pytest.mark.parametrize("ask", [lambda b, w: b.in_path(w), lambda b, w: b.run(w, 1.0)])
def test_what_a_value_did_wrong_is_not_the_databases_fault(ask: Callable[..., object], bounded: Bounded) -> None:
    def wrong(_: object) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        ask(bounded, wrong)
    assert not bounded.away
