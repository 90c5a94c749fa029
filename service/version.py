"""The version of this software, as it was installed."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

from criteria.coverage import fingerprint
from service.settings import Settings


@cache
def version() -> str:
    try:
        return importlib.metadata.version("imaging-cds")
    except importlib.metadata.PackageNotFoundError:  # run from a folder without installing
        return "0+uninstalled"


def stamp(settings: Settings) -> str:
    """The version and a digest of the criteria, the site's own policies and overlay included."""
    digest = hashlib.sha256(_shipped().encode())
    for name in (settings.policies_file, settings.overlay_file):
        digest.update(b"\0" + (Path(name).read_bytes() if name else b""))
    return f"{version()}+{digest.hexdigest()[:12]}"


@cache
def _shipped() -> str:
    return fingerprint()
