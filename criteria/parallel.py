"""Work for all cores: a function of a module, over many small tasks."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from criteria.library import Library, load_library

Task = TypeVar("Task")
Result = TypeVar("Result")
FEW = 40
"""So few tasks are done here: starting processes, each of which reads the criteria, takes longer."""


def each(work: Callable[[Task], Result], tasks: Sequence[Task], processes: int | None = None) -> Iterator[Result]:
    """The results as they come, in any order. ``processes``: None for one per core, 1 for none beside this one."""
    processes = processes or os.cpu_count() or 1
    if processes == 1 or len(tasks) < FEW:
        yield from map(work, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(work, tasks)


@cache
def library_at(home: Path) -> Library:
    """Read once per process."""
    return load_library(home)
