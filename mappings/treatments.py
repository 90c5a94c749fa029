"""The trial of conservative treatment, as far as visits and prescriptions since onset show it.

Evidence only ever says that something was done and how long: that it helped, or did not, is never read from silence
(see outcome.py). An order or a referral is no treatment.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from criteria.facts import Basis, Fact, Value
from mappings.codings import codings
from mappings.episode import Episode
from mappings.evidence import course, told
from mappings.fields import Span, first_span, mapping, objects, period, reference_of, target
from mappings.medications import Supply
from mappings.records import Records, codes_in
from mappings.tables import read_table

RECENT_DAYS = 180
"""Therapy that names no reason, where the onset is not on record, counts when it began within half a year."""
BREAK_DAYS = 90
"""A break longer than the guidelines' own three months ends a trial; what follows is another one."""
BOOKED_DAYS = 30
"""A visit that is booked belongs to the course when the last one was no longer ago."""
DAYS_OF_WEEK = 7
ACTIVE = {"therapy_pt": "physical_therapy", "manipulation_osteopathic": "osteopathic_manipulation",
          "manipulation_chiropractic": "chiropractic"}  # fmt: skip
PASSIVE = {"nsaid": "nsaid", "acetaminophen": "acetaminophen", "acupuncture": "acupuncture",
           "injection_spine": "injection", "orthosis": "brace"}  # fmt: skip
DIRECTED = frozenset({*ACTIVE, "evaluation_pt", "injection_spine", "intervention"})
DRUGS = frozenset({"nsaid", "analgesic", "muscle_relaxant", "corticosteroid_oral"})
PAIN_RELIEF = DRUGS | {"acetaminophen"}
INJECTIONS = frozenset({"injection_spine", "injection_other"})
PARTS = {
    "trial_of_treatment.physical_or_occupational_therapy": {"therapy_pt", "evaluation_pt"},
    "trial_of_treatment.spinal_manipulation": {"manipulation_osteopathic", "manipulation_chiropractic"},
    "trial_of_treatment.interventional_procedure": {"injection_spine", "intervention"},
    "trial_of_treatment.education": {"education"},
    "trial_of_treatment.nsaid": {"nsaid"},
    "trial_of_treatment.analgesic": {"analgesic"},
    "trial_of_treatment.corticosteroid_oral": {"corticosteroid_oral"},
    "trial_of_treatment.corticosteroid_injection": {"corticosteroid_injection"},
}
NAMES = {"therapy_pt": "therapy", "evaluation_pt": "therapy", "manipulation_osteopathic": "manipulation",
         "manipulation_chiropractic": "manipulation", "injection_spine": "injection", "injection_other": "injection",
         "corticosteroid_injection": "injection", "intervention": "procedure", "education": "education",
         "acupuncture": "acupuncture", "orthosis": "orthosis"}  # fmt: skip
THERAPIST = "36682004"
"""SNOMED CT physical therapist, as a performer's function or specialty."""


class Treatment(msgspec.Struct, frozen=True):
    """One visit, course or prescription: its days (``last`` None when unknown) and what it is."""

    reference: str
    kinds: frozenset[str]
    first: dt.date
    last: dt.date | None
    ongoing: bool = False
    supervised: bool = False

    @property
    def name(self) -> str:
        """What the card calls it (evidence.yaml)."""
        return _name(self.kinds)


@functools.lru_cache(maxsize=256)
def _name(kinds: frozenset[str]) -> str:
    return next((NAMES[k] for k in NAMES if k in kinds), "medicine")


def treatment_facts(records: Records, episode: Episode, today: dt.date, held: Sequence[Supply]) -> Iterator[Fact]:
    """trial_of_treatment.* for the episode; nothing when there is no evidence. ``held``: `medications.supplies`."""
    given = [*_procedures(records, episode, today), *_visits(records, episode, today)]
    found = [*given, *_medications(records, episode, today, held)]
    found += _injected(given, held)
    directed = [t for t in found if t.kinds & (DIRECTED | DRUGS)]
    if directed:
        yield _fact("provider_directed", True, directed)
        yield from _course("", directed, today)
    for name, kinds in PARTS.items():
        if part := [t for t in found if t.kinds & kinds]:
            yield Fact(name, True, Basis.DERIVED, _sources(part), max(t.first for t in part), _note(part))
    if active := [t for t in found if t.kinds & ACTIVE.keys()]:
        yield _fact("active.performed", True, active)
        modalities = [ACTIVE[k] for t in active for k in sorted(t.kinds & ACTIVE.keys())]
        yield _fact("active.modality", max(dict.fromkeys(modalities), key=modalities.count), active)
        yield from _course("active.", active, today)
        if running := [t for t in active if t.ongoing]:
            yield _fact("active.in_progress", True, running)
        if supervised := [t for t in active if t.supervised]:
            yield _fact("active.physical_therapy_supervised", True, supervised)
    if passive := [t for t in found if t.kinds & PASSIVE.keys()]:
        yield _fact("passive.performed", True, passive)
        main = next(PASSIVE[k] for k in PASSIVE if any(k in t.kinds for t in passive))
        yield _fact("passive.modality", main, passive)


def _course(family: str, found: Sequence[Treatment], today: dt.date) -> Iterator[Fact]:
    """Length and end of the latest course, when every part's end is known (visits count before open prescriptions)."""
    known = [t for t in found if t.last is not None]
    if not known or (len(known) < len(found) and not any(t.kinds & DIRECTED for t in known)):
        return
    latest = _unbroken(known)
    first, last = min(t.first for t in latest), max(t.last for t in latest if t.last)
    if last > first:
        weeks = (last - first).days / DAYS_OF_WEEK
        yield _fact(f"{family}duration_weeks", round(weeks, 1), latest)
    if len(known) == len(found):
        going_on = any(t.ongoing for t in latest)
        yield _fact(f"{family}ended_days_ago", 0 if going_on else max((today - last).days, 0), latest)


def _unbroken(found: Sequence[Treatment]) -> list[Treatment]:
    """The latest stretch without a break of more than ``BREAK_DAYS``."""
    ordered = sorted(found, key=lambda t: t.last or t.first, reverse=True)
    stretch, begun = [ordered[0]], ordered[0].first
    for treatment in ordered[1:]:
        if (begun - (treatment.last or treatment.first)).days > BREAK_DAYS:
            break
        stretch.append(treatment)
        begun = min(begun, treatment.first)
    return stretch


def _procedures(records: Records, episode: Episode, today: dt.date) -> Iterator[Treatment]:
    table = read_table("treatments")
    for procedure, codes in records.coded("Procedure"):
        kinds = table.of_codes(codes)
        if not kinds or procedure.get("status") == "preparation":
            continue
        start, end = period(procedure.get("performedPeriod"))
        held = first_span(procedure, "performedDateTime") or start or end
        ongoing = procedure.get("status") == "in-progress"
        if held is None or held.first > today:
            continue
        last = today if ongoing else min((end or held).last, today)
        clipped = _clip(Span(held.first, max(last, held.first)), episode, episode.concerns(procedure, records), today)
        if clipped:
            supervised = "therapy_pt" in kinds and _by_therapist(procedure, records)
            yield Treatment(reference_of(procedure), kinds, clipped.first, clipped.last, ongoing, supervised)


def _visits(records: Records, episode: Episode, today: dt.date) -> Iterator[Treatment]:
    """Therapy that is on record as a visit; a visit booked soon after the last one shows that it goes on."""
    done: list[Treatment] = []
    booked: list[Treatment] = []
    for encounter, status, what, _ in records.once(read_visits, today):
        if not what or not (kinds := what & {*ACTIVE, "evaluation_pt"}):
            continue
        start, end = period(encounter.get("period"))
        held = start or end
        if held is None:
            continue
        reference, ours = reference_of(encounter), episode.concerns(encounter, records)
        if status == "planned" and ours and held.first >= today:
            booked.append(Treatment(reference, kinds, held.first, held.last, True))
        if status not in ("finished", "in-progress", "arrived") or held.first > today:
            continue
        last = max(min((end or held).last, today), held.first)
        if clipped := _clip(Span(held.first, last), episode, ours, today):
            supervised = "therapy_pt" in kinds and _by_therapist(encounter, records)
            done.append(Treatment(reference, kinds, clipped.first, clipped.last, False, supervised))
    yield from done
    latest = max((t.last for t in done if t.last), default=None)
    if booked and latest and (today - latest).days <= BOOKED_DAYS:
        yield Treatment(booked[0].reference, booked[0].kinds, latest, latest, True)


class Visit(NamedTuple):
    """One encounter: what it was for where its type or service is a treatment, and whether it says why it was."""

    encounter: dict[str, Any]
    status: Any
    treatments: frozenset[str]
    explained: bool


def read_visits(records: Records, _today: dt.date) -> list[Visit]:
    """Every encounter."""
    table, visits = read_table("treatments"), []
    for encounter in records.of("Encounter"):
        types = encounter.get("type")
        kinds = table.of_codes(codings(types[0])) if types and len(types) == 1 else table.means(*objects(types))
        if "serviceType" in encounter:
            kinds |= table.means(*objects(encounter["serviceType"]))
        explained = encounter.get("reasonCode") or encounter.get("reasonReference") or encounter.get("diagnosis")
        visits.append(Visit(encounter, encounter.get("status"), kinds, bool(explained)))
    return visits


def _medications(records: Records, episode: Episode, today: dt.date, held: Sequence[Supply]) -> Iterator[Treatment]:
    for supply in held:
        kinds = supply.classes & PAIN_RELIEF
        if not kinds or "topical" in supply.classes:
            continue
        ours = episode.concerns(supply.resource, records)
        if ours is None and not episode.since_onset(Span(supply.first, supply.first)):
            continue  # a pain reliever without a reason, taken before or nobody knows since when, may be for anything
        last = supply.last
        clipped = _clip(Span(supply.first, last or supply.first), episode, ours, today)
        if clipped and not (last is None and clipped.first != supply.first):
            yield Treatment(supply.reference, kinds, clipped.first, last and clipped.last, _open(supply, today))


def _injected(given: Sequence[Treatment], held: Sequence[Supply]) -> Iterator[Treatment]:
    """An injection on the day of which an injectable corticosteroid is on record."""
    steroids = [s for s in held if {"corticosteroid", "injected"} <= s.classes]
    for treatment in (t for t in given if t.kinds & INJECTIONS):
        if any(s.first == treatment.first for s in steroids):
            kinds = frozenset({"corticosteroid_injection"})
            yield Treatment(treatment.reference, kinds, treatment.first, treatment.last)


def _by_therapist(resource: Mapping[str, Any], records: Records) -> bool:
    """Whether a performer's function or role says physical therapist."""
    for one in (*objects(resource.get("performer")), *objects(resource.get("participant"))):
        person = mapping(one.get("actor") or one.get("individual"))
        role = mapping(records.find(target(person)))
        if THERAPIST in codes_in([one.get("function"), *objects(one.get("type"))]):
            return True
        if THERAPIST in codes_in([*objects(role.get("specialty")), *objects(role.get("code"))]):
            return True
    return False


def _clip(held: Span, episode: Episode, ours: bool | None, today: dt.date) -> Span | None:
    """The part of a treatment that lies in the episode; None when it is for something else or ended before onset."""
    if ours is False:
        return None
    onset = episode.onset
    if onset is None:
        return held if ours or (today - held.first).days <= RECENT_DAYS else None
    if held.last < onset.last and not (ours and held.last >= onset.first):
        return None
    return Span(max(held.first, onset.first), held.last)


def _open(supply: Supply, today: dt.date) -> bool:
    return supply.last is not None and supply.last >= today


def _sources(found: Sequence[Treatment]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t.reference for t in found))


def _note(found: Sequence[Treatment]) -> str:
    """Each kind of evidence once: visits by their number and days, a course or a prescription by its own."""
    notes = []
    for name in dict.fromkeys(t.name for t in found):
        part = [t for t in found if t.name == name]
        lasting = [t for t in part if t.first != t.last]
        if len(part) == 1 and lasting:
            one = part[0]
            notes.append(course(name if name == "medicine" else "course", one.first, None if one.ongoing else one.last))
        elif name == "medicine":
            notes.append(told(name, [t.first for t in part]))
        elif lasting:
            notes.append(course("course", min(t.first for t in part), max(t.last or t.first for t in part)))
        else:
            notes.append(told(name, sorted({t.first for t in part})))
    return ", ".join(notes)


def _fact(name: str, value: Value, found: Sequence[Treatment]) -> Fact:
    on = max(t.last or t.first for t in found)
    return Fact(f"trial_of_treatment.{name}", value, Basis.DERIVED, _sources(found), on, _note(found))
