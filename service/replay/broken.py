"""A Bundle that is no JSON as a whole: whose it is, where what can still be read of it leaves no doubt."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from service.replay.losses import POINTED_AT

CHUNK = 1 << 20
_NAMED = re.compile(rb'"reference"\s*:\s*"(?:[^"\\]*/)?Patient/([A-Za-z0-9.\-]{1,64})(?:/_history/[^"\\]*)?"')
_OWNED = re.compile(rb'"(?:subject|patient|beneficiary)"\s*:\s*\{([^{}]*)(\}?)')
_PATIENT = re.compile(rb'"resourceType"\s*:\s*"Patient"(?:\s*,\s*"id"\s*:\s*"([^"\\]*)")?')
_KIND = re.compile(rb'"resourceType"\s*:\s*"(\w+)"')


def patient_of(path: Path) -> tuple[str, frozenset[str]] | None:
    """The only patient that the text refers to, and the types of other patients whose records may point into it; None
    where it refers to none or several, or a record of it does not tell whose it is."""
    text = _readable(path)
    owned = list(_OWNED.finditer(text))
    if any(not _NAMED.search(one[1]) for one in owned if one[2] or one.end() < len(text)):
        return None
    referred, own = set(_NAMED.findall(text)), [m[1] for m in _PATIENT.finditer(text)]
    if len(referred) != 1 or len(own) > 1 or not referred.issuperset(i for i in own if i):
        return None
    kinds = {kind.decode() for kind in _KIND.findall(text)}
    return referred.pop().decode(), frozenset(t for kind in kinds for t in POINTED_AT.get(kind, ()))


def _readable(path: Path) -> bytes:
    """What can be unpacked of a file."""
    out: list[bytes] = []
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            while chunk := file.read1(CHUNK):
                out.append(chunk)
    except (OSError, EOFError, zlib.error):
        pass
    return b"".join(out)
