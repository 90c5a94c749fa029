"""Codes that nobody recognised, kept in the journal and asked from there."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from mappings.records import Records
from mappings.unmapped import unmapped_codes
from service.journal.models import UnmappedCode
from service.journal.unmapped import CodeAsked, codes_asked
from service.journal.upgrade import MIGRATIONS
from tests.service_examples import NOW, SERVICE, call, make_app, order, parts_of
from tests.test_unmapped import ICD, STRANGE, Json, concept, run


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = make_app(tmp_path)
    yield made
    parts_of(made).journal.engine.dispose()


def ask(app: Flask, *orders: Json) -> None:
    assert app.test_client().post(SERVICE, json=call(*orders)).status_code == 200


def kept(app: Flask) -> list[CodeAsked]:
    return codes_asked(parts_of(app).settings)


def test_the_journal_keeps_the_codes_that_were_not_recognised(app: Flask) -> None:
    ask(app, order("a", reasonCode=[concept(STRANGE, display="Secret words"), {"text": "secret text"}]))
    ask(
        app,
        order("a", reasonCode=[concept(STRANGE)]),
        order("b", reasonCode=[concept(STRANGE), concept("M54.50", ICD)]),
    )
    assert kept(app) == [CodeAsked("reason", "snomed", STRANGE, 3, 2)]
    with Session(parts_of(app).journal.engine) as session:
        assert {row.tenant for row in session.scalars(select(UnmappedCode))} == {"open"}


def test_a_study_that_was_not_recognised_is_kept_too(app: Flask) -> None:
    unknown = order("a", reasonCode=[concept("M54.50", ICD)], category=[concept("363679005")])
    unknown["code"] = {"coding": [{"system": "urn:local:orders", "code": "IMG77"}], "text": "special scan"}
    ask(app, unknown)
    assert kept(app) == [CodeAsked("order", "urn:local:orders", "IMG77", 1, 1)]


def test_recognised_and_other_codes_are_not_kept(app: Flask) -> None:
    ask(app, order("a", reasonCode=[concept("M54.50", ICD)]), order("b", reasonCode=[concept("R51.9", ICD)]))
    assert kept(app) == []


@pytest.mark.parametrize("code", ["Mrs Secret", "secret@example.org", "Secret^Name", "x" * 33])
def test_what_is_not_shaped_like_a_code_is_not_kept(code: str) -> None:
    assert unmapped_codes(order(reasonCode=[concept(code, "urn:x")]), Records({})) == ()
    odd = order(reasonCode=[concept("A1", "a system with words")])
    assert [(kind, c.system, c.code) for kind, c in unmapped_codes(odd, Records({}))] == [("reason", "", "A1")]


def test_the_journal_is_asked_from_the_command_line(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(app, order("a", reasonCode=[concept(STRANGE)]))
    monkeypatch.setenv("IMAGING_CDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("IMAGING_CDS_TIME_ZONE", "America/Chicago")
    assert f"reason: snomed {STRANGE}" in run("--journal")
    assert json.loads(run("--journal", "--json")) == [
        {"kind": "reason", "system": "snomed", "code": STRANGE, "answers": 1, "orders": 1}
    ]
    assert run("--journal", "--csv").splitlines() == ["kind,system,code,answers,orders", f"reason,snomed,{STRANGE},1,1"]
    local = NOW.astimezone(dt.timezone(dt.timedelta(hours=-5))).date()
    assert STRANGE in run("--journal", "--since", local.isoformat())
    later = run("--journal", "--since", (local + dt.timedelta(days=1)).isoformat())
    assert later == "The journal holds no code that was not recognised.\n"


def test_a_report_makes_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGING_CDS_DATA_DIR", str(tmp_path / "nowhere"))
    assert "There is no journal here" in run("--journal", code=1)
    assert not (tmp_path / "nowhere").exists()


def test_a_journal_of_the_first_version_is_named_and_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    monkeypatch.setenv("IMAGING_CDS_DATA_DIR", str(tmp_path))
    assert "older than this software" in run("--journal", code=1)
    app = make_app(tmp_path)
    ask(app, order("a", reasonCode=[concept(STRANGE)]))
    parts_of(app).journal.engine.dispose()
    assert STRANGE in run("--journal")
