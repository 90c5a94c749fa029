"""The chart as the readers see it: the usable resources of one patient, by type, and what was set aside and why."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.fields import instant, mapping, objects, reference_of, target, words

RESOURCES = Path(__file__).parent / "resources.yaml"
TYPES: Mapping[str, type] = {"text": str, "object": dict, "list": list, "flag": bool}


@dataclass(frozen=True, slots=True)
class SetAside:
    """A resource (or one of its values) that could not be used; ``why`` holds no patient data."""

    reference: str
    why: str


@dataclass(frozen=True, slots=True)
class Records:
    """Usable resources of one patient.

    ``missing`` are the resource types that could not be had: facts from them are unknown, not false.
    """

    patient: dict[str, Any]
    by_type: Mapping[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    set_aside: tuple[SetAside, ...] = ()
    places: dict[str, dict[str, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The resources by ``Type/id``, filled when first asked: charts refer to their parts thousands of times."""

    def of(self, kind: str) -> tuple[dict[str, Any], ...]:
        """The usable resources of one type; none is an empty tuple."""
        return self.by_type.get(kind, ())

    def find(self, reference: str | None) -> dict[str, Any] | None:
        """The resource of ``Type/id``, if it is here."""
        if not reference:
            return None
        if not self.places:
            self.places.update((reference_of(r), r) for held in self.by_type.values() for r in reversed(held))
        return self.places.get(reference)


@dataclass(frozen=True, slots=True)
class Shape:
    """One entry of resources.yaml."""

    patient: str | None
    lost: frozenset[str]
    unsure: frozenset[str]
    fields: Mapping[str, type]


@functools.cache
def shapes(path: Path = RESOURCES) -> Mapping[str, Shape]:
    """resources.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    out = {}
    for kind, entry in raw.items():
        for key in entry:
            if key not in ("patient", "lost", "unsure", "fields"):
                raise DataError(path, entry.line(key), f"`{key}` is no key; known: patient, lost, unsure, fields.")
        for name, wanted in entry["fields"].items():
            if wanted not in TYPES:
                raise DataError(path, entry["fields"].line(name), f"`{wanted}` is none of {', '.join(TYPES)}.")
        fields = {name: TYPES[wanted] for name, wanted in entry["fields"].items()}
        out[kind] = Shape(entry["patient"], frozenset(entry["lost"]), frozenset(entry.get("unsure", ())), fields)
    return out


def read_records(resources: Iterable[Any], patient_id: str, missing: Iterable[str] = ()) -> Records:
    """Sort what was fetched: right patient, not a mistake, each once (the version last updated).

    Whatever is not readable stands in ``set_aside``; types that nobody reads (OperationOutcome, ...) fall away.
    """
    aside: list[SetAside] = []
    newest: dict[str, dict[str, Any]] = {}
    for n, resource in enumerate(resources):
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            aside.append(SetAside("resource", "it is no FHIR resource"))
            continue
        reference = reference_of(resource)
        key = reference if "/" in reference else f"{reference}#{n}"
        if key not in newest or _updated(resource) > _updated(newest[key]):
            newest[key] = resource
    patient = newest.pop(f"Patient/{patient_id}", {})
    by_type: dict[str, list[dict[str, Any]]] = {}
    for resource in newest.values():
        shape = shapes().get(resource["resourceType"])
        if shape is None:
            continue
        if why := _fault(resource, shape, patient_id, patient):
            aside.append(SetAside(reference_of(resource), why))
        elif _counts(resource, shape):
            by_type.setdefault(resource["resourceType"], []).append(resource)
    return Records(patient, {k: tuple(v) for k, v in by_type.items()}, frozenset(missing), tuple(aside))


def _updated(resource: dict[str, Any]) -> float:
    return instant(mapping(resource.get("meta")).get("lastUpdated"))


def _fault(resource: dict[str, Any], shape: Shape, patient_id: str, patient: dict[str, Any]) -> str | None:
    """Why the resource cannot be used, or None."""
    for name, wanted in shape.fields.items():
        value = resource.get(name)
        if value is not None and not isinstance(value, wanted):
            return f"its {name} is not of the type that FHIR gives it"
    if shape.patient is None:
        return None
    subject = mapping(resource.get(shape.patient))
    if target(subject) == f"Patient/{patient_id}":
        return None
    if "reference" in subject:
        return "it is not about this patient"
    return None if _same_identifier(subject, patient) else "it does not say which patient it is about"


def _same_identifier(subject: dict[str, Any], patient: dict[str, Any]) -> bool:
    """True for a logical reference by an identifier that the Patient carries."""
    held = mapping(subject.get("identifier"))
    system, value = words(held.get("system")), words(held.get("value"))
    return bool(system and value) and any(
        (words(i.get("system")), words(i.get("value"))) == (system, value) for i in objects(patient.get("identifier"))
    )


def _counts(resource: dict[str, Any], shape: Shape) -> bool:
    if resource.get("status") in shape.lost if isinstance(resource.get("status"), str) else False:
        return False
    if resource.get("doNotPerform") is True:
        return False
    return shape.unsure.isdisjoint(codes_in(resource.get("verificationStatus")))


def codes_in(concept: Any) -> frozenset[str]:
    """Every code of a CodeableConcept, or of a list of them, whatever its system: for FHIR's own status codes."""
    return frozenset(
        words(coding.get("code")) for held in objects(concept) for coding in objects(held.get("coding"))
    ) - {""}
