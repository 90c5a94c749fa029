"""Which rounds of a measurement had the core to themselves.

A virtual core is one thread of a real one, and a neighbour whom nobody sees runs on the other: the same loop then takes
twice as long, for seconds or minutes, and a median tells how busy the neighbour was. A short loop that never changes
stands before and after each round; a round counts as quiet where both took at most a third longer than the quickest of
the whole run. What is measured has no say in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Round = TypeVar("Round")
LOOP = 4_000
LONGER = 4 / 3


def yardstick() -> float:
    """Seconds for some arithmetic, a quarter of a millisecond or so."""
    start, total = time.perf_counter(), 0
    for number in range(LOOP):
        total += number * number % 7
    return time.perf_counter() - start


def quiet_rounds(one: Callable[[], Round], rounds: int, seconds: float) -> tuple[list[Round], list[Round]]:
    """All rounds, and the quiet ones of them.

    Goes on until so many rounds were quiet, or the seconds are over: at least that many rounds are made.
    """
    ends = time.monotonic() + seconds
    made: list[tuple[Round, float]] = []
    quickest = yardstick()

    def quiet() -> Iterator[Round]:
        return (done for done, slower in made if slower <= LONGER * quickest)

    while len(made) < rounds or (time.monotonic() < ends and sum(1 for _ in quiet()) < rounds):
        before = yardstick()
        done = one()
        after = yardstick()
        made.append((done, max(before, after)))
        quickest = min(quickest, before, after)
    return [done for done, _ in made], list(quiet())
