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
from service import counts
from service.certificates import Certificate
from service.clients import Client, load_profiles, open_client
from service.jwk import ALGORITHMS, KeyUnavailable
from service.jwks import Keys
from service.proxies import certificate_of
from service.rates import Rates
from service.settings import LOOPBACK, Clock, Settings
from service.tokens import MAX_TOKEN, Token, Unreadable, read_token
from service.trusted import TrustedClient

log = structlog.get_logger("imaging_cds.trust")

CLAIMS = ("iss", "aud", "exp", "iat", "jti")
REFUSED = {"crit", "b64", "zip"}
"""Header parameters that would change how the rest is read."""
SIGNED = jwt.PyJWS()

SeenBefore = Callable[[str, str, dt.datetime], bool]
"""(tenant, hash of issuer and jti, expiry) -> True when this token was used already; remembers it otherwise."""


class Refusal(Exception):
    """Why a token was refused, for the log: words of ours, nothing of the token's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Trust:
    """Checks tokens. Without a trust table (open mode) everybody is let in."""

    def __init__(
        self,
        settings: Settings,
        table: Mapping[str, TrustedClient],
        keys: Keys,
        seen_before: SeenBefore,
        clock: Clock,
        rates: Rates | None = None,
    ) -> None:
        self.settings, self.table, self.keys = settings, table, keys
        self.seen_before, self.clock = seen_before, clock
        self.rates = rates or Rates(settings)

    def client_of(self, request: Request) -> Client:
        """Who calls. Raises `NotTrusted`, and `TooManyCalls` for a client that is over its rate."""
        text = _bearer(request)
        if self.settings.open:
            bases = None if self.settings.any_base else self.settings.bases
            return open_client(_issuer(text), self.settings.default_profile, bases)
        try:
            row = self.checked(text, self.audiences(request), lambda: certificate_of(request, self.settings))
        except Refusal as refusal:
            counts.add(f"token_refused_{refusal.reason.partition(':')[0].replace(' ', '_')}")
            log.warning("token_refused", reason=refusal.reason)
            raise NotTrusted() from None
        self.rates.count_tenant(row.tenant, row.rate)
        return Client(row.tenant, load_profiles()[row.profile], row.bases, row.policy)

    def audiences(self, request: Request) -> tuple[str, str]:
        """The URL as called, without query, on the service's public base URL; and its path.

        The Host header alone is the caller's word: with a name of its own choice, somebody who got a token for another
        service could use it here. So without `base_url` only calls on this machine itself are believed; empty else.
        """
        if self.settings.base_url:
            return f"{self.settings.base_url}{request.path}", request.path
        here = urlsplit(request.host_url).hostname in LOOPBACK
        return request.base_url if here else "", request.path

    def checked(
        self, text: str | None, called: tuple[str, str], certificate: Callable[[], Certificate | None]
    ) -> TrustedClient:
        """The row of the table that the token belongs to; it is used up by that. Raises `Refusal`."""
        if text is None:
            raise Refusal("no bearer token")
        try:
            token = read_token(text)
        except Unreadable:
            raise Refusal("no readable token") from None
        row = self._row(token)
        expires = self._check_claims(token.claims, row, called)
        self._check_signature(token, row)
        if row.certificates and not row.holds(certificate()):
            raise Refusal("client certificate missing or another")
        mark = hashlib.sha256(f"{row.issuer}\0{token.claims['jti']}".encode()).hexdigest()
        if self.seen_before(row.tenant, mark, expires):
            raise Refusal("token used before")
        return row

    def _row(self, token: Token) -> TrustedClient:
        issuer = token.claims.get("iss")
        row = self.table.get(issuer) if isinstance(issuer, str) else None
        if row is None:
            raise Refusal("unknown issuer")
        algorithm = token.header.get("alg")
        if algorithm not in row.algorithms or algorithm not in ALGORITHMS:
            raise Refusal("algorithm not allowed")
        if token.header.keys() & REFUSED or not isinstance(token.header.get("kid", ""), str):
            raise Refusal("header not understood")
        return row

    def _check_signature(self, token: Token, row: TrustedClient) -> None:
        """By the table's keys alone: none that the token brings or points to (`jwk`, `x5c`, `x5u`) is ever used."""
        header, algorithm = token.header, token.header["alg"]
        try:
            self.keys.verified(
                row, header.get("kid"), header.get("jku"), algorithm,
                lambda key: SIGNED.decode(token.text, key, algorithms=[algorithm]),
            )  # fmt: skip
        except KeyUnavailable as error:
            raise Refusal(str(error)) from None
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            reason = "signature does not fit" if isinstance(error, jwt.InvalidSignatureError) else type(error).__name__
            raise Refusal(reason) from None

    def _check_claims(self, claims: Mapping[str, Any], row: TrustedClient, called: tuple[str, str]) -> dt.datetime:
        """Issuer, audience and times, by our own clock. The moment after which the token is worth nothing."""
        if missing := [name for name in CLAIMS if claims.get(name) is None]:
            raise Refusal(f"claim missing: {missing[0]}")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        url, path = called
        accepted = {url, *row.audiences, *(f"{base}{path}" for base in row.audiences)} - {""}
        if not any(isinstance(audience, str) and audience in accepted for audience in audiences):
            raise Refusal("audience is not the URL called" if url else "base_url is not set, and this is no loopback")
        if row.subject and claims.get("sub") != row.subject:
            raise Refusal("subject not allowed")
        if not isinstance(claims["jti"], str) or not 0 < len(claims["jti"]) <= 512:
            raise Refusal("jti is no text")
        now = self.clock().timestamp()
        leeway = self.settings.token_leeway_seconds if row.leeway is None else row.leeway
        exp, iat, nbf = (_seconds(claims.get(name)) for name in ("exp", "iat", "nbf"))
        if exp is None or iat is None or ("nbf" in claims and nbf is None):
            raise Refusal("a time is no number")
        if exp + leeway <= now:
            raise Refusal("expired")
        if iat - leeway > now or (nbf is not None and nbf - leeway > now):
            raise Refusal("not yet valid")
        if exp - iat > self.settings.token_max_seconds:
            raise Refusal("valid for too long")
        return dt.datetime.fromtimestamp(exp + leeway, dt.UTC)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and 0 < len(token) <= MAX_TOKEN else None


def _issuer(text: str | None) -> str | None:
    """What the token says of its issuer; nobody has checked it."""
    try:
        issuer = read_token(text).claims.get("iss") if text else None
    except Unreadable:
        return None
    return issuer if isinstance(issuer, str) else None


def _seconds(value: Any) -> float | None:
    """A NumericDate within reason."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        return None
    return float(value)
