"""What is kept, what is not, and what happens when nothing can be kept."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from service.cli import main
from service.journal.database import make_engine
from service.journal.fields import stored_fields
from service.journal.models import Base, Card, Consult, Explanation, FeedbackRow, SeenToken
from service.journal.upgrade import downgrade, upgrade
from service.journal.used import UsedTokens
from tests.explain_examples import TREATED_WITH_PACEMAKER, UNTREATED, answered, explaining, request_of
from tests.service_examples import NOW, SERVICE, call, make_app, order, parts_of


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[Flask]:
    made = make_app(tmp_path, database_url=database_url)
    yield made
    parts_of(made).journal.engine.dispose()


def test_an_answer_leaves_one_row_per_order_and_one_per_card(app: Flask) -> None:
    answer = app.test_client().post(SERVICE, json=call(order("a"), order("b", "72148"))).get_json()
    with Session(parts_of(app).journal.engine) as session:
        consults = session.scalars(select(Consult)).all()
        cards = session.scalars(select(Card)).all()
    assert len(consults) == 2
    assert {c.tenant for c in consults} == {"open"}
    assert {c.created for c in consults} == {NOW}
    assert {c.card for c in cards} == {c["uuid"] for c in answer["cards"]}
    ratings = {a["resource"]["id"] for a in answer.get("systemActions", ())}
    assert all((c.consult or "").startswith("urn:uuid:") for c in consults if c.rating != "needs-information")
    assert ratings <= {"a", "b"}


@pytest.mark.parametrize(
    ("code", "reason", "rating"),
    [
        ("85025", "279039007", None),  # a blood count: no imaging, no rating
        (None, "279039007", None),
        ("70544", "27355003", "no-criteria-apply"),
        ("72148", "999999999", "needs-information"),
    ],
)
def test_an_order_that_is_not_rated_leaves_a_row_too(app: Flask, code: str | None, reason: str, rating: Any) -> None:
    sent = order("a", code or "72133", reasonCode=[{"coding": [{"system": "http://snomed.info/sct", "code": reason}]}])
    body = call({k: v for k, v in sent.items() if code or k != "code"})
    assert app.test_client().post(SERVICE, json=body).status_code == 200
    with Session(parts_of(app).journal.engine) as session:
        [row] = session.scalars(select(Consult)).all()
    assert row.rating == rating and row.order_key


def test_nothing_that_names_a_patient_is_in_the_database(app: Flask, tmp_path: Path) -> None:
    body = call(order("secret-order-id", note=[{"text": "secret note"}]))
    body["context"]["patientId"] = body["prefetch"]["patient"]["id"] = "secret-patient-id"
    body["context"]["draftOrders"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/secret-patient-id"}
    body["context"]["userId"] = "Practitioner/secret-user"
    body["prefetch"]["patient"]["name"] = [{"family": "secret-name"}]
    assert app.test_client().post(SERVICE, json=body).status_code == 200
    parts_of(app).journal.engine.dispose()
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"secret" not in file.read_bytes()
    assert "secret" not in held(app)


def test_columns_are_exactly_the_allow_list(app: Flask) -> None:
    allowed = {table: set(columns) for table, columns in stored_fields().items()}
    assert {name: set(t.columns.keys()) for name, t in Base.metadata.tables.items()} == allowed
    found = inspect(parts_of(app).journal.engine)
    tables = set(found.get_table_names()) - {"alembic_version"}
    assert {name: {c["name"] for c in found.get_columns(name)} for name in tables} == allowed
    assert all("tenant" in columns for columns in allowed.values())


def test_indexes_of_the_migrations_are_those_of_the_models(app: Flask) -> None:
    found = inspect(parts_of(app).journal.engine)
    for name, table in Base.metadata.tables.items():
        assert {i["name"] for i in found.get_indexes(name)} == {i.name for i in table.indexes}


def test_upgrading_twice_changes_nothing(app: Flask) -> None:
    upgrade(parts_of(app).journal.engine)
    assert app.test_client().post(SERVICE, json=call()).status_code == 200


def test_a_failing_database_never_stops_an_answer(app: Flask) -> None:
    journal = parts_of(app).journal
    with journal.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE cards")
        connection.exec_driver_sql("DROP TABLE unmapped_codes")
        connection.exec_driver_sql("DROP TABLE consults")
    assert app.test_client().post(SERVICE, json=call()).status_code == 200
    assert journal.failures == 1
    assert journal.pending.size, "it waits"
    journal.close()


def test_feedback_is_kept_with_what_every_database_takes(app: Flask) -> None:
    entry = {"card": "c\0ard" * 100, "outcome": "overridden", "outcomeTimestamp": "2026-06-01T10:00:00Z",
             "overrideReason": {"reason": {"code": "\0" + "x" * 300, "system": "urn:x"}}}  # fmt: skip
    assert app.test_client().post(f"{SERVICE}/feedback", json={"feedback": [entry]}).status_code == 200
    with Session(parts_of(app).journal.engine) as session:
        [row] = session.scalars(select(FeedbackRow)).all()
    assert (row.card, row.reason_code) == (("card" * 100)[:255], "x" * 255)
    assert parts_of(app).journal.failures == 0


def test_one_order_of_two_tenants_has_two_hashes(app: Flask) -> None:
    journal = parts_of(app).journal
    assert journal.hashed("a", "order", "1") != journal.hashed("b", "order", "1")
    assert journal.hashed("a", "order", "1") == journal.hashed("a", "order", "1")


def test_tokens_are_remembered_per_tenant_and_old_ones_let_go(app: Flask) -> None:
    journal = parts_of(app).journal
    assert not journal.seen_before("a", "mark", NOW)
    assert not journal.seen_before("b", "mark", NOW)
    assert journal.seen_before("a", "mark", NOW)
    assert not journal.seen_before("a", "later", NOW + dt.timedelta(days=3))
    journal.sweep(NOW + dt.timedelta(days=2))
    with Session(journal.engine) as session:
        assert {t.mark for t in session.scalars(select(SeenToken))} == {"later"}


def test_purging_deletes_what_is_past_its_period_and_nothing_else(tmp_path: Path, database_url: str) -> None:
    with explaining(tmp_path, database_url=database_url) as app:
        answered(app, request_of(UNTREATED))
        answered(app, request_of(TREATED_WITH_PACEMAKER))
        journal = parts_of(app).journal
        assert not journal.seen_before("t", "old", NOW)
        with Session(journal.engine) as session, session.begin():
            session.scalars(select(Explanation)).first().created = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)  # type: ignore[union-attr]
            session.scalars(select(Explanation)).all()[-1].created = dt.datetime.now(dt.UTC)

    def purged(*options: str) -> str:
        place = {"IMAGING_CDS_DATA_DIR": str(tmp_path), "IMAGING_CDS_DATABASE_URL": database_url}
        done = CliRunner().invoke(main, ["journal", "purge", *options], env=place)
        assert done.exit_code == 0, done.output
        return done.output

    def held(*options: str) -> list[str]:
        return [line for line in purged(*options).splitlines() if ": 0 " not in line]

    assert held("--dry-run") == ["explanations: 1 would go", "seen_tokens: 1 would go"]
    assert held() == ["explanations: 1 deleted", "seen_tokens: 1 deleted"]
    assert held() == []
    with Session(journal.engine) as session:
        assert len(session.scalars(select(Consult)).all()) == 2
    journal.engine.dispose()


def test_where_there_is_no_journal_purging_makes_none(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["journal", "purge"], env={"IMAGING_CDS_DATA_DIR": str(tmp_path)})
    assert done.exit_code == 1 and "no journal here" in done.output
    assert list(tmp_path.iterdir()) == []


def test_each_migration_can_be_taken_back(app: Flask) -> None:
    engine = parts_of(app).journal.engine
    for revision in ("0005", "0004", "0003", "0002", "0001", "base"):
        downgrade(engine, revision)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(engine)
    assert app.test_client().post(SERVICE, json=call()).status_code == 200
    assert parts_of(app).journal.failures == 0


def test_the_memory_of_used_tokens_is_bounded() -> None:
    used = UsedTokens(shelves=1)
    for n in range(30):
        assert not used.seen_before("t", str(n), NOW + dt.timedelta(seconds=n))
    assert used.seen_before("t", "29", NOW)
    assert not used.seen_before("t", "2", NOW), "the first to expire was let go"


def test_a_token_that_one_worker_saw_is_known_to_the_others() -> None:
    used = UsedTokens()
    worker = multiprocessing.get_context("fork").Process(target=used.seen_before, args=("t", "mark", NOW))
    worker.start()
    worker.join(30)
    assert worker.exitcode == 0
    assert used.seen_before("t", "mark", NOW)
    assert not used.seen_before("u", "mark", NOW)


def test_a_worker_that_is_killed_while_it_looks_up_a_token_holds_nobody_up() -> None:
    used = UsedTokens()

    def killed() -> None:
        with used._alone():
            os.kill(os.getpid(), signal.SIGKILL)

    worker = multiprocessing.get_context("fork").Process(target=killed)
    worker.start()
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL
    assert not used.seen_before("t", "mark", NOW)


def test_sqlite_writes_ahead(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    with parts_of(app).journal.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    parts_of(app).journal.engine.dispose()


def held(app: Flask) -> str:
    """All rows of all tables, as text."""
    with parts_of(app).journal.engine.connect() as connection:
        return repr([connection.execute(table.select()).all() for table in Base.metadata.sorted_tables])


def test_answers_and_feedback_go_after_the_periods_that_the_site_set(tmp_path: Path, database_url: str) -> None:
    app = make_app(tmp_path, database_url=database_url, journal_days=30, feedback_days=60)
    journal = parts_of(app).journal
    entry = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-06-01T10:00:00Z"}
    assert app.test_client().post(SERVICE, json=call()).status_code == 200
    assert app.test_client().post(f"{SERVICE}/feedback", json={"feedback": [entry]}).status_code == 200

    def left(days: int) -> list[int]:
        journal.sweep(NOW + dt.timedelta(days=days))
        with Session(journal.engine) as session:
            return [len(session.scalars(select(table)).all()) for table in (Consult, Card, FeedbackRow)]

    assert left(29) == [1, 1, 1]
    assert left(31) == [0, 0, 1]
    assert left(61) == [0, 0, 0]
    journal.engine.dispose()


def test_several_that_start_at_once_make_the_tables_once(
    tmp_path: Path, request: pytest.FixtureRequest, database_url: str
) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    if database_url:
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.empty())
    engines = [make_engine(url) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as at_once:
        list(at_once.map(upgrade, engines))
    assert set(inspect(engines[0]).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    for engine in engines:
        engine.dispose()


def test_feedback_of_before_keeps_what_was_accepted_and_loses_the_words(app: Flask) -> None:
    engine = parts_of(app).journal.engine
    downgrade(engine, "0005")
    sent = [
        {"acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}]},
        {"overrideReason": {"userComment": "words of a clinician"}},
    ]
    with engine.begin() as connection:
        for number, entry in enumerate(sent):
            connection.execute(
                text(
                    "INSERT INTO feedback (tenant, card, outcome, outcome_at, received, as_sent)"
                    " VALUES ('t', :card, 'accepted', '2026-06-01 10:00:00', '2026-06-01 10:00:00', :sent)"
                ),
                {"card": str(number), "sent": json.dumps(entry)},
            )
    upgrade(engine)
    with Session(engine) as session:
        rows = session.scalars(select(FeedbackRow).order_by(FeedbackRow.card)).all()
        assert [(r.suggestions, r.commented, r.record) for r in rows] == [(["s1", "s2"], False, None), ([], True, None)]
    assert "words of a clinician" not in held(app)
