"""What runs for as long as its process must not end by an error, for what waits would wait for ever."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import structlog

from service import counts
from service.journal.bounded import Away

log = structlog.get_logger("imaging_cds.journal")

PAUSES = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Between attempts that fail, in seconds."""


def attempt(what: Callable[[], None]) -> bool:
    """Whether it ended well; counted and logged where not."""
    try:
        what()
    except Exception as error:
        counts.add("journal_failures")
        with contextlib.suppress(OSError):  # the log may be on the disk that is full
            log.error("journal_failed", kind=error.why if isinstance(error, Away) else type(error).__name__)
        return False
    return True


def pause(failed: int) -> float:
    """After so many failures, one after another."""
    return PAUSES[min(failed, len(PAUSES)) - 1]
