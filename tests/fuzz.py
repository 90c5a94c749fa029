"""Mangled requests in their thousands: none may end in a 500, none in a silence that hides an error.

    python -m tests.fuzz --requests 20000 --seed 1      some ten minutes
    python -m tests.fuzz --requests 500                 a look

Interrupted, it tells what was found so far.

A silence that hides an error is an answer with status 200

- that says nothing of an order in focus that is surely imaging: a ServiceRequest that still has the code it had in the
  good request. Whatever else was mangled, such an order has a rating or a card;
- or in which a failure of ours was swallowed: the log has one, and the status does not say so;
- or that calls an order appropriate that was not, with no word that a whole part of the chart could not be read.

Everything else with status 200 is an answer; with 400 to 499 and an OperationOutcome, a refusal. The same seed gives
the same requests.

Memory is looked at after every tenth, and is stable when both hold:

- beside the caches that have a bound no more is in use at the end than once warm (after the first tenth, at least 500
  requests): both times those caches are emptied, and the interpreter's small blocks and the bytes of all large ones are
  counted. This is exact: what is kept of each request shows, however little;
- the process grows by no more than 16 MiB over the last third. That is not exact: caches fill up, and the one request
  in thousands that needs most leaves holes that later ones fill and that are not given back.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper, partial
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

import psutil
from flask import Flask
from flask.testing import FlaskClient

from mappings.kept import Kept
from service import log
from service.app import create_app
from service.settings import read_settings
from tests.answers import Json, cards, rating, silent
from tests.conftest import SERVICE
from tests.mangle import mangle, spoil, written
from tests.requests_loader import good_requests

URL = f"/cds-services/{SERVICE}"
SPOILED = 0.05
"""Share of the requests whose bytes are spoiled."""
WITHDRAWN = ("revoked", "entered-in-error")
LEFT_OUT = "No room for the cards of these orders"
"""What the last card says where there are more than the client has room for, with what each of them would say."""
GROWTH_MIB = 16.0
"""What the process may grow by over the last third."""
HELD, HELD_MIB = 10_000, 4.0
"""So many small blocks more, of a million, and such large ones may be in use at the end: what is made at its first
use."""
SMALL = 32
"""A cache for fewer holds what was read once for all, such as a catalogue."""


class Failures:
    """A place for log lines that keeps those of failures only."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def write(self, text: str) -> None:
        if '"event": "failed"' in text:
            self.kept.append(text.strip())

    def flush(self) -> None:
        return None

    def taken(self) -> list[str]:
        kept, self.kept = self.kept, []
        return kept


class MallInfo(ctypes.Structure):
    """`struct mallinfo2` of the GNU C library."""

    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = tuple((name, ctypes.c_size_t) for name in names.split())


class InUse(NamedTuple):
    blocks: int
    """Of up to 512 bytes, which the interpreter sees to itself."""
    mib: float
    """Of what is larger."""


@dataclass
class Findings:
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[Json] = field(default_factory=list)
    silences: list[Json] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)
    """Of the process: before the first request, and after each tenth."""
    held: list[InUse] = field(default_factory=list)
    """Beside the caches, once warm and at the end."""

    @property
    def growth(self) -> float:
        """MiB over the last third."""
        return self.mib[-1] - self.mib[-4:][0]

    @property
    def holds(self) -> bool:
        warm, end = self.held[0], self.held[-1]
        stable = end.blocks - warm.blocks <= HELD and end.mib - warm.mib <= HELD_MIB
        return stable and self.growth <= GROWTH_MIB and not self.faults and not self.silences


def make_app(folder: Path) -> tuple[Flask, Failures]:
    """The whole service, with the pages and the app's links, so that everything that makes an answer has its turn."""
    failures = Failures()
    log.configure(cast(TextIO, failures))
    settings = read_settings(
        {}, open=True, data_dir=str(folder), base_url="http://127.0.0.1:8000", app_launch="own", max_entries=2000
    )
    return create_app(settings), failures


def fuzz(
    client: FlaskClient, failures: Failures, requests: int, seed: int, tell: Callable[[str], None] = lambda _: None
) -> Findings:
    """``tell`` is told of each tenth."""
    chance = random.Random(seed)
    good = good_requests()
    answers = {name: client.post(URL, json=body).get_json() for name, body in good.items()}
    found = Findings()
    warm = max(min(requests // 2, 500), requests // 10)
    tenths = {requests * tenth // 10 for tenth in range(10)}
    with contextlib.suppress(KeyboardInterrupt):
        for n in range(requests):
            if n in tenths:
                found.mib.append(memory())
                tell(f"{n:>7} sent, {found.mib[-1]:.0f} MiB, {len(found.faults)} and {len(found.silences)} found")
            if n == warm:
                found.held.append(in_use())
            name = chance.choice(list(good))
            send(client, failures, found, name, good[name], answers[name], chance)
    found.mib.append(memory())
    found.held.append(in_use())
    return found


def send(
    client: FlaskClient, failures: Failures, found: Findings, name: str, good: Json, before: Json, chance: random.Random
) -> None:
    """One request made of a good one. ``before``: how the good one was answered."""
    if chance.random() < SPOILED:
        sent, how = spoil(written(good), chance)
        body, ways = None, [f"bytes: {how}"]
    else:
        body, ways = mangle(good, chance)
        sent = written(body)
    response = client.post(URL, data=sent, content_type="application/json")
    case = {"number": found.sent, "request": name, "ways": ways, "status": response.status_code}
    found.sent += 1
    found.statuses[response.status_code] += 1
    failed = failures.taken()
    if response.status_code >= 500 or (response.status_code != 200 and not is_outcome(response.get_json(silent=True))):
        found.faults.append({**case, "log": failed[-1:], "sent": sent})
    elif response.status_code == 200:
        why = hidden(response.get_json(), body, good, before)
        if failed or why:
            found.silences.append({**case, "why": why or "swallowed", "log": failed[-1:], "sent": sent})


def is_outcome(body: Any) -> bool:
    return isinstance(body, dict) and body.get("resourceType") == "OperationOutcome" and bool(body.get("issue"))


def hidden(answer: Json, body: Json | None, good: Json, before: Json) -> str:
    """In a word how this answer hides an error; empty where it does not."""
    if not isinstance(body, dict):
        return ""  # what is still JSON after its bytes were spoiled may be another request altogether
    surely = imaging_in_focus(body, good)
    left = silent(answer, surely)
    if left and not any(LEFT_OUT in c.get("detail", "") for c in answer["cards"]):
        return f"silent about {len(left)} of {len(surely)} orders"
    lost = lost_keys(body, good)
    for order in surely if lost else ():
        better = rating(answer, order) == "appropriate" and rating(before, order) != "appropriate"
        if better and not any("could not be" in c.get("detail", "") for c in cards(answer, order)):
            return f"appropriate, and not a word that {sorted(lost)} could not be read"
    return ""


def imaging_in_focus(body: Json, good: Json) -> list[str]:
    """Ids of the drafts in focus whose code is as it was, and that are to be done."""
    try:
        codes = [e["resource"]["code"] for e in good["context"]["draftOrders"]["entry"]]
        entries = body["context"]["draftOrders"]["entry"]
        held = [e["resource"] for e in entries if isinstance(e, dict) and isinstance(e.get("resource"), dict)]
        held = [d for d in held if d.get("resourceType") == "ServiceRequest" and d.get("code") in codes]
        held = [d for d in held if d.get("status") not in WITHDRAWN and d.get("doNotPerform") is not True]
        chosen = body["context"].get("selections") if body["hook"] == "order-select" else None
        return [d["id"] for d in held if chosen is None or f"ServiceRequest/{d['id']}" in chosen]
    except (KeyError, TypeError):
        return []


def lost_keys(body: Json, good: Json) -> set[str]:
    """Keys of prefetch that are there and hold neither a Bundle nor null, where the good request has a Bundle."""
    now = body.get("prefetch")
    if not isinstance(now, dict):
        return set()
    bundles = {k for k, v in good["prefetch"].items() if isinstance(v, dict) and v.get("resourceType") == "Bundle"}
    return {k for k in bundles & set(now) if now[k] is not None and not isinstance(now[k], dict)}


def memory() -> float:
    """MiB of this process, without what the C library could give back."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / 2**20


def in_use() -> InUse:
    """What is in use when the caches with a bound are empty."""
    for kept in gc.get_objects():
        if type(kept) is Kept:
            kept.clear()
        elif type(kept) is _lru_cache_wrapper and (kept.cache_info().maxsize or 0) >= SMALL:
            kept.cache_clear()
    gc.collect()
    large = 0.0
    with contextlib.suppress(AttributeError, OSError):  # another C library
        mallinfo2 = ctypes.CDLL(None).mallinfo2
        mallinfo2.restype = MallInfo
        info = mallinfo2()
        large = (info.uordblks + info.hblkhd) / 2**20
    return InUse(sys.getallocatedblocks(), large)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the requests that found something")
    args = parser.parse_args()
    if not 1 <= args.requests <= 1_000_000:
        parser.error("--requests: 1 to 1,000,000.")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imaging-cds-fuzz-") as folder:
        app, failures = make_app(Path(folder))
        found = fuzz(app.test_client(), failures, args.requests, args.seed, partial(print, flush=True))
        app.extensions["imaging_cds"].journal.engine.dispose()
    for kind, cases in (("500 or no outcome", found.faults), ("hidden", found.silences)):
        for case in cases[:20]:
            shown = {k: v for k, v in case.items() if k != "sent"}
            print(f"{kind}: {json.dumps(shown)}")
        for case in cases if args.keep else ():
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{kind.split()[0]}-{case['number']}.json").write_bytes(case["sent"])
    statuses = "  ".join(f"{status}: {count}" for status, count in sorted(found.statuses.items()))
    print(f"{found.sent} requests, seed {args.seed}, {time.monotonic() - began:.0f} s")
    print(f"by status  {statuses}")
    print(f"{len(found.faults)} of 500 or without an outcome")
    print(f"{len(found.silences)} answers that hide an error")
    print(f"MiB after each tenth: {'  '.join(f'{mib:.0f}' for mib in found.mib)}; last third {found.growth:+.1f}")
    for when, held in zip(("once warm", "at the end"), (found.held[0], found.held[-1]), strict=True):
        print(f"in use {when}, beside the caches: {held.blocks} small blocks, {held.mib:.1f} MiB of large ones")
    print("holds" if found.holds else "FAILS")
    return 0 if found.holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
