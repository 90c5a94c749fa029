"""The OAuth of a launch, done by Authlib over our own careful calls: code with PKCE, token, refresh."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from authlib.oauth2 import OAuth2Client, OAuth2Error
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from service.outgoing import Outgoing, Unavailable
from service.settings import Clock, Settings
from service.smart import scopes
from service.smart.configuration import Configuration
from service.smart.ehrs import Ehr
from service.smart.keys import AppKeys

MAX_BYTES = 200_000
ASSERTED = dt.timedelta(minutes=4)
"""How long our signed word of who we are is good: SMART allows five minutes."""
GRANTED_FOR = 300
"""Seconds that a token is used for where the EHR does not say how long it lasts."""

Token = Mapping[str, Any]


class NotGranted(Exception):
    """The EHR gave no usable token; ``reason`` is a word for the log, nothing of what was sent or received."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Going:
    """What the EHR's sign-in page is to be told: ``state``, ``verifier`` and ``nonce`` are secrets of this launch."""

    state: str
    verifier: str
    nonce: str
    launch: str = ""


class Authorization:
    """Talks to the EHRs' authorization servers as the registered client."""

    def __init__(self, settings: Settings, keys: AppKeys, clock: Clock) -> None:
        self._settings, self._keys, self._clock = settings, keys, clock
        self._calls = Outgoing(settings)

    def address(self, ehr: Ehr, at: Configuration, going: Going, redirect_uri: str) -> str:
        """Where the browser is sent to sign in. `aud` says for whose data: a stranger's server cannot use the token."""
        scope = scopes.asked(ehr.scopes, from_ehr=bool(going.launch), version_2=at.version_2)
        more = {"launch": going.launch} if going.launch else {}
        url: str
        url, _ = self._client(ehr, redirect_uri).create_authorization_url(
            at.authorize, state=going.state, code_verifier=going.verifier, scope=scope, aud=ehr.iss, nonce=going.nonce,
            **more,
        )  # fmt: skip
        return url

    def redeem(self, ehr: Ehr, at: Configuration, code: str, verifier: str, redirect_uri: str) -> Token:
        """The tokens for a code. Raises `NotGranted`."""
        client = self._client(ehr, redirect_uri)
        return _granted(
            lambda: client.fetch_token(at.token, grant_type="authorization_code", code=code, code_verifier=verifier)
        )

    def refresh(self, ehr: Ehr, at: Configuration, refresh_token: str) -> Token:
        """New tokens for old. Raises `NotGranted`."""
        client = self._client(ehr, "")
        return _granted(lambda: client.refresh_token(at.token, refresh_token=refresh_token))

    def _client(self, ehr: Ehr, redirect_uri: str) -> OAuth2Client:
        client = OAuth2Client(
            session=_Calls(self._calls, ehr, self._settings.fhir_timeout_seconds),
            client_id=ehr.client_id,
            client_secret=self._keys.signing(ehr.key) if ehr.key else None,
            token_endpoint_auth_method="private_key_jwt" if ehr.key else "none",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        if ehr.key:
            client.register_client_auth_method(self._signed(ehr))
        return client

    def _signed(self, ehr: Ehr) -> PrivateKeyJWT:
        """Our word of who we are. Made anew for every call: it is good once."""
        key, now = self._keys.signing(ehr.key), self._clock()
        times = {"iat": int(now.timestamp()), "exp": int((now + ASSERTED).timestamp())}
        return PrivateKeyJWT(claims=times, headers={"typ": "JWT", "kid": key.kid if key else ""}, alg=ehr.key)


def _granted(call: Callable[[], Any]) -> Token:
    try:
        token = dict(call())
    except Unavailable as error:
        raise NotGranted(error.reason) from None
    except OAuth2Error as error:  # its description may hold anything
        known = {"invalid_grant", "invalid_client", "invalid_request", "unauthorized_client", "invalid_scope"}
        raise NotGranted(str(error.error) if error.error in known else "refused") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotGranted("unreadable") from None
    kind, access = token.get("token_type"), token.get("access_token")
    if not isinstance(access, str) or not access or not isinstance(kind, str) or kind.lower() != "bearer":
        raise NotGranted("no bearer token")
    return token


class _Calls:
    """What Authlib sends by: one POST, as careful as all our calls, to the EHR's own servers."""

    def __init__(self, calls: Outgoing, ehr: Ehr, timeout: float) -> None:
        self._calls, self._ehr, self._timeout = calls, ehr, timeout

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _Reply:
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        below, named = self._ehr.below(url), self._ehr.named
        status, content = self._calls.post(url, below, headers, body, self._timeout, MAX_BYTES, named)
        return _Reply(status, content)


@dataclass(frozen=True, slots=True)
class _Reply:
    status_code: int
    content: bytes

    def json(self) -> Any:
        return orjson.loads(self.content)

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise Unavailable(f"http-{self.status_code}")
