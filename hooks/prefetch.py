"""What a client's prefetch really says, key by key.

A key may hold data, say that there is none (null, an empty Bundle), report a failure (OperationOutcome, alone or
inside a Bundle), be absent, hold only the first page, or hold something that is no FHIR at all. "None" and "could not
be had" are never mixed up: the first makes a fact false, the second leaves it unknown.

A searchset as nearly all are is read straight out of its JSON, with only what is looked at of each resource; whatever
is not in order there is read whole.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Literal, TypedDict, TypeVar

import msgspec

from hooks.body import DEFAULT, Limits

Kind = TypeVar("Kind")


class State(enum.StrEnum):
    GIVEN = "given"
    EMPTY = "empty"  # a Bundle that found nothing
    NULL = "null"  # asked, and there is nothing
    FAILED = "failed"  # an OperationOutcome with an error
    ABSENT = "absent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Prefetched:
    """One key. ``next_url`` leads to the following page; ``broken`` counts entries that are no resource;
    ``truncated`` means that the Bundle's total is more than arrived and no next page is named; ``lean`` that all are of
    the type that was asked for, with only what is looked at."""

    state: State
    resources: tuple[Any, ...] = ()
    next_url: str | None = None
    broken: int = 0
    truncated: bool = False
    lean: bool = False

    @property
    def complete(self) -> bool:
        """True when all there is has arrived, so that silence means "no"."""
        known = self.state in (State.GIVEN, State.EMPTY, State.NULL)
        return known and self.next_url is None and not self.truncated


class Lean:
    """How the resources of one type are read with only what is looked at.

    ``kind`` is the type of one resource that msgspec reads, ``made`` makes of all of them what the readers get; either
    raises `msgspec.ValidationError` for what is not in order.
    """

    def __init__(self, kind: Any, made: Callable[[list[Any]], Sequence[Any]]) -> None:
        self.made = made
        self.bundle = msgspec.json.Decoder(_Bundle[kind])

    def read(self, text: msgspec.Raw, most: int) -> Prefetched | None:
        """A searchset; None where not all is in order."""
        try:
            bundle = self.bundle.decode(text)
            if len(bundle.entry) > most:
                return None
            resources = self.made([entry.resource for entry in bundle.entry])
        except (msgspec.MsgspecError, RecursionError):
            return None
        following = next((link.get("url") or None for link in bundle.link if link.get("relation") == "next"), None)
        included = sum(entry.search is not None and entry.search.get("mode") == "include" for entry in bundle.entry)
        missing = bundle.total is not None and bundle.total > len(bundle.entry) - included
        state = State.GIVEN if bundle.entry else State.EMPTY
        return Prefetched(state, tuple(resources), following, 0, missing and following is None, lean=True)


class _Search(TypedDict, total=False):
    mode: str


class _Link(TypedDict, total=False):
    relation: str
    url: str


class _Entry(msgspec.Struct, Generic[Kind], gc=False):
    resource: Kind
    search: _Search | None = None


class _Bundle(msgspec.Struct, Generic[Kind], gc=False):
    resourceType: Literal["Bundle"]
    entry: list[_Entry[Kind]] = []
    link: list[_Link] = []
    total: int | None = None


ABSENT = Prefetched(State.ABSENT)


def read_prefetch(
    prefetch: Mapping[str, object], keys: Iterable[str], lean: Mapping[str, Lean] | None = None,
    limits: Limits = DEFAULT,
) -> Mapping[str, Prefetched]:  # fmt: skip
    """The state of each of ``keys``; what else the client sent is ignored. ``lean``: how a key can be read so."""
    ways = lean or {}
    held = {key: _result(prefetch[key], ways.get(key), limits) for key in keys if key in prefetch}
    return MappingProxyType({key: held.get(key, ABSENT) for key in keys})


def _result(value: object, lean: Lean | None, limits: Limits) -> Prefetched:
    if not isinstance(value, msgspec.Raw):
        return read_result(value)
    found = lean.read(value, limits.entries) if lean else None
    return read_result(limits.parse(value)) if found is None else found


def read_result(value: object) -> Prefetched:
    """One result of a read or a search, from prefetch or from a FHIR server."""
    if value is None:
        return Prefetched(State.NULL)
    if not isinstance(value, dict):
        return Prefetched(State.UNREADABLE)
    kind = value.get("resourceType")
    if kind == "OperationOutcome":
        return Prefetched(State.FAILED)
    if kind == "Bundle":
        return _bundle(value)
    if isinstance(kind, str) and kind:
        return Prefetched(State.GIVEN, (value,))
    return Prefetched(State.UNREADABLE)


def _bundle(bundle: dict[str, Any]) -> Prefetched:
    entries = bundle.get("entry")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        return Prefetched(State.UNREADABLE)
    resources: list[dict[str, Any]] = []
    broken = included = 0
    failed = False
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            broken += 1
        elif resource["resourceType"] == "OperationOutcome":
            failed = failed or _is_error(resource)
        else:
            resources.append(resource)
            search = entry.get("search")
            included += isinstance(search, dict) and search.get("mode") == "include"
    following = _next(bundle)
    total = bundle.get("total")
    counted = isinstance(total, int) and not isinstance(total, bool)
    missing = counted and total > len(resources) - included + broken  # type: ignore[operator]
    if failed:
        state = State.FAILED
    elif broken and not resources:
        state = State.UNREADABLE
    else:
        state = State.GIVEN if resources else State.EMPTY
    return Prefetched(state, tuple(resources), following, broken, bool(missing and following is None))


def _is_error(outcome: dict[str, Any]) -> bool:
    """A warning beside results is a remark; an error, or an outcome without readable issues, is a failure."""
    issues = outcome.get("issue")
    severities = [i.get("severity") for i in issues if isinstance(i, dict)] if isinstance(issues, list) else []
    return not severities or any(s not in ("warning", "information", "success") for s in severities)


def _next(bundle: dict[str, Any]) -> str | None:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) and url else None
    return None
