"""How many workers and threads suit a machine: eight callers at once, to several servers in turns.

python bench/threads.py [--size 50] [--callers 8] [--rounds N] [WORKERSxTHREADS ...]

All servers are up at the same time and get the same requests (bench/calls.py) in turns of half a second, so that each
sees the same machine. Callers keep their connections, as an EHR does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.calls import ORDERS, request
from bench.server import Caller, post, quantile, served

TURN = 0.5
SHAPES = ("1x1", "1x2", "1x4", "1x8", "1x16", "2x1", "2x4", "2x8")


def command(shape: str, port: int) -> list[str]:
    workers, threads = shape.split("x")
    asked = ["--workers", workers, "--threads", threads, "--port", str(port)]
    return [sys.executable, "-m", "service.cli", "serve", "--open", *asked]


def turn(port: int, bodies: list[bytes], callers: int) -> tuple[list[float], float]:
    """Seconds of each answer in one turn, and of the turn."""
    took: list[float] = []
    start = time.perf_counter()

    def repeat(caller: Caller, number: int) -> None:
        while time.perf_counter() < start + TURN:
            took.append(caller.call(bodies[number % len(bodies)]))
            number += 1
        caller.socket.close()

    threads = [threading.Thread(target=repeat, args=(Caller(port), number)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", default=SHAPES)
    parser.add_argument("--size", type=int, default=50, help="resources in the chart")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    bodies = [post(request(kind, asked.size, dt.date.today())) for kind in ORDERS]
    with ExitStack() as stack:
        ports = {}
        for shape in asked.shapes:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            ports[shape] = stack.enter_context(served(lambda port, shape=shape: command(shape, port), folder))  # type: ignore[misc]
        made: dict[str, list[tuple[list[float], float]]] = {shape: [] for shape in ports}
        for number in range(-1, asked.rounds):  # the first turn is to get warm
            for shape, port in ports.items():
                done = turn(port, bodies, asked.callers)
                if number >= 0:
                    made[shape].append(done)
    print(f"{asked.size} resources, {asked.callers} callers, {asked.rounds} turns each")
    print(
        f"{'workers x threads':>18}{'1/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'worst turn':>12}{'best turn':>11}"
    )
    for shape, turns in made.items():
        times = [time_ for took, _ in turns for time_ in took]
        rates = sorted(len(took) / seconds for took, seconds in turns)
        rate = len(times) / sum(seconds for _, seconds in turns)
        figures = "".join(f"{quantile(times, part):9.1f}" for part in (0.5, 0.95, 0.99))
        print(f"{shape:>18}{rate:9.1f}{figures}{rates[0]:12.1f}{rates[-1]:11.1f}", flush=True)


if __name__ == "__main__":
    main()
