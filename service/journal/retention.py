"""What the journal lets go of, and when. A table with a period has one line in `expired`; what is not there stays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Engine, delete, func, select
from sqlalchemy.orm import Session

from service.journal.models import Base, Explanation, SeenToken
from service.settings import Settings
from service.smart import models as app  # whole: it may be this import that begins with it


def expired(settings: Settings, now: dt.datetime) -> Mapping[type[Base], ColumnElement[bool]]:
    """By table, which rows may go."""
    return {
        Explanation: Explanation.created < now - dt.timedelta(days=settings.explanation_days),
        SeenToken: SeenToken.expires < now - dt.timedelta(days=1),
        **{table: table.expires < now for table in (app.AppLaunch, app.AppSession, app.AppConsult, app.AppAnswer)},
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
