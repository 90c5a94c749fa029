"""What is kept behind the answers: through the spool into the database, each record once."""

from __future__ import annotations

import datetime as dt
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import counts
from service.journal import Journal
from service.journal.bounded import Away
from service.journal.database import make_engine, write_for_good
from service.journal.housekeeping import EVERY_SECONDS, Housekeeping
from service.journal.models import AuditRow, Base, Consult, Explanation, FeedbackRow
from service.journal.spool import SMALL_FILES, Segment, Spool, SpoolFull
from tests.explain_examples import UNTREATED, address, page, request_of
from tests.service_examples import NOW, SERVICE, Json, call, make_app, parts_of


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[Flask]:
    made = make_app(tmp_path, database_url=database_url, base_url="https://cds.example.org")
    yield made
    parts_of(made).journal.close()
    parts_of(made).journal.engine.dispose()


def journal_of(app: Flask) -> Journal:
    return parts_of(app).journal


def rows(app: Flask, table: type[Base]) -> int:
    with Session(journal_of(app).engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def away(app: Flask, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No database, until it is undone."""

    def nobody(*_: object, **__: object) -> None:
        raise Away("test")

    monkeypatch.setattr(journal_of(app).bounded, "run", nobody)
    return monkeypatch


def sent(card: str = "c", **more: Any) -> Json:
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-06-01T10:00:00Z", **more}
    return {"feedback": [entry]}


def feedback(app: Flask, card: str = "c") -> int:
    return app.test_client().post(f"{SERVICE}/feedback", json=sent(card)).status_code


def files(app: Flask) -> list[Path]:
    return sorted(journal_of(app).pending.spool.folder.glob("*.jsonl"))


def test_what_waited_while_the_database_was_away_is_written_once_it_is_back(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with away(app, monkeypatch).context() as gone:
        away(app, gone)
        for _ in range(3):
            assert app.test_client().post(SERVICE, json=call()).status_code == 200
        assert feedback(app) == 200
    monkeypatch.undo()
    assert rows(app, Consult) == rows(app, FeedbackRow) == 0
    journal_of(app).pending.drain()
    assert (rows(app, Consult), rows(app, FeedbackRow), rows(app, AuditRow)) == (3, 1, 4)
    assert files(app) == [] and journal_of(app).pending.size == 0


def test_what_a_process_left_behind_is_written_by_another_and_only_once(
    app: Flask, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as gone:
        away(app, gone)
        app.test_client().post(SERVICE, json=call())
    lines = b"".join(file.read_bytes() for file in files(app))
    left = files(app)[0]
    heir = make_app(tmp_path, database_url=database_url)
    journal_of(heir).pending.spool.adopt()
    journal_of(heir).pending.drain()
    assert rows(app, Consult) == 0, "its writer lives, so it is not taken over"
    journal_of(app).close()
    journal_of(heir).pending.spool.adopt()
    journal_of(heir).pending.drain()
    assert rows(app, Consult) == 1 and files(heir) == []
    left.write_bytes(lines + lines + b'{"kind":"answer","consu')  # as after a kill in the middle of it
    journal_of(heir).pending.spool.adopt()
    journal_of(heir).pending.drain()
    assert rows(app, Consult) == 1 and rows(app, AuditRow) == 1 and files(heir) == []
    journal_of(heir).engine.dispose()


def test_a_line_that_the_database_refuses_is_set_aside_and_holds_up_nothing(app: Flask) -> None:
    journal = journal_of(app)
    before = counts.read().get("journal_refused", 0)
    journal.pending.take(b'{"kind":"feedback","entries":[{"record":"r","tenant":"t"}]}\n')
    app.test_client().post(SERVICE, json=call())
    assert rows(app, Consult) == 1
    assert counts.read()["journal_refused"] == before + 1
    assert b'"tenant":"t"' in (journal.pending.spool.folder / "refused").read_bytes()


def test_where_neither_disk_nor_database_takes_it_hooks_are_answered_and_feedback_is_refused(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as gone:
        away(app, gone)
        gone.setattr(os, "write", no_space)
        assert app.test_client().post(SERVICE, json=call()).status_code == 200
        assert feedback(app) == 503
    journal_of(app).pending.drain()
    assert rows(app, Consult) == 1, "it was in memory"
    assert rows(app, FeedbackRow) == 0, "what was refused will be sent again"


def test_what_could_not_be_kept_at_all_is_counted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    before = counts.read().get("journal_lost", 0)
    away(app, monkeypatch)
    monkeypatch.setattr(os, "write", no_space)
    monkeypatch.setattr("service.journal.pending.IN_MEMORY_BYTES", 0)
    assert app.test_client().post(SERVICE, json=call()).status_code == 200
    assert counts.read()["journal_lost"] > before


def no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, "full")


def test_feedback_is_on_the_disk_for_good_before_it_is_confirmed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    away(app, monkeypatch)
    monkeypatch.setattr(os, "fsync", synced.append)
    assert feedback(app) == 200
    assert synced and files(app)
    monkeypatch.setattr(os, "fsync", no_space)
    assert feedback(app) == 503


@contextmanager
def as_a_worker(app: Flask) -> Iterator[Journal]:
    journal = journal_of(app)
    journal.engine.dispose()
    journal.after_fork()
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def writer_of(app: Flask) -> Iterator[None]:
    """What has a process of its own in a server. At the end it writes what is left."""
    ended = threading.Event()
    journal = Journal(parts_of(app).settings, lambda: NOW)
    thread = threading.Thread(target=journal.write_behind, args=(lambda: not ended.is_set(),))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_writer_writes_behind_the_answers_and_the_rest_when_it_ends(app: Flask) -> None:
    with writer_of(app), as_a_worker(app):
        for card in range(20):
            assert app.test_client().post(SERVICE, json=call()).status_code == 200
            assert feedback(app, str(card)) == 200
    assert (rows(app, Consult), rows(app, FeedbackRow), rows(app, AuditRow)) == (20, 20, 40)
    assert list(journal_of(app).pending.spool.folder.iterdir()) == []


def test_an_explanation_opens_right_after_its_answer(app: Flask) -> None:
    with writer_of(app), as_a_worker(app):
        page(app, address(app, UNTREATED))


def test_without_a_writer_answers_wait_in_few_files_and_the_next_one_writes_them(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.journal.handing.GATHER_SECONDS", 0.001)
    with as_a_worker(app) as journal:
        for card in range(30):
            assert app.test_client().post(SERVICE, json=call()).status_code == 200
            assert feedback(app, str(card)) == 200
        assert journal.pending.size == sum(file.stat().st_size for file in files(app)) > 0
        assert len(files(app)) <= SMALL_FILES + 2, "the one that is filled, and one made ready"
    with writer_of(app):
        pass
    assert (rows(app, Consult), rows(app, FeedbackRow)) == (30, 30) and files(app) == []


def test_a_worker_counts_what_it_handed_over_until_it_is_written(tmp_path: Path) -> None:
    spool, writer = Spool(tmp_path, 10), Spool(tmp_path, 10)
    spool.append(b"12345678\n")
    writer.adopt()
    assert writer.waiting() is None, "still being filled"
    spool.hand_over()
    with pytest.raises(SpoolFull):
        spool.append(b"9\n")
    writer.adopt()
    segment = writer.waiting()
    assert segment and list(segment.batches()) == [([b"12345678\n"], 9)]
    spool.sync(segment)
    writer.done(segment)
    spool.sync(segment)
    spool.hand_over()
    spool.append(b"9\n")
    spool.close()


def test_a_file_made_ready_while_an_answer_makes_its_own_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, 1000)
    new, ready = Spool._new, threading.Thread(target=spool.prepare)

    def slow(self: Spool) -> Segment:
        made = new(self)
        if threading.current_thread() is not ready:
            ready.start()
            ready.join(0.2)
        return made

    monkeypatch.setattr(Spool, "_new", slow)
    spool.append(b"one\n")
    ready.join()
    spool.hand_over()
    spool.close()
    assert len(list(tmp_path.iterdir())) == 1, "what was handed over"


def test_what_the_writer_writes_with_sqlite_survives_a_power_cut(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    write_for_good(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "full"
    engine.dispose()


def test_what_cannot_be_written_down_for_the_explanation_costs_no_answer(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counts.read().get("journal_lost", 0)
    monkeypatch.setattr("service.journal.keep.explained_line", lambda *_: orjson.dumps(10**30))
    assert app.test_client().post(SERVICE, json=request_of(UNTREATED)).status_code == 200
    assert counts.read()["journal_lost"] == before + 1 and rows(app, Consult) == 1


def test_lines_that_the_disk_does_not_take_are_written_by_the_worker_itself(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.journal.spool.Spool.append", no_space)
    with as_a_worker(app):
        assert app.test_client().post(SERVICE, json=call()).status_code == 200
        assert feedback(app) in (200, 503)
    assert rows(app, Consult) == 1


def test_a_torn_write_leaves_the_lines_before_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, write = Spool(tmp_path, 1000), os.write
    spool.append(b"one\n")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, line: write(file, line[:2]))
        with pytest.raises(OSError):
            spool.append(b"two\n")
    spool.append(b"three\n")
    segment = spool.waiting()
    assert segment and list(segment.batches()) == [([b"one\n", b"three\n"], 10)]
    spool.close()


def test_the_spool_takes_so_much_and_no_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10)
    spool.append(b"12345678\n")
    with pytest.raises(SpoolFull):
        spool.append(b"9\n")
    segment = spool.waiting()
    assert segment
    spool.done(segment)
    spool.append(b"9\n")
    spool.close()


def test_only_the_service_reads_what_waits(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    away(app, monkeypatch)
    app.test_client().post(SERVICE, json=request_of(UNTREATED))
    for file in files(app):
        assert file.stat().st_mode & 0o077 == 0
        assert b"condition-1" not in file.read_bytes().replace(b"Condition/condition-1", b""), "references alone"


def test_a_clock_that_jumped_lets_nothing_go_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now, steady, swept = [NOW], [0.0], list[dt.datetime]()
    monkeypatch.setattr("time.monotonic", lambda: steady[0])
    keeping = Housekeeping(lambda: now[0], swept.append)

    def later(seconds: float, jump: dt.timedelta = dt.timedelta()) -> list[dt.datetime]:
        steady[0] += seconds
        now[0] += dt.timedelta(seconds=seconds) + jump
        swept.clear()
        keeping.when_due()
        return list(swept)

    assert later(0) == [NOW]
    assert later(1) == []
    assert len(later(EVERY_SECONDS)) == 1
    assert later(EVERY_SECONDS, dt.timedelta(days=4000)) == []
    assert len(later(EVERY_SECONDS, -dt.timedelta(days=4000))) == 1, "back again"
    assert len(later(EVERY_SECONDS, -dt.timedelta(days=10))) == 1


def test_a_clock_that_jumps_loses_and_doubles_nothing(tmp_path: Path) -> None:
    from service.app import create_app
    from service.settings import read_settings

    now = [NOW]
    app = create_app(read_settings({}, open=True, data_dir=str(tmp_path)), lambda: now[0])
    for days in (0, 4000, -8000, 4000):
        now[0] += dt.timedelta(days=days)
        assert app.test_client().post(SERVICE, json=call()).status_code == 200
        assert feedback(app, str(days)) == 200
    assert (rows(app, Consult), rows(app, FeedbackRow), rows(app, AuditRow)) == (4, 4, 8)
    assert rows(app, Explanation) == 0
    journal_of(app).engine.dispose()
