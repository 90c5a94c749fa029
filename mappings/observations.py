"""The Observations that count, by what they measure: panels taken apart, newest first, each with its day."""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import Basis, Fact, Value
from mappings.codings import codings
from mappings.fields import first_span, instant, mapping, objects, reference_of, targets, words
from mappings.records import Records, SetAside, codes_in
from mappings.tables import read_table
from mappings.units import unit_of

DONE = frozenset({"final", "amended", "corrected"})
DATES = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
MOMENTS = ("effectiveDateTime", "effectiveInstant", "issued")
NUMBERS = ("valueQuantity", "valueInteger", "valueString")
"""The fields of a value in which a number or grade may stand."""
PRESENT_PROBLEM_DAYS = 90


@dataclass(slots=True)
class Result:
    """One usable result with its day; ``ago`` in days.

    ``body`` holds code, value, interpretation and range: the Observation itself, or one component or contained
    member of the panel ``resource``.
    """

    resource: Mapping[str, Any]
    body: Mapping[str, Any]
    on: dt.date
    ago: int
    at: float

    def fact(self, name: str, value: Value, basis: Basis = Basis.RECORDED, *others: Result) -> Fact:
        sources = dict.fromkeys(reference_of(dict(r.resource)) for r in (self, *others))
        return Fact(name, value, basis, tuple(sources), self.on)

    def aside(self, why: str) -> SetAside:
        return SetAside(reference_of(dict(self.resource)), why)


Results = Mapping[str, Sequence[Result]]
"""By what is measured (`means` of codes/findings.csv and codes/examination.csv), newest first."""


def read_results(records: Records, today: dt.date, aside: list[SetAside]) -> Results:
    """Future and undated Observations are left out, and those about something else than the patient."""
    found: dict[str, list[Result]] = {}
    ours: dict[int, list[str]] = {}
    for pair, places in records.observed().items():
        if means := meaning(*pair):
            for n in places:
                ours.setdefault(n, []).extend(means)
    tomorrow = today + dt.timedelta(days=1)
    for n, resource in enumerate(records.of("Observation")):
        if "component" in resource or "contained" in resource or "valueCodeableConcept" in resource:
            read = [(body, kinds) for body in _bodies(resource) if (kinds := _kinds(body))]
        elif n in ours:
            read = [(resource, list(dict.fromkeys(ours[n])))]
        else:
            continue
        if resource.get("status") not in DONE:
            continue
        held = first_span(resource, *DATES) if read and not _about_other(resource) else None
        if held is None or held.first > tomorrow:
            continue
        on = min(held.last, today)
        at = max([instant(resource[name]) for name in MOMENTS if name in resource], default=-math.inf)
        for body, kinds in read:
            result = Result(resource, body, on, (today - on).days, at)
            if "valueQuantity" in body and unit_of(mapping(body["valueQuantity"])) is None:
                aside.append(result.aside("the unit of its value cannot be read"))
            elif "dataAbsentReason" not in body or any(key.startswith("value") for key in body):
                for kind in kinds:
                    found.setdefault(kind, []).append(result)
    for results in found.values():
        results.sort(key=lambda r: (r.on, r.at), reverse=True)
    return found


def latest(results: Results, kind: str, days: int) -> Result | None:
    """The newest result of a kind, not older than so many days."""
    return next((r for r in results.get(kind, ()) if r.ago <= days), None)


def _bodies(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The Observation, its components, and the members of a panel that it contains itself."""
    yield resource
    if "component" in resource:
        yield from objects(resource["component"])
    if "contained" not in resource:
        return
    members = {words(m.get("reference")) for m in objects(resource.get("hasMember"))}
    for held in objects(resource["contained"]):
        if f"#{words(held.get('id'))}" in members and held.get("status", "final") in DONE:
            yield held
            yield from objects(held.get("component"))


def _kinds(body: Mapping[str, Any]) -> list[str]:
    """What the body measures or finds, in the words of the tables.

    A finding that is coded as the value counts where the question is one of ours, or the Observation an examination.
    """
    kinds = _means(body.get("code"))
    if "valueCodeableConcept" in body and (kinds or "exam" in codes_in(body.get("category"))):
        kinds += [m for m in _means(body["valueCodeableConcept"]) if m.startswith("finding ")]
    return kinds if len(kinds) < 2 else list(dict.fromkeys(kinds))


def _means(concept: Any) -> list[str]:
    found: list[str] = []
    for coding in objects(concept.get("coding") if isinstance(concept, dict) else None):
        system, code = coding.get("system", ""), coding.get("code")
        if isinstance(code, str) and isinstance(system, str):
            found += meaning(system, code)
    return found


@functools.lru_cache(maxsize=4096)
def meaning(system: str, code: str) -> tuple[str, ...]:
    """What one coding means; charts repeat the same few hundred."""
    tables = read_table("findings").exact, read_table("examination").exact
    known = codings({"system": system, "code": code})
    return tuple(means for coding in known for table in tables for means in table.get(coding, ()))


def _about_other(resource: Mapping[str, Any]) -> bool:
    """True for an Observation whose focus is not a patient, or cannot be read: a fetus, a device, a relative."""
    focus = resource.get("focus")
    if not focus:
        return False
    found = list(targets(focus))
    return len(found) != len(objects(focus)) or any(not t.startswith("Patient/") for t in found)
