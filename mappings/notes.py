"""The order's own words: text of its reasons, its notes and those of what it refers to -> proposals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from criteria.orders import Proposal
from mappings.fields import mapping, objects, target, words
from mappings.phrases import add, proposals
from mappings.reasons import withdrawn_as
from mappings.records import Records

TEXTS = 12
"""Texts of one order that are read."""


def read_proposals(service_request: Mapping[str, Any], records: Records) -> tuple[Proposal, ...]:
    """What the words propose, reasons before notes, each name once; what two texts contradict is not proposed."""
    texts = [t for t in dict.fromkeys(_texts(service_request, records)) if t][:TEXTS]
    found = [p for text in texts for p in proposals(text)]
    values: dict[str, set[Any]] = {}
    for one in found:
        values.setdefault(one.name, set()).add(one.value)
    out: dict[str, Proposal] = {}
    for one in found:
        if len(values[one.name]) == 1:
            add(out, one)
    return tuple(out.values())


def _texts(service_request: Mapping[str, Any], records: Records) -> Iterator[str]:
    for concept in objects(service_request.get("reasonCode")):
        yield words(concept.get("text"))
    for reference in objects(service_request.get("reasonReference")):
        if not withdrawn_as(reference, service_request, records):
            yield words(reference.get("display"))
    yield from _notes(service_request)
    for reference in objects(service_request.get("supportingInfo")):
        yield words(reference.get("display"))
        yield from _notes(_resource(reference, service_request, records))


def _notes(resource: Mapping[str, Any]) -> Iterator[str]:
    return (words(note.get("text")) for note in objects(resource.get("note")))


def _resource(reference: Mapping[str, Any], service_request: Mapping[str, Any], records: Records) -> Mapping[str, Any]:
    """The contained resource or the record that is referred to; empty where it is not at hand."""
    text = words(reference.get("reference"))
    if text.startswith("#"):
        held = (r for r in objects(service_request.get("contained")) if words(r.get("id")) == text[1:])
        return next(held, {})
    return mapping(records.find(target(reference)))
