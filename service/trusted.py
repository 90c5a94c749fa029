"""The trust table: which clients may call, as whom, with which keys. One YAML file per site (docs/callers.md).

- issuer: https://ehr.example.org        # iss of its tokens
  tenant: example-hospital               # under this name everything is stored
  profile: full                          # one of clients.yaml
  algorithms: [RS384]                    # default: all asymmetric ones
  subject: imaging                       # sub of its tokens, where the site fixes one
  keys: [{kty: EC, crv: P-384, ...}]     # public keys by hand, or
  jku: [https://ehr.example.org/jwks]    # addresses its keys may be fetched from
  audiences: [https://cds.hospital.local]      # what its tokens may be made out to, beside the public URL
  leeway_seconds: 60                     # how far its clock may be off; default: the setting
  certificate: [AB:12:...]               # its TLS certificate: SHA-256 fingerprint, or subject (CN=ehr,O=Hospital)
  fhir_bases: [https://ehr.example.org/fhir]   # FHIR servers we may call for it; default: the setting
  policy: healthhelp                     # which policy speaks where the payer is unknown; default: default
  rate: 6000/minute                      # calls it may make; default: the setting
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near
from service.certificates import Certificate, read_fingerprint
from service.clients import OPEN_TENANT, load_profiles
from service.jwk import ALGORITHMS, fault
from service.settings import LOOPBACK, Settings, read_rate
from service.urls import Base, read_base

KEYS = (
    "issuer", "tenant", "profile", "algorithms", "subject", "keys", "jku", "audiences", "leeway_seconds", "certificate",
    "fhir_bases", "policy", "rate",
)  # fmt: skip
MOST_LEEWAY = 300
_TENANT = re.compile(r"[a-z0-9][a-z0-9\-]{0,63}")


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """One row of the table. ``named``: the site itself wrote where its keys are."""

    issuer: str
    tenant: str
    profile: str = "full"
    algorithms: tuple[str, ...] = ALGORITHMS
    subject: str = ""
    keys: tuple[Mapping[str, Any], ...] = ()
    jku: tuple[str, ...] = ()
    bases: tuple[Base, ...] = ()
    audiences: tuple[str, ...] = ()
    leeway: int | None = None
    certificates: tuple[str, ...] = ()
    policy: str = ""
    rate: str = ""
    named: bool = True

    def holds(self, certificate: Certificate | None) -> bool:
        """Whether this is the client's certificate."""
        if certificate is None:
            return False
        return any(
            certificate.fingerprint == digits if (digits := read_fingerprint(known)) else certificate.subject == known
            for known in self.certificates
        )


def load_trust(path: Path, settings: Settings, policies: Collection[str] | None = None) -> Mapping[str, TrustedClient]:
    """The table by issuer. ``policies`` are those that there are. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, list) or not raw:
        raise DataError(path, 1, "the file must be a list with at least one client.")
    rows: dict[str, TrustedClient] = {}
    for entry in raw:
        if not isinstance(entry, Lines):
            raise DataError(path, None, f"a client needs issuer, tenant and keys or jku; known: {', '.join(KEYS)}.")
        row = _row(_Entry(path, entry), settings, policies)
        if row.issuer in rows:
            raise DataError(path, entry.line("issuer"), "this issuer stands twice; keep one.")
        rows[row.issuer] = row
    return rows


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row as it is written."""

    path: Path
    raw: Lines

    def stop(self, key: str, message: str) -> DataError:
        return DataError(self.path, self.raw.line(key) or next(iter(self.raw.lines.values()), None), message)

    def text(self, key: str, default: str, good: Callable[[str], object], message: str) -> str:
        value = self.raw.get(key, default)
        if not isinstance(value, str) or (value != default and not good(value)):
            raise self.stop(key, message)
        return value

    def texts(self, key: str, default: Collection[str], good: Callable[[str], object], message: str) -> tuple[str, ...]:
        value = self.raw.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(v, str) and v and good(v) for v in value):
            raise self.stop(key, message)
        return tuple(value)


def _row(entry: _Entry, settings: Settings, policies: Collection[str] | None) -> TrustedClient:
    for key in entry.raw:
        if key not in KEYS:
            raise entry.stop(key, f"`{key}` is no key of a client.{near(key, KEYS)}")
    issuer = entry.text("issuer", "", bool, "`issuer` is needed, as text: the iss of the client's tokens.")
    if not issuer:
        raise entry.stop("issuer", "`issuer` is needed, as text: the iss of the client's tokens.")
    tenant = entry.raw.get("tenant")
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant) or tenant == OPEN_TENANT:
        raise entry.stop("tenant", f"`tenant` is needed: small letters, digits and hyphens, and not `{OPEN_TENANT}`.")
    profile = entry.raw.get("profile", settings.default_profile)
    if profile not in load_profiles():
        raise entry.stop("profile", f"`{profile}` is no client profile.{near(profile, load_profiles())}")
    algorithms = entry.texts(
        "algorithms", ALGORITHMS, ALGORITHMS.__contains__, f"`algorithms` is a list of {', '.join(ALGORITHMS)}."
    )
    if not algorithms:
        raise entry.stop("algorithms", f"`algorithms` is a list of {', '.join(ALGORITHMS)}.")
    jku = entry.texts("jku", (), _safe, "`jku` is a list of https URLs (http only for this machine itself).")
    keys = _keys(entry)
    if not keys and not jku:
        raise entry.stop("issuer", "the client needs `keys` or `jku`, or its tokens could not be checked.")
    policy = entry.text("policy", "", bool, "`policy` is the name of a policy.")
    if policy and policies is not None and policy not in policies:
        raise entry.stop("policy", f"`{policy}` is no policy.{near(policy, policies)}")
    bases = entry.texts("fhir_bases", settings.fhir_bases, read_base, "`fhir_bases` is a list of absolute URLs.")
    return TrustedClient(
        issuer, tenant, profile, algorithms,
        entry.text("subject", "", bool, "`subject` is text."),
        keys, jku,
        tuple(base for url in bases if (base := read_base(url))),
        entry.texts("audiences", (), read_base, "`audiences` is a list of URLs that the client knows the service by."),
        _leeway(entry),
        _certificates(entry, settings),
        policy,
        entry.text("rate", "", read_rate, "`rate` is calls by time, such as 6000/minute."),
    )  # fmt: skip


def _keys(entry: _Entry) -> tuple[Mapping[str, Any], ...]:
    keys = entry.raw.get("keys", [])
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise entry.stop("keys", "`keys` is a list of public keys (JWK).")
    for key in keys:
        if found := fault(key):
            raise entry.stop(
                "keys", f"a key in `keys` is no good: {found}. Public keys only: EC, RSA from 2048 bits, EdDSA."
            )
    return tuple(keys)


def _leeway(entry: _Entry) -> int | None:
    value = entry.raw.get("leeway_seconds")
    if value is not None and (type(value) is not int or not 0 <= value <= MOST_LEEWAY):
        raise entry.stop("leeway_seconds", f"`leeway_seconds` is a whole number from 0 to {MOST_LEEWAY}.")
    return value


def _certificates(entry: _Entry, settings: Settings) -> tuple[str, ...]:
    good = "`certificate` is a list of SHA-256 fingerprints (AB:12:...), or of subjects such as CN=ehr,O=Hospital."
    found = entry.texts("certificate", (), lambda text: read_fingerprint(text) or "=" in text, good)
    if found and not (settings.client_certificate_header and settings.trusted_proxies):
        raise entry.stop(
            "certificate", "`certificate` needs the settings client_certificate_header and trusted_proxies, or nobody"
            " could show one.",
        )  # fmt: skip
    return found


def _safe(url: str) -> bool:
    base = read_base(url, query=True)
    return base is not None and (base.scheme == "https" or base.host in LOOPBACK)
