"""Tokens that this process has seen: a second memory beside the database."""

from __future__ import annotations

import datetime as dt
import heapq
import threading

MOST = 100_000
"""Tokens remembered at most; the first to expire goes first."""


class UsedTokens:
    def __init__(self) -> None:
        self._marks: set[tuple[str, str]] = set()
        self._by_expiry: list[tuple[dt.datetime, str, str]] = []
        self._lock = threading.Lock()

    def seen_before(self, tenant: str, mark: str, expires: dt.datetime) -> bool:
        with self._lock:
            if (tenant, mark) in self._marks:
                return True
            self._marks.add((tenant, mark))
            heapq.heappush(self._by_expiry, (expires, tenant, mark))
            while len(self._by_expiry) > MOST:
                _, *gone = heapq.heappop(self._by_expiry)
                self._marks.discard((gone[0], gone[1]))
            return False
