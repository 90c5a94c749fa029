"""What a text proposes: indications, best first, and facts with the words that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from criteria.facts import Value
from mappings.attested import vocabulary
from mappings.diagnoses import channel, indications, of_icd10cm
from mappings.text.context import Meant, meant
from mappings.text.lexicon import ANYWHERE, Entry, Lexicon, Says, lexicon
from mappings.text.mentions import Mention, mentions, patient_or_therapy
from mappings.text.numbers import NEW_WITHIN_DAYS, SINCE_NEW, Time, nearest, scores, times, weeks
from mappings.text.tokens import BREAKS, ENDS, Token

LASTING = ("history.", "surgery.", "implant.", "allergy.", "trial_of_treatment.", "prior_imaging.", "xray.")
"""Facts that what is past still states."""
SIGNS = ("symptom.", "exam.", "history.", "trauma.", "allergy.", "pregnancy.")
DISEASES = ("condition.", "fracture.", "infection.", "malignancy.", "tumor.")
"""Facts that a suspicion does not state; what was done, felt or found stands beside it."""
PAINS = frozenset({"pain", "root", "radiates"})
TREATMENT = "trial_of_treatment."
ELSEWHERE = "elsewhere"
SITES_AHEAD = frozenset(
    [
        "of",
        "in",
        "at",
        "to",
        "into",
        "down",
        "the",
        "a",
        "left",
        "right",
        "bilateral",
        "both",
        "and",
        "or",
        ",",
        "on",
        "along",
        "with",
        "involving",
        "from",
    ]
)
GENERAL = frozenset({"spine", "back", "canal", "cord"})
LEVELS_OF_SPINE = frozenset({"cervical", "thoracic", "lumbar", "sacral"})
WIDE = frozenset({"pain", "weakness", "numbness", "tingling"})
"""Complaints: another site of the sentence is not theirs unless it stands beside them."""
UNRANKED = 5


@dataclass(frozen=True, slots=True)
class Found:
    """One proposal and the places of its words. ``weight`` sorts indications."""

    name: str
    value: Value | None
    first: int
    last: int
    weight: tuple[float, ...] = ()


@dataclass(slots=True)
class Reading:
    """A text on its way to proposals."""

    words: list[Token]
    findings: list[Mention]
    sites: list[Mention]
    meant: Meant
    lexicon: Lexicon

    def states(self, mention: Mention) -> set[str]:
        return set.union(set(), *(self.meant.states[i] for i in mention.places))


def read(text: str) -> tuple[list[Found], list[Token]]:
    """Everything that a text proposes, in its order, and its words."""
    if not text.strip():
        return [], []
    book = lexicon()
    words = patient_or_therapy(book.read(text), text, book.words)
    findings, sites = mentions(words, book)
    inside = frozenset(i for m in findings if len(m.places) > 1 for i in m.places)
    held = frozenset(i for m in findings for i in m.places)
    signs = frozenset(i for m in findings if _in_passing(m.entry.now) for i in m.places)
    reading = Reading(words, findings, sites, meant(words, inside, signs, held), book)
    found = [f for m in findings for f in _of_mention(m, reading)]
    found += _of_codes(reading)
    found += _of_numbers(reading)
    return found, words


def _in_passing(says: Says) -> bool:
    """True for a sign that notes list: fever, chills, numbness, injury."""
    if says.finding:
        return says.finding in ("weakness", "numbness", "tingling", "bladder", "injury", "cancer", "radiates")
    return bool(says.facts) and all(f.startswith(SIGNS) for f in says.facts)


def _of_mention(mention: Mention, reading: Reading) -> Iterator[Found]:
    states = reading.states(mention)
    if states & {"family", "imagined"}:
        return
    for entry, places in _entries(mention, reading):
        says = entry.now
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
        yield from _named(says.indications, places, 1 if doubted else 0)
        yield from _facts(_doubted(says) if doubted else {**says.facts, **_known_cancer(says)}, places)


def _deniable(name: str, value: Value) -> bool:
    return value is True and vocabulary()[name].type == "boolean"


def _past_cancer(says: Says) -> dict[str, Value]:
    return {"malignancy.current_or_past": True} if _known_cancer(says) else {}


def _known_cancer(says: Says) -> dict[str, Value]:
    asserted = (indications()[i].asserts for i in says.indications)
    return {"malignancy.known": True} if any(a.get("malignancy.known") for a in asserted) else {}


def _doubted(says: Says) -> dict[str, Value]:
    """What a suspicion proposes: the suspected reading of a disease; what was done or is felt is not doubted."""
    out: dict[str, Value] = {}
    for name, value in says.facts.items():
        if not name.startswith(DISEASES) or "_suspected" in name:
            out[name] = value
        elif suspected := channel(name).suspected:
            out[suspected] = value
    for indication in says.indications:
        for name in indications()[indication].asserts:
            if suspected := channel(name).suspected:
                out[suspected] = True
    return out


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
    sites = _sites(mention, reading)
    if plain := book.findings.get((finding, ANYWHERE)):
        sites = _telling(sites, mention, plain, reading)
    named = [s for s in sites if s.entry.now.site not in GENERAL and book.meaning(finding, s.entry.now.site)] or sites
    for site in named:
        if found := book.meaning(finding, site.entry.now.site):
            yield found, (*mention.places, *site.places)
    placed = bool(named) and finding in book.placed
    if not placed and not _elsewhere(mention, reading) and (found := book.findings.get((finding, ANYWHERE))):
        yield found, mention.places


def _telling(sites: list[Mention], mention: Mention, plain: Entry, reading: Reading) -> list[Mention]:
    """Where the sites beside a finding add nothing to it ("metastatic breast cancer"), one of its clause that does."""

    def tells(site: Mention) -> bool:
        found = reading.lexicon.meaning(mention.entry.now.finding, site.entry.now.site)
        return found is not None and found.now.indications != plain.now.indications

    if not sites or any(tells(s) for s in sites):
        return sites
    near = [s for s in reading.sites if tells(s) and not _parted(mention, s, reading.words, BREAKS)]
    return near[:1] or sites


def _elsewhere(mention: Mention, reading: Reading) -> bool:
    """True when the words around a finding name a part of the body that is nobody's here ("stenosis of an artery")."""
    near = [
        s for s in reading.sites if s.entry.now.site == ELSEWHERE and not _parted(mention, s, reading.words, BREAKS)
    ]
    return any(abs(s.first - mention.first) <= 6 for s in near)


def _sites(mention: Mention, reading: Reading) -> list[Mention]:
    """The sites that a finding is said of: beside it first (with those listed along), else the nearest."""
    finding, words = mention.entry.now.finding, reading.words
    inner = [s for s in reading.sites if mention.first <= s.first and s.last <= mention.last]
    before = _chain(mention.first, -1, reading) if finding != "radiates" else []
    after = _chain(mention.last, 1, reading)
    if finding == "radiates":
        return after
    if (general := inner or before) and all(s.entry.now.site in GENERAL for s in general):
        near = after if any(s.entry.now.site not in GENERAL for s in after) else []
        if not near and finding not in WIDE:
            near = _levels(mention, reading)
        return [s for s in near if s.entry.now.site not in GENERAL] or general
    for beside in (inner, before, after):
        if beside:
            return beside
    sentence = [s for s in reading.sites if not _parted(mention, s, words, ENDS)]
    useful = [s for s in sentence if reading.lexicon.meaning(finding, s.entry.now.site)]
    if finding in WIDE:
        useful = [
            s for s in useful if not _parted(mention, s, words, BREAKS - {","}) and abs(s.first - mention.first) <= 8
        ]
    elif not useful:
        useful = [s for s in reading.sites if reading.lexicon.meaning(finding, s.entry.now.site)]
    chosen = sorted(useful, key=lambda s: abs(s.first - mention.first))[:1]
    if chosen and finding not in WIDE:
        level = _levels(mention, reading) if chosen[0].entry.now.site in GENERAL else []
        chosen = level or chosen
        chosen = (
            chosen
            + _chain(chosen[0].first, -1, reading, ("and", "or"))
            + _chain(chosen[0].last, 1, reading, ("and", "or"))
        )
    return chosen


def _levels(mention: Mention, reading: Reading) -> list[Mention]:
    """The nearest level of the spine that the sentence names, where a finding is said of the spine at large."""
    named = [
        s for s in reading.sites if s.entry.now.site in LEVELS_OF_SPINE and not _parted(mention, s, reading.words, ENDS)
    ]
    return sorted(named, key=lambda s: abs(s.first - mention.first))[:1]


def _chain(place: int, step: int, reading: Reading, links: Sequence[str] = ()) -> list[Mention]:
    """The sites next to a word in one direction, over small words and commas between them."""
    words = reading.words
    at = {s.last if step < 0 else s.first: s for s in reading.sites}
    out: list[Mention] = []
    small = reading.lexicon.words.skip | (SITES_AHEAD if step > 0 else frozenset({"and", "or", ","}))
    i, gap = place + step, 0
    if links and not (0 <= i < len(words) and words[i].word in links):
        return []
    if links:
        i += step
    while 0 <= i < len(words) and gap <= 4:
        if i in at:
            out.append(at[i])
            i, gap = (at[i].first if step < 0 else at[i].last) + step, 0
            continue
        if words[i].word not in small or (words[i].word in ("and", "or", ",") and (not out or gap)):
            break
        if step < 0 and not out and gap >= 3:
            break
        i, gap = i + step, gap + 1
    return out


def _parted(mention: Mention, site: Mention, words: Sequence[Token], marks: frozenset[str]) -> bool:
    low, high = sorted((mention.first, site.first))
    return any(words[i].word in marks for i in range(low, high))


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
                places[i] = kind
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
    if says.finding == "injury" or any(f.startswith("trauma.") for f in says.facts):
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
