"""The public keys of trusted clients: from the trust table, or fetched from an address that the table allows.

What was fetched is used for a bounded time. It is fetched anew, at a limited rate, for a key id that is not among it,
and where a signature does not fit the key of that id: some EHRs change the key and keep its id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import jwt
import orjson
import structlog

from service.jwk import PRIVATE, Jwk, KeyUnavailable, choose, usable
from service.outgoing import Outgoing, Unavailable
from service.settings import Settings
from service.trusted import TrustedClient
from service.urls import read_base

log = structlog.get_logger("imaging_cds.trust")

AGAIN_AFTER = 60.0
"""Seconds between two tries at one address, so that unknown key ids cannot make us a source of traffic."""
AFTER_FAILURE = 10.0
"""The same where the last try brought nothing and there are no keys at all."""
MAX_BYTES = 200_000

T = TypeVar("T")


@dataclass(slots=True)
class _Set:
    """The keys last fetched from one address."""

    keys: tuple[Jwk, ...] = ()
    fetched: float = float("-inf")
    tried: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


class Keys:
    """Finds the key for a token. ``now`` counts seconds; tests hand in their own."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self.settings, self.now = settings, now
        self._calls = Outgoing(settings)
        self._sets: dict[str, _Set] = {}
        self._lock = threading.Lock()

    def verified(
        self, row: TrustedClient, kid: object, jku: object, algorithm: str, verify: Callable[[jwt.PyJWK], T]
    ) -> T:
        """What ``verify`` makes of the client's key for this token. Raises what it raises, and `KeyUnavailable`.

        A ``jku`` is followed only when the table lists it, letter by letter.
        """
        if found := choose(row.keys, kid, algorithm):
            return verify(usable(found, algorithm))
        if jku is not None and jku not in row.jku:
            raise KeyUnavailable("jku not on the allow-list")
        for address in (str(jku),) if jku is not None else row.jku:
            if found := self._fetched(address, kid, algorithm, row.named):
                try:
                    return verify(usable(found, algorithm))
                except jwt.InvalidSignatureError:
                    newer = self._fetched(address, kid, algorithm, row.named, instead_of=found)
                    if newer is None:
                        raise
                    return verify(usable(newer, algorithm))
        raise KeyUnavailable("no key of that id")

    def _fetched(
        self, address: str, kid: object, algorithm: str, named: bool, instead_of: Jwk | None = None
    ) -> Jwk | None:
        """The key of that id; with ``instead_of`` only one that is another."""
        with self._lock:
            held = self._sets.setdefault(address, _Set())
        if found := self._held(held, kid, algorithm, instead_of):
            return found  # whoever is known does not wait while keys are fetched for a stranger's id
        with held.lock:
            found = self._held(held, kid, algorithm, instead_of)
            wait = AGAIN_AFTER if held.keys else AFTER_FAILURE
            if found is None and self.now() - held.tried >= wait:
                held.tried = self.now()
                try:
                    held.keys, held.fetched = self.fetch(address, named), self.now()
                except (Unavailable, KeyUnavailable) as error:
                    log.warning("keys_not_fetched", reason=str(error))
                    return None
                found = self._held(held, kid, algorithm, instead_of)
            return found

    def _held(self, held: _Set, kid: object, algorithm: str, instead_of: Jwk | None) -> Jwk | None:
        if self.now() - held.fetched > self.settings.jwks_max_age_seconds:
            return None
        found = choose(held.keys, kid, algorithm)
        return None if found == instead_of else found

    def fetch(self, address: str, named: bool = True) -> tuple[Jwk, ...]:
        """The public keys at an address of the table. Raises `Unavailable` and `KeyUnavailable`."""
        timeout, below = self.settings.jwks_timeout_seconds, read_base(address, query=True)
        body = self._calls.fetch(address, below, {"Accept": "application/json"}, timeout, timeout, MAX_BYTES, named)
        try:
            keys = orjson.loads(body)["keys"]
        except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
            raise KeyUnavailable("not a JWKS") from None
        if not isinstance(keys, list):
            raise KeyUnavailable("not a JWKS")
        return tuple(key for key in keys if isinstance(key, dict) and not PRIVATE & key.keys())
