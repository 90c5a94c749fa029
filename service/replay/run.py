"""A run from input to tables: divide by patient, judge bucket by bucket, join in a fixed order, sum up."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.replay.accounts import added_up, none_found
from service.replay.bucket import Done, done, part
from service.replay.buckets import Intake
from service.replay.cluster import on_cluster
from service.replay.job import LATEST, ON_ORDER_DAY, Job, Reasons, Site, reading_stamp
from service.replay.local import Failed, in_processes, in_this_process
from service.replay.losses import read_types, warnings
from service.replay.progress import Progress
from service.replay.rules import Rules, latest_day, standing
from service.replay.tables import Row, arrow, join
from service.replay.work import FINISHED, Work, put

KIB = 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """What the user wants. ``rules_of``: `order`, `latest` or a day; ``dask``: the address of a scheduler."""

    source: Path
    out: Path
    rules: tuple[Rules, ...] = (Rules(),)
    rules_of: str = ON_ORDER_DAY
    processes: int = 1
    dask: str = ""
    keep_ids: bool = False
    key_file: Path | None = None
    complete: bool = False
    reasons: Reasons = "decisive"
    restart: bool = False
    site: Site = field(default_factory=Site)


@dataclass(frozen=True, slots=True)
class Came:
    """What a run came to, for the summary; ``failed`` are buckets that nobody could judge."""

    job: Job
    intake: Intake
    undated: Counter[str]
    passed: Counter[str]
    """Signed orders that were not judged, by why."""
    errors: Sequence[Row]
    failed: int
    rows: dict[str, int]

    @property
    def found(self) -> str:
        """How the orders add up; where there are none, why."""
        orders = sum(n for table, n in self.rows.items() if table in ("orders", "changes"))
        not_judged = sum(row[2] == "judge" for row in self.errors)
        if orders or self.failed:
            return added_up(self.intake, orders, self.passed, not_judged)
        return none_found(self.intake, self.passed, not_judged)


Sum = Callable[[Came, Path], None]
"""Writes the summary of a run into the folder of its tables."""


def run(ask: Ask, sum_up: Sum, progress: Progress) -> dict[str, Any]:
    """Do it, or go on with it. Returns what is in run.json: what depends on the machine and the hour."""
    arrow()
    began = time.monotonic()
    stamps = tuple(rules.stamp for rules in ask.rules)
    rules_on = _rules_on(ask, stamps)
    work = Work(ask.out, ask.source, _asked(ask, stamps), ask.restart)
    try:
        with progress.reading() as read:
            intake = work.intake(read)
        divided = time.monotonic()
        told = warnings(intake.losses)
        progress.warn(told)
        missing = frozenset() if ask.complete else frozenset(read_types() - set(intake.held))
        missing |= {kind for loss in intake.losses for kind in loss.types}
        job = Job(work.folder, ask.rules, stamps, rules_on, missing, _key(ask, intake), ask.reasons, ask.site)
        finished = [kept for n in range(intake.buckets) if (kept := done(job, n))]
        there = {one.number for one in finished}
        waiting = [n for n in range(intake.buckets) if intake.orders[n] and n not in there]
        results: list[Done | Failed] = list(finished)
        job.parts.mkdir(exist_ok=True)
        with progress.judging(sum(intake.orders), sum(intake.orders[n] for n in there)) as judged:
            for found in _shared_out(job, waiting, ask):
                results.append(found)
                judged(intake.orders[found.number])
        judging = time.monotonic() - divided
        came = _join(job, intake, results, ask.out)
        sum_up(came, ask.out)
        figures = _figures(ask, came, results, judging, time.monotonic() - began, len(there))
        if not came.failed:
            put(ask.out / FINISHED, figures)
            work.clear()
        else:
            work.release()
    except BaseException:
        work.release()
        raise
    return figures


def _shared_out(job: Job, waiting: Sequence[int], ask: Ask) -> Iterator[Done | Failed]:
    if not waiting:
        return iter(())
    if ask.dask:
        return on_cluster(job, waiting, ask.dask)
    if ask.processes == 1:
        return in_this_process(job, waiting)
    return in_processes(job, waiting, min(ask.processes, len(waiting)))


def _join(job: Job, intake: Intake, results: Sequence[Done | Failed], out: Path) -> Came:
    """The parts of all buckets, in the order of the buckets, as one file for each table."""
    good = sorted((r for r in results if isinstance(r, Done)), key=lambda r: r.number)
    failed = sorted((r for r in results if isinstance(r, Failed)), key=lambda r: r.number)
    told = sorted(t for r in good for t in r.told)
    errors: list[Row] = [(intake.files[f.file], f.line, "read", f.why) for f in intake.faults]
    if intake.more_faults:
        errors.append((None, 0, "read", f"{intake.more_faults} more records that could not be used"))
    errors += [(intake.files[file], line, "judge", why) for file, line, why in told]
    errors += [
        (None, 0, "judge", f"part {f.number + 1} of {intake.buckets}: {f.why}, twice; {intake.orders[f.number]} orders")
        for f in failed
    ]
    rows = {
        t: join(t, (part(job, r.number) / f"{t}.parquet" for r in good), (), out / f"{t}.parquet") for t in job.tables
    }
    rows["errors"] = join("errors", (), errors, out / "errors.parquet")
    undated, passed = Counter[str](), Counter[str]()
    for one in good:
        undated.update(dict(one.undated))
        passed.update(dict(one.passed))
    return Came(job, intake, undated, passed, errors, len(failed), rows)


def _rules_on(ask: Ask, stamps: Sequence[str]) -> dt.date | None:
    """The day whose rules judge; reading the rules here also finds every slip in them before the work begins."""
    libraries = [standing(rules, stamp).library for rules, stamp in zip(ask.rules, stamps, strict=True)]
    if ask.rules_of == LATEST:
        return latest_day(libraries)
    return None if ask.rules_of == ON_ORDER_DAY else dt.date.fromisoformat(ask.rules_of)


def _asked(ask: Ask, stamps: Sequence[str]) -> dict[str, Any]:
    key = hashlib.sha256(ask.key_file.read_bytes()).hexdigest() if ask.key_file else ""
    options = [ask.rules_of, ask.keep_ids, key, ask.complete, ask.reasons, repr(ask.site)]
    return {"rules": list(stamps), "reading": reading_stamp(), "options": options}


def _key(ask: Ask, intake: Intake) -> bytes:
    """For hashing ids: the user's own key, else one that only who holds the very same input can make."""
    if ask.keep_ids:
        return b""
    held = ask.key_file.read_bytes() if ask.key_file else f"ids of {intake.digest}".encode()
    return hashlib.sha256(held).digest()


def _figures(
    ask: Ask, came: Came, results: Sequence[Done | Failed], judging: float, whole: float, kept: int
) -> dict[str, Any]:
    now = [r for r in results if isinstance(r, Done) and r.process]
    orders, seconds = sum(r.orders for r in now), sum(r.seconds for r in now)
    peaks: dict[int, int] = {}
    for one in now:
        peaks[one.process] = max(peaks.get(one.process, 0), one.peak)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peaks[os.getpid()] = max(own, peaks.get(os.getpid(), 0))
    return {
        "orders": sum(r.orders for r in results if isinstance(r, Done)),
        "orders_now": orders,
        "warnings": warnings(came.intake.losses),
        "breaks_off": any(loss.ends is not None for loss in came.intake.losses),
        "found": came.found,
        "errors": len(came.errors),
        "parts": came.intake.buckets,
        "parts_kept": kept,
        "parts_failed": came.failed,
        "ran_on": f"dask {ask.dask}" if ask.dask else f"{ask.processes} process{'es' if ask.processes > 1 else ''}",
        "seconds": round(whole, 1),
        "seconds_judging": round(judging, 1),
        "orders_per_second": round(orders / judging, 1) if judging and orders else None,
        "orders_per_second_per_core": round(orders / seconds, 1) if seconds else None,
        "peak_mib_main": round(own / KIB),
        "peak_mib_all": round(sum(peaks.values()) / KIB),
    }
