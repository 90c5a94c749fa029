"""The public keys of trusted clients: from the trust table, or fetched from an address that the table allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from service.outgoing import Unavailable, fetch
from service.settings import Settings
from service.trusted import PRIVATE, TrustedClient

log = structlog.get_logger("imaging_cds.trust")

AGAIN_AFTER = 60.0
"""Seconds between two tries at one address, so that unknown key ids cannot make us a source of traffic."""
MAX_BYTES = 200_000
KINDS = {"RS": "RSA", "ES": "EC", "Ed": "OKP"}
RSA_BITS = 2048

Jwk = Mapping[str, Any]


class KeyUnavailable(Exception):
    """No key to check the token with; the text is for the log."""


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
        self._sets: dict[str, _Set] = {}
        self._lock = threading.Lock()

    def find(self, row: TrustedClient, kid: object, jku: object, algorithm: str) -> jwt.PyJWK:
        """Raises `KeyUnavailable`. A ``jku`` is followed only when the table lists it, letter by letter."""
        if found := _choose(row.keys, kid, algorithm):
            return _usable(found, algorithm)
        if jku is not None and jku not in row.jku:
            raise KeyUnavailable("jku not on the allow-list")
        addresses = (str(jku),) if jku is not None else row.jku
        for address in addresses:
            if found := self._fetched(address, kid, algorithm):
                return _usable(found, algorithm)
        raise KeyUnavailable("no key of that id")

    def _fetched(self, address: str, kid: object, algorithm: str) -> Jwk | None:
        with self._lock:
            held = self._sets.setdefault(address, _Set())
        with held.lock:
            age = self.now() - held.fetched
            found = _choose(held.keys, kid, algorithm) if age <= self.settings.jwks_max_age_seconds else None
            if found is None and self.now() - held.tried >= AGAIN_AFTER:
                held.tried = self.now()
                try:
                    held.keys, held.fetched = self._fetch(address), self.now()
                except (Unavailable, KeyUnavailable) as error:
                    log.warning("keys_not_fetched", reason=str(error))
                    return None
                found = _choose(held.keys, kid, algorithm)
            return found

    def _fetch(self, address: str) -> tuple[Jwk, ...]:
        timeout = self.settings.jwks_timeout_seconds
        body = fetch(address, {"Accept": "application/json"}, timeout, timeout, MAX_BYTES, self.settings.ca_bundle)
        try:
            keys = orjson.loads(body)["keys"]
        except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
            raise KeyUnavailable("not a JWKS") from None
        if not isinstance(keys, list):
            raise KeyUnavailable("not a JWKS")
        return tuple(key for key in keys if isinstance(key, dict) and not PRIVATE & key.keys())


def _choose(keys: Sequence[Jwk], kid: object, algorithm: str) -> Jwk | None:
    """By id; a token without one is checked with the only key that fits."""
    fitting = [key for key in keys if _fits(key, algorithm)]
    if kid is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.get("kid") == kid), None)


def _fits(key: Jwk, algorithm: str) -> bool:
    operations = key.get("key_ops")
    return (
        key.get("kty") == KINDS[algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (not isinstance(operations, list) or "verify" in operations)
    )


def _usable(key: Jwk, algorithm: str) -> jwt.PyJWK:
    try:
        read = jwt.PyJWK(dict(key), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise KeyUnavailable("key cannot be read") from None
    if isinstance(read.key, RSAPublicKey) and read.key.key_size < RSA_BITS:
        raise KeyUnavailable("key too short")
    return read
