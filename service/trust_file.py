"""The trust table as it stands in its file at the moment: a change counts without a restart.

A new file that has a fault changes nothing: the table stays as it was, and the log says what is wrong.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import structlog

from criteria.errors import DataError
from service import counts
from service.settings import Settings
from service.trusted import TrustedClient, load_trust

log = structlog.get_logger("imaging_cds.trust")

LOOK_EVERY = 2.0
"""Seconds between two looks at the file."""


class TrustFile(Mapping[str, TrustedClient]):
    """Clients by issuer. ``now`` counts seconds; tests hand in their own. Raises `DataError` when it is made."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        policies: Collection[str] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._settings, self._policies, self._now = path, settings, policies, now
        self._lock = threading.Lock()
        self._looked = now()
        self._seen, self._digest = _outside(path), _digest(path)
        self._rows = load_trust(path, settings, policies)

    def __getitem__(self, issuer: str) -> TrustedClient:
        return self._current()[issuer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> Mapping[str, TrustedClient]:
        if self._now() - self._looked >= LOOK_EVERY and self._lock.acquire(blocking=False):
            try:
                self._looked = self._now()
                self._look()
            finally:
                self._lock.release()
        return self._rows

    def _look(self) -> None:
        seen = _outside(self._path)
        if seen == self._seen:
            return
        digest = _digest(self._path)
        if digest is not None and digest == self._digest:
            self._seen = seen
            return
        try:
            rows = load_trust(self._path, self._settings, self._policies)
        except (DataError, OSError, ValueError) as error:
            counts.add("trust_file_faults")
            log.error("trust_file_not_read", reason=str(error) if isinstance(error, DataError) else "unreadable")
        else:
            self._rows = rows
            log.info("trust_file_read", clients=len(rows))
        self._seen, self._digest = seen, digest


def _outside(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
