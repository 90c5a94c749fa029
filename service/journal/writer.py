"""The writer: brings what workers handed over or left behind in the spool into the database. A server has one, in a
process of its own (`service.writing`); several do no harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from service.journal.attempt import attempt, pause
from service.journal.pending import Pending

LOOK_SECONDS = 0.1


def write(pending: Pending, behind: Callable[[], None], may_go_on: Callable[[], bool]) -> None:
    """Until it may not go on, and then once more. ``behind`` is done when nothing waits."""
    failed = 0
    while True:
        last = not may_go_on()
        drain = pending.drain if last else partial(pending.drain, may_go_on)
        written = attempt(pending.spool.adopt) and attempt(drain)
        failed = 0 if written and attempt(behind) else failed + 1
        if last:
            return
        until = time.monotonic() + (pause(failed) if failed else LOOK_SECONDS)
        while may_go_on() and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
