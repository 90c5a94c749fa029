"""What lies in the spools of this machine, of every process."""

from __future__ import annotations

import os
from pathlib import Path


def spooled(folder: Path) -> tuple[int, int]:
    """Bytes that wait in the spools of all processes, and bytes that were refused."""
    try:
        sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
    except OSError:  # there is none yet, or a file went meanwhile
        return 0, 0
    refused = sizes.pop("refused", 0)
    return sum(sizes.values()), refused
