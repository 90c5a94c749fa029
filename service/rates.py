"""How often a client may call, and how often anybody may open the pages that ask for no token.

Counted in the memory of each process: its share of a limit is the limit divided by the number of processes. Windows are
counted by a clock that nobody sets, so that a change of the time locks nobody out.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from functools import cache

from flask import Flask, request
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from hooks.errors import HooksError
from service import counts
from service.addresses import literal
from service.proxies import caller_address
from service.settings import Settings, read_rate

MOST = 10_000
"""Callers counted at the same time; above it the windows that are over are let go of, now and then."""
SWEPT_EVERY = 1.0
SITE = 64
"""Bits of an IPv6 address that tell one site from another; whoever has one has all addresses in it."""
FREE = ("/cds-services", "/health", "/metrics", "/.well-known", "/app/static", "/guidelines/static", "/explain/static")
"""Paths that the limit by address leaves alone: hooks have their own, the others are cheap or a machine's."""


class TooManyCalls(HooksError):
    """429: over the rate; ``retry_after`` whole seconds until it may go on."""

    status, issue = 429, "throttled"

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"Too many calls. Try again in {retry_after} seconds.")


class Rates:
    """``processes`` share every limit; the server says how many they are."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self.settings, self.processes = settings, 1
        self._windows = Windows(now)
        self._limiter = FixedWindowRateLimiter(self._windows)

    def count_tenant(self, tenant: str, rate: str = "") -> None:
        """One call of this client. Raises `TooManyCalls`."""
        self._count(rate or self.settings.tenant_rate, "tenant", tenant)

    def count_page(self, address: str) -> None:
        """One page for this address. Raises `TooManyCalls`."""
        self._count(self.settings.address_rate, "page", address)

    def _count(self, rate: str, kind: str, name: str) -> None:
        limit = self._share(rate)
        if limit and not self._limiter.hit(limit, kind, name):
            raise self._refusal(limit, kind, name)

    def _refusal(self, limit: RateLimitItem, kind: str, name: str) -> TooManyCalls:
        counts.add(f"rate_limited_{kind}")
        left = self._limiter.get_window_stats(limit, kind, name).reset_time - self._windows.now()
        return TooManyCalls(max(1, math.ceil(left)))

    def _share(self, rate: str) -> RateLimitItem | None:
        return _divided(rate, self.processes) if rate else None


@cache
def _divided(rate: str, processes: int) -> RateLimitItem | None:
    whole = read_rate(rate)
    return RateLimitItemPerSecond(max(1, whole.amount // processes), whole.get_expiry()) if whole else None


class Windows(Storage):
    """Counts by name, each until the end of its window. The library's own in-memory storage starts a thread every few
    calls to sweep, and goes by the wall clock."""

    STORAGE_SCHEME = ["imaging-cds"]  # noqa: RUF012 - the library declares it so

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.now = now
        self._lock = threading.Lock()
        self._held: dict[str, tuple[int, float]] = {}
        self._swept = float("-inf")

    @property
    def base_exceptions(self) -> type[Exception]:
        return KeyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = self.now()
        with self._lock:
            count, ends = self._held.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + expiry
                if len(self._held) >= MOST and now - self._swept >= SWEPT_EVERY:
                    self._swept, self._held = now, {k: v for k, v in self._held.items() if v[1] > now}
            self._held[key] = (count + amount, ends)
            return count + amount

    def get(self, key: str) -> int:
        count, ends = self._held.get(key, (0, 0.0))
        return count if ends > self.now() else 0

    def get_expiry(self, key: str) -> float:
        return self._held.get(key, (0, self.now()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._held)
            self._held.clear()
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._held.pop(key, None)


def init_app(app: Flask, rates: Rates) -> None:
    """The pages that anybody may open, by address."""
    if rates.settings.open or not rates.settings.address_rate:
        return

    @app.before_request
    def count() -> None:
        if not request.path.startswith(FREE):
            rates.count_page(_site(caller_address(request, rates.settings)))


def _site(address: str) -> str:
    read = literal(address)
    if read is None or read.version == 4:
        return address
    return str(ipaddress.ip_network((read, SITE), strict=False))
