"""The folder in which the worker processes of one service count together, so that every worker can tell the sums.

It has to be named before prometheus_client is imported, and lies in memory where the machine has such a place.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


def share() -> Path:
    """Make the folder, unless the variable names one already; it goes when this process does."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    base = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="imaging-cds-metrics-", dir=base))
    os.environ[VARIABLE] = str(folder)
    atexit.register(_clear, folder, os.getpid())
    return folder


def worker_ended(pid: int) -> None:
    """What a worker that is gone was doing no longer counts; what it did does."""
    if VARIABLE in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _clear(folder: Path, owner: int) -> None:
    """The workers are forks and run this too."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
