"""The app's rows in the journal's database. Whoever is at the screen waits for them, but not for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, update
from sqlalchemy.orm import Session

from service.journal import Journal
from service.journal.keep import READ_SECONDS
from service.journal.ledger import replace
from service.journal.records import Row, line
from service.smart.models import AppAnswer, AppConsult

T = TypeVar("T")
KIND = "app"


class Store:
    """``hashed`` is the journal's: a keyed hash of what must not stand in the database. All raise `Away` when the
    database does not answer in time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.hashed = journal.hashed
        journal.also[KIND] = _write

    def in_path(self, work: Callable[[Connection], T]) -> T:
        """Read for an answer, which does not wait long."""
        return self._journal.bounded.in_path(work)

    def read(self, work: Callable[[Session], T]) -> T:
        return self._journal.bounded.run(work, READ_SECONDS)

    def read_soon(self, work: Callable[[Session], T]) -> T:
        """What may still be on its way from the answer that it belongs to."""
        return self._journal.soon(work)

    def write(self, work: Callable[[Session], T]) -> T:
        """Written when it ends well."""
        return self._journal.bounded.run(work, READ_SECONDS)

    def behind(self, consults: Sequence[Row], followed: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Written behind the answer: what cards link to; and by consult the answers that it counted, each with the
        consult that it was counted in before."""
        if consults or followed:
            self._journal.take(line(KIND, consults=consults, followed=followed))


def _write(database: Session, document: Mapping[str, Any]) -> None:
    replace(database, AppConsult, document["consults"])
    for uri, answers in document["followed"].items():
        for mark, before in answers:
            database.execute(
                update(AppAnswer).where(AppAnswer.mark == mark, AppAnswer.consult == before).values(consult=uri)
            )
