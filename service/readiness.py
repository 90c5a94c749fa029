"""Whether this process may be sent requests: a few named checks, each ok, degraded (still served) or failed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text

from service.journal.bounded import Away
from service.parts import Parts

State = Literal["ok", "degraded", "failed"]
DATABASE_SECONDS = 0.5
FULL_PERCENT, FILLING_PERCENT = 98, 50

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
    try:
        parts.journal.bounded.run(lambda db: db.execute(text("SELECT 1")).scalar(), DATABASE_SECONDS)
    except Away:
        return Check(
            "database", "degraded", "The journal's database does not answer. Orders are answered all the same."
        )
    return Check("database", "ok", "The journal's database answers.")


def _spool(parts: Parts) -> Check:
    """Full means that what is answered from now on may be lost."""
    spool = parts.journal.pending.spool
    percent = 100 * spool.size / spool.limit
    if percent >= FULL_PERCENT:
        return Check("spool", "failed", "The spool is full: what is answered now may not be kept.")
    if percent >= FILLING_PERCENT:
        return Check("spool", "degraded", f"The spool is {percent:.0f} % full.")
    return Check("spool", "ok", f"{spool.size} bytes wait to be written into the database.")


CHECKS: list[Callable[[Parts], Check]] = [_taking, _criteria, _database, _spool]
