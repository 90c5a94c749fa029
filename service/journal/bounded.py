"""Work on the database that ends in time: with a result, or with `Away`.

SQLite works in the caller's own thread, where only another writer's lock can make it wait, and that wait has an end. A
database across a network can fall silent in any call, so its work is done in a thread of ours: who waits goes away when
the time is up, and the connection is cut.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from service.journal.database import POOLED, cut, is_embedded, wait_for_lock

T = TypeVar("T")
Work = Callable[[Session], T]
Bare = Callable[[Connection], T]

PATH_SECONDS = 0.1
"""What an answer may wait for the database, all its reads together."""
LATE = 3
"""So many waits in vain one after another, and nobody waits for a while. A refused connection is enough by itself."""
PAUSES = (1.0, 2.0, 5.0)
IDLE_SECONDS = 5.0

_spent: ContextVar[list[float] | None] = ContextVar("journal_spent", default=None)


class Away(Exception):
    """The database did not answer, or not in time. ``why`` is one word or the name of an error."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@contextmanager
def one_answer() -> Iterator[None]:
    """All reads in this block share the time that one answer may wait; what is done between them does not count."""
    token = _spent.set([])
    try:
        yield
    finally:
        _spent.reset(token)


class _Task(Generic[T]):
    def __init__(self, work: Bare[T]) -> None:
        self.work, self.done, self.lock = work, threading.Event(), threading.Lock()
        self.given_up = False
        self.connection: Any = None
        self.result: Any = None
        self.error: BaseException | None = None

    def give_up(self) -> bool:
        """False where it is done after all."""
        with self.lock:
            if self.done.is_set():
                return False
            self.given_up = True
            if self.connection is not None:
                cut(self.connection)
            return True

    def run(self, engine: Engine) -> None:
        if self.given_up:
            return
        try:
            with engine.begin() as connection:
                with self.lock:
                    self.connection = connection.connection.driver_connection
                    if self.given_up:
                        return
                self.result = self.work(connection)
        except BaseException as error:
            self.error = error
        with self.lock:
            self.connection = None
            self.done.set()


class Bounded:
    """One engine, a few threads, and the memory of whether the database answered lately."""

    def __init__(self, engine: Engine, threads: int = POOLED) -> None:
        self.engine, self._most = engine, threads
        self._embedded = is_embedded(engine)
        self._tasks: queue.SimpleQueue[_Task[Any]] = queue.SimpleQueue()
        self._threads = self._idle = 0
        self._lock = threading.Lock()
        self._late = self._failed = 0
        self._closed_until = 0.0

    @property
    def away(self) -> bool:
        """True while nobody waits for the database."""
        return time.monotonic() < self._closed_until

    def in_path(self, work: Bare[T]) -> T:
        """For an answer: within what is left of its time, and without a session, which takes longer than the database.
        Raises `Away`, and SQLAlchemy's errors about the data."""
        spent = _spent.get()
        left = PATH_SECONDS - sum(spent or ())
        if left <= 0:
            raise Away("no time left")
        began = time.monotonic()
        try:
            return self._run(work, left, insist=False)
        finally:
            if spent is not None:
                spent.append(time.monotonic() - began)

    def run(self, work: Work[T], seconds: float, *, insist: bool = False) -> T:
        """Session, work and commit. ``insist``: ask the database even if it did not answer lately."""

        def with_session(connection: Connection) -> T:
            with Session(connection, expire_on_commit=False) as session:
                result = work(session)
                session.commit()
                return result

        return self._run(with_session, seconds, insist)

    def _run(self, work: Bare[T], seconds: float, insist: bool) -> T:
        if self.away and not insist:
            raise Away("away")
        try:
            result = self._here(work, seconds) if self._embedded else self._there(work, seconds)
        except (IntegrityError, DataError):
            self._answered()
            raise
        except SQLAlchemyError as error:
            if isinstance(error, StatementError) and isinstance(error.orig, TypeError | ValueError):
                raise  # our value, not the database
            self._away()
            raise Away(type(error).__name__) from None
        self._answered()
        return result

    def _here(self, work: Bare[T], seconds: float) -> T:
        with self.engine.begin() as connection:
            wait_for_lock(connection.connection.driver_connection, seconds)
            return work(connection)

    def _there(self, work: Bare[T], seconds: float) -> T:
        task = _Task(work)
        self._hand_over(task)
        if not task.done.wait(seconds) and task.give_up():
            self._missed()
            raise Away("late")
        if task.error is not None:
            raise task.error
        result: T = task.result
        return result

    def _hand_over(self, task: _Task[Any]) -> None:
        with self._lock:
            if self._idle == 0 and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._serve, name="journal", daemon=True).start()
            self._tasks.put(task)

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                task = self._tasks.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                task = None
            with self._lock:
                self._idle -= 1
                if task is None and self._tasks.empty():
                    self._threads -= 1
                    return
            if task is not None:
                task.run(self.engine)

    def _answered(self) -> None:
        if self._late or self._failed:
            with self._lock:
                self._late = self._failed = 0
                self._closed_until = 0.0

    def _missed(self) -> None:
        with self._lock:
            self._late += 1
        if self._late >= LATE:
            self._away()

    def _away(self) -> None:
        with self._lock:
            pause = PAUSES[min(self._failed, len(PAUSES) - 1)]
            self._failed += 1
            self._closed_until = time.monotonic() + pause
