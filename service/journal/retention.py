"""What the journal lets go of, and when: what is named in `expired`, and every row past its own ``expires``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Engine, delete, func, select
from sqlalchemy.orm import Session

from service.journal.models import Base, Explanation, SeenToken
from service.settings import Settings


def expired(settings: Settings, now: dt.datetime) -> Mapping[type[Base], ColumnElement[bool]]:
    """By table, which rows may go."""
    ends = {table.class_: table.class_.expires < now for table in Base.registry.mappers if "expires" in table.columns}
    return {
        Explanation: Explanation.created < now - dt.timedelta(days=settings.explanation_days),
        **ends,
        SeenToken: SeenToken.expires < now - dt.timedelta(days=1),
    }


def purge(engine: Engine, settings: Settings, now: dt.datetime, *, only_count: bool = False) -> dict[str, int]:
    """Delete what has expired, in one transaction; by table, how many rows."""
    gone: dict[str, int] = {}
    with Session(engine) as session, session.begin():
        for table, condition in expired(settings, now).items():
            found = select(func.count()).select_from(table).where(condition)
            gone[table.__tablename__] = session.scalar(found) or 0
            if not only_count:
                session.execute(delete(table).where(condition))
    return gone
