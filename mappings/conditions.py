"""Diagnoses on the problem list and of encounters: Condition -> facts."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from criteria.facts import Basis, Fact, Value
from mappings.attested import vocabulary
from mappings.codings import Pairs, codings
from mappings.diagnoses import Meaning, Phase, Says, channel, indications, of_icd10cm, of_snomed
from mappings.fields import mapping, objects, reference_of, span, words
from mappings.kept import Kept
from mappings.phrases import candidates
from mappings.records import Records, codes_in
from mappings.tables import spoken
from mappings.wider import wider_meanings

Voice = Literal["chart", "reason"]
UNCONFIRMED = frozenset({"provisional", "differential", "unconfirmed"})
DISCARDED = frozenset({"refuted", "entered-in-error"})
OVER = frozenset({"resolved", "inactive", "remission"})
SEVERE = "24484000"
_SPINE_WORDS = re.compile(r"\b(spin(e|al)|vertebra\w*|cervical|thoracic|lumbar|sacr(um|al))\b", re.IGNORECASE)
_LEFT_RIGHT = {"M54.31": "right", "M54.32": "left", "M54.41": "right", "M54.42": "left"}
_OF_A_COMPLAINT = ("symptom.", "exam.")
NAMED_BY_WORDS = {
    "Q06.8": "tethered_cord",
    "D18.09": "vertebral_hemangioma",
    "M48.8": "opll",
    "Q28.8": "spinal_vascular_malformation",
}
"""Codes that hold several diseases, those below them too, and the one that the words beside the code may name."""
_ANY_BONE = ("M84.48", "M84.58", "M84.68")
"""Pathological fractures of `other sites`: vertebrae, but ribs and skull too."""
_SOMEWHERE = ("C79.51", *_ANY_BONE)
"""Codes of bone whose words say whether it is the spine."""
_DOUBT = re.compile(r"\b(suspect|possib|probab|likely|rule out|r/o\b|query|concern|evaluat|assess)|\?", re.IGNORECASE)
FACTS = "facts of the conditions"
_BACK = ("pain.low_back", "pain.mid_back", "pain.back_unspecified")


class Diagnosis(msgspec.Struct, frozen=True):
    """One Condition, read. ``onset`` and ``on`` (onset, else recorded) are the earliest day they may mean."""

    reference: str
    meanings: tuple[Meaning, ...]
    unconfirmed: bool = False
    over: bool = False
    recurrent: bool = False
    severe: bool = False
    spinal: bool = False
    onset: dt.date | None = None
    on: dt.date | None = None


def condition_facts(records: Records, today: dt.date, since: dt.date | None = None) -> Iterable[Fact]:
    """The facts that the Conditions give, recorded, one per name.

    Refuted and mistaken ones never count, resolved ones only for the past, unconfirmed ones as a suspicion. A fact that
    needs a recent onset is left out without one. A symptom that is too old to go with any complaint goes with the one
    that began on ``since`` when its own onset is no earlier.
    """
    diagnoses = records.once(read_conditions, today)
    if since is not None and not any(_revived(d, today, since) for d in diagnoses):
        since = None
    held: list[Fact] | None = records.made.get((FACTS, today, since))
    if held is not None:
        return held
    facts = [f for d in diagnoses for f in facts_of(d, today, since=since)]
    if any(d.on and (today - d.on).days > _recent("pain.back_new") and _of_back(d) for d in diagnoses):
        facts = [f for f in facts if f.name != "pain.back_new"]
    facts += _bilateral_sciatica(diagnoses, today)
    facts += _days_since_injury(diagnoses, today)
    facts += _syrinx_after_injury(facts, diagnoses)
    held = merge(facts)
    records.made[FACTS, today, since] = held
    return held


def open_facts(records: Records, today: dt.date) -> frozenset[str]:
    """The facts that have to be new, of entries that may or may not be: nobody may presume that they are absent."""
    return frozenset(
        name
        for diagnosis in records.once(read_conditions, today)
        if not diagnosis.over
        for meaning in diagnosis.meanings
        for name in meaning.facts
        if (days := channel(name).open_days) is not None
        if not _timely(name, diagnosis, today) and (diagnosis.on is None or (today - diagnosis.on).days <= days)
    )


def read_conditions(records: Records, today: dt.date) -> list[Diagnosis]:
    """Every Condition that says anything to us."""
    return [d for c in records.of("Condition") if (d := read_condition(c, today)) is not None]


def read_condition(resource: Mapping[str, Any], today: dt.date) -> Diagnosis | None:
    """A Condition; None when it is refuted or a mistake, or none of its codes is in our tables."""
    verification = codes_in(resource.get("verificationStatus"))
    if not DISCARDED.isdisjoint(verification):
        return None
    meanings = meanings_of(resource.get("code"))
    if not meanings:
        return None
    clinical = codes_in(resource.get("clinicalStatus"))
    onset = _earliest(resource, today, "onsetDateTime", "onsetPeriod")
    return Diagnosis(
        reference=reference_of(resource),
        meanings=meanings,
        unconfirmed=not UNCONFIRMED.isdisjoint(verification),
        over=not OVER.isdisjoint(clinical) or "abatementDateTime" in resource,
        recurrent=not {"recurrence", "relapse"}.isdisjoint(clinical),
        severe=any(code == SEVERE for _, code in codings(resource.get("severity"))),
        spinal=any(m.code.startswith(_SOMEWHERE) for m in meanings)
        and any(_SPINE_WORDS.search(text) for text in _site_words(resource)),
        onset=onset,
        on=onset or _earliest(resource, today, "recordedDate"),
    )


def meanings_of(concept: Any) -> tuple[Meaning, ...]:
    """What each coding of a CodeableConcept says, as far as our tables know it, with what the words beside it name."""
    pairs = codings(concept)
    found, wide = CODED[pairs]
    if wide:
        with_words: list[Meaning] = []
        for meaning in found:
            told = _told(meaning.code, spoken(concept)) if _wide(meaning.code) else ()
            with_words += [m for m in (*told, meaning) if m not in with_words]
        return tuple(with_words)
    return found or tuple(wider_meanings(pairs))


def coded_meanings(pairs: Pairs) -> tuple[Meaning, ...]:
    """What these codes say by our tables alone; what they do not know a terminology server may come to know."""
    found: list[Meaning] = []
    for system, code in pairs:
        meaning = of_icd10cm(code) if system == "icd10cm" else of_snomed(code) if system == "snomed" else None
        if meaning and meaning not in found:
            found.append(meaning)
    return tuple(found)


def _coded(pairs: Pairs) -> tuple[tuple[Meaning, ...], bool]:
    """With them whether the words beside any of the codes may name more."""
    found = coded_meanings(pairs)
    return found, any(_wide(meaning.code) for meaning in found)


CODED = Kept(_coded)


def _wide(code: str) -> str:
    """What the words beside a wide code may name; '' for all other codes."""
    return next((disease for wide, disease in NAMED_BY_WORDS.items() if code.startswith(wide)), "")


def _told(code: str, said: Iterable[str]) -> Iterator[Meaning]:
    """The disease of a wide code that the words name, established or suspected as they have it; else nothing."""
    disease = _wide(code)
    if naming := [text for text in said if disease in candidates(text)]:
        says: Says = "suspected" if any(_DOUBT.search(text) for text in naming) else "known"
        yield Meaning(code, says, (disease,), indications()[disease].asserts)


def facts_of(
    diagnosis: Diagnosis, today: dt.date, voice: Voice = "chart", since: dt.date | None = None
) -> Iterator[Fact]:
    """The facts of one diagnosis, as the chart's own or as an order's reason."""
    for meaning in diagnosis.meanings:
        for name, value in stated(meaning, diagnosis, today, voice, since).items():
            yield Fact(name, value, Basis.RECORDED, (diagnosis.reference,), diagnosis.on, meaning.note)


def stated(
    meaning: Meaning, diagnosis: Diagnosis, today: dt.date, voice: Voice, since: dt.date | None = None
) -> dict[str, Value]:
    """fact -> value that a code states in this voice; with everything that follows from it."""
    said = dict(meaning.facts)
    if diagnosis.spinal and meaning.code == "C79.51":
        said["malignancy.spinal_metastasis_known"] = True
    if voice == "chart" and not diagnosis.spinal and meaning.code.startswith(_ANY_BONE):
        said.pop("fracture.spinal_known", None)
    if diagnosis.severe:
        said |= dict.fromkeys(_of_severity(meaning), True)
    if diagnosis.recurrent and "malignancy.known" in said and not diagnosis.unconfirmed:
        said["tumor.recurrent"] = True
    out: dict[str, Value] = {}
    for name, value in said.items():
        if diagnosis.over and not channel(name).past:
            out |= {n: v for n, v in _with_implied(name, value).items() if channel(n).past}
            continue
        if _timely(name, diagnosis, today) or _of_the_complaint(name, diagnosis, voice, since):
            for spoken, implied in _reading(name, meaning.says, meaning.phase, diagnosis.unconfirmed, voice):
                out[spoken] = value
                if implied:
                    out |= dict.fromkeys(implied, True)
    return out


def merge(facts: Iterable[Fact]) -> list[Fact]:
    """One fact per name: the one to be believed, with the sources of all that say the same."""
    best: dict[str, Fact] = {}
    for fact in facts:
        held = best.get(fact.name)
        if held is None:
            best[fact.name] = fact
        elif held.value == fact.value:
            newer = fact if fact.beats(held) else held
            sources = tuple(dict.fromkeys((*held.sources, *fact.sources)))
            best[fact.name] = Fact(newer.name, newer.value, newer.basis, sources, newer.on, newer.note)
        elif fact.beats(held):
            best[fact.name] = fact
    return list(best.values())


@functools.lru_cache(maxsize=4096)
def _reading(
    name: str, says: Says, phase: Phase | None, unconfirmed: bool, voice: Voice
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The facts that stand for ``name``, each with everything that follows from it."""
    return tuple((spoken, _implied(spoken)) for spoken in _spoken(name, says, phase, unconfirmed, voice))


def _spoken(name: str, says: Says, phase: Phase | None, unconfirmed: bool, voice: Voice) -> tuple[str, ...]:
    """Itself, its suspected reading, both or none."""
    way = channel(name)
    if says in ("symptom", "status", "history"):
        return (name,) if voice == "reason" or way.chart else ()
    if unconfirmed or says == "suspected":
        if name.endswith("_suspected"):
            return (name,)
        if way.suspected:
            return (way.suspected,)
        return (name,) if voice == "reason" and name.startswith(("pain.", "symptom.")) else ()
    if voice == "chart":
        return (name,) if way.chart else ()
    if phase not in (None, "initial"):  # a later visit presupposes that the fracture was shown
        return (name,)
    if way.reason == "none":
        return ()
    if way.suspected is None or way.reason == "known":
        return (name,)
    return (way.suspected,) if way.reason == "suspected" else (name, way.suspected)


def _with_implied(name: str, value: Value) -> dict[str, Value]:
    return {name: value, **dict.fromkeys(_implied(name), True)}


@functools.lru_cache(maxsize=4096)
def _implied(name: str) -> tuple[str, ...]:
    """Everything that follows from a fact."""
    return tuple(dict.fromkeys(n for other in channel(name).implies for n in (other, *_implied(other))))


def _timely(name: str, diagnosis: Diagnosis, today: dt.date) -> bool:
    way = channel(name)
    if way.recent_days is not None:
        return diagnosis.onset is not None and (today - diagnosis.onset).days <= way.recent_days
    if way.lasts_days is not None and diagnosis.on is not None:
        return (today - diagnosis.on).days <= way.lasts_days
    return True


def _of_the_complaint(name: str, diagnosis: Diagnosis, voice: Voice, since: dt.date | None) -> bool:
    """A lasting symptom that the order is for, or that began with its complaint or after: its age does not matter."""
    if channel(name).lasts_days is None or not name.startswith(_OF_A_COMPLAINT):
        return False
    return voice == "reason" or (since is not None and diagnosis.onset is not None and diagnosis.onset >= since)


def _revived(diagnosis: Diagnosis, today: dt.date, since: dt.date) -> bool:
    """Whether it may hold a symptom that is too old by itself and goes with a complaint that began on ``since``."""
    onset = diagnosis.onset
    return onset is not None and onset >= since and (today - onset).days > _shortest()


@functools.cache
def _shortest() -> int:
    """The fewest days that any symptom of a complaint lasts."""
    names = (n for n in vocabulary().facts if n.startswith(_OF_A_COMPLAINT))
    return min((days for n in names if (days := channel(n).lasts_days) is not None), default=0)


def _of_severity(meaning: Meaning) -> Iterator[str]:
    if any(name.startswith("pain.") for name in meaning.facts):
        yield "pain.severe"
    if "symptom.neurogenic_claudication" in meaning.facts:
        yield "symptom.neurogenic_claudication_severe"
    if meaning.code.startswith("M47") or any(i.endswith("spondylosis") for i in meaning.indications):
        yield "condition.spondylosis_severe"


def _recent(name: str) -> int:
    return channel(name).recent_days or 0


def _of_back(diagnosis: Diagnosis) -> bool:
    return any(name in m.facts for m in diagnosis.meanings for name in _BACK)


def _bilateral_sciatica(diagnoses: Iterable[Diagnosis], today: dt.date) -> list[Fact]:
    """Sciatica recorded for right and left, both of recent onset."""
    sides: dict[str, Diagnosis] = {}
    for diagnosis in diagnoses:
        fresh = diagnosis.onset and (today - diagnosis.onset).days <= _recent("pain.sciatica_bilateral_acute")
        if fresh and not diagnosis.over and not diagnosis.unconfirmed:
            for meaning in diagnosis.meanings:
                if side := _LEFT_RIGHT.get(meaning.code):
                    sides[side] = diagnosis
    if len(sides) < 2:
        return []
    sources = tuple(d.reference for d in sides.values())
    on = max((d.on for d in sides.values() if d.on), default=None)
    return [Fact("pain.sciatica_bilateral_acute", True, Basis.DERIVED, sources, on)]


def _days_since_injury(diagnoses: Iterable[Diagnosis], today: dt.date) -> list[Fact]:
    """Days since the latest injury whose onset is on record."""
    injuries = [
        d
        for d in diagnoses
        if d.onset and not d.over and not d.unconfirmed and any(_injury(n) for m in d.meanings for n in m.facts)
    ]
    if not injuries:
        return []
    last = max(injuries, key=lambda d: d.onset or dt.date.min)
    days = (today - (last.onset or today)).days
    return [Fact("trauma.days_ago", days, Basis.DERIVED, (last.reference,), last.onset)]


def _injury(name: str) -> bool:
    """Trauma of this time, with or without its place."""
    return name == "trauma.present" or "trauma.present" in channel(name).implies


def _syrinx_after_injury(facts: Iterable[Fact], diagnoses: Iterable[Diagnosis]) -> list[Fact]:
    syrinx = next((f for f in facts if f.name == "condition.syringomyelia"), None)
    sure = (d for d in diagnoses if not d.unconfirmed)
    injury = next((d for d in sure if any("condition.spinal_cord_injury" in m.facts for m in d.meanings)), None)
    if not syrinx or not injury or (syrinx.on and injury.on and injury.on > syrinx.on):
        return []
    sources = (*syrinx.sources, injury.reference)
    return [Fact("condition.syringomyelia_post_traumatic", True, Basis.DERIVED, sources, syrinx.on)]


def _earliest(resource: Mapping[str, Any], today: dt.date, *names: str) -> dt.date | None:
    """The first day that the date may mean; a date in the future is no date. Of a period its start."""
    for name in names:
        value = resource.get(name)
        found = span(value.get("start") if isinstance(value, dict) else value)
        if found and found.first <= today:
            return found.first
    return None


def _site_words(resource: Mapping[str, Any]) -> Iterator[str]:
    for concept in (mapping(resource.get("code")), *objects(resource.get("bodySite"))):
        yield words(concept.get("text"))
        yield from (words(coding.get("display")) for coding in objects(concept.get("coding")))
