"""The app's own keys: with them it signs who it is, where an EHR wants that (private_key_jwt)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from service.settings import Settings, SettingsError

Json = dict[str, Any]
Key = ECKey | RSAKey
RSA_BITS = 3072
SHORTEST = 2048


class AppKeys:
    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = tuple(keys)

    def signing(self, algorithm: str) -> Key | None:
        """The first key of that algorithm; put a new one before the old to change over."""
        return next((key for key in self._keys if algorithm_of(key) == algorithm), None)

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(algorithm_of(key) for key in self._keys)

    def published(self) -> Json:
        """The JWK set for everybody to read: public halves only."""
        more = {"use": "sig", "key_ops": ["verify"]}
        return {
            "keys": [
                {**{k: v for k, v in key.as_dict(private=False).items() if k not in more}, **more,
                 "kid": key.kid, "alg": algorithm_of(key)}
                for key in self._keys
            ]
        }  # fmt: skip


def algorithm_of(key: Key) -> str:
    return "ES384" if isinstance(key, ECKey) else "RS384"


def load_keys(settings: Settings) -> AppKeys:
    """Raises `SettingsError`, which says nothing of the file's content."""
    if not settings.smart_keys_file:
        return AppKeys()
    try:
        held = KeySet.import_key_set(orjson.loads(Path(settings.smart_keys_file).read_bytes())).keys
    except (OSError, ValueError, KeyError, TypeError, JoseError):
        raise SettingsError("IMAGING_CDS_SMART_KEYS_FILE: the file cannot be read as a JWK set.") from None
    keys: list[Key] = []
    for key in held:
        usable = (isinstance(key, ECKey) and key.curve_name == "P-384") or (
            isinstance(key, RSAKey) and key.raw_value.key_size >= SHORTEST
        )
        if not isinstance(key, ECKey | RSAKey) or not usable or not key.is_private or not key.kid:
            raise SettingsError(
                "IMAGING_CDS_SMART_KEYS_FILE: each key must be private, with a kid, and EC P-384 or RSA of at least"
                f" {SHORTEST} bits. Make them with `imaging-cds app-keys`."
            )
        keys.append(key)
    return AppKeys(keys)


def new_keys() -> Json:
    """A fresh JWK set, private: one key for ES384 and one for RS384."""
    made: list[Key] = [ECKey.generate_key("P-384", auto_kid=True), RSAKey.generate_key(RSA_BITS, auto_kid=True)]
    return {"keys": [{**key.as_dict(private=True), "kid": key.kid, "alg": algorithm_of(key)} for key in made]}
