"""What counting costs a request, in microseconds, as in a worker of several: the figures go into shared files.

.venv/bin/python bench/watching.py             # a second or two
.venv/bin/python bench/watching.py --rounds 20 # steadier on a busy machine
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from service.watch.shared import share

share()
from service.watch import metrics, traces  # noqa: E402

CALLS = 5_000


def a_hook() -> None:
    """One order, one card, as the service counts them."""
    metrics.IN_FLIGHT.inc()
    metrics.order_answered("order-sign", "hospital", "not-appropriate")
    metrics.card_shown("hospital", "warning", "not-appropriate")
    metrics.request_answered("/cds-services/<service>", "POST", 200)
    metrics.hook_called("order-sign", "hospital", 200, 0.004)
    metrics.IN_FLIGHT.dec()


def five_stages() -> None:
    for _ in range(5):
        traces.took("judge", 0.0, 0.0)


def a_fhir_call() -> None:
    metrics.fhir_called("ok", 0.02)


def a_scrape() -> None:
    from prometheus_client import generate_latest

    generate_latest(metrics.registry(tuple))


def microseconds(work: Callable[[], None], calls: int, rounds: int) -> float:
    """Of the best round: the machine may be busy with others."""
    work()
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter() - began) / calls * 1e6)
    return best


def main() -> None:
    ask = argparse.ArgumentParser(description="Microseconds that counting costs.")
    ask.add_argument("--rounds", type=int, default=5)
    rounds = ask.parse_args().rounds
    for work, calls in ((a_hook, CALLS), (five_stages, CALLS), (a_fhir_call, CALLS), (a_scrape, 20)):
        print(f"{work.__name__.replace('_', ' '):14}{microseconds(work, calls, rounds):10.1f} us")


if __name__ == "__main__":
    main()
