"""What is still to be written into the database: lines in files of this machine, one process one file at a time.

A line is there before the answer that it is about leaves, with one ``write``: it survives the end of the process,
however that comes, and with `sync` the end of the machine too. A file is locked by the process that writes it. One that
nobody has locked was handed over, or left behind by a process that is no more: whoever finds it writes its lines into
the database and removes it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".jsonl"
MODE = 0o600
BATCH = 50
"""Lines that go into the database together: short transactions, since with SQLite others wait for them."""
SMALL_FILES = 8
LARGE_BYTES = 2**20
"""While nobody takes what was handed over, so many small files are, and then large ones."""
HELD_FILES = 100
"""Files taken over at a time: each is open."""


class SpoolFull(Exception):
    """No more is taken until the database has caught up."""


class Segment:
    """One file. ``offset`` is how far it was read."""

    def __init__(self, path: Path, descriptor: int, size: int = 0) -> None:
        self.path, self.descriptor, self.size = path, descriptor, size
        self.offset = 0

    def batches(self) -> Iterator[tuple[list[bytes], int]]:
        """Lines not yet written into the database, and the offset that they end at. Of a line without an end the answer
        never left."""
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            file.seek(self.offset)
            end, lines = self.offset, []
            for line in file:
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                lines.append(line)
                if len(lines) == BATCH:
                    yield lines, end
                    lines = []
            if lines:
                yield lines, end

    def let_go(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class Spool:
    """``limit`` is how many bytes may wait at a time, ``size`` how many do: in the files that this process fills, has
    handed over, or has taken over from others."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit, self.name = folder, limit, secrets.token_hex(8)
        self._lock = threading.Lock()
        self._current: Segment | None = None
        self._spare: Segment | None = None
        self._sealed: list[Segment] = []
        self._handed: list[Segment] = []
        self._numbers = itertools.count(1)
        self.size = 0

    def append(self, line: bytes) -> Segment:
        """The file that holds it now. Raises `SpoolFull`, or `OSError` where the disk takes nothing."""
        with self._lock:
            if self.size + len(line) > self.limit:
                raise SpoolFull
            if self._current is None:
                self._current, self._spare = self._spare or self._new(), None
            segment = self._current
            try:
                written = os.write(segment.descriptor, line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(segment.descriptor, segment.size)
                raise
            segment.size += written
            self.size += written
            return segment

    def prepare(self) -> None:
        """Have the next file ready, so that no answer waits for it. Raises `OSError`."""
        if self._spare is None:
            spare = self._new()
            with self._lock:
                self._spare = spare

    def sync(self, segment: Segment) -> None:
        """Survives a power cut from here on. Raises `OSError`."""
        with contextlib.suppress(FileNotFoundError):  # it is in the database
            for path in (segment.path, self.folder):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def hand_over(self) -> None:
        """Let go of what was written so far, for another process to bring into the database."""
        with self._lock:
            gone = [segment for segment in self._handed if not segment.path.exists()]
            for segment in gone:
                self._handed.remove(segment)
                self.size -= segment.size
            current = self._current
            if current and current.size and (len(self._handed) < SMALL_FILES or current.size >= LARGE_BYTES):
                os.close(current.descriptor)
                self._handed.append(current)
                self._current = None

    def waiting(self) -> Segment | None:
        """The first file to be written into the database; no line is added to it any more."""
        with self._lock:
            if not self._sealed and self._current is not None and self._current.size:
                self._sealed.append(self._current)
                self._current = None
            return self._sealed[0] if self._sealed else None

    def done(self, segment: Segment) -> None:
        """All of it is in the database."""
        with self._lock:
            self._sealed.remove(segment)
            self.size -= segment.size
            segment.let_go()

    def set_aside(self, line: bytes) -> None:
        """Keep what the database refused, for somebody to look at; no more of it than the spool may hold."""
        descriptor = os.open(self.folder / "refused", os.O_WRONLY | os.O_CREAT | os.O_APPEND, MODE)
        try:
            if os.fstat(descriptor).st_size + len(line) <= self.limit:
                os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def adopt(self) -> None:
        """Take over what other processes handed over or left behind."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")) if self.folder.is_dir() else ():
            if len(self._sealed) >= HELD_FILES:
                return
            if not path.name.startswith(self.name) and (found := _locked(path)):
                with self._lock:
                    self._sealed.append(found)
                    self.size += found.size

    def others_wait(self) -> bool:
        """Whether any process of this folder has something still to be written."""
        try:
            return any(path.stat().st_size for path in self.folder.glob(f"*{SUFFIX}"))
        except OSError:  # one that went meanwhile: there may be more
            return True

    def close(self) -> None:
        """Leave what waits to whoever comes next."""
        with self._lock:
            for segment in (*self._sealed, self._current, self._spare):
                if segment is not None and segment.size:
                    os.close(segment.descriptor)
                elif segment is not None:
                    segment.let_go()
            self._sealed, self._handed, self._current, self._spare, self.size = [], [], None, None, 0

    def _new(self) -> Segment:
        """It bears its name only when it is locked: before, it would look left behind."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{self.name}-{next(self._numbers):08}{SUFFIX}"
        unnamed = path.with_suffix(".new")
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, MODE)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(path)
        return Segment(path, descriptor)


def _locked(path: Path) -> Segment | None:
    """A file that nobody holds, held by us."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = os.fstat(descriptor).st_size
        if not path.exists():  # written and let go by another, between our looking and our locking
            raise FileNotFoundError
    except OSError:
        os.close(descriptor)
        return None
    found = Segment(path, descriptor, size)
    if not size:
        found.let_go()
        return None
    return found
