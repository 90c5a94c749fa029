"""Lines of the spool into the tables, each record once, with its link in this writer's chain."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import DataError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from service import counts
from service.journal import chain
from service.journal.bounded import Bounded
from service.journal.chain import Head
from service.journal.models import AuditRow, Base, Card, Consult, Explanation, FeedbackRow, UnmappedCode
from service.journal.records import ANSWER, EXPLAINED, FEEDBACK, Row, typed
from service.journal.retention import ends, let_go
from service.settings import Settings

log = structlog.get_logger("imaging_cds.journal")

Document = Mapping[str, Any]
Also = Callable[[Session, Document], None]
WRITE_SECONDS = 10.0
PURGE_SECONDS = 60.0
ATTEMPTS = 4
REFUSALS = (IntegrityError, DataError, StatementError, KeyError, TypeError, ValueError)


class Ledger:
    """``also`` holds what else is done with lines of other kinds: it must be right to do it twice."""

    def __init__(self, bounded: Bounded, set_aside: Callable[[bytes], None], also: dict[str, Also]) -> None:
        self.writer = secrets.token_hex(16)
        self.also = also
        self._set_aside = set_aside
        self._bounded = bounded
        self._head: Head | None = Head()
        self._lock = threading.Lock()

    def write(self, lines: Sequence[bytes]) -> None:
        """Raises `Away` where nothing was written. A line that the database refuses is counted and set aside."""
        try:
            self._write([orjson.loads(line) for line in lines])
        except REFUSALS:
            for line in lines:
                self._write_alone(line)

    def _write_alone(self, line: bytes) -> None:
        """A row that another process writes at this moment is there the next time, and is left out then."""
        for attempt in range(ATTEMPTS):
            try:
                self._write([orjson.loads(line)])
            except REFUSALS as error:
                if attempt + 1 < ATTEMPTS and isinstance(error, IntegrityError):
                    time.sleep(0.1)
                    continue
                counts.add("journal_refused")
                log.error("record_refused", kind=type(error).__name__)
                self._set_aside(line)
            return

    def _write(self, documents: Sequence[Document]) -> None:
        with self._lock:
            head, self._head = self._head, None  # not known until this has ended well
            self._head = self._bounded.run(lambda db: self._enter(db, documents, head), WRITE_SECONDS, insist=True)

    def purge(self, settings: Settings, now: dt.datetime, *, only_count: bool = False) -> dict[str, int]:
        """Delete what has expired, in one transaction with a link of this chain that says so; by table, how many rows.
        Raises `Away`."""
        with self._lock:
            head, self._head = self._head, None
            gone, self._head = self._bounded.run(
                lambda db: self._let_go(db, settings, now, head, only_count), PURGE_SECONDS, insist=True
            )
        return gone

    def _let_go(
        self, db: Session, settings: Settings, now: dt.datetime, head: Head | None, only_count: bool
    ) -> tuple[dict[str, int], Head]:
        head = head or last_link(db, self.writer)
        gone = let_go(db, settings, now, only_count=only_count)
        notes = [
            {"table": table, "before": end.astimezone(dt.UTC).isoformat(), "rows": gone[table]}
            for table, end in ends(settings, now).items() if gone[table]
        ]  # fmt: skip
        links = [chain.entry(chain.PURGE, "", now, None, chain.digest_of(note), note) for note in notes]
        if links and not only_count:
            rows, head = chain.linked(self.writer, head, links)
            db.execute(insert(AuditRow), rows)
        return gone, head

    def _enter(self, db: Session, documents: Sequence[Document], head: Head | None) -> Head:
        consults = [_parts_of(row) for d in documents if d["kind"] == ANSWER for row in d["consults"]]
        feedback = [typed(FeedbackRow, row) for d in documents if d["kind"] == FEEDBACK for row in d["entries"]]
        consults, feedback = self._new(db, consults, feedback)
        links = [_consult_entry(*found) for found in consults] + [_feedback_entry(row) for row in feedback]
        if links:
            rows, head = chain.linked(self.writer, head or last_link(db, self.writer), links)
            db.execute(insert(AuditRow), rows)
        _insert_consults(db, consults)
        if feedback:
            db.execute(insert(FeedbackRow), feedback)
        replace(db, Explanation, [row for d in documents if d["kind"] == EXPLAINED for row in d["explanations"]])
        for document in documents:
            if document["kind"] in self.also:
                self.also[document["kind"]](db, document)
        return head or last_link(db, self.writer)

    @staticmethod
    def _new(db: Session, consults: list[Parts], feedback: list[Row]) -> tuple[list[Parts], list[Row]]:
        """Without what is there already: a line may come again after a process has ended in the middle of this."""
        marks = {chain.mark_of(row["record"]) for row in (*(c[0] for c in consults), *feedback)}
        if not marks:
            return [], []
        known = set(db.scalars(select(AuditRow.mark).where(AuditRow.mark.in_(marks))))
        if known:
            counts.add("journal_seen_again", len(known))
            consults = [c for c in consults if chain.mark_of(c[0]["record"]) not in known]
            feedback = [row for row in feedback if chain.mark_of(row["record"]) not in known]
        return consults, feedback


Parts = tuple[Row, list[Row], list[Row]]
"""A consult, its cards, and its codes that were not recognised."""


def last_link(db: Session, writer: str) -> Head:
    found = select(AuditRow.seq, AuditRow.link).where(AuditRow.writer == writer).order_by(AuditRow.seq.desc()).limit(1)
    row = db.execute(found).first()
    return Head(*row) if row else Head()


def replace(db: Session, table: type[Base], rows: Iterable[Row]) -> None:
    """Rows with a ``mark``, in place of those before."""
    latest = {row["mark"]: typed(table, row) for row in rows}
    if latest:
        db.execute(delete(table).where(table.__table__.c.mark.in_(latest)))
        db.execute(insert(table), list(latest.values()))


def _parts_of(row: Row) -> Parts:
    return typed(Consult, row), row["cards"], row["unmapped"]


def _consult_entry(row: Row, cards: list[Row], unmapped: list[Row]) -> Row:
    digest = chain.digest_of(row, cards=cards, unmapped=unmapped)
    return chain.entry(chain.CONSULT, row["tenant"], row["created"], chain.mark_of(row["record"]), digest)


def _feedback_entry(row: Row) -> Row:
    digest = chain.digest_of(row)
    return chain.entry(chain.FEEDBACK, row["tenant"], row["received"], chain.mark_of(row["record"]), digest)


def _insert_consults(db: Session, consults: list[Parts]) -> None:
    if not consults:
        return
    kept = insert(Consult).returning(Consult.id, sort_by_parameter_order=True)
    numbers = db.scalars(kept, [row for row, _, _ in consults]).all()
    cards, unmapped = [], []
    for number, (row, shown, unknown) in zip(numbers, consults, strict=True):
        belongs = {"tenant": row["tenant"], "consult_id": number}
        cards += [{**card, **belongs} for card in shown]
        unmapped += [{**code, **belongs} for code in unknown]
    if cards:
        db.execute(insert(Card), cards)
    if unmapped:
        db.execute(insert(UnmappedCode), unmapped)
