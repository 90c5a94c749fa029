"""The Observations that count, by what they measure: panels taken apart, newest first, each with its day."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from criteria.facts import Basis, Fact, Value
from mappings.fields import first_span, instant, mapping, objects, reference_of, span, targets, words
from mappings.observed import kinds_of, observed
from mappings.records import Records, SetAside, codes_in
from mappings.units import unit_of

DONE = frozenset({"final", "amended", "corrected"})
DATES = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
MOMENTS = ("effectiveDateTime", "effectiveInstant", "issued")
NUMBERS = ("valueQuantity", "valueInteger", "valueString")
"""The fields of a value in which a number or grade may stand."""
PRESENT_PROBLEM_DAYS = 90


class Result(msgspec.Struct):
    """One usable result with its day; ``ago`` in days.

    ``body`` holds code, value, interpretation and range: the Observation itself, or one component or contained
    member of the panel ``resource``.
    """

    resource: Mapping[str, Any]
    body: Mapping[str, Any]
    on: dt.date
    ago: int
    moment: float | None = None

    @property
    def at(self) -> float:
        """The time of day, by which results of one day are sorted; read when first asked."""
        if self.moment is None:
            self.moment = max((instant(self.resource[n]) for n in MOMENTS if n in self.resource), default=-math.inf)
        return self.moment

    def fact(self, name: str, value: Value, basis: Basis = Basis.RECORDED, *others: Result) -> Fact:
        sources = dict.fromkeys(reference_of(r.resource) for r in (self, *others))
        return Fact(name, value, basis, tuple(sources), self.on)

    def aside(self, why: str, *kinds: str) -> SetAside:
        """What is said of it when it cannot be used; ``kinds``: what it measures."""
        return SetAside(reference_of(self.resource), why, kinds)


Results = Mapping[str, Sequence[Result]]
"""By what is measured (`means` of codes/findings.csv and codes/examination.csv), newest first."""


def read_results(records: Records, today: dt.date, aside: list[SetAside]) -> Results:
    """Future and undated Observations are left out, and those about something else than the patient."""
    found: dict[str, list[Result]] = {}
    tomorrow = today + dt.timedelta(days=1)
    for resource, own, panel in observed(records, today).kinds:
        if resource.get("status") not in DONE or ("focus" in resource and _about_other(resource)):
            continue
        read = _parts(resource) if panel else ((resource, own),)
        held = span(resource.get("effectiveDateTime")) or first_span(resource, *DATES) if read else None
        if held is None or held.first > tomorrow:
            continue
        on = min(held.last, today)
        for body, kinds in read:
            result = Result(resource, body, on, (today - on).days)
            if "valueQuantity" in body and unit_of(mapping(body["valueQuantity"])) is None:
                aside.append(result.aside("the unit of its value cannot be read", *kinds))
            elif "dataAbsentReason" not in body or any(key.startswith("value") for key in body):
                for kind in kinds:
                    found.setdefault(kind, []).append(result)
    for results in found.values():
        results.sort(key=_on, reverse=True)
        if len({r.on for r in results}) < len(results):
            results.sort(key=lambda r: (r.on, r.at), reverse=True)
    return found


_on = attrgetter("on")


def latest(results: Results, kind: str, days: int) -> Result | None:
    """The newest result of a kind, not older than so many days."""
    return next((r for r in results.get(kind, ()) if r.ago <= days), None)


def _parts(resource: dict[str, Any]) -> list[tuple[dict[str, Any], list[str]]]:
    """The Observation and what it holds, each with what it measures or finds."""
    return [(body, kinds) for body in _bodies(resource) if (kinds := _kinds(body))]


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
    kinds = list(kinds_of(body.get("code")))
    if "valueCodeableConcept" in body and (kinds or "exam" in codes_in(body.get("category"))):
        kinds += [m for m in kinds_of(body["valueCodeableConcept"]) if m.startswith("finding ")]
    return list(dict.fromkeys(kinds))


def _about_other(resource: Mapping[str, Any]) -> bool:
    """True for an Observation whose focus is not a patient, or cannot be read: a fetus, a device, a relative."""
    focus = resource.get("focus")
    if not focus:
        return False
    found = list(targets(focus))
    return len(found) != len(objects(focus)) or any(not t.startswith("Patient/") for t in found)
