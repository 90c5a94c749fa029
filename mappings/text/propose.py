"""What a text proposes: indications, best first, and facts with the words that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from criteria.facts import Value
from mappings.attested import vocabulary
from mappings.diagnoses import channel, indications, of_icd10cm
from mappings.text.context import Said, meant
from mappings.text.lexicon import lexicon
from mappings.text.mentions import Mention, mentions, patient_or_therapy
from mappings.text.numbers import NEW_WITHIN_DAYS, SINCE_NEW, Time, nearest, scores, times, weeks
from mappings.text.places import GENERAL, Reading, said_elsewhere, sites_of, telling
from mappings.text.tables import ANYWHERE, Entry, Says
from mappings.text.tokens import Token

LASTING = ("history.", "surgery.", "implant.", "allergy.", "trial_of_treatment.", "prior_imaging.", "xray.")
"""Facts that what is past still states."""
SIGNS = ("symptom.", "exam.", "history.", "trauma.", "allergy.", "pregnancy.")
DISEASES = ("condition.", "fracture.", "infection.", "malignancy.", "tumor.")
"""Facts that a suspicion does not state; what was done, felt or found stands beside it."""
BACKGROUND = frozenset({"condition.diabetes_mellitus", "condition.hiv", "condition.immunocompromised"})
"""Diseases that no imaging looks for: beside what is suspected they are there."""
DONE = ("trial_of_treatment.", "implant.")
"""Facts of what was done, besides operations; of what is only planned they say nothing."""
COMPLAINTS = frozenset(
    {"pain", "radiates", "weakness", "numbness", "tingling", "burning", "bladder", "footdrop", "incontinence"}
)
INJURIES = ("injury", "subluxation")
PAINS = frozenset({"pain", "root", "radiates"})
TREATMENT = "trial_of_treatment."
UNRANKED = 5


@dataclass(frozen=True, slots=True)
class Found:
    """One proposal and the places of its words. ``weight`` sorts indications."""

    name: str
    value: Value | None
    first: int
    last: int
    weight: tuple[float, ...] = ()
    doubted: bool = False


def read(text: str) -> tuple[list[Found], list[Token]]:
    """Everything that a text proposes, in its order, and its words."""
    if not text.strip():
        return [], []
    book = lexicon()
    words = patient_or_therapy(book.read(text), text, book.words)
    findings, sites = mentions(words, book)
    inside = frozenset(i for m in findings if len(m.places) > 1 for i in m.places)
    signs = frozenset(i for m in findings if _in_passing(m.entry.now) for i in m.places)
    kinds = {i: _kind(m.entry.now) for m in findings for i in m.places}
    reading = Reading(words, findings, sites, meant(words, inside, Said(signs, kinds)), book)
    found = [f for m in findings for f in _of_mention(m, reading)]
    found += _of_codes(reading)
    found += _of_numbers(reading)
    return found, words


def _in_passing(says: Says) -> bool:
    """True for a sign that notes list: fever, chills, numbness, injury."""
    if says.finding:
        return says.finding in ("weakness", "numbness", "tingling", "bladder", *INJURIES, "cancer", "radiates")
    return bool(says.facts) and all(f.startswith(SIGNS) for f in says.facts)


def _kind(says: Says) -> str:
    if says.finding == "surgery" or _operated(says) or any(f.startswith(DONE) for f in says.facts):
        return "done"
    if says.finding in INJURIES or any(f.startswith("trauma.") for f in says.facts):
        return "event"
    if says.facts and all(f.startswith("history.") or f in BACKGROUND for f in says.facts):
        return "background"
    if says.finding in COMPLAINTS or (says.facts and all(f.startswith(SIGNS) for f in says.facts)):
        return "complaint"
    return "disease"


def _operated(says: Says) -> bool:
    return any(f.startswith("surgery.") and f.endswith(".performed") for f in says.facts)


def _of_mention(mention: Mention, reading: Reading) -> Iterator[Found]:
    states = reading.states(mention)
    if states & {"family", "imagined"}:
        return
    for entry, places in _entries(mention, reading):
        says = entry.now
        if "planned" in states and "past" not in states and _kind(says) == "done":
            continue
        if "denied" in states:
            loosened = not reading.meant.loosened.isdisjoint(mention.places)
            if "past" not in states and not loosened:
                yield from _facts({n: False for n, v in says.facts.items() if _deniable(n, v)}, mention.places)
            continue
        if "past" in states:
            kept = {n: v for n, v in says.facts.items() if n.startswith(LASTING)}
            kept |= entry.past.facts or _past_cancer(says)
            yield from _facts(kept, places)
            yield from _named(entry.past.indications, places, 0)
            continue
        doubted = "doubted" in states
        if doubted:
            yield from _named((*says.indications, *entry.doubted.indications), places, 1)
            for fact in _facts({**_doubted(says), **entry.doubted.facts}, places):
                yield replace(fact, doubted=_kind(says) != "background")
        else:
            yield from _named(says.indications, places, 0)
            yield from _facts({**says.facts, **_known_cancer(says)}, places)


def _deniable(name: str, value: Value) -> bool:
    """To deny one disease does not deny all the signs that a suspicion of it asks about."""
    return value is True and not name.startswith("red_flag.") and vocabulary()[name].type == "boolean"


def _past_cancer(says: Says) -> dict[str, Value]:
    return {"malignancy.current_or_past": True} if _known_cancer(says) else {}


def _known_cancer(says: Says) -> dict[str, Value]:
    asserted = (indications()[i].asserts for i in says.indications)
    return {"malignancy.known": True} if any(a.get("malignancy.known") for a in asserted) else {}


def _doubted(says: Says) -> dict[str, Value]:
    """What a suspicion proposes: the suspected reading of a disease; what was done or is felt is not doubted."""
    out: dict[str, Value] = {}
    for name, value in says.facts.items():
        if not name.startswith(DISEASES) or "_suspected" in name or name in BACKGROUND:
            out[name] = value
        elif suspected := channel(name).suspected:
            out[suspected] = value
    for indication in says.indications:
        for name in indications()[indication].asserts:
            if suspected := channel(name).suspected:
                out[suspected] = True
    implied = (i for name, value in out.items() if value is True for i in channel(name).implies)
    return out | {name: True for name in list(implied) if name.endswith("_suspected")}


def _named(names: Iterable[str], places: Sequence[int], doubted: int) -> Iterator[Found]:
    for order, name in enumerate(names):
        rank = lexicon().ranks.get(name, UNRANKED)
        weight = (0 if doubted and rank < 4 else 1, rank, min(places) * 10 + order)
        yield Found(name, None, min(places), max(places), weight)


def _facts(facts: dict[str, Value], places: Sequence[int]) -> Iterator[Found]:
    for name, value in facts.items():
        yield Found(name, value, min(places), max(places))


def _entries(mention: Mention, reading: Reading) -> Iterator[tuple[Entry, tuple[int, ...]]]:
    """The mention's own row, and the rows of its finding at each of its sites, with the places of their words."""
    says = mention.entry.now
    if says.indications or says.facts:
        yield mention.entry, mention.places
    if not says.finding:
        return
    book, finding = reading.lexicon, says.finding
    if says.site:
        if found := book.meaning(finding, says.site):
            yield found, mention.places
        return
    sites = sites_of(mention, reading)
    if (finding, ANYWHERE) in book.findings:
        sites = telling(sites, mention, reading)
    named = [s for s in sites if s.entry.now.site not in GENERAL and book.meaning(finding, s.entry.now.site)] or sites
    for site in named:
        if found := book.meaning(finding, site.entry.now.site):
            yield found, (*mention.places, *site.places)
    placed = bool(named) and finding in book.placed
    if not placed and not said_elsewhere(mention, reading) and (found := book.findings.get((finding, ANYWHERE))):
        yield found, mention.places


def _of_codes(reading: Reading) -> Iterator[Found]:
    """Diagnosis codes that are typed into the text: candidates only."""
    for i, token in enumerate(reading.words):
        if token.kind != "icd" or reading.meant.states[i] & {"denied", "past", "family", "imagined"}:
            continue
        if meaning := of_icd10cm(token.word):
            yield from _named(meaning.indications, (i,), 0)


def _of_numbers(reading: Reading) -> Iterator[Found]:
    words, rules = reading.words, reading.lexicon.words
    places: dict[int, str] = {}
    names: list[frozenset[str]] = [frozenset() for _ in words]
    for mention in reading.findings:
        says = mention.entry.now
        states = reading.states(mention)
        kind = _measured(says)
        for i in mention.places:
            names[i] = frozenset({says.finding} if says.finding else set())
            if kind and not states & {"family", "imagined"} and not (states & {"denied"} and kind != "treatment"):
                places[i] = kind if "planned" not in states or kind not in ("treatment", "surgery") else "planned"
    for name, value, first, last in scores(words, names):
        if not any(reading.meant.states[i] & {"family", "imagined"} for i in range(first, last + 1)):
            yield Found(name, value, first, last)
    for time in times(words, rules.numbers, rules.units):
        place = nearest(time, places, words)
        if place is None or any(
            reading.meant.states[i] & {"family", "imagined"} for i in range(time.first, time.last + 1)
        ):
            continue
        yield from _of_time(time, place, places[place], reading)


def _measured(says: Says) -> str:
    """What a time beside it measures."""
    if any(f.startswith(TREATMENT) for f in says.facts):
        return "treatment"
    if says.finding in SINCE_NEW:
        return says.finding
    if says.finding in INJURIES or any(f.startswith("trauma.") for f in says.facts):
        return "injury"
    if says.finding == "surgery" or any(f.startswith("surgery.") for f in says.facts):
        return "surgery"
    if says.finding in PAINS or any(f.startswith("pain.") for f in says.facts):
        return "pain"
    return "pain" if "lumbar_radiculopathy" in says.indications else ""


def _of_time(time: Time, place: int, kind: str, reading: Reading) -> Iterator[Found]:
    first, last = min(time.first, place), max(time.last, place)
    mention = next((m for m in reading.findings if place in m.places), None)
    if mention:
        first, last = min(first, mention.first), max(last, mention.last)
    if kind == "treatment" and not time.ago:
        yield Found("trial_of_treatment.duration_weeks", weeks(time.days), first, last)
    elif kind == "pain" and not time.ago:
        yield Found("pain.duration_weeks", weeks(time.days), first, last)
    elif kind == "injury":
        if time.ago:
            yield Found("trauma.days_ago", round(time.days), first, last)
    elif kind == "surgery":
        if time.ago:
            yield Found("surgery.spine.days_ago", round(time.days), first, last)
    elif kind in SINCE_NEW and time.days <= NEW_WITHIN_DAYS:
        yield Found(SINCE_NEW[kind], True, first, last)
