"""How long the service takes to be ready, and what one worker more costs in memory (Linux).

python bench/startup.py [--workers 3]

Started as users start it, on loopback. Each worker answers some orders first. "Own" is what it shares with nobody:
the criteria are read before the workers fork, and stay shared. A worker that dies is replaced by a fork of a process
that has read all: how long that takes is told too.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.calls import ORDERS, request
from bench.server import Caller, post, served

CALLS = 200


def children(parent: int) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}


def memory(pid: int) -> dict[str, float]:
    """MB in all, and MB that no other process shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    held = {name: int(value) for name, value, *_ in (line.replace(":", "").split() for line in lines)}
    return {"in all": held["Rss"] / 1024, "own": (held["Private_Clean"] + held["Private_Dirty"]) / 1024}


def answers(port: int) -> Iterator[float]:
    sent = [post(request(kind, 50, dt.date.today())) for kind in ORDERS]
    for n in range(CALLS):
        yield Caller(port).call(sent[n % len(sent)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=3)
    workers = parser.parse_args().workers
    command = [sys.executable, "-m", "service.cli", "serve", "--open", "--workers", str(workers)]
    began = time.perf_counter()
    before = children(os.getpid())
    with (
        tempfile.TemporaryDirectory() as folder,
        served(lambda port: [*command, "--port", str(port)], folder) as port,
    ):
        next(answers(port))
        print(f"ready, first order answered: {time.perf_counter() - began:.2f} s")
        [parent] = children(os.getpid()) - before
        held = children(parent)
        sum(answers(port))
        for pid in sorted(held):
            kind = "journal's writer" if os.getpriority(os.PRIO_PROCESS, pid) > 0 else "worker"
            print(f"{kind}: " + ", ".join(f"{mb:.0f} MB {name}" for name, mb in memory(pid).items()))
        print("parent: " + ", ".join(f"{mb:.0f} MB {name}" for name, mb in memory(parent).items()))
        os.kill(max(held), signal.SIGKILL)
        died = time.perf_counter()
        while len(children(parent) - held) < 1:
            time.sleep(0.01)
        print(f"a killed worker is replaced after {time.perf_counter() - died:.2f} s")


if __name__ == "__main__":
    main()
