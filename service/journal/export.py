"""The journal's tables as files, for statistics elsewhere: what may leave, row by row, and what the columns mean."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Engine, Select, select
from sqlalchemy.orm import Session

from service.journal.fields import stored_fields
from service.journal.models import AuditRow, Base, Card, Consult, FeedbackRow, UnmappedCode
from service.version import version

AT_ONCE = 500
TABLES: tuple[type[Base], ...] = (Consult, Card, UnmappedCode, FeedbackRow, AuditRow)


def export(
    engine: Engine,
    folder: Path,
    form: str = "ndjson",
    tenant: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> dict[str, int]:
    """One file per table, with about.json; by table, how many rows. What is sensitive stays here. ``until`` is
    the first moment that is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    counted: dict[str, int] = {}
    with Session(engine) as db:
        for table in TABLES:
            names = _columns(table)
            rows = (
                {name: row[number] for number, name in enumerate(names)}
                for row in db.execute(_query(table, names, tenant, since, until)).yield_per(AT_ONCE)
            )
            path = folder / f"{table.__tablename__}.{form}"
            counted[table.__tablename__] = _csv(path, names, rows) if form == "csv" else _ndjson(path, rows)
    about = {
        "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "version": version(),
        "tenant": tenant,
        "since": since.isoformat() if since else None,
        "before": until.isoformat() if until else None,
        "rows": counted,
        "columns": {
            table.__tablename__: {name: stored_fields()[table.__tablename__][name].kept for name in _columns(table)}
            for table in TABLES
        },
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return counted


def _columns(table: type[Base]) -> list[str]:
    allowed = stored_fields()[table.__tablename__]
    return [column.name for column in table.__table__.columns if not allowed[column.name].sensitive]


def _query(
    table: type[Base], names: list[str], tenant: str | None, since: dt.datetime | None, until: dt.datetime | None
) -> Select[Any]:
    columns = table.__table__.c
    query: Select[Any] = select(*(columns[name] for name in names))
    moment: ColumnElement[dt.datetime] = {
        "feedback": FeedbackRow.received, "audit": AuditRow.at,
    }.get(table.__tablename__, Consult.created)  # type: ignore[assignment]  # fmt: skip
    if table in (Card, UnmappedCode):
        query = query.join(Consult, Consult.id == columns["consult_id"])
    if tenant is not None:
        query = query.where(columns["tenant"] == tenant)
    if since is not None:
        query = query.where(moment >= since)
    if until is not None:
        query = query.where(moment < until)
    first = ("writer", "seq") if table is AuditRow else ("id",)
    return query.order_by(*(columns[name] for name in first))


def _ndjson(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    number = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
            number += 1
    return number


def _csv(path: Path, names: list[str], rows: Iterator[dict[str, Any]]) -> int:
    """Lists with blanks between, moments in ISO 8601."""
    number = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file)
        written.writerow(names)
        for row in rows:
            written.writerow([_cell(row[name]) for name in names])
            number += 1
    return number


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, list):
        return " ".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else value
