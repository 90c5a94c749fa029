"""The trust table: which clients may call, as whom, with which keys. One YAML file per site.

- issuer: https://ehr.example.org        # iss of its tokens
  tenant: example-hospital               # under this name everything is stored
  profile: full                          # one of clients.yaml
  algorithms: [RS384]                    # default: all asymmetric ones
  subject: imaging                       # sub of its tokens, where the site fixes one
  keys: [{kty: EC, crv: P-384, ...}]     # public keys by hand, or
  jku: [https://ehr.example.org/jwks]    # addresses its keys may be fetched from
  fhir_bases: [https://ehr.example.org/fhir]   # FHIR servers we may call for it; default: the setting
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near
from service.clients import OPEN_TENANT, load_profiles
from service.settings import Settings
from service.urls import Base, read_base

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones only: with a shared secret nobody could say who signed."""
KEYS = ("issuer", "tenant", "profile", "algorithms", "subject", "keys", "jku", "fhir_bases")
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_TENANT = re.compile(r"[a-z0-9][a-z0-9\-]{0,63}")


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """One row of the table."""

    issuer: str
    tenant: str
    profile: str = "full"
    algorithms: tuple[str, ...] = ALGORITHMS
    subject: str = ""
    keys: tuple[Mapping[str, Any], ...] = ()
    jku: tuple[str, ...] = ()
    bases: tuple[Base, ...] = ()


def load_trust(path: Path, settings: Settings) -> Mapping[str, TrustedClient]:
    """The table by issuer. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, list) or not raw:
        raise DataError(path, 1, "the file must be a list with at least one client.")
    rows: dict[str, TrustedClient] = {}
    for entry in raw:
        row = _row(path, entry, settings)
        if row.issuer in rows:
            raise DataError(path, entry.line("issuer"), "this issuer stands twice; keep one.")
        rows[row.issuer] = row
    return rows


def _row(path: Path, entry: Any, settings: Settings) -> TrustedClient:
    if not isinstance(entry, Lines):
        raise DataError(path, None, f"a client needs issuer, tenant and keys or jku; known: {', '.join(KEYS)}.")
    first = next(iter(entry.lines.values()), None)

    def stop(key: str, message: str) -> DataError:
        return DataError(path, entry.line(key) or first, message)

    for key in entry:
        if key not in KEYS:
            raise stop(key, f"`{key}` is no key of a client.{near(key, KEYS)}")
    issuer, tenant = entry.get("issuer"), entry.get("tenant")
    if not isinstance(issuer, str) or not issuer:
        raise stop("issuer", "`issuer` is needed, as text: the iss of the client's tokens.")
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant) or tenant == OPEN_TENANT:
        raise stop("tenant", f"`tenant` is needed: small letters, digits and hyphens, and not `{OPEN_TENANT}`.")
    profile = entry.get("profile", settings.default_profile)
    if profile not in load_profiles():
        raise stop("profile", f"`{profile}` is no client profile.{near(profile, load_profiles())}")
    algorithms = _texts(entry.get("algorithms", list(ALGORITHMS)))
    if not algorithms or not set(algorithms) <= set(ALGORITHMS):
        raise stop("algorithms", f"`algorithms` is a list of {', '.join(ALGORITHMS)}.")
    jku = _texts(entry.get("jku", []))
    if jku is None or any(_unsafe(url) for url in jku):
        raise stop("jku", "`jku` is a list of https URLs (http only for this machine itself).")
    keys = entry.get("keys", [])
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise stop("keys", "`keys` is a list of public keys (JWK).")
    if any(PRIVATE & key.keys() for key in keys):
        raise stop("keys", "`keys` holds a private or shared key; keep only the public part here.")
    if not keys and not jku:
        raise stop("issuer", "the client needs `keys` or `jku`, or its tokens could not be checked.")
    subject = entry.get("subject", "")
    bases = _texts(entry.get("fhir_bases", list(settings.fhir_bases)))
    read = [read_base(base) for base in bases] if bases is not None else [None]
    if not isinstance(subject, str) or None in read:
        raise stop("fhir_bases", "`fhir_bases` is a list of absolute URLs, `subject` is text.")
    return TrustedClient(
        issuer, tenant, profile, algorithms, subject, tuple(keys), jku, tuple(base for base in read if base)
    )


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list) and all(isinstance(v, str) and v for v in value) else None


def _unsafe(url: str) -> bool:
    base = read_base(url, query=True)
    return base is None or (base.scheme != "https" and base.host not in ("localhost", "127.0.0.1", "::1"))
