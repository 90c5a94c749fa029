"""A worker's side of the journal: now and then its file goes to the writer (`service.journal.writer`)."""

from __future__ import annotations

import threading

from service.journal.attempt import attempt, pause
from service.journal.pending import Pending

GATHER_SECONDS = 0.3
"""Waited for more lines to go with the first, since many at once cost far less than each alone; not where somebody
waits for them."""


class Handing(threading.Thread):
    def __init__(self, pending: Pending) -> None:
        super().__init__(name="journal", daemon=True)
        self._pending = pending
        self._wake, self._at_once, self._end = threading.Event(), threading.Event(), threading.Event()

    def wake(self, *, at_once: bool = False) -> None:
        """Something was taken; ``at_once``: and somebody waits for it."""
        if at_once:
            self._at_once.set()
        self._wake.set()

    def end(self, seconds: float) -> None:
        """What is in memory is written, as far as the time allows."""
        self._end.set()
        self.wake(at_once=True)
        self.join(seconds)

    def run(self) -> None:
        failed = 0
        while True:
            last = self._end.is_set()
            failed = 0 if attempt(self._pending.hand_over) else failed + 1
            if last:
                return
            if failed:
                self._end.wait(pause(failed))
            elif self._wake.wait(GATHER_SECONDS if self._pending.size else None):
                self._at_once.wait(GATHER_SECONDS)
                self._at_once.clear()
                self._wake.clear()
