"""What the interpreter is told once the application is made: when to look for garbage, when to let others go on, and
to hold on to the memory that the next answer needs again."""

from __future__ import annotations

import ctypes
import gc
import itertools
import sys

YOUNG, MIDDLE, OLD = 50_000, 2, 2
"""So many new objects before the collector looks for cycles, in place of Python's 700: a large chart makes tens of
thousands that its answer lets go of again without any collector, which took an eighth of its time at 10,000. What
was in use at that moment is looked through again at the second time, not the tenth: everything that stays is frozen, so
a look at all that is left costs little."""
EVERY_MIDDLE, EVERY_OLD = 25, 500
"""After so many answers what outlived others is looked through too."""
PYTHONS = gc.get_threshold()
SWITCH_SECONDS = 0.0005
"""After so long a thread lets another go on, in place of Python's 5 ms: small answers pass large ones."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Options of ``mallopt``, as malloc.h of the GNU C library numbers them."""
HELD = {M_TRIM_THRESHOLD: 64 * 2**20, M_MMAP_THRESHOLD: 32 * 2**20, M_ARENA_MAX: 2}
"""So many bytes that are free stay with the process, and a body of that size comes out of them. A chart of a thousand
resources else costs a thousand pages that the system hands out, empties and takes back at each request. Two pools are
enough, since one thread runs at a time."""


def settle_memory() -> None:
    """Leave the criteria and tables, a quarter of a million objects that stay, out of every collection.

    Before the workers fork, for then they also stay shared between them. Without it every few orders wait for a full
    collection, which takes longer than the order itself.
    """
    gc.unfreeze()  # what was made before and is of no use any more may go
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    sys.setswitchinterval(SWITCH_SECONDS)
    hold_memory()


class Tidying:
    """What an answer left behind goes when it is sent, a millisecond's work, and not for a hundred answers at once
    while somebody waits for the next."""

    def __init__(self) -> None:
        self._answers = itertools.count(1)

    def after_answer(self) -> None:
        number = next(self._answers)
        gc.collect(2 if number % EVERY_OLD == 0 else 1 if number % EVERY_MIDDLE == 0 else 0)


def look_often() -> None:
    """For a process in which nobody waits for an answer: garbage is looked for as Python does."""
    gc.set_threshold(*PYTHONS)


def hold_memory() -> None:
    """Keep what was let go of for what comes next. With another C library than GNU's this does nothing."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        for option, value in HELD.items():
            mallopt(option, value)
