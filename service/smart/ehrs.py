"""The EHRs that may launch the app: one YAML file per site. Nobody else's launch is answered.

- iss: https://ehr.example.org/fhir        # FHIR base URL, as the EHR names itself in a launch
  tenant: example-hospital                 # as in the trust table
  client_id: imaging-cds                   # as the app is registered there
  key: ES384                               # the app signs with its key of this algorithm; left out: a public client
  scopes: [patient/Patient.r]              # beyond those of the launch itself, in the spelling of SMART 2
  ancestors: [https://ehr.example.org]     # web origins that may show the app in a frame; none: in no frame
  servers: [https://login.example.org]     # where it signs in and keeps its keys, where that is another host than iss
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near
from service.clients import OPEN_TENANT
from service.settings import Settings
from service.urls import Base, read_base

FIELDS = ("iss", "tenant", "client_id", "key", "scopes", "ancestors", "servers")
ALGORITHMS = ("ES384", "RS384")
CLIENT = "imaging-cds"
SCOPES = ("patient/Patient.r",)
"""What the app reads by itself: whose order it is, where the EHR does not show that."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NEARBY = ("'self'", "http://localhost:*", "http://127.0.0.1:*")
SCOPE = re.compile(r"(patient|user)/([A-Z][A-Za-z]+|\*)\.(?=[cruds])c?r?u?d?s?|messaging/(scratchpad|ui)")
CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Ehr:
    """One row: an EHR, by its FHIR base URL. ``key`` is the algorithm that we sign with, empty for a public client.

    ``named``: the site itself wrote the address, which is not so where any EHR may launch.
    """

    iss: str
    tenant: str
    client_id: str = CLIENT
    key: str = ""
    scopes: tuple[str, ...] = SCOPES
    ancestors: tuple[str, ...] = ()
    servers: tuple[Base, ...] = ()
    named: bool = True

    def below(self, url: str) -> Base | None:
        """The base on the allow-list that a URL which the EHR names lies below: its own host, or one of its servers."""
        target, own = read_base(url, query=True), read_base(self.iss)
        bases = (*((replace(own, path=()),) if own else ()), *self.servers)
        return next((base for base in bases if target is not None and base.holds(target)), None)


class Ehrs:
    """The allow-list. In open mode without a table the servers of `fhir_bases` are on it, as a public client's."""

    def __init__(self, rows: Collection[Ehr] = (), opened: Settings | None = None) -> None:
        self._rows = {base: ehr for ehr in rows if (base := read_base(ehr.iss))}
        self._opened = opened

    def __iter__(self) -> Iterator[Ehr]:
        yield from self._rows.values()
        if self._opened:
            yield from (self._nearby(url) for url in self._opened.fhir_bases if url != "*")

    def find(self, iss: str) -> Ehr | None:
        """The EHR of that base URL, compared whole; a slash at the end makes no difference."""
        base = read_base(iss)
        if base is None:
            return None
        if base in self._rows:
            return self._rows[base]
        settings = self._opened
        return self._nearby(iss) if settings and (settings.any_base or base in settings.bases) else None

    @property
    def any(self) -> bool:
        """Whether every EHR may launch: in open mode, where that was said."""
        return bool(self._opened and self._opened.any_base)

    @property
    def ancestors(self) -> tuple[str, ...]:
        """All who may frame some page of the app: for pages that say nothing."""
        return tuple(dict.fromkeys(origin for ehr in self for origin in ehr.ancestors)) or self._frames()

    def _nearby(self, iss: str) -> Ehr:
        base, settings = read_base(iss), self._opened
        named = base is not None and settings is not None and settings.names(base)
        return Ehr(iss.rstrip("/"), OPEN_TENANT, ancestors=self._frames(), named=named)

    def _frames(self) -> tuple[str, ...]:
        return (*NEARBY, *(o for o in self._opened.origins if o != "*")) if self._opened else ()


def load_ehrs(path: Path, tenants: Collection[str], algorithms: Collection[str]) -> list[Ehr]:
    """The table. ``algorithms`` are those that the app has a key for. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, list) or not raw:
        raise DataError(path, 1, "the file must be a list with at least one EHR.")
    rows: dict[Base, Ehr] = {}
    for entry in raw:
        ehr = _row(path, entry, tenants, algorithms)
        base = read_base(ehr.iss)
        if base is None or base in rows:
            raise DataError(path, entry.line("iss"), "this iss stands twice; keep one.")
        rows[base] = ehr
    return list(rows.values())


def _row(path: Path, entry: Any, tenants: Collection[str], algorithms: Collection[str]) -> Ehr:
    if not isinstance(entry, Lines):
        raise DataError(path, None, f"an EHR needs iss, tenant and client_id; known: {', '.join(FIELDS)}.")
    first = next(iter(entry.lines.values()), None)

    def stop(key: str, message: str) -> DataError:
        return DataError(path, entry.line(key) or first, message)

    for key in entry:
        if key not in FIELDS:
            raise stop(key, f"`{key}` is no key of an EHR.{near(key, FIELDS)}")
    iss, tenant, client_id = entry.get("iss"), entry.get("tenant"), entry.get("client_id")
    if not isinstance(iss, str) or not safe(iss):
        raise stop("iss", "`iss` is needed: the EHR's FHIR base URL, https (http only for this machine itself).")
    if tenant not in tenants:
        raise stop("tenant", f"`tenant` is needed, one of the trust table's: {', '.join(sorted(tenants))}.")
    if not isinstance(client_id, str) or not CLIENT_ID.fullmatch(client_id):
        raise stop("client_id", "`client_id` is needed: as the app is registered with the EHR.")
    algorithm = entry.get("key", "")
    if algorithm and algorithm not in ALGORITHMS:
        raise stop("key", f"`key` is one of {', '.join(ALGORITHMS)}, or left out for a public client.")
    if algorithm and algorithm not in algorithms:
        raise stop("key", f"the app has no {algorithm} key; make one with `imaging-cds app-keys`, see smart_keys_file.")
    scopes, ancestors = entry.get("scopes", list(SCOPES)), entry.get("ancestors", [])
    if not isinstance(scopes, list) or not all(isinstance(s, str) and SCOPE.fullmatch(s) for s in scopes):
        raise stop("scopes", "`scopes` is a list such as patient/Patient.r or patient/Observation.c.")
    if not isinstance(ancestors, list) or not all(isinstance(a, str) and is_origin(a) for a in ancestors):
        raise stop("ancestors", "`ancestors` is a list of web origins such as https://ehr.example.org, without path.")
    servers = entry.get("servers", [])
    if not isinstance(servers, list) or not all(isinstance(s, str) and safe(s) for s in servers):
        raise stop("servers", "`servers` is a list of https URLs such as https://login.example.org.")
    held = tuple(base for s in servers if (base := read_base(s)))
    return Ehr(iss.rstrip("/"), str(tenant), client_id, algorithm, tuple(scopes), tuple(ancestors), held)


def safe(url: str, *, query: bool = False) -> bool:
    """An absolute https URL; http for this machine itself."""
    base = read_base(url, query=query)
    return base is not None and (base.scheme == "https" or base.host in LOOPBACK)


def is_origin(text: str) -> bool:
    """Scheme, host and port, and nothing more: it goes into a header as it is."""
    return bool(re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", text)) and safe(text)


def tenants_of(settings: Settings, table: Mapping[str, Any]) -> frozenset[str]:
    """Whose EHRs there may be: the clients of the trust table."""
    return frozenset({OPEN_TENANT} if settings.open else (row.tenant for row in table.values()))
