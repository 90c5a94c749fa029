"""What the Patient resource says: age on the day of the order, sex assigned at birth, gender marker, state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from criteria.facts import Basis, Fact
from mappings.fields import mapping, objects, period, reference_of, span, words
from mappings.observed import observed
from mappings.records import Records, codes_in
from mappings.telling import BIRTH_SEX as SEX

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
BIRTH_SEX = {
    "M": "male",
    "F": "female",
    "male": "male",
    "female": "female",
    "UNK": "unknown",
    "248153007": "male",
    "248152002": "female",
    "LA2-8": "male",
    "LA3-6": "female",
}
GENDER = {
    "446151000124109": "male",
    "446141000124107": "female",
    "407377005": "transgender_male",
    "407376001": "transgender_female",
}
STAGES = ((1, "infant"), (3, "toddler"), (6, "young_child"), (12, "school_age_child"), (18, "adolescent"))
NEWBORN_DAYS = 28
YOUNG_INFANT_DAYS = 92
"""Up to here the vertebrae are surely not ossified, from adolescence on they are; between them somebody has to say."""


def patient_facts(records: Records, today: dt.date, site: Mapping[str, Any] | None = None) -> Iterator[Fact]:
    """Facts of the Patient. ``site["very_elderly_years"]`` is the age from which a patient is very elderly."""
    patient = records.patient
    source = (reference_of(patient),)

    def fact(name: str, value: bool | int | str) -> Fact:
        return Fact(name, value, Basis.RECORDED, source)

    if patient.get("deceasedBoolean") is True or words(patient.get("deceasedDateTime")):
        yield fact("patient.deceased", True)
    years = age_years(patient, today)
    if years is not None:
        yield fact("patient.age_years", years)
        limit = (site or {}).get("very_elderly_years")
        if isinstance(limit, int):
            yield fact("patient.very_elderly", years >= limit)
    if stage := _stage(patient, years, today):
        yield fact("patient.age_group", stage)
    yield from _ossification(patient, stage, today)
    if sex := _birth_sex(patient, records, today):
        yield fact("patient.sex_assigned_at_birth", sex)
    if marker := _gender_marker(patient):
        yield fact("patient.gender_marker", marker)
    if state := _state(patient, today):
        yield fact("patient.state_of_residence", state)


def age_years(patient: Mapping[str, Any], today: dt.date) -> int | None:
    """Completed years on that day; None for no birth date, a future one, or a partial one that leaves two ages."""
    born = span(patient.get("birthDate"))
    if born is None or born.first > today:
        return None
    ages = {_years(day, today) for day in (born.first, min(born.last, today))}
    return ages.pop() if len(ages) == 1 else None


def _years(born: dt.date, today: dt.date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _stage(patient: Mapping[str, Any], years: int | None, today: dt.date) -> str | None:
    if years is None:
        return None
    born = span(patient.get("birthDate"))
    if years == 0:
        if born is None or born.day is None:
            return None
        return "newborn" if (today - born.day).days <= NEWBORN_DAYS else "infant"
    return next((stage for limit, stage in STAGES if years < limit), "adult")


def _ossification(patient: Mapping[str, Any], stage: str | None, today: dt.date) -> Iterator[Fact]:
    name, source = "condition.vertebral_ossification_incomplete", (reference_of(patient),)
    born = span(patient.get("birthDate"))
    if stage in ("adolescent", "adult"):
        yield Fact(name, False, Basis.DERIVED, source)
    elif stage in ("newborn", "infant") and born and born.day and (today - born.day).days <= YOUNG_INFANT_DAYS:
        yield Fact(name, True, Basis.DERIVED, source)


def _extension(patient: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next((e for e in objects(patient.get("extension")) if e.get("url") == US_CORE + name), {})


def _birth_sex(patient: Mapping[str, Any], records: Records, today: dt.date) -> str | None:
    for name in ("us-core-birthsex", "us-core-sex"):
        held = _extension(patient, name)
        code = words(held.get("valueCode")) or words(mapping(held.get("valueCoding")).get("code"))
        if code in BIRTH_SEX:
            return BIRTH_SEX[code]
    for observation in observed(records, today).of.get(SEX, ()):
        for code in codes_in(observation.get("valueCodeableConcept")):
            if code in BIRTH_SEX:
                return BIRTH_SEX[code]
    gender = patient.get("gender")
    return {"male": "male", "female": "female", "unknown": "unknown"}.get(gender) if isinstance(gender, str) else None


def _gender_marker(patient: Mapping[str, Any]) -> str | None:
    identity = _extension(patient, "us-core-genderIdentity")
    for code in codes_in(identity.get("valueCodeableConcept")):
        if code in GENDER:
            return GENDER[code]
    gender = patient.get("gender")
    known = {"male": "male", "female": "female", "other": "x", "unknown": "not_specified"}
    return known.get(gender) if isinstance(gender, str) else None


def _state(patient: Mapping[str, Any], today: dt.date) -> str | None:
    """TX or other: the home address in force (an address without use counts as home)."""
    for address in objects(patient.get("address")):
        state = words(address.get("state"))
        start, end = period(address.get("period"))
        if address.get("use", "home") not in ("home", None) or not state or (end and end.last < today):
            continue
        if start and start.first > today:
            continue
        return "TX" if state.upper() in ("TX", "TEXAS") else "other"
    return None
