"""What an EHR says of its authorization server: `/.well-known/smart-configuration` below its FHIR base URL."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from service.outgoing import Outgoing, Unavailable
from service.settings import Settings
from service.smart.ehrs import Ehr, safe
from service.urls import read_base

WELL_KNOWN = "/.well-known/smart-configuration"
MAX_BYTES = 200_000
AGAIN_AFTER = 10.0
"""Seconds between two tries at an EHR that could not be used, so that launches cannot make us a source of traffic."""
CAPABILITY_2 = "permission-v2"
SCOPE_2 = re.compile(r"(patient|user|system)/[^/]+\.(?=[cruds])c?r?u?d?s?(\?.*)?")


class Unusable(Exception):
    """The EHR cannot be used for a launch; ``reason`` is a few words for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Configuration:
    """``version_2``: it reads the scopes of SMART 2. ``names_itself``: it says in its answers who it is (RFC 9207)."""

    authorize: str
    token: str
    issuer: str = ""
    jwks: str = ""
    version_2: bool = True
    names_itself: bool = False


class Configurations:
    """Each EHR's configuration, for as long as fetched keys are used. ``now`` counts seconds."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._now, self._calls = settings, now, Outgoing(settings)
        self._held: dict[str, tuple[float, Configuration | Unusable]] = {}
        self._lock = threading.Lock()

    def of(self, ehr: Ehr) -> Configuration:
        """Raises `Unusable`."""
        with self._lock:
            fetched, held = self._held.get(ehr.iss, (0.0, None))
        lasts = AGAIN_AFTER if isinstance(held, Unusable) else self._settings.jwks_max_age_seconds
        if held is None or self._now() - fetched > lasts:
            held = self._fetched(ehr)
            with self._lock:
                self._held[ehr.iss] = (self._now(), held)
        if isinstance(held, Unusable):
            raise Unusable(held.reason)
        return held

    def _fetched(self, ehr: Ehr) -> Configuration | Unusable:
        timeout = self._settings.fhir_timeout_seconds
        accept = {"Accept": "application/json"}
        try:
            url, base = f"{ehr.iss}{WELL_KNOWN}", read_base(ehr.iss)
            body = self._calls.fetch(url, base, accept, timeout, timeout, MAX_BYTES, ehr.named)
            found = read_configuration(orjson.loads(body))
        except Unavailable as error:
            return Unusable(error.reason)
        except orjson.JSONDecodeError:
            return Unusable("not-json")
        except Unusable as error:
            return error
        if any(url and ehr.below(url) is None for url in (found.authorize, found.token, found.jwks)):
            return Unusable("an endpoint on a host that is not among the EHR's servers")
        return found


def read_configuration(body: Any) -> Configuration:
    """Raises `Unusable` for what lacks the code flow with PKCE S256, or sends us where tokens would not be safe."""
    if not isinstance(body, dict):
        raise Unusable("no object")
    authorize, token = (_url(body, name, query=True) for name in ("authorization_endpoint", "token_endpoint"))
    if not authorize or not token:
        raise Unusable("no safe authorization and token endpoints")
    methods = body.get("code_challenge_methods_supported")
    if methods is not None and "S256" not in _texts(methods):
        raise Unusable("no S256")
    issuer = body.get("issuer")
    capabilities, scopes = _texts(body.get("capabilities")), _texts(body.get("scopes_supported"))
    return Configuration(
        authorize,
        token,
        issuer if isinstance(issuer, str) else "",
        _url(body, "jwks_uri", query=True),
        CAPABILITY_2 in capabilities or any(SCOPE_2.fullmatch(s) for s in scopes),
        body.get("authorization_response_iss_parameter_supported") is True,
    )


def _url(body: dict[str, Any], name: str, *, query: bool) -> str:
    value = body.get(name)
    return value if isinstance(value, str) and safe(value, query=query) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()
