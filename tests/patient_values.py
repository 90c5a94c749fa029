"""What in a FHIR request says who a patient is, and whether it is found anywhere that it should not be.

Values are collected by what an element is, not by name of a fixture: identities, names, addresses, numbers and days of
birth of persons, ids of the orders and of the visit, and everything that is free text. (References of what else is in
the chart may be kept, and are: fields.yaml.) `marked` adds to a request what
fixtures leave out (addresses, telephones, notes of every resource), each value one that is found nowhere else.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

PERSONS = frozenset({"Patient", "Person", "Practitioner", "PractitionerRole", "RelatedPerson"})
OF_PERSONS = frozenset(
    {
        "name",
        "telecom",
        "address",
        "birthDate",
        "contact",
        "photo",
        "maritalStatus",
        "identifier",
        "text",
        "deceasedDateTime",
    }
)
FREE_TEXT = frozenset(
    {
        "text", "div", "comment", "userComment", "valueString", "valueMarkdown", "title", "description", "conclusion",
        "patientInstruction", "contentString", "authorString", "note", "asNeededText", "additionalInstruction",
    }
)  # fmt: skip
CODES = frozenset({"system", "use", "type", "assigner", "period", "code"})
"""Elements within a person's data that say what kind of value it is."""
SHORT = 8
"""Below so many characters a value counts only where it stands alone."""
LEAST, LEAST_RAW, LEAST_DIGITS = 3, 4, 5
REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]+)$")

MARK = re.compile(r"zq[A-Za-z]+[0-9]{5}qz")
"""What `mark` makes, also in the middle of a word."""

_numbers = itertools.count(1)


def values_of(value: Any, drafts: bool = False) -> Iterator[str]:
    """Every telling string of a request, a chart or a feedback call."""
    if isinstance(value, list):
        for part in value:
            yield from values_of(part, drafts)
    if not isinstance(value, dict):
        return
    kind = value.get("resourceType")
    identity = value.get("id")
    if isinstance(identity, str) and (kind in PERSONS or (drafts and kind)):
        yield identity
    for key, held in value.items():
        if (kind in PERSONS and key in OF_PERSONS) or key in FREE_TEXT:
            yield from _leaves(held)
        elif key in ("patientId", "userId", "encounterId") and isinstance(held, str):
            yield held.rpartition("/")[2]
        elif key == "reference" and isinstance(held, str):
            found = REFERENCE.search(held)
            if found and found[1] in PERSONS:
                yield found[2]
        elif key == "display" and "reference" in value:
            yield from _leaves(held)
        elif key == "identifier":
            yield from (
                (v for i in held if isinstance(i, dict) for v in _leaves(i.get("value")))
                if isinstance(held, list)
                else ()
            )
        yield from values_of(held, drafts or key == "draftOrders")


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key not in CODES:
                yield from _leaves(part)


def telling(values: Iterator[str]) -> set[str]:
    """Without what is so short that it stands anywhere, such as the number of a line or of milliseconds."""
    stripped = (value.strip() for value in values)
    return {text for text in stripped if len(text) >= (LEAST_DIGITS if text.isdecimal() else LEAST)}


class Scanner:
    """Looks for values as they are, as JSON writes them, and as an address does."""

    def __init__(self, values: set[str]) -> None:
        self.shapes: dict[str, str] = {}
        for value in values:
            for shape in (
                value,
                json.dumps(value)[1:-1],
                json.dumps(value, ensure_ascii=False)[1:-1],
                quote(value, safe=""),
            ):
                self.shapes[shape] = value

    def found_in(self, text: str | bytes) -> set[str]:
        """Bytes of a file put one column right after another: there a value need not stand alone."""
        raw = isinstance(text, bytes)
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        marks = set(MARK.findall(text))
        return {
            value
            for shape, value in self.shapes.items()
            if (marks >= its if (its := set(MARK.findall(shape))) else _stands_in(shape, text, raw))
        }

    def found(self, places: Mapping[str, str | bytes]) -> dict[str, set[str]]:
        """Place -> the values found there; nothing for a place that is clean."""
        return {place: values for place, text in places.items() if (values := self.found_in(text))}


def _stands_in(shape: str, text: str, raw: bool) -> bool:
    if shape not in text:
        return False
    alone = len(shape) < (LEAST_RAW if raw else SHORT)
    return not alone or re.search(rf"(?<![A-Za-z0-9]){re.escape(shape)}(?![A-Za-z0-9])", text) is not None


def mark(what: str) -> str:
    """A value found nowhere else, shaped as an id may be."""
    return f"zq{what}{next(_numbers):05d}qz"


def marked(body: Json) -> Json:
    """The request with ids of its own, and with all that tells a patient apart in every resource."""
    out = copy.deepcopy(body)
    context = out.get("context")
    if isinstance(context, dict):
        for key in ("patientId", "encounterId", "userId"):
            held = context.get(key)
            if isinstance(held, str):
                name = held.rpartition("/")[2]
                out = renamed(out, name, mark(key[:4]))
        for order in _resources(out["context"].get("draftOrders")):
            out = renamed(out, order["id"], mark("order"))
    for resource in [*_resources(out.get("prefetch")), *_resources(out["context"].get("draftOrders"))]:
        _tell_more(resource)
    return out


def _tell_more(resource: Json) -> None:
    kind = resource["resourceType"]
    resource["text"] = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{mark("div")}</div>'}
    resource.setdefault("identifier", []).append({"system": "urn:example:mrn", "value": mark("mrn")})
    if kind == "Patient":
        resource["name"] = [{"family": mark("Fam"), "given": [mark("Giv")], "text": mark("Full")}]
        resource["telecom"] = [{"system": "phone", "value": mark("tel")}, {"system": "email", "value": mark("mail")}]
        resource["address"] = [{"line": [mark("street")], "city": mark("City"), "postalCode": mark("zip")}]
        resource["contact"] = [{"name": {"family": mark("Kin")}}]
    elif kind in ("ServiceRequest", "Condition", "Observation", "Procedure", "MedicationRequest", "AllergyIntolerance"):
        resource.setdefault("note", []).append({"text": f"Called, said {mark('note')}", "authorString": mark("author")})
    if kind == "ServiceRequest":
        resource["requester"] = {"reference": f"Practitioner/{mark('prac')}", "display": mark("Doctor")}
        resource["patientInstruction"] = mark("advice")
        for reason in resource.get("reasonCode", ()):
            reason["text"] = f"{reason.get('text', '')} {mark('reason')}".strip()


def _resources(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if "resourceType" in value and value["resourceType"] not in ("Bundle", "OperationOutcome"):
            yield value
            return
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _resources(part)


def renamed(value: Any, old: str, new: str) -> Any:
    """The same with another id, also in references."""
    if isinstance(value, dict):
        return {k: renamed(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v, old, new) for v in value]
    if value == old:
        return new
    return re.sub(rf"(?<=/){re.escape(old)}$", new, value) if isinstance(value, str) else value
