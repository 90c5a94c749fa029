"""The chart: what prefetch brought, and from the client's FHIR server what it did not bring.

"There is none" and "could not be had" stay apart: only what was searched to the end may be silent.

The token goes to the client's own server and nowhere else: the base must be allowed for this client, next links must
lie within it, redirects are not followed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
import structlog

from hooks.errors import PatientMissing
from hooks.prefetch import Lean, Prefetched, State, read_prefetch, read_result
from hooks.request import HookRequest
from mappings import lean_types
from mappings.queries import QUERIES, TOKEN, Query
from service.clients import Client
from service.limits import limits_of
from service.outgoing import Outgoing, Unavailable
from service.settings import Settings
from service.urls import Base, read_base, within
from service.watch.metrics import fhir_called, outcome_of
from service.watch.traces import carried, took

log = structlog.get_logger("imaging_cds.fhir")

PATIENT = "patient"
ACCEPT = "application/fhir+json, application/json;q=0.5"


@dataclass(frozen=True, slots=True)
class Collected:
    """What was had. ``missing`` are the resource types whose silence means nothing, ``why`` one word per prefetch key
    (no-server, not-allowed, scope, timeout, http-403, ...), ``calls`` the number of FHIR calls tried.

    ``resources`` may hold None for each entry that was no resource, so that it can be set aside and counted, and what
    `mappings.read_in_full` has yet to read.
    """

    resources: tuple[Any, ...]
    missing: frozenset[str] = frozenset()
    why: Mapping[str, str] = field(default_factory=dict)
    calls: int = 0


@dataclass(frozen=True, slots=True)
class _Server:
    """Where and how one request's data may be fetched; ``named`` by the site itself, where not any server may be."""

    url: str
    base: Base
    named: bool
    headers: Mapping[str, str]


class FhirClient:
    """Fetches what prefetch lacks. One per process: its threads are reused, so make it after forking."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self._calls = settings, Outgoing(settings)
        self._pool = ThreadPoolExecutor(settings.fhir_connections, thread_name_prefix="fhir")

    def complete(self, request: HookRequest, queries: Mapping[str, Query], client: Client) -> Collected:
        """The chart for one request. Raises `PatientMissing` when there is no Patient; all else may be missing."""
        ends = time.monotonic() + self.settings.fhir_budget_seconds
        held = read_prefetch(request.prefetch, queries, lean(), limits_of(self.settings))
        lacking = {key for key, query in queries.items() if not _suffices(held[key], query, request.patient_id)}
        server = _server(request, client, self.settings)
        fetched: dict[Future[_Pages], str] = {}
        why: dict[str, str] = {}
        for key in sorted(lacking, key=lambda k: not queries[k].required):
            if reason := _barred(server, request, queries[key]):
                why[key] = reason
            elif isinstance(server, _Server):
                call = self._pool.submit(
                    carried(self._pages), server, queries[key], request.patient_id, held[key], ends
                )
                fetched[call] = key
        done, late = wait(fetched, timeout=max(0.0, ends - time.monotonic()))
        for call in late:
            call.cancel()
            why[fetched[call]] = "timeout"
        resources: list[Any] = []
        for key in queries:
            resources += [*held[key].resources, *[None] * held[key].broken]
        for call in done:
            pages = call.result()
            resources += [*pages.resources, *[None] * pages.broken]
            if pages.reason:
                why[fetched[call]] = pages.reason
        return _collected(resources, why, queries, request, len(fetched))

    def _pages(self, server: _Server, query: Query, patient_id: str, held: Prefetched, ends: float) -> _Pages:
        """One search to its end, or the rest of one that prefetch began. Never raises."""
        first = query.template.replace(TOKEN, quote(patient_id, safe=""))
        following = held.next_url if held.state is State.GIVEN else None
        url: str | None = within(server.base, f"{server.url}/", following) if following else f"{server.url}/{first}"
        pages = _Pages()
        visited: set[str] = set()
        while url is not None:
            if url in visited or len(visited) >= self.settings.fhir_max_pages:
                return pages.ended("too-many-pages")
            visited.add(url)
            try:
                result = self._read(server, url, ends)
            except Unavailable as error:
                return pages.ended(error.reason)
            pages.resources += result.resources
            pages.broken += result.broken
            if result.state in (State.FAILED, State.UNREADABLE, State.NULL):
                return pages.ended("not-fhir" if result.state is not State.FAILED else "outcome")
            if result.truncated:
                return pages.ended("truncated")
            if result.next_url is None:
                return pages
            url = within(server.base, url, result.next_url)
        return pages.ended("next-elsewhere")

    def _read(self, server: _Server, url: str, ends: float) -> Prefetched:
        settings = self.settings
        began, outcome = time.perf_counter(), "ok"
        try:
            body = self._calls.fetch(
                url,
                server.base,
                server.headers,
                settings.fhir_timeout_seconds,
                ends - time.monotonic(),
                settings.fhir_max_bytes,
                server.named,
            )
            return read_result(orjson.loads(body))
        except orjson.JSONDecodeError:
            outcome = "not-json"
            raise Unavailable(outcome) from None
        except Unavailable as error:
            outcome = error.reason
            raise
        finally:
            ended = time.perf_counter()
            fhir_called(outcome, ended - began)
            took("FHIR", began, ended, outcome=outcome_of(outcome))


@dataclass(slots=True)
class _Pages:
    """What one search brought so far; ``reason`` says why it is not whole."""

    resources: list[dict[str, Any]] = field(default_factory=list)
    broken: int = 0
    reason: str = ""

    def ended(self, reason: str) -> _Pages:
        self.reason = reason
        return self


@functools.cache
def lean() -> Mapping[str, Lean]:
    """How the chart that a prefetch key holds is read, with only what is looked at."""
    kinds = lean_types()
    return {key: Lean(*kinds[query.type]) for key, query in QUERIES.items() if query.type in kinds}


def _suffices(held: Prefetched, query: Query, patient_id: str) -> bool:
    """Whether prefetch answered this query for good. A search that null answers found nothing; a patient must be."""
    if query.required:
        return held.state is State.GIVEN and any(_is(r, query.type, patient_id) for r in held.resources)
    if (
        held.state is State.GIVEN
        and not held.lean
        and not any(r.get("resourceType") == query.type for r in held.resources)
    ):
        return False  # answered with something else
    return held.complete


def _is(resource: Any, kind: str, identity: str) -> bool:
    return isinstance(resource, dict) and resource.get("resourceType") == kind and resource.get("id") == identity


def _server(request: HookRequest, client: Client, settings: Settings) -> _Server | str:
    """The server to ask, or the reason why none may be asked."""
    if not client.profile.callbacks:
        return "no-callbacks"
    if request.fhir_server is None:
        return "no-server"
    base = read_base(request.fhir_server)
    if base is None or (client.bases is not None and not any(allowed.holds(base) for allowed in client.bases)):
        return "not-allowed"
    headers = {"Accept": ACCEPT}
    if request.fhir_authorization is not None:
        headers["Authorization"] = f"Bearer {request.fhir_authorization.access_token}"
    named = client.bases is not None or settings.names(base)
    return _Server(request.fhir_server.rstrip("/"), base, named, headers)


def _barred(server: _Server | str, request: HookRequest, query: Query) -> str | None:
    """Why this query is not to be tried."""
    if isinstance(server, str):
        return server
    token = request.fhir_authorization
    if token is None:
        return None
    return None if token.may_search(query.type) else "scope"


def _collected(
    resources: list[Any],
    why: Mapping[str, str],
    queries: Mapping[str, Query],
    request: HookRequest,
    calls: int,
) -> Collected:
    for key, reason in why.items():
        log.warning("not_had", key=key, reason=reason)
    patient = queries[PATIENT]
    if not any(_is(r, patient.type, request.patient_id) for r in resources):
        raise PatientMissing(PATIENT)
    missing = frozenset(queries[key].type for key in why if not queries[key].required)
    return Collected(tuple(resources), missing, why, calls)
