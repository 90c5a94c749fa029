"""Who is calling: the JSON Web Token of CDS Hooks, checked against the trust table.

Every refusal is one and the same 401; the reason stands in the log only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt
import structlog
from flask import Request

from hooks.errors import NotTrusted
from service.clients import Client, load_profiles, open_client
from service.jwks import Keys, KeyUnavailable
from service.settings import LOOPBACK, Clock, Settings
from service.trusted import ALGORITHMS, TrustedClient

log = structlog.get_logger("imaging_cds.trust")

CLAIMS = ("iss", "aud", "exp", "iat", "jti")
MAX_TOKEN = 16_384

SeenBefore = Callable[[str, str, dt.datetime], bool]
"""(tenant, hash of issuer and jti, expiry) -> True when this token was used already; remembers it otherwise."""


class Trust:
    """Checks tokens. Without a trust table (open mode) everybody is let in."""

    def __init__(
        self, settings: Settings, table: Mapping[str, TrustedClient], keys: Keys, seen_before: SeenBefore, clock: Clock
    ) -> None:
        self.settings, self.table, self.keys = settings, table, keys
        self.seen_before, self.clock = seen_before, clock

    def client_of(self, request: Request) -> Client:
        """Who calls. Raises `NotTrusted`."""
        token = _bearer(request)
        if self.settings.open:
            bases = None if self.settings.any_base else self.settings.bases
            return open_client(_issuer(token), self.settings.default_profile, bases)
        try:
            return self._checked(token, self._audience(request))
        except _Refusal as refusal:
            log.warning("token_refused", reason=refusal.reason)
        except jwt.PyJWTError as error:
            log.warning("token_refused", reason=type(error).__name__)
        raise NotTrusted()

    def _audience(self, request: Request) -> str:
        """The URL as called, without query, on the service's public base URL.

        The Host header alone is the caller's word: with a name of its own choice, somebody who got a token for another
        service could use it here. So without `base_url` only calls on this machine itself are believed.
        """
        if self.settings.base_url:
            return f"{self.settings.base_url}{request.path}"
        if urlsplit(request.host_url).hostname not in LOOPBACK:
            raise _Refusal("base_url is not set, and the call is not for a loopback address")
        return request.base_url

    def _checked(self, token: str | None, audience: str) -> Client:
        if token is None:
            raise _Refusal("no bearer token")
        header = jwt.get_unverified_header(token)
        issuer = _issuer(token)
        row = self.table.get(issuer or "")
        if row is None:
            raise _Refusal("unknown issuer")
        algorithm = header.get("alg")
        if algorithm not in row.algorithms or algorithm not in ALGORITHMS:
            raise _Refusal("algorithm not allowed")
        if "crit" in header:
            raise _Refusal("critical header not understood")
        try:
            key = self.keys.find(row, header.get("kid"), header.get("jku"), algorithm)
        except KeyUnavailable as error:
            raise _Refusal(str(error)) from None
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            options={
                "require": list(CLAIMS),
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
        expires = self._check_claims(claims, row, audience)
        mark = hashlib.sha256(f"{row.issuer}\0{claims['jti']}".encode()).hexdigest()
        if self.seen_before(row.tenant, mark, expires):
            raise _Refusal("token used before")
        return Client(row.tenant, load_profiles()[row.profile], row.bases)

    def _check_claims(self, claims: Mapping[str, Any], row: TrustedClient, audience: str) -> dt.datetime:
        """Issuer, audience and times, by our own clock. The moment after which the token is worth nothing."""
        if claims["iss"] != row.issuer:
            raise _Refusal("issuer changed")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if audience not in audiences:
            raise _Refusal("audience is not the URL called")
        if row.subject and claims.get("sub") != row.subject:
            raise _Refusal("subject not allowed")
        if not isinstance(claims["jti"], str) or not 0 < len(claims["jti"]) <= 512:
            raise _Refusal("jti is no text")
        now, leeway = self.clock().timestamp(), self.settings.token_leeway_seconds
        exp, iat, nbf = (_seconds(claims.get(name)) for name in ("exp", "iat", "nbf"))
        if exp is None or iat is None or ("nbf" in claims and nbf is None):
            raise _Refusal("a time is no number")
        if exp + leeway <= now:
            raise _Refusal("expired")
        if iat - leeway > now or (nbf is not None and nbf - leeway > now):
            raise _Refusal("not yet valid")
        if exp - iat > self.settings.token_max_seconds:
            raise _Refusal("valid for too long")
        return dt.datetime.fromtimestamp(exp + leeway, dt.UTC)


class _Refusal(Exception):
    """Why a token was refused, for the log: words of ours, nothing of the token's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and 0 < len(token) <= MAX_TOKEN else None


def _issuer(token: str | None) -> str | None:
    """What the token says of its issuer; nobody has checked it."""
    if token is None:
        return None
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else None


def _seconds(value: Any) -> float | None:
    """A NumericDate within reason."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        return None
    return float(value)
