"""The chart as the readers see it: the usable resources of one patient, by type, and what was set aside and why."""

from __future__ import annotations

import datetime as dt
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.codings import codings
from mappings.fields import instant, mapping, objects, reference_of, target, words

RESOURCES = Path(__file__).parent / "resources.yaml"
NONE: frozenset[str] = frozenset()
Made = TypeVar("Made")
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
    made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was read of these records once, for all who ask for it."""

    def of(self, kind: str) -> tuple[dict[str, Any], ...]:
        """The usable resources of one type; none is an empty tuple."""
        return self.by_type.get(kind, ())

    def once(self, read: Callable[[Records, dt.date], Made], today: dt.date) -> Made:
        """What a reader makes of these records: it reads them once."""
        if (read, today) not in self.made:
            self.made[read, today] = read(self, today)
        held: Made = self.made[read, today]
        return held

    def coded(self, kind: str) -> Sequence[tuple[dict[str, Any], list[tuple[str, str]]]]:
        """The usable resources of one type with the `codings` of their code."""
        if kind not in self.made:
            self.made[kind] = [(r, codings(r.get("code"))) for r in self.of(kind)]
        held: list[tuple[dict[str, Any], list[tuple[str, str]]]] = self.made[kind]
        return held

    def observed(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """Where in ``of("Observation")`` each coding of a code stands, as the client writes it: system, code.

        Most Observations are of no interest to anyone: so each is looked at once, and nobody has to look again.
        """
        if "observed" not in self.made:
            places: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
            for n, observation in enumerate(self.of("Observation")):
                concept = observation.get("code")
                held = concept.get("coding") if isinstance(concept, dict) else None
                for coding in held if isinstance(held, list) else objects(held):
                    if isinstance(coding, dict):
                        system, code = coding.get("system"), coding.get("code")
                        places[system if isinstance(system, str) else "", code if isinstance(code, str) else ""].append(
                            n
                        )
            self.made["observed"] = dict(places)
        observed: dict[tuple[str, str], list[int]] = self.made["observed"]
        return observed

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
        key = reference_of(resource)
        if "/" not in key:
            key = f"{key}#{n}"
        if key not in newest or _updated(resource) > _updated(newest[key]):
            newest[key] = resource
    patient = newest.pop(f"Patient/{patient_id}", {})
    by_type: dict[str, list[dict[str, Any]]] = {kind: [] for kind in shapes()}
    places: dict[str, dict[str, Any]] = {}
    known, whose = shapes(), target(f"Patient/{patient_id}")
    sound: set[tuple[Any, ...]] = set()  # fields with their types that were found right: most resources are alike
    for key, resource in newest.items():
        kind = resource["resourceType"]
        shape = known.get(kind)
        if shape is None:
            continue
        fields = (kind, *resource, *map(type, resource.values()))
        if fields not in sound:
            if why := _misshapen(resource, shape):
                aside.append(SetAside(reference_of(resource), why))
                continue
            sound.add(fields)
        if why := _stranger(resource, shape, whose, patient):
            aside.append(SetAside(reference_of(resource), why))
        elif _counts(resource, shape):
            by_type[kind].append(resource)
            places[key] = resource
    usable = {kind: tuple(held) for kind, held in by_type.items() if held}
    records = Records(patient, usable, frozenset(missing), tuple(aside))
    records.places.update(places)
    return records


def _updated(resource: dict[str, Any]) -> float:
    return instant(mapping(resource.get("meta")).get("lastUpdated"))


def _misshapen(resource: dict[str, Any], shape: Shape) -> str | None:
    """Which field that is read has a wrong type; None when all are right."""
    for name, wanted in shape.fields.items():
        if not isinstance(resource.get(name), wanted | None):
            return f"its {name} is not of the type that FHIR gives it"
    return None


def _stranger(resource: dict[str, Any], shape: Shape, whose: str | None, patient: dict[str, Any]) -> str | None:
    """Why the resource is not taken for this patient's, or None; ``whose`` is the reference of the patient."""
    if shape.patient is None:
        return None
    subject = mapping(resource.get(shape.patient))
    if whose and (subject.get("reference") == whose or target(subject) == whose):
        return None  # the plain spelling first
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
    status = resource.get("status")
    if shape.lost and isinstance(status, str) and status in shape.lost:
        return False
    if resource.get("doNotPerform") is True:
        return False
    return not shape.unsure or shape.unsure.isdisjoint(codes_in(resource.get("verificationStatus")))


def codes_in(concept: Any) -> frozenset[str]:
    """Every code of a CodeableConcept, or of a list of them, whatever its system: for FHIR's own status codes."""
    if not concept:
        return NONE
    return frozenset(
        code
        for held in objects(concept)
        for coding in objects(held.get("coding"))
        if (code := words(coding.get("code")))
    )
