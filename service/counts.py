"""What this process has counted since it started: names and whole numbers, in memory only.

No name holds a patient's data; what wants telling apart has another name (`journal_skipped_answers`,
`journal_skipped_tokens`)."""

from __future__ import annotations

import threading
from collections import Counter

_lock = threading.Lock()
_counts: Counter[str] = Counter()


def add(name: str, number: int = 1) -> None:
    """One more (or `number` more) of this."""
    with _lock:
        _counts[name] += number


def read() -> dict[str, int]:
    """All counts of this process so far, a copy."""
    with _lock:
        return dict(_counts)


def forget() -> None:
    """Back to nothing: a process that was forked counts for itself."""
    with _lock:
        _counts.clear()
