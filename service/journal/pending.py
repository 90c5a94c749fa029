"""Lines on their way into the database: in the spool, or in memory where the disk takes nothing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from service import counts
from service.journal.ledger import Ledger
from service.journal.spool import Segment, Spool, SpoolFull

IN_MEMORY_BYTES = 8 * 2**20


class Pending:
    def __init__(self, spool: Spool, ledger: Ledger) -> None:
        self.spool, self.ledger = spool, ledger
        self._lock = threading.Lock()
        self._draining = threading.Lock()
        self._memory: deque[tuple[bytes, threading.Event]] = deque()
        self._bytes = 0

    def take(self, line: bytes) -> Segment | threading.Event | None:
        """Where the line is now: in a file; in memory, with what is set once it is written; or nowhere."""
        try:
            return self.spool.append(line)
        except (SpoolFull, OSError):
            counts.add("journal_unspooled")
        written = threading.Event()
        with self._lock:
            if self._bytes + len(line) > IN_MEMORY_BYTES:
                return None
            self._memory.append((line, written))
            self._bytes += len(line)
        return written

    def take_back(self, written: threading.Event) -> bool:
        """Forget a line in memory; False where it was written, or is being written."""
        with self._lock:
            for found in self._memory:
                if found[1] is written:
                    self._memory.remove(found)
                    self._bytes -= len(found[0])
                    return True
        return False

    @property
    def size(self) -> int:
        return self.spool.size + self._bytes

    def hand_over(self) -> None:
        """Files to the writer; what is in memory nobody else can see, and is written from here. Raises `Away`, and
        `OSError` where the disk takes nothing."""
        self.spool.hand_over()
        with self._draining:
            self._drain_memory()
        self.spool.prepare()

    def drain(self, may_go_on: Callable[[], bool] = lambda: True) -> None:
        """All that waits, into the database, while it may. Raises `Away`, with the rest still waiting."""
        with self._draining:
            while may_go_on() and (segment := self.spool.waiting()) is not None:
                for lines, end in segment.batches():
                    self.ledger.write(lines)
                    segment.offset = end
                    counts.add("journal_written", len(lines))
                if segment.offset < segment.size:
                    counts.add("journal_torn")  # the process ended while it wrote: its answer never left
                self.spool.done(segment)
            self._drain_memory()

    def _drain_memory(self) -> None:
        while self._memory:
            with self._lock:
                if not self._memory:
                    return
                line, written = self._memory.popleft()
            try:
                self.ledger.write([line])
            except BaseException:
                with self._lock:
                    self._memory.appendleft((line, written))
                raise
            self._bytes -= len(line)
            counts.add("journal_written")
            written.set()
