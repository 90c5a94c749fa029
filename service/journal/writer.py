"""The thread that brings what waits into the database, behind the answers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from service import counts
from service.journal.bounded import Away
from service.journal.pending import Pending

log = structlog.get_logger("imaging_cds.journal")

GATHER_SECONDS = 0.3
"""Waited for more lines to go with the first: many at once cost far less than each alone, and answers are made
meanwhile. Not where somebody waits for them."""
IDLE_SECONDS = 1.0
PAUSES = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Between attempts while the database is away."""
MOST_LATER = 200
LOOK_AROUND_SECONDS = 10.0
"""Now and then: has another process left something behind?"""


class Writer(threading.Thread):
    """``behind`` is done now and then, when nothing waits."""

    def __init__(self, pending: Pending, behind: Callable[[], None]) -> None:
        super().__init__(name="journal-writer", daemon=True)
        self._pending, self._behind = pending, behind
        self._wake, self._at_once, self._end = threading.Event(), threading.Event(), threading.Event()
        self._later: deque[Callable[[], bytes]] = deque()
        self._bringing = False

    def wake(self, *, at_once: bool = False) -> None:
        """Something waits to be written; ``at_once``: and somebody for it."""
        if at_once:
            self._at_once.set()
        self._wake.set()

    @property
    def busy(self) -> bool:
        """Whether something of this process is on its way."""
        return bool(self._later) or self._bringing

    def later(self, line: Callable[[], bytes]) -> bool:
        """A line that is made behind the answer; False where too many wait already."""
        if len(self._later) >= MOST_LATER:
            return False
        self._later.append(line)
        self._wake.set()
        return True

    def end(self, seconds: float) -> None:
        """Write what waits, as far as the time allows."""
        self._end.set()
        self.wake(at_once=True)
        self.join(seconds)

    def run(self) -> None:
        failed, looked = 0, -LOOK_AROUND_SECONDS
        while True:
            if time.monotonic() - looked >= LOOK_AROUND_SECONDS:
                looked = time.monotonic()
                self._attempt(self._pending.spool.adopt)
            last = self._end.is_set()
            failed = 0 if self._attempt(self._bring) else failed + 1
            if last:
                return
            if failed:
                self._end.wait(PAUSES[min(failed, len(PAUSES)) - 1])
            elif self._wake.wait(IDLE_SECONDS):
                self._at_once.wait(GATHER_SECONDS)
                self._at_once.clear()
                self._wake.clear()

    def _bring(self) -> None:
        self._bringing = True
        try:
            while self._later:
                self._pending.take(self._later.popleft()())
            self._pending.drain()
        finally:
            self._bringing = False
        self._behind()
        self._pending.spool.prepare()

    @staticmethod
    def _attempt(what: Callable[[], None]) -> bool:
        """This thread must not end: what waits would wait for ever."""
        try:
            what()
        except Exception as error:
            counts.add("journal_failures")
            with contextlib.suppress(OSError):  # the log may be on the disk that is full
                log.error("journal_failed", kind=error.why if isinstance(error, Away) else type(error).__name__)
            return False
        return True
