"""Whether this process may be sent requests."""

from __future__ import annotations

import threading

_stopping = threading.Event()


def stop_taking() -> None:
    """From now on this process is not ready: it finishes what it took, and ends."""
    _stopping.set()


def take_again() -> None:
    """The opposite; a process that is forked anew takes."""
    _stopping.clear()


def stopping() -> bool:
    return _stopping.is_set()
