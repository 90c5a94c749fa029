"""One bucket of patients, judged and written: the piece of work that processes and machines share out."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import resource
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from service.memory import settle_memory
from service.replay.buckets import LOST, Line, patients, shared_file
from service.replay.job import Job
from service.replay.judged import ORDER, Judging, Told
from service.replay.losses import read_types
from service.replay.rows import Rows, add
from service.replay.sessions import is_signed
from service.replay.tables import write

DONE = "done.json"
_SHARED = re.compile(
    rb'"reference"\s*:\s*"(?:https?://[^"]*/)?((?:Medication|Organization|Practitioner(?:Role)?)/[^"/]+)'
)


@dataclass(frozen=True, slots=True)
class Done:
    """What a bucket came to; ``judged`` are seconds of this process, ``peak`` its largest memory in KiB so far."""

    number: int
    orders: int
    told: tuple[tuple[int, int, str], ...]
    undated: tuple[tuple[str, int], ...] = ()
    passed: tuple[tuple[str, int], ...] = ()
    seconds: float = 0.0
    process: int = 0
    peak: int = 0


def part(job: Job, number: int) -> Path:
    return job.parts / f"{number:05}"


def done(job: Job, number: int) -> Done | None:
    """What an earlier run kept of a bucket that it finished."""
    path = part(job, number) / DONE
    if not path.exists():
        return None
    held = orjson.loads(path.read_bytes())
    told = tuple((f, n, why) for f, n, why in held["told"])
    undated, passed = (tuple((name, n) for name, n in held[kept]) for kept in ("undated", "passed"))
    return Done(number, held["orders"], told, undated, passed)


def judge_bucket(job: Job, number: int) -> Done:
    """Judge all patients of a bucket and put its parts into place, whole or not at all."""
    judging, began = _judging(job), time.process_time()
    judging.undated.clear()
    judging.passed.clear()
    rows: Rows = {table: [] for table in job.tables}
    told: list[tuple[int, int, str]] = []
    orders = 0
    with closing(_Shared(job)) as shared:
        for patient, lines in patients(job.buckets, number):
            if not any(line.kind == ORDER and is_signed(line.resource) for line in lines):
                continue
            missing = job.missing | read_types() if any(line.kind == LOST for line in lines) else job.missing
            held = [(line.place, line.resource) for line in lines if line.kind != LOST]
            held += [((-1, 0), body) for body in shared.needed_by(lines)]
            for one in judging.patient(patient, held, missing):
                if isinstance(one, Told):
                    told.append((*one.place, one.why))
                else:
                    orders += 1
                    add(job, one, rows)
    undated, passed = (tuple(sorted(counts.items())) for counts in (judging.undated, judging.passed))
    found = Done(number, orders, tuple(sorted(told)), undated, passed)
    _keep(job, number, rows, found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return replace(found, seconds=time.process_time() - began, process=os.getpid(), peak=peak)


def _keep(job: Job, number: int, rows: Rows, what: Done) -> None:
    place = part(job, number)
    making = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    for table, held in rows.items():
        write(table, held, making / f"{table}.parquet")
    kept = {"orders": what.orders, "told": what.told, "undated": what.undated, "passed": what.passed}
    (making / DONE).write_bytes(orjson.dumps(kept))
    try:
        making.rename(place)
    except OSError:  # a process that was thought dead came first, with the same
        shutil.rmtree(making, ignore_errors=True)


@functools.lru_cache(maxsize=2)
def _judging(job: Job) -> Judging:
    found = Judging(job)
    _settle()
    return found


@functools.cache
def _settle() -> None:
    settle_memory()


def prepare(job: Job) -> None:
    """Read the rules, so that the first bucket need not wait."""
    _judging(job)


class _Shared:
    """The medications and organizations that charts point at."""

    def __init__(self, job: Job) -> None:
        self.base: sqlite3.Connection | None = None
        with contextlib.suppress(sqlite3.Error):
            self.base = sqlite3.connect(f"{shared_file(job.buckets).as_uri()}?mode=ro&immutable=1", uri=True)
            if not self.base.execute("SELECT EXISTS (SELECT 1 FROM shared)").fetchone()[0]:
                self.close()

    def needed_by(self, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
        """What the lines point at, and what that points at, each once."""
        if self.base is None:
            return
        texts, seen = [line.text for line in lines], set[str]()
        while texts:
            named = dict.fromkeys(m.decode() for text in texts for m in _SHARED.findall(text))
            texts = []
            for name in named:
                if name in seen:
                    continue
                seen.add(name)
                row = self.base.execute("SELECT body FROM shared WHERE reference = ?", (name,)).fetchone()
                if row:
                    texts.append(row[0])
                    yield orjson.loads(row[0])

    def close(self) -> None:
        if self.base is not None:
            self.base.close()
            self.base = None
