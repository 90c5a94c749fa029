"""What a run is asked to do, in a form that every worker process understands."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import mappings
from service.replay.asof import TABLE
from service.replay.rules import Rules
from service.settings import Settings
from service.version import version

ON_ORDER_DAY = "order"
LATEST = "latest"
Reasons = Literal["decisive", "none"]


@dataclass(frozen=True, slots=True)
class Site:
    """Those settings of the installation that bear on a verdict or on whether there is a card."""

    facts: tuple[tuple[str, Any], ...] = ()
    policy_systems: tuple[str, ...] = ()
    confirm_appropriate: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One run. ``rules`` are one set (replay) or two (compare); ``stamps`` their digests when the run began.

    ``rules_on`` is the day whose rules judge; None: those in force on each order's own day. ``missing`` are resource
    types that the input does not hold: facts from them are unknown. ``key`` makes the hashes of ids; none keeps ids.
    """

    work: Path
    rules: tuple[Rules, ...]
    stamps: tuple[str, ...]
    rules_on: dt.date | None = None
    missing: frozenset[str] = frozenset()
    key: bytes = field(default=b"", repr=False)
    reasons: Reasons = "decisive"
    site: Site = field(default_factory=Site)

    @property
    def tables(self) -> tuple[str, ...]:
        return ("changes",) if len(self.rules) > 1 else ("orders", "verdicts", "reasons", "missing", "alternatives")

    @property
    def buckets(self) -> Path:
        return self.work / "buckets"

    @property
    def parts(self) -> Path:
        return self.work / "parts"

    def name(self, kind: str, identity: str) -> str:
        """An id as the tables show it."""
        if not self.key:
            return identity
        return hashlib.blake2b(f"{kind}/{identity}".encode(), key=self.key, digest_size=12).hexdigest()


def site_of(settings: Settings) -> Site:
    return Site(tuple(sorted(settings.site.items())), tuple(settings.policy_systems), settings.confirm_appropriate)


@cache
def reading_stamp() -> str:
    """A digest of all by which charts are read: the tables of mappings, asof.yaml, and the version."""
    digest = hashlib.sha256(version().encode())
    home = Path(mappings.__file__).parent
    for path in (*sorted(p for p in home.rglob("*") if p.suffix in (".yaml", ".csv")), TABLE):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
