"""Visits and other contacts: whether, when and how the patient was seen for this episode and after treatment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from criteria.facts import Basis, Fact
from mappings.episode import Episode
from mappings.evidence import told
from mappings.fields import Span, mapping, objects, period, reference_of, span, target, targets, words
from mappings.records import Records, codes_in
from mappings.tables import read_table
from mappings.treatments import read_visits

UNEXPLAINED_DAYS = 60
"""How long a visit without a reason counts where no onset is known: as long as the guideline lets an evaluation count
(SP-5.1.1, within 60 days)."""
IN_PERSON = frozenset({"AMB", "EMER", "IMP", "ACUTE", "NONAC", "OBSENC", "SS", "HH"})
REMOTE = frozenset({"VR"})
OPEN = frozenset({"in-progress", "arrived", "triaged", "onleave"})
NO_EVALUATION = "none"
MEDIUM = {"PHONE": "telephone", "VIDEOCONF": "video", "EMAILWRIT": "email", "ONLINEWRIT": "messaging"}
SIX_WEEKS = 42


class Contact(msgspec.Struct, frozen=True):
    """One contact of the episode. ``held`` spans its possible last days; ``visit`` is False for a message."""

    reference: str
    held: Span
    mode: str | None
    visit: bool = True

    def days_ago(self, today: dt.date) -> int | None:
        return (today - self.held.day).days if self.held.day else None

    @property
    def note(self) -> str:
        kind = "visit" if self.mode == "in_person" else "remote" if self.mode else "contact"
        return told(kind if self.visit else "message", [self.held.day])


def contacts(records: Records, episode: Episode, today: dt.date, here: Sequence[str] = ()) -> tuple[Contact, ...]:
    """The contacts of the episode, latest first.

    ``here`` are the encounters in which the order is placed: they count whatever reason they give. Others count when
    finished or open and with a reason of the episode.
    """
    found = []
    for encounter, status, treatments, _ in records.once(read_visits, today):
        if (status != "finished" and status not in OPEN) or treatments:
            continue  # a therapy session is treatment, no evaluation
        current = bool(here) and reference_of(encounter) in here
        if not current and not episode.concerns(encounter, records):
            continue
        held, mode = _held(encounter, status in OPEN, current, today), _mode(encounter)
        if held and mode != NO_EVALUATION:
            found.append(Contact(reference_of(encounter), held, mode))
    for message in records.of("Communication"):
        held = span(message.get("sent")) or span(message.get("received"))
        ours = target(message.get("encounter")) in here or episode.concerns(message, records)
        if message.get("status") in ("completed", None) and held and held.first <= today and ours:
            mode = next((MEDIUM[c] for c in codes_in(message.get("medium")) if c in MEDIUM), None)
            found.append(Contact(reference_of(message), held, mode, visit=False))
    table = read_table("contacts")
    for call, codes in records.coded("Procedure"):
        kinds = table.of_codes(codes)
        if not kinds or kinds == {NO_EVALUATION}:
            continue
        kinds -= {NO_EVALUATION}
        held = span(call.get("performedDateTime")) or period(call.get("performedPeriod"))[1]
        if held and held.first <= today and episode.concerns(call, records):
            found.append(Contact(reference_of(call), held, min(kinds)))
    return tuple(sorted(found, key=lambda c: (c.held.last, c.mode == "in_person"), reverse=True))


def evaluation_facts(
    records: Records,
    found: Sequence[Contact],
    today: dt.date,
    draft: Mapping[str, Any] | None = None,
    site: Mapping[str, Any] | None = None,
) -> Iterator[Fact]:
    """Facts of the contacts of the episode; silence stays silence. ``draft`` is the order's own ServiceRequest."""

    def fact(name: str, value: bool | int | str, contact: Contact) -> Fact:
        return Fact(name, value, Basis.DERIVED, (contact.reference,), contact.held.day, contact.note)

    visits = [c for c in found if c.visit]
    if visits:
        yield fact("clinical_evaluation.initial_performed", True, visits[-1])
        if visits[0].mode:
            yield fact("clinical_evaluation.mode", visits[0].mode, visits[0])
        limit = (site or {}).get("recent_evaluation_days")
        ago = visits[0].days_ago(today)
        if isinstance(limit, int) and ago is not None:
            yield fact("clinical_evaluation.recent", ago <= limit, visits[0])
        if len({c.held.day for c in visits} - {None}) > 1:
            yield fact("reevaluation.performed", True, visits[0])
    if found and (ago := found[0].days_ago(today)) is not None:
        yield fact("clinical_evaluation.contact_days_ago", ago, found[0])
    if seen := [c for c in visits if c.mode == "in_person"]:
        yield fact("clinical_evaluation.in_person_for_current_episode", True, seen[0])
        if (ago := seen[0].days_ago(today)) is not None:
            yield fact("clinical_evaluation.in_person_days_ago", ago, seen[0])
    if requester := target(mapping(draft).get("requester")):
        yield from _by_requester(records, found, requester, today)


def unexplained_visits(records: Records, episode: Episode, today: dt.date) -> Iterator[Fact]:
    """clinical_evaluation.in_person_days_ago by visits since onset that name no reason and were for nothing else.

    Where the onset is not known an older visit may have been a check-up, so that only recent ones count.
    """
    elsewhere: set[str | None] | None = None
    for encounter, status, treatments, explained in records.once(read_visits, today):
        if explained or treatments or (status != "finished" and status not in OPEN):
            continue
        if elsewhere is None:
            others = (c for c in records.of("Condition") if reference_of(c) not in episode.conditions)
            elsewhere = {target(c["encounter"]) for c in others if "encounter" in c}
        if reference_of(encounter) in elsewhere or _mode(encounter) != "in_person":
            continue
        held = _held(encounter, status in OPEN, False, today)
        if held is None or held.day is None:
            continue
        ago, since_onset = (today - held.day).days, episode.since_onset(held)
        if since_onset or (since_onset is None and ago <= UNEXPLAINED_DAYS):
            name, note = "clinical_evaluation.in_person_days_ago", told("visit", [held.day])
            yield Fact(name, ago, Basis.DERIVED, (reference_of(encounter),), held.day, note)


def _by_requester(records: Records, found: Sequence[Contact], requester: str, today: dt.date) -> Iterator[Fact]:
    visits = [e for e in records.of("Encounter") if requester in _clinicians(e)]
    mine = {reference_of(e) for e in visits}
    for contact in found:
        if contact.reference in mine:
            name, sources = "clinical_evaluation.by_treating_clinician", (contact.reference,)
            yield Fact(name, True, Basis.DERIVED, sources, contact.held.day, contact.note)
            break
    for encounter in visits:
        end = period(encounter.get("period"))[1]
        if encounter.get("status") == "finished" and end and end.last < today:
            note = told("contact", [end.day])
            yield Fact("patient.established", True, Basis.DERIVED, (reference_of(encounter),), end.day, note)
            break


def reevaluation_facts(found: Sequence[Contact], facts: Mapping[str, Fact], today: dt.date) -> Iterator[Fact]:
    """reevaluation.after_treatment from the treatment trial's own facts: a contact after its end, or six weeks or
    more after its start. Read after all other facts of the order, since the trial may be attested."""
    tried = facts.get("trial_of_treatment.provider_directed")
    if tried is not None and tried.value is False:
        return
    ended, weeks = (_number(facts.get(f"trial_of_treatment.{n}")) for n in ("ended_days_ago", "duration_weeks"))
    started = (ended or 0) + weeks * 7 if weeks is not None else None
    for contact in found:
        ago = contact.days_ago(today)
        if ago is None:
            continue
        after_end = ended is not None and ended > 0 and ago <= ended
        if after_end or (started is not None and started - ago >= SIX_WEEKS):
            sources, on = (contact.reference,), contact.held.day
            yield Fact("reevaluation.after_treatment", True, Basis.DERIVED, sources, on, contact.note)
            if contact.mode:
                yield Fact("reevaluation.mode", contact.mode, Basis.DERIVED, sources, on, contact.note)
            return


def _number(fact: Fact | None) -> float | None:
    held = fact.value if fact else None
    return float(held) if isinstance(held, int | float) and not isinstance(held, bool) else None


def _held(encounter: Mapping[str, Any], still: bool, current: bool, today: dt.date) -> Span | None:
    """The last day of the encounter: today while it goes on; None when it lies ahead or has no date."""
    start, end = period(encounter.get("period"))
    if still:
        ahead = start is not None and start.first > today
        return None if ahead or (start is None and not current) else Span(today, today)
    held = end or start or (Span(today, today) if current else None)
    return held if held and held.first <= today else None


def _mode(encounter: Mapping[str, Any]) -> str | None:
    """A telephone or online visit in `type`, by code or name, tells more than the class."""
    kinds = read_table("contacts").means(*objects(encounter.get("type")), text=True)
    if kinds:
        return min(kinds - {NO_EVALUATION}, default=NO_EVALUATION)
    code = words(mapping(encounter.get("class")).get("code"))
    return "in_person" if code in IN_PERSON else "telemedicine" if code in REMOTE else None


def _clinicians(encounter: Mapping[str, Any]) -> frozenset[str]:
    people = (mapping(p.get("individual")) for p in objects(encounter.get("participant")))
    return frozenset(t for p in people for t in targets(p))
