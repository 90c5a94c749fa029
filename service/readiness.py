"""Whether this process may be sent requests: a few named checks, each ok, degraded (still served) or failed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.parts import Parts

State = Literal["ok", "degraded", "failed"]
DATABASE_SECONDS = 0.5

_stopping = threading.Event()


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    says: str


def stop_taking() -> None:
    """From now on this process is not ready: it finishes what it took, and ends."""
    _stopping.set()


def take_again() -> None:
    """The opposite; a process that is forked anew takes."""
    _stopping.clear()


def stopping() -> bool:
    return _stopping.is_set()


def checked(parts: Parts) -> tuple[Check, ...]:
    return tuple(check(parts) for check in CHECKS)


def overall(checks: tuple[Check, ...]) -> State:
    states: set[State] = {check.state for check in checks}
    return "failed" if "failed" in states else "degraded" if "degraded" in states else "ok"


def _taking(_parts: Parts) -> Check:
    if stopping():
        return Check("taking", "failed", "This process is shutting down.")
    return Check("taking", "ok", "Requests are taken.")


def _criteria(parts: Parts) -> Check:
    rules = len(parts.decision.library.criteria)
    if not rules:
        return Check("criteria", "failed", "No criteria are loaded.")
    return Check("criteria", "ok", f"{rules} criteria are loaded.")


def _database(parts: Parts) -> Check:
    """Asked in a thread of its own, since a database that hangs must not hang the probe."""
    if _Asking.answers(parts):
        return Check("database", "ok", "The journal's database answers.")
    return Check("database", "degraded", "The journal's database does not answer; orders are answered all the same.")


class _Asking:
    """One question at a time: probes that come while the database hangs do not queue up behind it."""

    lock = threading.Lock()
    pool: ThreadPoolExecutor | None = None
    asked: Future[bool] | None = None

    @classmethod
    def answers(cls, parts: Parts) -> bool:
        with cls.lock:
            if cls.asked is None or cls.asked.done():
                cls.pool = cls.pool or ThreadPoolExecutor(1, thread_name_prefix="ready")
                cls.asked = cls.pool.submit(_reachable, parts)
            asked = cls.asked
        try:
            return asked.result(DATABASE_SECONDS)
        except TooLate:
            return False


def _reachable(parts: Parts) -> bool:
    try:
        with parts.journal.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


CHECKS: list[Callable[[Parts], Check]] = [_taking, _criteria, _database]
