"""What the journal lets go of, and when: what is named in `expired`, and every row past its own ``expires``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, delete, false, func, select
from sqlalchemy.orm import Session, aliased

from service.journal.models import AuditRow, Base, Consult, Explanation, FeedbackRow, SeenToken
from service.settings import Settings

AUDITED = ("consults", "feedback", "audit")
"""Of these tables the audit trail says what was let go of."""


def ends(settings: Settings, now: dt.datetime) -> Mapping[str, dt.datetime]:
    """By table that is kept as long as the site says: rows from before this may go. Without a period none may."""
    days = {
        "consults": settings.journal_days,
        "feedback": settings.feedback_days,
        "audit": settings.audit_days,
    }
    return {table: now - dt.timedelta(days=n) for table, n in days.items() if n}


def expired(settings: Settings, now: dt.datetime) -> Mapping[type[Base], ColumnElement[bool]]:
    """By table, which rows may go. Cards and unknown codes go with their consult."""
    own = {table.class_: table.class_.expires < now for table in Base.registry.mappers if "expires" in table.columns}
    end = ends(settings, now)
    return {
        Explanation: Explanation.created < now - dt.timedelta(days=settings.explanation_days),
        **own,
        SeenToken: SeenToken.expires < now - dt.timedelta(days=1),
        Consult: Consult.created < end["consults"] if "consults" in end else false(),
        FeedbackRow: FeedbackRow.received < end["feedback"] if "feedback" in end else false(),
        AuditRow: _front(end["audit"]) if "audit" in end else false(),
    }


def _front(end: dt.datetime) -> ColumnElement[bool]:
    """Of a chain only what stands before everything that is kept: it must begin somewhere and have no holes."""
    kept = aliased(AuditRow)
    stays = select(kept.seq).where(kept.writer == AuditRow.writer, kept.at >= end, kept.seq <= AuditRow.seq)
    return and_(AuditRow.at < end, ~stays.exists())


def let_go(db: Session, settings: Settings, now: dt.datetime, *, only_count: bool = False) -> dict[str, int]:
    """Delete what has expired; by table, how many rows."""
    gone: dict[str, int] = {}
    for table, condition in expired(settings, now).items():
        if only_count:
            gone[table.__tablename__] = db.scalar(select(func.count()).select_from(table).where(condition)) or 0
        else:
            done = db.execute(delete(table).where(condition), execution_options={"synchronize_session": False})
            gone[table.__tablename__] = done.rowcount  # type: ignore[attr-defined]
    return gone
