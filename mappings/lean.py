"""Resources read straight out of their JSON, with only the fields that a reader looks at (resources.yaml).

Narrative, identifiers, extensions of codes and the like are never made into objects. Of Observations, most of a chart,
only the head is read: whose it is, its code and its date. Those that may mean something are read in full.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Literal, TypedDict

import msgspec
import orjson
from msgspec import UNSET, Raw, UnsetType

from mappings.concepts import MEANT, READS, SILENT, Coding
from mappings.fields import span, targets
from mappings.queries import QUERIES
from mappings.records import Searchset, shapes
from mappings.telling import LASTS, telling

OBSERVATION = "Observation"
WHOLE = frozenset({"QuestionnaireResponse"})
"""Read as they come: a form may be nested without end."""
REFERRING = ("reasonReference", "supportingInfo")
IS = f"{OBSERVATION}/"
Dated = tuple[tuple[str, ...], bool, str | None]
"""What an Observation means, whether it has parts, and its date."""


class Reference(TypedDict, total=False):
    reference: str
    type: str
    identifier: Any
    display: str


class Period(TypedDict, total=False):
    start: str
    end: str


TYPES: Mapping[str, Any] = {
    "": Any, "text": str, "flag": bool, "object": dict[str, Any], "list": list[Any], "coding": Coding,
    "concept": Raw, "concepts": Raw, "period": Period, "reference": Reference,
    "references": list[Reference],
}  # fmt: skip
"""What is read of a field, by its type in resources.yaml."""


class Component(msgspec.Struct, gc=False):
    """One part of an Observation that has several."""

    code: Raw
    valueCodeableConcept: Raw | UnsetType = UNSET

    @property
    def tells(self) -> bool:
        return self.valueCodeableConcept is not UNSET or MEANT[bytes(self.code)] != SILENT


class Head(msgspec.Struct, gc=False):
    """What tells whether an Observation may mean something."""

    resourceType: Literal["Observation"]
    id: str
    subject: Raw
    code: Raw
    effectiveDateTime: str | None = None
    component: list[Component] = []
    contained: Raw | UnsetType = UNSET
    valueCodeableConcept: Raw | UnsetType = UNSET


class Unread(Searchset):
    """Observations, of which some were left in their JSON: by id those that mean nothing to any reader, and those that
    do while they are not older than so many days, with what is known of them."""

    untold: dict[str, Raw] = msgspec.field(default_factory=dict)
    dated: list[tuple[int, Dated, Raw]] = msgspec.field(default_factory=list)

    def add(self, head: Head, text: Raw) -> None:
        """Raises `msgspec.ValidationError` for what is not as FHIR has it."""
        means, plain = MEANT[bytes(head.code)]
        if (
            plain
            and head.contained is UNSET is head.valueCodeableConcept
            and not any(part.tells for part in head.component)
        ):
            if not means:
                self.untold[head.id] = text
                return
            if days := LASTS[means]:
                self.dated.append((days, (means, bool(head.component), head.effectiveDateTime), text))
                return
        self.held.append(_whole(text))


_HEAD = msgspec.json.Decoder(Head)
_SUBJECT = msgspec.json.Decoder(Reference)


def _reference(text: bytes) -> str:
    try:
        return _SUBJECT.decode(text)["reference"]
    except KeyError:
        raise msgspec.ValidationError("it does not say whose it is") from None


def lean_types() -> Mapping[str, tuple[Any, Callable[[list[Any]], Sequence[Any]]]]:
    """By resource type: what msgspec reads for one resource, and what becomes of all of them."""
    kinds = shapes().keys() & {query.type for query in QUERIES.values()} - WHOLE
    return {
        kind: (Raw, _heads) if kind == OBSERVATION else (_fields(kind), functools.partial(_searchset, kind))
        for kind in kinds
    }


def _searchset(kind: str, resources: list[dict[str, Any]]) -> list[Any]:
    """Raises `msgspec.ValidationError` where a concept is not as FHIR has it, and where they are not each once and all
    of one patient: then all are looked through with care."""
    who = shapes()[kind].patient
    try:
        whose = _whose(who, resources) if who else {""}
        ids = {r["id"] for r in resources}
    except KeyError:
        raise msgspec.ValidationError("something is missing") from None
    _one_each(len(whose), len(ids), len(resources))
    _read_concepts(kind, resources)
    return [Searchset(kind, whose.pop(), resources)] if resources else []


def _whose(who: str, resources: list[dict[str, Any]]) -> set[str]:
    """Whose they are; their references to one and the same are read once."""
    read: dict[bytes, Reference] = {}
    for resource in resources:
        text = bytes(resource[who])
        if text not in read:
            read[text] = _SUBJECT.decode(text)
        resource[who] = read[text]
    return {subject["reference"] for subject in read.values()}


def _heads(texts: list[Raw]) -> list[Any]:
    """The same for Observations."""
    heads = list(map(_HEAD.decode, texts))
    whose = {_reference(text) for text in {bytes(head.subject) for head in heads}}
    _one_each(len(whose), len({head.id for head in heads}), len(heads))
    unread = Unread(OBSERVATION, next(iter(whose), ""), [])
    for head, text in zip(heads, texts, strict=True):
        unread.add(head, text)
    return [unread] if texts else []


def _one_each(patients: int, ids: int, resources: int) -> None:
    if patients > 1:
        raise msgspec.ValidationError("several patients")
    if ids < resources:
        raise msgspec.ValidationError("one stands twice")


def _whole(text: Raw) -> dict[str, Any]:
    resource: dict[str, Any] = _observation().decode(text)
    _whose("subject", [resource])
    _read_concepts(OBSERVATION, [resource])
    return resource


def _read_concepts(kind: str, resources: Iterable[dict[str, Any]]) -> None:
    for name, read in _concepts(kind):
        for resource in resources:
            if name in resource:
                resource[name] = read(bytes(resource[name]))


@functools.cache
def _concepts(kind: str) -> list[tuple[str, Callable[[bytes], Any]]]:
    """The fields that hold concepts, and how they are read."""
    return [(name, READS[found]) for name, found in shapes()[kind].read.items() if found in READS]


@functools.cache
def _observation() -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_fields(OBSERVATION))


@functools.cache
def _fields(kind: str) -> Any:
    shape = shapes()[kind]
    fields: dict[str, Any] = {"resourceType": Literal[kind], "id": str, "meta": Raw, "status": str}
    if shape.patient:
        fields[shape.patient] = Raw
    fields |= {name: TYPES[found] for name, found in shape.read.items()}
    return TypedDict(kind, fields, total=False)  # type: ignore[operator]


def read_in_full(
    resources: Iterable[Any], patient_id: str, today: dt.date, drafts: Iterable[Mapping[str, Any]] = ()
) -> list[Any]:
    """The resources with those Observations that were left in their JSON and may mean something on this day, that
    others refer to, or that are another patient's, for that to be found. What cannot be read after all is None."""
    whole: list[Any] = []
    left: list[Unread] = []
    for resource in resources:
        if type(resource) is Unread:
            left.append(resource)
        else:
            whole.append(resource)
    if left:
        wanted = set(_referred((*drafts, *whole, *left)))
        for unread in left:
            whole += _read_of(unread, f"Patient/{patient_id}", today, wanted)
    return whole


def _read_of(unread: Unread, patient: str, today: dt.date, wanted: Set[str]) -> list[Any]:
    strangers = unread.patient != patient
    told = [held for resource in unread.held if (held := telling(resource))]
    found = Searchset(OBSERVATION, unread.patient, list(unread.held), told)
    try:
        # one that others refer to may be among those that are too old: rare, and to read them all changes nothing
        for days, (means, panel, written), text in unread.dated:
            when = span(written)
            if strangers or when is None or (today - when.last).days <= days or wanted:
                found.held.append(_whole(text))
                told.append((found.held[-1], means, panel, written))
        for identity in unread.untold if strangers else wanted & unread.untold.keys():
            found.held.append(_whole(unread.untold[identity]))
    except (msgspec.MsgspecError, RecursionError):
        return [*unread.held, *(map(_parsed, (*(d[2] for d in unread.dated), *unread.untold.values())))]
    return [found]


def _parsed(text: Raw) -> dict[str, Any] | None:
    try:
        resource: dict[str, Any] = orjson.loads(memoryview(text))
    except orjson.JSONDecodeError:
        return None
    return resource


def _referred(resources: Iterable[Any]) -> Iterator[str]:
    """The ids of Observations that are named as a reason, or beside an order."""
    for resource in resources:
        if isinstance(resource, Searchset):
            named = [name for name in REFERRING if name in shapes()[resource.kind].read]
            yield from _named(resource.held, named)
        else:
            yield from _named((resource,), REFERRING)


def _named(resources: Iterable[Any], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        for resource in resources:
            if isinstance(resource, dict) and name in resource:
                yield from (t.removeprefix(IS) for t in targets(resource[name]) if t.startswith(IS))
