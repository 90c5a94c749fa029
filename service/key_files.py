"""Keys in files: as a JWK set, a single JWK, or PEM."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from criteria.errors import DataError
from service.jwk import PRIVATE
from service.smart.keys import new_keys

Json = dict[str, Any]
EXPECTED = "the file must hold a JWK set, a JWK, or a key as PEM."
EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


def read_keys(file: Path) -> list[Json]:
    """The keys, private parts and all. Raises `DataError`, which says nothing of the content."""
    try:
        raw = file.read_bytes()
        if b"-----BEGIN" in raw:
            return [_from_pem(raw)]
        held = orjson.loads(raw)
    except (OSError, ValueError, TypeError):
        raise DataError(file, None, EXPECTED) from None
    keys = held.get("keys", [held]) if isinstance(held, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(k, dict) and "kty" in k for k in keys):
        raise DataError(file, None, EXPECTED)
    return keys


def public_half(key: Json) -> Json:
    return {name: value for name, value in key.items() if name not in PRIVATE and name != "key_ops"}


def algorithm_of(key: Json) -> str:
    """What it signs with, where it does not say."""
    said = key.get("alg")
    if isinstance(said, str):
        return said
    return {"RSA": "RS384", "OKP": "EdDSA"}.get(str(key.get("kty")), EC_ALGORITHMS.get(str(key.get("crv")), ""))


def write_new_keys(file: Path) -> Json:
    """A new pair of keys, ES384 and RS384: the private ones into a file that its owner alone reads, never over another.
    The public ones are returned, as a JWK set."""
    made = new_keys()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(json.dumps(made, indent=2) + "\n")
    except FileExistsError:
        raise DataError(file, None, "the file is there already; name another.") from None
    return {"keys": [{**public_half(key), "use": "sig"} for key in made["keys"]]}


def _from_pem(raw: bytes) -> Json:
    key: Any
    if b"PRIVATE KEY" in raw:
        key = serialization.load_pem_private_key(raw, None)
    else:
        key = serialization.load_pem_public_key(raw)
    kinds: tuple[tuple[type, type, Any], ...] = (
        (rsa.RSAPrivateKey, rsa.RSAPublicKey, jwt.algorithms.RSAAlgorithm),
        (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey, jwt.algorithms.ECAlgorithm),
        (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey, jwt.algorithms.OKPAlgorithm),
    )
    for private, public, algorithm in kinds:
        if isinstance(key, private | public):
            made: Json = json.loads(algorithm.to_jwk(key))
            mark = hashlib.sha256(json.dumps(public_half(made), sort_keys=True).encode()).hexdigest()[:16]
            return {**made, "kid": mark}
    raise ValueError("a kind of key that signs no token")
