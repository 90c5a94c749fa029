"""The app's rows in the journal's database, and an end to those that have had their time."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.journal import Journal
from service.smart.models import AppAnswer, AppConsult, AppLaunch, AppSession

TABLES = (AppLaunch, AppSession, AppConsult, AppAnswer)
SWEPT_EVERY = dt.timedelta(minutes=10)


class Store:
    """``hashed`` is the journal's: a keyed hash of what must not stand in the database."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.hashed = journal.hashed
        self._swept = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self._journal.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self, now: dt.datetime) -> Iterator[Session]:
        """Written when the block ends well. Now and then old rows go first."""
        with Session(self._journal.engine, expire_on_commit=False) as session, session.begin():
            if self._due(now):
                for table in TABLES:
                    session.execute(delete(table).where(table.expires < now))
            yield session

    def _due(self, now: dt.datetime) -> bool:
        with self._lock:
            if now - self._swept < SWEPT_EVERY:
                return False
            self._swept = now
            return True
