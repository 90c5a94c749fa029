"""Resources read straight out of their JSON, with only the fields that a reader looks at (resources.yaml).

Narrative, identifiers, extensions of codes and the like are never made into objects. Of Observations, most of a chart,
only the head is read: whose it is, its code and its date. Those that may mean something are read in full.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec
import orjson
from msgspec import UNSET, Raw, UnsetType

from mappings.fields import span, targets
from mappings.queries import QUERIES
from mappings.records import shapes
from mappings.telling import LASTS, MEANINGS, TELLS

OBSERVATION = "Observation"
WHOLE = frozenset({"QuestionnaireResponse"})
"""Read as they come: a form may be nested without end."""
REFERRING = ("reasonReference", "supportingInfo")
IS = f"{OBSERVATION}/"


class Coding(TypedDict, total=False):
    system: str
    code: str
    display: str


class CodeableConcept(TypedDict, total=False):
    coding: list[Coding]
    text: str


class Reference(TypedDict, total=False):
    reference: str
    type: str
    identifier: Any
    display: str


class Period(TypedDict, total=False):
    start: str
    end: str


class Meta(TypedDict, total=False):
    lastUpdated: str


TYPES: Mapping[str, Any] = {
    "": Any, "text": str, "flag": bool, "object": dict[str, Any], "list": list[Any], "coding": Coding,
    "concept": CodeableConcept, "concepts": list[CodeableConcept], "period": Period, "reference": Reference,
    "references": list[Reference],
}  # fmt: skip
"""What is read of a field, by its type in resources.yaml."""


class Code(msgspec.Struct, gc=False):
    """One coding of an Observation."""

    code: str
    system: str


class Codes(msgspec.Struct, gc=False):
    coding: list[Code]


class Component(msgspec.Struct, gc=False):
    """One part of an Observation that has several."""

    code: Codes
    valueCodeableConcept: Raw | UnsetType = UNSET

    @property
    def tells(self) -> bool:
        return self.valueCodeableConcept is not UNSET or any(TELLS[part.code] for part in self.code.coding)


class Whose(msgspec.Struct, gc=False):
    reference: str


class Head(msgspec.Struct, gc=False):
    """What tells whether an Observation may mean something."""

    resourceType: Literal["Observation"]
    id: str
    subject: Whose
    code: Codes
    effectiveDateTime: str | None = None
    component: list[Component] = []
    contained: Raw | UnsetType = UNSET
    valueCodeableConcept: Raw | UnsetType = UNSET


class Unread(NamedTuple):
    """An Observation of which only the head was read."""

    head: Head
    text: Raw

    def whole(self) -> dict[str, Any] | None:
        """All of it; None for what is no JSON after all, which its head cannot tell."""
        try:
            resource: dict[str, Any] = _whole().decode(self.text)
        except (msgspec.ValidationError, RecursionError):
            return _parsed(self.text)
        except msgspec.DecodeError:
            return None
        return resource

    def tells(self, today: dt.date) -> bool:
        """Whether it may mean something to a reader on this day."""
        head = self.head
        means: tuple[str, ...] = ()
        for coding in head.code.coding:
            if TELLS[coding.code]:
                means += MEANINGS[coding.system, coding.code]
        if head.contained is not UNSET or head.valueCodeableConcept is not UNSET:
            return True
        if any(part.tells for part in head.component):
            return True
        if not means:
            return False
        days = LASTS[means]
        held = span(head.effectiveDateTime) if days else None
        return held is None or (today - held.last).days <= days


_HEAD = msgspec.json.Decoder(Head)


def lean_types() -> Mapping[str, tuple[Any, Callable[[list[Any]], Sequence[Any]]]]:
    """By resource type: what msgspec reads for one resource, and what becomes of all of them."""
    kinds = shapes().keys() & {query.type for query in QUERIES.values()} - WHOLE
    return {kind: (Raw, _heads) if kind == OBSERVATION else (_fields(kind), list) for kind in kinds}


def _heads(texts: list[Raw]) -> list[Unread]:
    """Raises `msgspec.ValidationError` where one is not as FHIR has it."""
    read = _HEAD.decode
    return [Unread(read(text), text) for text in texts]


def _parsed(text: Raw) -> dict[str, Any] | None:
    try:
        resource: dict[str, Any] = orjson.loads(memoryview(text))
    except orjson.JSONDecodeError:
        return None
    return resource


@functools.cache
def _whole() -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_fields(OBSERVATION))


@functools.cache
def _fields(kind: str) -> Any:
    shape = shapes()[kind]
    fields: dict[str, Any] = {"resourceType": Literal[kind], "id": str, "meta": Meta, "status": str}
    if shape.patient:
        fields[shape.patient] = Reference
    fields |= {name: TYPES[found] for name, found in shape.read.items()}
    return TypedDict(kind, fields, total=False)  # type: ignore[operator]


def read_in_full(
    resources: Iterable[Any], patient_id: str, today: dt.date, drafts: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, Any] | None]:
    """The resources with those Observations in full that may mean something on this day, that others refer to, or that
    are not in order, for that to be found; the others are left out. None stands for one that cannot be read."""
    whole: list[Any] = []
    unread: list[Unread] = []
    for resource in resources:
        (unread if type(resource) is Unread else whole).append(resource)
    if not unread:
        return whole
    patient, once = f"Patient/{patient_id}", len({held.head.id for held in unread}) == len(unread)
    wanted = set(_referred((*drafts, *whole)))
    for held in unread:
        head = held.head
        if not once or head.subject.reference != patient or head.id in wanted or held.tells(today):
            whole.append(held.whole())
    return whole


def _referred(resources: Iterable[Any]) -> Iterator[str]:
    """The ids of Observations that are named as a reason, or beside an order."""
    for resource in resources:
        for name in REFERRING:
            if isinstance(resource, dict) and name in resource:
                yield from (t.removeprefix(IS) for t in targets(resource[name]) if t.startswith(IS))
