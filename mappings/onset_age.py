"""At what age a scoliosis began: as the Condition says, or by its onset and the patient's birth date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from criteria.facts import Basis, Fact
from mappings.conditions import DISCARDED, UNCONFIRMED, meanings_of, read_conditions
from mappings.diagnoses import Meaning
from mappings.fields import period, reference_of, span
from mappings.records import Records, codes_in
from mappings.units import measured

SCOLIOSIS, AGE = "condition.scoliosis", "scoliosis.onset_age_years"


def onset_age_facts(records: Records, today: dt.date) -> Iterator[Fact]:
    """The earliest of all entries: a later one may be of a later visit."""
    if not any(_is_scoliosis(diagnosis.meanings) for diagnosis in records.once(read_conditions, today)):
        return
    born = span(records.patient.get("birthDate"))
    ages: list[tuple[float, str, dt.date | None]] = []
    for condition in records.of("Condition"):
        if not (DISCARDED | UNCONFIRMED).isdisjoint(codes_in(condition.get("verificationStatus"))):
            continue
        if not _is_scoliosis(meanings_of(condition.get("code"))):
            continue
        age = _stated(condition)
        day = None
        if age is None and born and born.day and (day := _onset(condition, today)) and day >= born.day:
            age = round((day - born.day).days / 365.25, 1)
        if age is not None:
            ages.append((age, reference_of(condition), day))
    if ages:
        age, reference, day = min(ages)
        yield Fact(AGE, age, Basis.DERIVED, (reference,), day)


def _is_scoliosis(meanings: Iterable[Meaning]) -> bool:
    return any(meaning.facts.get(SCOLIOSIS) is True for meaning in meanings)


def _stated(condition: Mapping[str, Any]) -> float | None:
    held = condition.get("onsetAge")
    return None if held is None else measured(held, "a", bare=False)


def _onset(condition: Mapping[str, Any], today: dt.date) -> dt.date | None:
    held = span(condition.get("onsetDateTime")) or period(condition.get("onsetPeriod"))[0]
    return held.last if held and held.last <= today else None
