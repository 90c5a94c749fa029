"""The version of this software, as it was installed."""

from __future__ import annotations

import importlib.metadata
from functools import cache


@cache
def version() -> str:
    try:
        return importlib.metadata.version("imaging-cds")
    except importlib.metadata.PackageNotFoundError:  # run from a folder without installing
        return "0+uninstalled"
