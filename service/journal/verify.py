"""Is the audit trail whole, and does it fit what the journal holds? The first break of each chain is named."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session, selectinload

from service.journal import chain
from service.journal.chain import Head
from service.journal.models import AuditRow, Base, Consult, FeedbackRow

AT_ONCE = 500
NAMES = {chain.CONSULT: "consults", chain.FEEDBACK: "feedback"}
Purge = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Break:
    """``seq`` is 0 and ``writer`` empty where no single link is meant."""

    what: str
    writer: str = ""
    seq: int = 0

    def __str__(self) -> str:
        return f"writer {self.writer}, row {self.seq}: {self.what}" if self.seq else self.what


@dataclass(slots=True)
class Found:
    """``heads`` by writer, ``links`` walked, ``checked`` records compared, ``gone`` those whose link alone is left."""

    heads: Mapping[str, Head]
    breaks: list[Break] = field(default_factory=list)
    links: int = 0
    checked: int = 0
    gone: Counter[str] = field(default_factory=Counter)
    before: dict[str, Head] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)


def heads(db: Session) -> dict[str, Head]:
    """The last link of each chain, by writer."""
    last = select(AuditRow.writer, func.max(AuditRow.seq).label("seq")).group_by(AuditRow.writer).subquery()
    on = (AuditRow.writer == last.c.writer) & (AuditRow.seq == last.c.seq)
    rows = db.execute(select(AuditRow.writer, AuditRow.seq, AuditRow.link).join(last, on).order_by(AuditRow.writer))
    return {writer: Head(seq, link) for writer, seq, link in rows}


def verify(engine: Engine, recorded: Mapping[str, Head] | None = None) -> Found:
    """``recorded`` are heads that were kept elsewhere: each must still stand where it stood. What is written meanwhile
    does not count."""
    with Session(engine) as db:
        found = Found(heads(db))
        present = {writer: bytearray(head.seq + 1) for writer, head in found.heads.items()}
        for table in (Consult, FeedbackRow):
            for records in _records(db, table):
                _compare(db, records, present, found)
        purges = _purges(db)
        for links in _links(db):
            _walk(links, present, purges, found)
        _still_there(db, recorded or {}, purges, found)
    for name, lost in found.gone.items():
        told = sum(p["rows"] for p in purges if p["table"] == name)
        if lost > told and not _of(purges, "audit"):
            found.breaks.append(Break(f"{lost} rows of {name} are gone, and purges account for {told}"))
    return found


def _records(db: Session, table: type[Consult] | type[FeedbackRow]) -> Iterator[Sequence[Consult | FeedbackRow]]:
    last = 0
    while True:
        query: Select[Any] = select(table).where(table.id > last, table.record.is_not(None))
        if table is Consult:
            query = query.options(selectinload(Consult.cards), selectinload(Consult.unmapped))
        rows = db.scalars(query.order_by(table.id).limit(AT_ONCE)).all()
        if not rows:
            return
        last = rows[-1].id
        yield rows
        db.expunge_all()


def _compare(
    db: Session, records: Sequence[Consult | FeedbackRow], present: Mapping[str, bytearray], found: Found
) -> None:
    """Records against the digests of their links."""
    marks = {chain.mark_of(row.record or ""): row for row in records}
    query = select(AuditRow.mark, AuditRow.digest, AuditRow.writer, AuditRow.seq).where(AuditRow.mark.in_(marks))
    known = {mark: (digest, writer, seq) for mark, digest, writer, seq in db.execute(query)}
    for mark, row in marks.items():
        if mark not in known:
            found.breaks.append(Break(f"row {row.id} of {row.__tablename__} is in no chain"))
            continue
        digest, writer, seq = known[mark]
        found.checked += 1
        if writer in present and seq < len(present[writer]):
            present[writer][seq] = 1
        if digest != digest_of(row):
            found.breaks.append(Break(f"its row {row.id} of {row.__tablename__} was changed", writer, seq))


def digest_of(row: Consult | FeedbackRow) -> str:
    """Of a record as it stands in the tables."""
    if isinstance(row, FeedbackRow):
        return chain.digest_of(_columns(row))
    cards = [{"card": c.card, "indicator": c.indicator, "suggestions": c.suggestions} for c in row.cards]
    unmapped = [{"kind": u.kind, "system": u.system, "code": u.code} for u in row.unmapped]
    return chain.digest_of(_columns(row), cards=cards, unmapped=unmapped)


def _columns(row: Base) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _links(db: Session) -> Iterator[Sequence[AuditRow]]:
    """Chain by chain, in their order."""
    last: tuple[str, int] = ("", 0)
    while True:
        writer, seq = last
        further = (AuditRow.writer > writer) | ((AuditRow.writer == writer) & (AuditRow.seq > seq))
        query = select(AuditRow).where(further).order_by(AuditRow.writer, AuditRow.seq).limit(AT_ONCE)
        if not (rows := db.scalars(query).all()):
            return
        last = rows[-1].writer, rows[-1].seq
        yield rows
        db.expunge_all()


def _walk(links: Sequence[AuditRow], present: Mapping[str, bytearray], purges: Sequence[Purge], found: Found) -> None:
    """Each link against the one before it, to the first that does not fit; and its record must still be there."""
    for row in links:
        before = found.before.get(row.writer)
        found.before[row.writer] = Head(row.seq, row.link)
        if row.writer not in found.heads or row.seq > found.heads[row.writer].seq:
            continue  # written meanwhile
        found.links += 1
        if row.writer not in found.broken and (what := _wrong(row, before, purges)):
            found.broken.add(row.writer)
            found.breaks.append(Break(what, row.writer, row.seq))
        if (name := NAMES.get(row.kind)) and not present[row.writer][row.seq]:
            found.gone[name] += 1
            if not any(row.at < p["before"] for p in _of(purges, name)):
                found.breaks.append(Break(f"its row of {name} is gone, and no purge took it", row.writer, row.seq))


def _wrong(row: AuditRow, before: Head | None, purges: Sequence[Purge]) -> str:
    if before is None and row.seq > 1 and _of(purges, "audit"):
        before = Head(row.seq - 1, row.previous)  # what stood before was purged
    before = before or Head()
    if row.seq != before.seq + 1:
        return f"rows {before.seq + 1} to {row.seq - 1} before it are gone"
    if row.previous != before.link:
        return "it does not follow from the row before"
    if row.link != chain.link_of(row.writer, row.seq, row.previous, _columns(row)):
        return "the row was changed"
    return ""


def _purges(db: Session) -> list[Purge]:
    notes = db.scalars(select(AuditRow.note).where(AuditRow.kind == chain.PURGE))
    return [{**note, "before": dt.datetime.fromisoformat(note["before"])} for note in notes]


def _of(purges: Sequence[Purge], table: str) -> list[Purge]:
    return [p for p in purges if p["table"] == table]


def _still_there(db: Session, recorded: Mapping[str, Head], purges: Sequence[Purge], found: Found) -> None:
    """A chain that was cut at its end, or made anew, does not hold the link that was kept elsewhere."""
    for writer, head in recorded.items():
        link = db.scalar(select(AuditRow.link).where(AuditRow.writer == writer, AuditRow.seq == head.seq))
        first = db.scalar(select(func.min(AuditRow.seq)).where(AuditRow.writer == writer))
        if link is None and _of(purges, "audit") and (first is None or first > head.seq):
            continue  # purged
        if link is None:
            found.breaks.append(Break("this row was the last once, and is gone", writer, head.seq))
        elif link != head.link:
            found.breaks.append(Break("this row is not the one that was recorded", writer, head.seq))
