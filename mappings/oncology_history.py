"""What is known of the order's cancer: how it was treated and when that ended, its stage, grade and course."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from criteria.facts import Basis, Fact, Value
from mappings.cancer_treatment import SYSTEMIC, Therapy, cancer_conditions, read_therapies
from mappings.codings import codings
from mappings.conditions import UNCONFIRMED, meanings_of
from mappings.episode import ONCOLOGY, Episode
from mappings.evidence import told
from mappings.fields import first_span, mapping, number, objects, reference_of, targets
from mappings.medications import Supply
from mappings.observed import observed
from mappings.records import Records, codes_in
from mappings.tables import read_table
from mappings.telling import CANCER
from mappings.units import measured

DONE = frozenset({"final", "amended", "corrected"})
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
ALL_REMOVED, PART_REMOVED = "C131672", "C131680"
"""NCI Thesaurus: gross total resection, partial resection (Procedure.outcome)."""
NERVOUS_SYSTEM = ("C79.31", "C79.32", "C79.40", "C79.49")
SPREAD = ("C77", "C78", "C79", "C7B")
M1 = re.compile(r"[cp]?M1[a-d]?", re.IGNORECASE)
GRADE = re.compile(r"G?([1-4])")
MEASURABLE_MM, MEASURED_DAYS = 10, 183
"""A lesion of a centimetre, measured in the body within half a year, can be measured and followed."""
REGIONS = {"brain": "brain", "head": "head", "neck": "neck", "cervical_spine": "cervical_spine",
           "thoracic_spine": "thoracic_spine", "lumbar_spine": "lumbar_spine", "sacrum_coccyx": "sacrum",
           "chest": "chest", "breast": "chest", "abdomen": "abdomen", "pelvis": "pelvis", "hip": "extremity",
           "upper_extremity": "extremity", "lower_extremity": "extremity"}  # fmt: skip


def oncology_facts(
    records: Records, episode: Episode, today: dt.date, facts: Mapping[str, Fact], held: Sequence[Supply]
) -> Iterator[Fact]:
    """therapy.*, surgery.tumor.*, tumor.*, stage and time since treatment.

    ``facts``: what the Conditions say; ``held``: the medicines.
    """
    known = _true(facts, "malignancy.known") or _true(facts, "malignancy.metastatic")
    oncologic = any(i in episode.catalogue and episode.catalogue[i].category == ONCOLOGY for i in episode.indications)
    therapies = read_therapies(records, episode, today, known, held)
    mine = [t for t in therapies if t.ours is not False] if oncologic else therapies
    yield from _under_way(mine)
    yield from _completed(mine, today)
    if not oncologic:
        return
    conditions = cancer_conditions(records, episode)
    yield from _operated([t for t in mine if "resection" in t.kinds and t.ours], today)
    end = _ended(mine)
    if end is not None:
        yield from _since(end, today)
    yield from _remission(conditions, mine)
    yield from _histology(conditions)
    yield from _nervous_system(records)
    yield from _stage(records, conditions, today)
    yield from _observed(records, conditions, end, today)
    if _true(facts, "malignancy.metastatic"):
        spread = facts["malignancy.metastatic"]
        note = told("tumor", [spread.on])
        yield Fact("tumor.extent", "metastatic", Basis.DERIVED, spread.sources, spread.on, note)


def _under_way(therapies: Sequence[Therapy]) -> Iterator[Fact]:
    active = [t for t in therapies if t.active]
    systemic = [t for t in active if t.systemic]
    if systemic:
        yield _of("therapy.systemic_active", True, systemic)
    if active:
        yield _of("therapy.systemic_or_radiation_active", True, active)
    classes = {k for t in systemic for k in t.kinds & set(SYSTEMIC)} - {"systemic"}
    classes |= {"radiation"} if any(not t.systemic for t in active) else set()
    if len(classes) == 1:
        yield _of("therapy.current_class", classes.pop(), active)


def _completed(therapies: Sequence[Therapy], today: dt.date) -> Iterator[Fact]:
    radiation = [t for t in therapies if t.kinds & {"radiation", "radiation_course"}]
    if (over := [t for t in radiation if t.over]) and not any(t.active for t in radiation):
        yield _of("therapy.radiation.completed", True, over, Basis.RECORDED)
        if all(t.day for t in over):
            yield _of("therapy.radiation.ended_days_ago", (today - _last(over)).days, over)
    chemotherapy = [t for t in therapies if "chemotherapy" in t.kinds]
    if chemotherapy and all(t.over for t in chemotherapy):
        yield _of("therapy.chemotherapy.completed", True, chemotherapy)


def _operated(operations: Sequence[Therapy], today: dt.date) -> Iterator[Fact]:
    if not operations:
        return
    yield _of("surgery.tumor.performed", True, operations, Basis.RECORDED)
    if all(t.day for t in operations):
        yield _of("surgery.tumor.days_ago", (today - _last(operations)).days, operations)
    places = {REGIONS[r] for r in operations[0].regions if r in REGIONS}
    if len(places) == 1:
        yield _of("surgery.tumor.region", places.pop(), operations[:1], Basis.RECORDED)
    if (whole := operations[0].outcome & {ALL_REMOVED, PART_REMOVED}) and len(whole) == 1:
        yield _of("surgery.tumor.gross_total_resection", ALL_REMOVED in whole, operations[:1], Basis.RECORDED)
    if operations[0].intent:
        curative = operations[0].intent == {"curative"}
        yield _of("surgery.tumor.potentially_curative", curative, operations[:1], Basis.RECORDED)


def _ended(therapies: Sequence[Therapy]) -> Therapy | None:
    """The treatment that ended last; None while any goes on or may go on, or when a day is not certain."""
    if not any(t.ours for t in therapies) or not all(t.over and t.day for t in therapies):
        return None
    latest = max(therapies, key=lambda t: t.day or dt.date.min)
    return latest if "palliative" not in latest.intent else None


def _since(end: Therapy, today: dt.date) -> Iterator[Fact]:
    months = months_between(end.day or today, today)
    yield _of("surveillance.years_since_treatment", round(months / 12, 2), [end])
    yield _of("surveillance.months_since_treatment", round(months), [end])


def months_between(first: dt.date, last: dt.date) -> float:
    """Calendar months: from one day to the same day of a later month is a whole number of them."""
    months = (last.year - first.year) * 12 + last.month - first.month
    length = calendar.monthrange(last.year, last.month)[1]
    begun = min(first.day, length)
    if last.day >= begun:
        return round(months + (last.day - begun) / length, 2)
    before = last.replace(day=1) - dt.timedelta(days=1)
    return round(months - 1 + (before.day - min(first.day, before.day) + last.day) / before.day, 2)


def _remission(conditions: Sequence[dict[str, Any]], therapies: Sequence[Therapy]) -> Iterator[Fact]:
    """Primary treatment is complete: the cancer is in remission, was treated, and nothing goes on."""
    quiet = [c for c in conditions if codes_in(c.get("clinicalStatus")) & {"remission", "resolved"}]
    treated = [t for t in therapies if t.ours]
    if quiet and len(quiet) == len(conditions) and treated and all(t.over for t in therapies):
        yield _of("therapy.primary.completed", True, treated)


def _histology(conditions: Sequence[dict[str, Any]]) -> Iterator[Fact]:
    for condition in conditions:
        held = [
            e.get("valueCodeableConcept") for e in objects(condition.get("extension")) if e.get("url") == MORPHOLOGY
        ]
        if not any(codes_in(h) for h in held):
            continue
        source, on = (reference_of(condition),), _day(condition, "recordedDate")
        yield Fact("malignancy.histologically_confirmed", True, Basis.DERIVED, source, on, told("tumor", [on]))
        types = read_table("morphology").means(*held)
        if len(types) == 1:
            yield Fact("tumor.type", next(iter(types)), Basis.RECORDED, source, on, told("tumor", [on]))


def _nervous_system(records: Records) -> Iterator[Fact]:
    """Whether all metastases on record lie in the nervous system; any of unnamed place leaves it open."""
    places: dict[str, str] = {}
    for condition in records.of("Condition"):
        if not UNCONFIRMED.isdisjoint(codes_in(condition.get("verificationStatus"))):
            continue
        codes = [code for system, code in codings(condition.get("code")) if system == "icd10cm"]
        if spread := [code for code in codes if code.startswith(SPREAD)]:
            places[reference_of(condition)] = spread[0]
        elif any("malignancy.metastatic" in m.facts for m in meanings_of(condition.get("code"))):
            return
    if places and "C79.9" not in places.values():
        limited = all(code in NERVOUS_SYSTEM for code in places.values())
        note = told("Condition", [None] * len(places))
        yield Fact("malignancy.metastases_limited_to_cns", limited, Basis.DERIVED, tuple(places), None, note)


def _stage(records: Records, conditions: Sequence[dict[str, Any]], today: dt.date) -> Iterator[Fact]:
    """That a stage is on record, by the Condition or a stage group; distant metastases by an M category."""
    for condition in conditions:
        if any(mapping(s.get("summary")) or objects(s.get("assessment")) for s in objects(condition.get("stage"))):
            on = _day(condition, "recordedDate")
            sources = (reference_of(condition),)
            name = "malignancy.clinical_stage_documented"
            yield Fact(name, True, Basis.RECORDED, sources, on, told("stage", [on]))
    for kinds, observation, on in _observations(records, conditions, today):
        value, source = observation.get("valueCodeableConcept"), (reference_of(observation),)
        if "stage_group" in kinds and mapping(value):
            name = "malignancy.clinical_stage_documented"
            yield Fact(name, True, Basis.RECORDED, source, on, told("stage", [on]))
        distant = "m1" in read_table("oncology").means(value) or any(M1.fullmatch(c) for c in codes_in(value))
        if "m_category" in kinds and distant:
            yield Fact("malignancy.metastatic", True, Basis.RECORDED, source, on, told("stage", [on]))
            yield Fact("tumor.extent", "metastatic", Basis.RECORDED, source, on, told("stage", [on]))


def _observed(
    records: Records, conditions: Sequence[dict[str, Any]], end: Therapy | None, today: dt.date
) -> Iterator[Fact]:
    newest: dict[str, tuple[dict[str, Any], dt.date]] = {}
    twice: set[str] = set()
    for kinds, observation, on in _observations(records, conditions, today):
        for kind in kinds & {"grade", "size", "ki67", "status"}:
            if kind in newest and newest[kind][1] == on:
                twice.add(kind)  # two of one day may be of two tumours
            elif kind not in newest or newest[kind][1] < on:
                newest[kind] = (observation, on)
                twice.discard(kind)
    for kind, (observation, on) in newest.items():
        if kind in twice:
            continue
        for name, value in _readings(kind, observation, on, end, today):
            sources, note = (reference_of(observation),), told("status" if kind == "status" else "tumor", [on])
            yield Fact(name, value, Basis.RECORDED, sources, on, note)


def _readings(
    kind: str, observation: dict[str, Any], on: dt.date, end: Therapy | None, today: dt.date
) -> Iterator[tuple[str, Value]]:
    if kind == "grade" and (grade := _grade(observation)) is not None:
        yield "tumor.grade", grade
    if kind == "ki67" and (percent := measured(observation.get("valueQuantity"), "%")) is not None and percent <= 100:
        yield "tumor.ki67_percent", percent
    if kind == "size" and (size := _longest(observation)) is not None:
        yield "tumor.size_mm", size
        in_body = "specimen" not in observation and (today - on).days <= MEASURED_DAYS
        if in_body:
            yield "lesion.longest_diameter_mm", size
        if in_body and size >= MEASURABLE_MM:
            yield "malignancy.measurable_disease", True
    worse = kind == "status" and "worse" in read_table("oncology").means(observation.get("valueCodeableConcept"))
    if worse and end is not None and end.day and on > end.day:
        yield "tumor.progressed", True


def _grade(observation: dict[str, Any]) -> int | None:
    value = observation.get("valueCodeableConcept")
    said = {m.removeprefix("grade:") for m in read_table("oncology").means(value) if m.startswith("grade:")}
    said |= {m[1] for code in codes_in(value) if (m := GRADE.fullmatch(code))}
    whole = number(observation.get("valueInteger"))
    said |= {str(int(whole))} if whole is not None and whole in (1, 2, 3, 4) else set()
    return int(said.pop()) if len(said) == 1 else None


def _longest(observation: dict[str, Any]) -> float | None:
    for component in objects(observation.get("component")):
        if "longest" in read_table("oncology").means(component.get("code")):
            return measured(component.get("valueQuantity"), "mm", bare=False)
    return measured(observation.get("valueQuantity"), "mm", bare=False)


def _observations(
    records: Records, conditions: Sequence[dict[str, Any]], today: dt.date
) -> Iterator[tuple[frozenset[str], dict[str, Any], dt.date]]:
    """Findings of the order's cancer: those that point to another Condition are of another one."""
    mine = {reference_of(c) for c in conditions}
    for observation in observed(records, today).of.get(CANCER, ()):
        kinds = read_table("oncology").means(observation.get("code"))
        if not kinds or observation.get("status") not in DONE:
            continue
        focus = [t for t in targets(observation.get("focus")) if t.startswith("Condition/")]
        held = first_span(observation, "effectiveDateTime", "effectivePeriod", "issued")
        if held and held.first <= today and (not focus or mine.intersection(focus)):
            yield kinds, observation, min(held.last, today)


def _last(therapies: Sequence[Therapy]) -> dt.date:
    return max(t.day for t in therapies if t.day)


def _of(name: str, value: Value, therapies: Sequence[Therapy], basis: Basis = Basis.DERIVED) -> Fact:
    sources = tuple(dict.fromkeys(t.reference for t in therapies))
    days = [t.day for t in therapies]
    newest = max((d for d in days if d), default=None)
    names = {t.name for t in therapies}
    return Fact(name, value, basis, sources, newest, told(names.pop() if len(names) == 1 else "treatment", days))


def _day(resource: dict[str, Any], *names: str) -> dt.date | None:
    held = first_span(resource, *names)
    return held.day if held else None


def _true(facts: Mapping[str, Fact], name: str) -> bool:
    return name in facts and facts[name].value is True
