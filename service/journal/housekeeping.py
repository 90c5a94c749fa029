"""Now and then, what is past its period goes. By a clock that cannot be turned; a clock that jumped is not believed."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable

import structlog

from service import counts

log = structlog.get_logger("imaging_cds.journal")

EVERY_SECONDS = 600.0
JUMP = dt.timedelta(hours=1)


class Housekeeping:
    """``sweep`` is called with the time, when it is due."""

    def __init__(self, clock: Callable[[], dt.datetime], sweep: Callable[[dt.datetime], None]) -> None:
        self._clock, self._sweep = clock, sweep
        self._lock = threading.Lock()
        self._last: tuple[float, dt.datetime] | None = None

    def when_due(self) -> None:
        with self._lock:
            now, steady = self._clock(), time.monotonic()
            last = self._last
            if last is not None and steady - last[0] < EVERY_SECONDS:
                return
            self._last = steady, now
        if last is not None and now - last[1] > dt.timedelta(seconds=steady - last[0]) + JUMP:
            counts.add("journal_clock_jumped")
            log.error("clock_jumped", seconds=round((now - last[1]).total_seconds()))
            return
        self._sweep(now)
