"""Public keys as JWK: which one fits a token, and which are fit to be used at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones only: with a shared secret nobody could say who signed."""
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
KINDS = {"RS": "RSA", "ES": "EC", "Ed": "OKP"}
CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
RSA_BITS = 2048

Jwk = Mapping[str, Any]


class KeyUnavailable(Exception):
    """No key to check the token with; the text is for the log."""


def choose(keys: Sequence[Jwk], kid: object, algorithm: str) -> Jwk | None:
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


def usable(key: Jwk, algorithm: str) -> jwt.PyJWK:
    """The key, read. Raises `KeyUnavailable` for one that cannot be, that is too short or on another curve."""
    try:
        text = orjson.dumps(key)
    except TypeError:
        raise KeyUnavailable("key cannot be read") from None
    return _read(text, algorithm)


@lru_cache(maxsize=1024)
def _read(key: bytes, algorithm: str) -> jwt.PyJWK:
    """Once for each key, not for each call."""
    try:
        read = jwt.PyJWK(orjson.loads(key), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise KeyUnavailable("key cannot be read") from None
    if isinstance(read.key, RSAPublicKey) and read.key.key_size < RSA_BITS:
        raise KeyUnavailable("key too short")
    if isinstance(read.key, EllipticCurvePublicKey) and read.key.curve.name != CURVES.get(algorithm):
        raise KeyUnavailable("key on another curve")
    return read


def fault(key: Jwk) -> str:
    """What is wrong with a key that somebody wrote down; empty for a good one."""
    if PRIVATE & key.keys():
        return "private or shared"
    reasons = []
    for algorithm in ALGORITHMS:
        if _fits(key, algorithm):
            try:
                usable(key, algorithm)
            except KeyUnavailable as error:
                reasons.append(str(error))
            else:
                return ""
    return reasons[0] if reasons else "of a kind that no allowed algorithm uses"
