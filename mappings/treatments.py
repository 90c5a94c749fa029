"""The trial of conservative treatment, as far as visits and prescriptions since onset show it.

Evidence only ever says that something was done and how long: that it helped, or did not, is never read from silence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from criteria.facts import Basis, Fact, Value
from mappings.episode import Episode
from mappings.fields import Span, first_span, period, reference_of
from mappings.medications import Supply, supplies
from mappings.records import Records
from mappings.tables import read_table

RECENT_DAYS = 180
"""Therapy that names no reason, where the onset is not on record, counts when it began within half a year."""
DAYS_OF_WEEK = 7
ACTIVE = {"therapy_pt": "physical_therapy", "manipulation_osteopathic": "osteopathic_manipulation",
          "manipulation_chiropractic": "chiropractic"}  # fmt: skip
PASSIVE = {"nsaid": "nsaid", "acetaminophen": "acetaminophen", "acupuncture": "acupuncture",
           "injection_spine": "injection"}  # fmt: skip
DIRECTED = frozenset({*ACTIVE, "evaluation_pt", "injection_spine", "intervention"})
DRUGS = frozenset({"nsaid", "analgesic", "muscle_relaxant", "corticosteroid_oral"})
PARTS = {
    "trial_of_treatment.physical_or_occupational_therapy": {"therapy_pt", "evaluation_pt"},
    "trial_of_treatment.spinal_manipulation": {"manipulation_osteopathic", "manipulation_chiropractic"},
    "trial_of_treatment.interventional_procedure": {"injection_spine", "intervention"},
    "trial_of_treatment.education": {"education"},
    "trial_of_treatment.nsaid": {"nsaid"},
    "trial_of_treatment.analgesic": {"analgesic"},
    "trial_of_treatment.corticosteroid_oral": {"corticosteroid_oral"},
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """One visit, course or prescription: its days (``last`` None when unknown) and what it is."""

    reference: str
    kinds: frozenset[str]
    first: dt.date
    last: dt.date | None
    ongoing: bool = False


def treatment_facts(records: Records, episode: Episode, today: dt.date) -> Iterator[Fact]:
    """trial_of_treatment.* for the episode; nothing when there is no evidence."""
    found = [*_procedures(records, episode, today), *_medications(records, episode, today)]
    directed = [t for t in found if t.kinds & (DIRECTED | DRUGS)]
    if directed:
        yield _fact("provider_directed", True, directed)
        yield from _course("", directed, today)
    for name, kinds in PARTS.items():
        if part := [t for t in found if t.kinds & kinds]:
            yield Fact(name, True, Basis.DERIVED, _sources(part), max(t.first for t in part))
    if active := [t for t in found if t.kinds & ACTIVE.keys()]:
        yield _fact("active.performed", True, active)
        modalities = [ACTIVE[k] for t in active for k in sorted(t.kinds & ACTIVE.keys())]
        yield _fact("active.modality", max(dict.fromkeys(modalities), key=modalities.count), active)
        yield from _course("active.", active, today)
        if any(t.ongoing for t in active):
            yield _fact("active.in_progress", True, active)
    if passive := [t for t in found if t.kinds & PASSIVE.keys()]:
        yield _fact("passive.performed", True, passive)
        main = next(PASSIVE[k] for k in PASSIVE if any(k in t.kinds for t in passive))
        yield _fact("passive.modality", main, passive)


def _course(family: str, found: Sequence[Treatment], today: dt.date) -> Iterator[Fact]:
    """Length and end of the course, when every part has a known end (visits count before open prescriptions)."""
    visits = [t for t in found if t.last is not None]
    if not visits or (len(visits) < len(found) and not any(t.kinds & DIRECTED for t in visits)):
        return
    first, last = min(t.first for t in visits), max(t.last for t in visits if t.last)
    if last > first:
        weeks = (last - first).days / DAYS_OF_WEEK
        yield _fact(f"{family}duration_weeks", round(weeks, 1), visits)
    if len(visits) == len(found):
        yield _fact(f"{family}ended_days_ago", max((today - last).days, 0), visits)


def _procedures(records: Records, episode: Episode, today: dt.date) -> Iterator[Treatment]:
    table = read_table("treatments")
    for procedure in records.of("Procedure"):
        kinds = table.means(procedure.get("code"))
        if not kinds or procedure.get("status") == "preparation":
            continue
        start, end = period(procedure.get("performedPeriod"))
        held = first_span(procedure, "performedDateTime") or start or end
        ongoing = procedure.get("status") == "in-progress"
        if held is None or held.first > today:
            continue
        last = today if ongoing else min((end or held).last, today)
        clipped = _clip(Span(held.first, last), episode, episode.concerns(procedure, records), today)
        if clipped:
            yield Treatment(reference_of(procedure), kinds, clipped.first, clipped.last, ongoing)


def _medications(records: Records, episode: Episode, today: dt.date) -> Iterator[Treatment]:
    for supply in supplies(records, today):
        kinds = supply.classes & (DRUGS | {"acetaminophen"})
        if not kinds or "topical" in supply.classes:
            continue
        ours = episode.concerns(supply.resource, records)
        if ours is None and not episode.since_onset(Span(supply.first, supply.first)):
            continue  # a pain reliever without a reason, taken before or nobody knows since when, may be for anything
        last = supply.last
        clipped = _clip(Span(supply.first, last or supply.first), episode, ours, today)
        if clipped and not (last is None and clipped.first != supply.first):
            yield Treatment(supply.reference, kinds, clipped.first, last and clipped.last, _open(supply, today))


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


def _fact(name: str, value: Value, found: Sequence[Treatment]) -> Fact:
    on = max(t.last or t.first for t in found)
    return Fact(f"trial_of_treatment.{name}", value, Basis.DERIVED, _sources(found), on)
