"""Tokens that the workers of this server have seen: a second memory beside the database, for all of them together."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

SHELVES, PLACES = 32_768, 16
"""Room for half a million tokens, five times as many as are in use at once where it is busy. A token has its place on
one shelf; where that is full, the first to expire goes."""
_PLACE = struct.Struct("d16s")


class UsedTokens:
    """Made before the workers fork: they share its memory, and a lock that none of them can hold beyond its end."""

    def __init__(self, shelves: int = SHELVES) -> None:
        self._shelves = shelves
        self._salt = os.urandom(16)
        self._memory = mmap.mmap(-1, shelves * PLACES * _PLACE.size)  # a page that holds nothing takes no room
        self._file, path = tempfile.mkstemp()
        os.unlink(path)
        weakref.finalize(self, os.close, self._file)
        self._lock = threading.Lock()

    def seen_before(self, tenant: str, mark: str, expires: dt.datetime) -> bool:
        token = hashlib.blake2b(f"{tenant}\0{mark}".encode(), digest_size=16, key=self._salt).digest()
        first = int.from_bytes(token[:8]) % self._shelves * PLACES * _PLACE.size
        with self._alone():
            shelf = self._memory[first : first + PLACES * _PLACE.size]
            held = list(_PLACE.iter_unpack(shelf))
            if any(other == token for _, other in held):
                return True
            place = min(range(PLACES), key=lambda n: held[n][0])
            _PLACE.pack_into(self._memory, first + place * _PLACE.size, expires.timestamp(), token)
            return False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread and no other process is at it."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
