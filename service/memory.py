"""What the interpreter is told once the application is made: when to look for garbage, when to let others go on."""

from __future__ import annotations

import gc
import sys

YOUNG, MIDDLE, OLD = 50_000, 2, 2
"""So many new objects before the collector looks for cycles, in place of Python's 700: a large chart makes tens of
thousands that its answer lets go of again without any collector, which took an eighth of its time at 10,000. What
was in use at that moment is looked through again at the second time, not the tenth: everything that stays is frozen, so
a look at all that is left costs little, and an answer leaves cycles behind that hold its whole chart."""
SWITCH_SECONDS = 0.0005
"""After so long a thread lets another go on, in place of Python's 5 ms: a small answer does not wait for a large one."""


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
