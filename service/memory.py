"""What the garbage collector is told once the application is made."""

from __future__ import annotations

import gc

ALLOCATIONS = 10_000
"""So many new objects before the collector looks for cycles, in place of Python's 700: a large chart makes tens of
thousands that its answer lets go of again without any collector."""


def settle_memory() -> None:
    """Leave the criteria and tables, a quarter of a million objects that stay, out of every collection.

    Before the workers fork, for then they also stay shared between them. Without it every few orders wait for a full
    collection, which takes longer than the order itself.
    """
    gc.unfreeze()  # what was made before and is of no use any more may go
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 10, 10)
