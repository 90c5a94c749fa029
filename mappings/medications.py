"""Medicines: what each prescription supplies and for how long; the long-term medicines that the rules ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from criteria.facts import Basis, Fact
from mappings.codings import codings, once
from mappings.evidence import told
from mappings.fields import mapping, number, objects, period, reference_of, span, target
from mappings.records import Records
from mappings.tables import read_table, spoken
from mappings.units import measured

LONG_TERM_DAYS = 90
OPIOID_DAYS, OPIOID_COUNT = 90, 3
RUNNING = frozenset({"active", "on-hold"})
ROUTES = frozenset({"topical", "injected"})
FORMS = ROUTES | {"patch"}


class Supply(msgspec.Struct, frozen=True):
    """One prescription or statement: its classes and the days it covers; ``last`` None = not known how long."""

    reference: str
    resource: Mapping[str, Any]
    classes: frozenset[str]
    first: dt.date
    last: dt.date | None
    active: bool


def medication_facts(held: Sequence[Supply], today: dt.date) -> Iterator[Fact]:
    """Long-term glucocorticoid, immunosuppressant, frequent opioids. ``held``: `supplies`."""
    steroids = [s for s in held if s.active and "corticosteroid_oral" in s.classes]
    long = [s for s in steroids if (today - s.first).days >= LONG_TERM_DAYS or _days(s) >= LONG_TERM_DAYS]
    if long or len(steroids) > 1:
        yield _fact("medication.glucocorticoid_long_term", long or steroids)
    if suppressing := [s for s in held if "immunosuppressant" in s.classes and s.active and "topical" not in s.classes]:
        yield _fact("medication.immunosuppressant", suppressing)
    opioids = [s for s in held if "opioid" in s.classes and (today - s.first).days <= OPIOID_DAYS]
    if len(opioids) >= OPIOID_COUNT:
        yield _fact("medication.opioid_frequent", opioids)


def supplies(records: Records, today: dt.date) -> Iterator[Supply]:
    """Every prescription and statement whose class and first day are known, by today."""
    for request in records.of("MedicationRequest"):
        classes = None if request.get("intent") in ("proposal", "plan") else _classes(records, request)
        if not classes:
            continue
        authored = span(request.get("authoredOn"))
        begun = authored or period(mapping(request.get("dispenseRequest")).get("validityPeriod"))[0]
        if begun is None or begun.first > today:
            continue
        active = request.get("status") in RUNNING
        last = _last(request, begun.first, active, today)
        yield Supply(reference_of(request), request, classes, begun.first, last, active)
    for statement in records.of("MedicationStatement"):
        classes = _classes(records, statement)
        if not classes:
            continue
        start, end = period(statement.get("effectivePeriod"))
        begun = start or span(statement.get("effectiveDateTime"))
        if begun is None or begun.first > today:
            continue
        active = statement.get("status") in RUNNING and (end is None or end.last >= today)
        last = min(end.last, today) if end else today if active else None
        yield Supply(reference_of(statement), statement, classes, begun.first, last, active)


def _classes(records: Records, resource: dict[str, Any]) -> frozenset[str]:
    """The classes of a medicine and its form; none when it is of no class of ours."""
    medicine = resource.get("medicationCodeableConcept")
    if medicine is None:
        medicine = mapping(records.find(target(resource.get("medicationReference")))).get("code")
    classes, forms = once(medicine, _medicine)
    if not classes:
        return classes
    table = read_table("medications")
    for field in ("dosageInstruction", "dosage"):
        for dosage in objects(resource[field]) if field in resource else ():
            if "route" in dosage:
                forms |= table.of_words(spoken(dosage["route"])) & ROUTES
    classes |= forms
    return classes | {"corticosteroid_oral"} if "corticosteroid" in classes and not forms else classes


def _medicine(concept: Any) -> tuple[frozenset[str], frozenset[str]]:
    """The classes of a medicine by its codes, else by its names, and the forms that the names tell."""
    table = read_table("medications")
    named = table.of_words(spoken(concept))
    return table.of_codes(codings(concept)) or named, named & FORMS


def _last(request: Mapping[str, Any], first: dt.date, active: bool, today: dt.date) -> dt.date | None:
    """The last covered day: first day plus the supply of each fill, or the bounds of the dosage; else today while the
    prescription is active, unknown once it is over."""
    dispense = mapping(request.get("dispenseRequest"))
    days = measured(dispense.get("expectedSupplyDuration"), "d")
    if days is not None and 0 < days < 3660:
        repeats = number(dispense.get("numberOfRepeatsAllowed")) or 0
        fills = 1 + (int(repeats) if active and 0 <= repeats <= 100 else 0)
        return min(first + dt.timedelta(days=int(days * fills)), today)
    for dosage in objects(request.get("dosageInstruction")):
        repeat = mapping(mapping(dosage.get("timing")).get("repeat"))
        end = period(repeat.get("boundsPeriod"))[1]
        bound = measured(repeat.get("boundsDuration"), "d")
        if end:
            return max(min(end.last, today), first)
        if bound is not None and 0 < bound < 3660:
            return min(first + dt.timedelta(days=int(bound)), today)
    return today if active else None


def _days(supply: Supply) -> int:
    return (supply.last - supply.first).days if supply.last else 0


def _fact(name: str, found: Sequence[Supply]) -> Fact:
    note = told("medicine", [s.first for s in found])
    return Fact(name, True, Basis.DERIVED, tuple(s.reference for s in found), max(s.first for s in found), note)
