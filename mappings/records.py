"""The chart as the readers see it: the usable resources of one patient, by type, and what was set aside and why."""

from __future__ import annotations

import datetime as dt
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar

import msgspec

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.codings import Concept, Pairs, codings
from mappings.fields import instant, mapping, objects, reference_of, target, words
from mappings.telling import Telling, telling

RESOURCES = Path(__file__).parent / "resources.yaml"
NONE: frozenset[str] = frozenset()
LONGEST = 64
"""Letters of a status code that is kept."""
Made = TypeVar("Made")
TELLING, DIAGNOSES, WITHDRAWN, UNUSABLE = "telling", "diagnoses", "withdrawn", "unusable"
KEYS = ("patient", "lost", "unsure", "rests", "late", "fields", "also")
ANOTHERS = "it is not about this patient"
TYPES: Mapping[str, type] = {
    "text": str, "flag": bool, "object": dict, "concept": dict, "coding": dict, "period": dict, "reference": dict,
    "list": list, "concepts": list, "references": list,
}  # fmt: skip
"""What stands in a field of each type of resources.yaml."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A resource (or one of its values) that could not be used; ``why`` holds no patient data. ``of``: what it would
    have measured or found, where its codes tell."""

    reference: str
    why: str
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """Usable resources of one patient.

    ``missing`` are the resource types that could not be had, or of which one on whose absence safety rests could not
    be used: facts from them are unknown, not false.
    """

    patient: dict[str, Any]
    by_type: Mapping[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    set_aside: tuple[SetAside, ...] = ()
    sound: frozenset[str] = frozenset()
    """Types of which all that is read is surely as FHIR has it."""
    places: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The resources of a type by their id, filled when first asked: charts refer to their parts thousands of times."""
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

    @property
    def unusable(self) -> Sequence[dict[str, Any]]:
        """What was set aside, and is not known to be another patient's."""
        held: Sequence[dict[str, Any]] = self.made.get(UNUSABLE, ())
        return held

    @property
    def telling(self) -> Sequence[Telling]:
        """The Observations that may mean something to a reader."""
        if TELLING not in self.made:
            self.made[TELLING] = [held for r in self.of("Observation") if (held := telling(r))]
        found: list[Telling] = self.made[TELLING]
        return found

    def coded(self, kind: str) -> Sequence[tuple[dict[str, Any], Pairs]]:
        """The usable resources of one type with the `codings` of their code."""
        if kind not in self.made:
            self.made[kind] = [(r, codings(r.get("code"))) for r in self.of(kind)]
        held: list[tuple[dict[str, Any], Pairs]] = self.made[kind]
        return held

    def find(self, reference: str | None) -> dict[str, Any] | None:
        """The resource of ``Type/id``, if it is here."""
        if not reference:
            return None
        kind, _, identity = reference.partition("/")
        held = self.places.get(kind)
        if held is None:
            held = self.places[kind] = {i: r for r in reversed(self.of(kind)) if isinstance(i := r.get("id"), str)}
        return held.get(identity)

    def withdrawn(self, reference: str | None) -> str:
        """Why a diagnosis of this patient does not count: ``refuted`` or ``entered-in-error``; "" for any other."""
        if WITHDRAWN not in self.made:
            self.made[WITHDRAWN] = _withdrawn(*self.made.get(DIAGNOSES, ((), None)))
        why: str = self.made[WITHDRAWN].get(reference, "")
        return why


class Searchset(msgspec.Struct):
    """Resources of one type as FHIR has them, each once, and all of the patient with this reference; of Observations
    those that may mean something to a reader."""

    kind: str
    patient: str
    held: list[Any]
    told: list[Telling] = []

    def usable(self, shape: Shape) -> list[dict[str, Any]]:
        """Those that count."""
        held, unsure = [r for r in self.held if r.get("status") not in shape.lost], shape.unsure
        if "doNotPerform" in shape.read:
            held = [r for r in held if r.get("doNotPerform") is not True]
        return [r for r in held if unsure.isdisjoint(codes_in(r.get("verificationStatus")))] if unsure else held


@dataclass(frozen=True, slots=True)
class Shape:
    """One entry of resources.yaml."""

    patient: str | None
    lost: frozenset[str]
    unsure: frozenset[str]
    fields: Mapping[str, type]
    rests: bool = False
    late: bool = False
    read: Mapping[str, str] = field(default_factory=dict)
    """Every field that is looked at, with its type as resources.yaml has it; "" for any."""
    sound: set[tuple[type, ...]] = field(default_factory=set, compare=False)
    """Which types of all fields together were found to be as FHIR has them: few, and alike in all charts."""


@functools.cache
def shapes(path: Path = RESOURCES) -> Mapping[str, Shape]:
    """resources.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    out = {}
    for kind, entry in raw.items():
        for key in entry:
            if key not in KEYS:
                raise DataError(path, entry.line(key), f"`{key}` is no key; known: {', '.join(KEYS)}.")
        for name, wanted in entry["fields"].items():
            if wanted not in TYPES:
                raise DataError(path, entry["fields"].line(name), f"`{wanted}` is none of {', '.join(TYPES)}.")
        fields = {name: TYPES[wanted] for name, wanted in entry["fields"].items()}
        lost, unsure = frozenset(entry["lost"]), frozenset(entry.get("unsure", ()))
        read = {**dict.fromkeys(entry.get("also", ()), ""), **entry["fields"]}
        for flag in ("rests", "late"):
            if type(entry.get(flag, False)) is not bool:
                raise DataError(path, entry.line(flag), f"`{flag}` is true or left out.")
        out[kind] = Shape(
            entry["patient"], lost, unsure, fields, entry.get("rests", False), entry.get("late", False), read
        )
    return out


def read_records(resources: Iterable[Any], patient_id: str, missing: Iterable[str] = ()) -> Records:
    """Sort what was fetched: right patient, not a mistake, each once (the version last updated).

    Whatever is not readable stands in ``set_aside``; types that nobody reads (OperationOutcome, ...) fall away. Most
    resources are in order at the first look; a type of which any is not is looked through with care.
    """
    by_type: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    sets: dict[str, Searchset] = {}
    for resource in resources:
        try:
            if type(resource) is Searchset:
                by_type[resource.kind] += resource.held
                sets[resource.kind] = resource
            else:
                by_type[resource["resourceType"]].append(resource)
        except (KeyError, TypeError):
            by_type[None].append(resource)
    strange = sum(len(held) for kind, held in by_type.items() if not isinstance(kind, str))
    aside = [SetAside("resource", "it is no FHIR resource")] * strange
    patient = next((p for p in _newest(by_type["Patient"]) if reference_of(p) == f"Patient/{patient_id}"), {})
    whose, usable, made, sound = target(f"Patient/{patient_id}"), {}, {}, set()
    lost: list[dict[str, Any]] = []
    missing = set(missing)
    for kind, shape in shapes().items():
        if kind in by_type:
            found = sets.get(kind)
            told: list[Telling] = []
            held: Sequence[dict[str, Any]] | None
            if found and len(found.held) == len(by_type[kind]) and found.patient == (whose if shape.patient else ""):
                held = found.usable(shape)
                told = [t for t in found.told if t[0].get("status") not in shape.lost]
                sound.add(kind)
            else:
                held = _in_order(by_type[kind], shape, whose, told)
            if held is None:
                before = len(aside)
                held = _with_care(by_type[kind], shape, whose, patient, aside, lost)
                if shape.rests and any(a.why != ANOTHERS for a in aside[before:]):
                    missing.add(kind)
            elif shape.late:
                made[TELLING] = told
            if held:
                usable[kind] = tuple(held)
    records = Records(patient, usable, frozenset(missing), tuple(aside), frozenset(sound))
    records.made.update(made)
    records.made[UNUSABLE] = tuple(lost)
    records.made[DIAGNOSES] = by_type.get("Condition", ()), whose
    return records


def _withdrawn(held: Sequence[dict[str, Any]], whose: str | None) -> dict[str, str]:
    """The patient's diagnoses that were withdrawn, by their reference."""
    found = {}
    for resource in _newest(list(held)):
        unsure = codes_in(resource.get("verificationStatus")) & shapes()["Condition"].unsure
        if unsure and target(mapping(resource.get("subject"))) == whose:
            found[reference_of(resource)] = min(unsure)
    return found


def _in_order(
    held: Sequence[dict[str, Any]], shape: Shape, whose: str | None, told: list[Telling]
) -> Sequence[dict[str, Any]] | None:
    """Those that count of one type, where all are in order at the first look; what tells something is ``told``."""
    who, lost, late = shape.patient, shape.lost, shape.late
    usable, ids = [], set()
    try:
        for resource in held:
            if who and resource[who]["reference"] != whose:
                return None
            ids.add(resource["id"])
            if not late and misshapen(resource, shape):
                return None
            if resource.get("status") in lost:
                continue
            if ("doNotPerform" in resource or "verificationStatus" in resource) and not _counts(resource, shape):
                continue
            usable.append(resource)
            if late and (tells := telling(resource)):
                told.append(tells)
    except (KeyError, TypeError):  # something is missing, or is not as FHIR has it
        return None
    return usable if len(ids) == len(held) else None


def _with_care(
    held: list[dict[str, Any]],
    shape: Shape,
    whose: str | None,
    patient: dict[str, Any],
    aside: list[SetAside],
    lost: list[dict[str, Any]],
) -> Sequence[dict[str, Any]]:
    """Those that count of one type; what cannot be used is set aside, and ``lost`` where it may be the patient's."""
    newest: Sequence[dict[str, Any]] = [r for r in _newest(held) if _counts(r, shape)]
    if not shape.late:
        newest = [r for r in newest if not _told(misshapen(r, shape), r, aside, lost)]
    if shape.patient:
        newest = [r for r in newest if not _told(_stranger(r, shape, whose, patient), r, aside, lost)]
    return newest


def _newest(held: list[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Each resource once, in the version last updated; what has no usable id cannot be another's version."""
    try:
        if len({r["id"] for r in held}) == len(held):
            return held
    except (KeyError, TypeError):
        pass
    newest: dict[str, dict[str, Any]] = {}
    for n, resource in enumerate(held):
        key = reference_of(resource)
        if "/" not in key:
            key = f"{key}#{n}"
        if key not in newest or _updated(resource) > _updated(newest[key]):
            newest[key] = resource
    return list(newest.values())


def _updated(resource: dict[str, Any]) -> float:
    held = resource.get("meta")
    meta = msgspec.json.decode(held) if isinstance(held, msgspec.Raw) else held
    return instant(mapping(meta).get("lastUpdated"))


def _told(why: str | None, resource: dict[str, Any], aside: list[SetAside], lost: list[dict[str, Any]]) -> bool:
    """Whether there is a reason to set a resource aside; it is told."""
    if why:
        aside.append(SetAside(reference_of(resource), why))
        lost += [resource] if why != ANOTHERS else []
    return bool(why)


def misshapen(resource: dict[str, Any], shape: Shape) -> str | None:
    """Which field that is read has a wrong type; None when all are right."""
    types = tuple(map(type, map(resource.get, shape.fields)))
    if types in shape.sound:
        return None
    for (name, wanted), found in zip(shape.fields.items(), types, strict=True):
        if not issubclass(found, wanted) and found is not NoneType:
            return f"its {name} is not of the type that FHIR gives it"
    shape.sound.add(types)
    return None


def _stranger(resource: dict[str, Any], shape: Shape, whose: str | None, patient: dict[str, Any]) -> str | None:
    """Why the resource is not taken for this patient's, or None; ``whose`` is the reference of the patient."""
    subject = mapping(resource.get(shape.patient or ""))
    if whose and (subject.get("reference") == whose or target(subject) == whose):
        return None
    if "reference" in subject and target(subject):
        return ANOTHERS
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
    if type(concept) is Concept:
        return concept.codes
    try:
        (coding,) = (concept[0] if len(concept) == 1 and isinstance(concept, list) else concept)["coding"]
        if len(code := coding["code"]) < LONGEST:
            return _alone(code)
    except (KeyError, TypeError, ValueError):  # not one code alone
        pass
    listed = (coding for held in objects(concept) for coding in objects(held.get("coding")))
    return frozenset(code for coding in listed if (code := words(coding.get("code"))))


@functools.lru_cache(maxsize=1024)
def _alone(code: str) -> frozenset[str]:
    return frozenset({code.strip()} - {""})
