"""How many cores there are for us: those we may run on, or fewer where a container's quota says so."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What cgroup v2 allows: microseconds of processor time (or "max") in so many."""


def cores(quota: Path = QUOTA) -> int:
    """At least one."""
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, _, period = quota.read_text(encoding="ascii").partition(" ")
        ours = min(ours, math.ceil(int(allowed) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        pass  # no such file, or no limit: "max"
    return max(1, ours)
