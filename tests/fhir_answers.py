"""What the FHIR server of the tests answers, and how an answer is spoilt on demand. For tests only."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.fhir_search import PARAMETERS, BadQuery, Json, Parameter, at, matches, read_parameter, sort

RESULT_PARAMETERS = {"_count", "_sort", "_include", "_total", "_summary", "_format", "_pretty", "_elements"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong at requests whose path and query match ``path`` (a regular expression).

    kind: delay (``seconds`` late) | drip (byte by byte) | status (``code``) | redirect (to ``location``) | truncated
    | html | empty | array | outcome (an error with HTTP 200) | endless (always a next page) | loop (next is itself)
    | elsewhere (next is at ``location``) | wrong_patient (everything is about somebody else)
    | lost_link (no next, though the total says that there is more)
    """

    path: str
    kind: str
    seconds: float = 0.0
    code: int = 500
    location: str = ""


@dataclass
class Held:
    """One server: what it holds, who may read it and what is wrong with it."""

    base: str
    resources: list[Json]
    token: str | None = None
    faults: list[Fault] = field(default_factory=list)
    page_size: int = 20
    largest_page: int = 1000
    strict: bool = False
    calls: list[Json] = field(default_factory=list)
    pages: dict[str, tuple[list[Json], str]] = field(default_factory=dict)


def outcome(code: str, text: str, severity: str = "error") -> Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code, "diagnostics": text}]}


class Refused(Exception):
    """An answer that is an OperationOutcome."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.body = status, outcome(code, text)


# --- what a server answers


def read(held: Held, resource_type: str, identity: str) -> Json:
    for resource in held.resources:
        if resource.get("resourceType") == resource_type and resource.get("id") == identity:
            return resource
    raise Refused(404, "not-found", f"no such {resource_type}")


def search(held: Held, resource_type: str, query: Sequence[tuple[str, str]], strict: bool) -> Json:
    """The searchset Bundle for a type search. Raises `Refused`."""
    filters: list[Parameter] = []
    used: list[tuple[str, str]] = []
    ignored: list[str] = []
    asked = dict(query)
    try:
        for name, value in query:
            if name in RESULT_PARAMETERS:
                used.append((name, value))
            elif value == "":
                ignored.append(name)
            elif parameter := read_parameter(resource_type, name, value):
                filters.append(parameter)
                used.append((name, value))
            elif strict:
                raise Refused(400, "not-supported", f"unknown search parameter {name}")
            else:
                ignored.append(name)
        found = [r for r in held.resources if r.get("resourceType") == resource_type]
        found = [r for r in found if all(matches(r, p, held.base) for p in filters)]
        if "_sort" in asked:
            found = sort(resource_type, found, asked["_sort"])
        count = int(asked["_count"]) if re.fullmatch(r"\d{1,6}", asked.get("_count", "")) else None
        if "_count" in asked and count is None:
            raise BadQuery("_count is a whole number")
    except BadQuery as error:
        raise Refused(400, "invalid", str(error)) from None
    self_url = f"{held.base}/{resource_type}?{urlencode(used)}"
    if count == 0 or asked.get("_summary") == "count":
        return {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": [_link("self", self_url)]}
    entries = [_entry(held, r, "match") for r in found]
    size = min(count or held.page_size, held.largest_page)
    handle = uuid.uuid4().hex
    held.pages[handle] = (entries, self_url)
    extra = _included(held, found[:size], [v for n, v in query if n == "_include"])
    if ignored:
        remark = outcome("not-supported", f"ignored: {', '.join(ignored)}", "warning")
        extra.append({"resource": remark, "search": {"mode": "outcome"}})
    return page(held, handle, 0, size, extra)


def page(held: Held, handle: str, offset: int, size: int, extra: Sequence[Json] = ()) -> Json:
    """One page of a search that was begun; later pages come from the same answer. Raises `Refused`."""
    if handle not in held.pages:
        raise Refused(410, "not-found", "this search has expired")
    entries, self_url = held.pages[handle]
    links = [_link("self", self_url)]
    if offset + size < len(entries):
        following = {"_getpages": handle, "_getpagesoffset": offset + size, "_count": size}
        links.append(_link("next", f"{held.base}?{urlencode(following)}"))
    bundle: Json = {"resourceType": "Bundle", "id": handle, "type": "searchset", "total": len(entries), "link": links}
    if shown := [*entries[offset : offset + size], *extra]:
        bundle["entry"] = shown
    return bundle


def _link(relation: str, url: str) -> Json:
    return {"relation": relation, "url": url}


def _entry(held: Held, resource: Json, mode: str) -> Json:
    return {
        "fullUrl": f"{held.base}/{resource['resourceType']}/{resource['id']}",
        "resource": resource,
        "search": {"mode": mode},
    }


def _included(held: Held, found: Iterable[Json], rules: Iterable[str]) -> list[Json]:
    """Entries for `_include=Type:parameter`."""
    wanted: dict[str, None] = {}
    for rule in rules:
        resource_type, _, name = rule.partition(":")
        kind, elements = PARAMETERS.get(resource_type, {}).get(name.split(":")[0], ("", ()))
        if kind in ("reference", "patient"):
            for resource in found:
                for element in elements:
                    wanted |= dict.fromkeys(str(v) for v in at(resource, f"{element}.reference"))
    local = {r.removeprefix(f"{held.base}/") for r in wanted}
    return [_entry(held, r, "include") for r in held.resources if f"{r['resourceType']}/{r.get('id')}" in local]


def capability(held: Held) -> Json:
    kinds = {"patient": "reference"}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "implementation": {"description": "test double", "url": held.base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": resource_type,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [{"name": n, "type": kinds.get(k, k)} for n, (k, _) in parameters.items()],
                    }
                    for resource_type, parameters in PARAMETERS.items()
                ],
            }
        ],
    }


# --- spoilt answers


def spoil(held: Held, answer: Json, fault: Fault, asked: str) -> Any:
    """An answer with something wrong in it; the resources of the server stay as they are."""
    answer = json.loads(json.dumps(answer))
    if fault.kind == "array":
        return [answer]
    if fault.kind == "outcome":
        return outcome("exception", "the test wants it so")
    if fault.kind == "wrong_patient":
        text = re.sub(r'"reference": "Patient/[^"]+"', '"reference": "Patient/somebody-else"', json.dumps(answer))
        answer = json.loads(text)
        if answer["resourceType"] == "Patient":
            answer["id"] = "somebody-else"
        return answer
    if answer["resourceType"] != "Bundle":
        return answer
    links = [link for link in answer.get("link", []) if link["relation"] != "next"]
    if fault.kind == "endless":
        plain = re.sub(r"[?&]page=[^&]*", "", asked)
        links.append(_link("next", f"{held.base}/{plain}{'&' if '?' in plain else '?'}page={uuid.uuid4().hex}"))
    elif fault.kind == "loop":
        links.append(_link("next", f"{held.base}/{asked}"))
    elif fault.kind == "elsewhere":
        links.append(_link("next", fault.location))
    elif fault.kind != "lost_link":
        return answer
    answer["link"] = links
    return answer
