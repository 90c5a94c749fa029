"""What must be read again and must not be readable in the database: encrypted under the site's secret key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12


class Seal:
    """AES-GCM, with a key of its own for each thing: what was sealed for one purpose opens for no other."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def close(self, value: Any, *purpose: str) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._cipher(purpose).encrypt(nonce, orjson.dumps(value), None)

    def open(self, sealed: bytes, *purpose: str) -> Any:
        """The value; None where it was sealed for something else, with another key, or changed since."""
        try:
            return orjson.loads(self._cipher(purpose).decrypt(sealed[:NONCE], sealed[NONCE:], None))
        except (InvalidTag, ValueError):
            return None

    def _cipher(self, purpose: tuple[str, ...]) -> AESGCM:
        text = "\0".join(("seal", *purpose)).encode()
        return AESGCM(hmac.new(self._secret, text, hashlib.sha256).digest())
