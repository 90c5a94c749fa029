"""Who launched the app: the ID token, checked by the EHR's own keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
import structlog

from hooks.request import relative
from service.jwk import ALGORITHMS, KeyUnavailable
from service.jwks import Keys
from service.settings import Clock, Settings
from service.smart.configuration import Configuration
from service.smart.ehrs import Ehr
from service.trusted import TrustedClient
from service.urls import read_base

log = structlog.get_logger("imaging_cds.app")


class Impostor(Exception):
    """The ID token is not the EHR's word, or was not meant for this launch; the text is for the log."""


class Identity:
    def __init__(self, settings: Settings, keys: Keys, clock: Clock) -> None:
        self._settings, self._keys, self._clock = settings, keys, clock

    def user(self, token: Mapping[str, Any], ehr: Ehr, at: Configuration, nonce: str) -> str:
        """`Practitioner/1`; empty where the EHR does not say. Raises `Impostor`."""
        signed = token.get("id_token")
        if not isinstance(signed, str) or not signed:
            return ""
        if not at.jwks:
            raise Impostor("an ID token, and no keys to check it")
        try:
            claims = self._claims(signed, ehr, at)
        except (jwt.PyJWTError, KeyUnavailable, ValueError, TypeError) as error:
            raise Impostor(type(error).__name__) from None
        if claims.get("nonce") != nonce:
            raise Impostor("made for another launch")
        said = claims.get("fhirUser", claims.get("profile"))
        return user_of(said, ehr) if isinstance(said, str) else ""

    def _claims(self, signed: str, ehr: Ehr, at: Configuration) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(signed)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise Impostor("algorithm not allowed")
        row = TrustedClient(at.issuer, ehr.tenant, jku=(at.jwks,), named=ehr.named)

        def decoded(key: jwt.PyJWK) -> Mapping[str, Any]:
            require = ["iss", "aud", "exp"]
            return jwt.decode(
                signed, key, algorithms=[algorithm], audience=ehr.client_id,
                options={"require": require, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip

        claims = self._keys.verified(row, header.get("kid"), None, algorithm, decoded)
        if claims["iss"] != (at.issuer or ehr.iss):
            raise Impostor("another issuer")
        expires = claims["exp"]
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            raise Impostor("no expiry")
        if expires + self._settings.token_leeway_seconds <= self._clock().timestamp():
            raise Impostor("expired")
        return claims


def user_of(said: str, ehr: Ehr) -> str:
    """The user as a hook names it; a user of another server keeps the whole address, and so is nobody of this one."""
    base, named = read_base(ehr.iss), read_base(said)
    return relative(said) if named is None or (base is not None and base.holds(named)) else said
