"""Why a study is ordered: reasonCode and reasonReference -> indications, and the facts that a reason asserts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from criteria.facts import Basis, Fact
from criteria.orders import Reason
from mappings.attested import vocabulary
from mappings.codings import Concept, Pairs, codings
from mappings.conditions import (
    DISCARDED,
    NAMED_BY_WORDS,
    Diagnosis,
    coded_meanings,
    condition_facts,
    facts_of,
    meanings_of,
    merge,
    read_condition,
    read_conditions,
)
from mappings.diagnoses import Meaning, indications, known_icd10cm, known_snomed, normal_icd
from mappings.evidence import told
from mappings.fields import mapping, objects, reference_of, target, words
from mappings.kept import Kept
from mappings.levels import levels_of
from mappings.phrases import candidates
from mappings.records import Records, codes_in
from mappings.tables import read_table, spoken

SACROILIAC = ("sacroiliac", "sacro-iliac", "si joint")
TAILBONE = "M53.3"
PRIMARY = "order.primary_reason"
ACUTE = "condition.spinal_cord_compression_acute_neoplastic_suspected"
PAINS = (
    "pain.neck",
    "pain.mid_back",
    "pain.low_back",
    "pain.back_unspecified",
    "pain.lower_extremity",
    "pain.radicular",
    "pain.coccyx",
    "pain.sacroiliac_joint",
)


@dataclass(frozen=True, slots=True)
class Stated:
    """One reason as it was given: the concepts that name it, the Condition behind it, words without a code."""

    concepts: tuple[Any, ...]
    condition: Mapping[str, Any] | None = None
    text: str = ""


def read_reasons(service_request: Mapping[str, Any], records: Records) -> tuple[Reason, ...]:
    """The order's reasons, in its order.

    Of several codings any covered one wins, then one that is no guideline's (`other`), else the reason is unmapped.
    Free text gives candidates only. A reference to a refuted or mistaken diagnosis is no reason.
    """
    coded = reasons_of(service_request.get("reasonCode"))
    if service_request.get("reasonReference"):
        coded += [
            _of_concept(given.concepts[0]) if len(given.concepts) == 1 and not given.text else _reason(given)
            for given in _referred(service_request, records)
        ]
    return tuple(coded)


def reasons_of(concepts: Any) -> list[Reason]:
    """What CodeableConcepts say as reasons."""
    return [_of_concept(concept) for concept in objects(concepts)] if concepts else []


def indications_of(resource: Mapping[str, Any], records: Records) -> tuple[frozenset[str], ...]:
    """The indications of each reason and diagnosis of a resource of the chart that is known; a visit is asked for them
    by all that was done at it, so they are read once."""
    if not ("reasonReference" in resource or "diagnosis" in resource):
        concepts = resource.get("reasonCode")
        if not concepts:
            return ()
        lone = concepts[0] if type(concepts) is list and len(concepts) == 1 else None
        if type(lone) is Concept and (settled := lone.once(_alone)) is not None:
            return settled
    read: dict[int, tuple[tuple[frozenset[str], ...], Any]] = records.made.setdefault("indications", {})
    held = read.get(id(resource))
    if held is None:
        held = read[id(resource)] = _known(resource, records), resource  # kept, so that no other takes its id
    return held[0]


def _known(resource: Mapping[str, Any], records: Records) -> tuple[frozenset[str], ...]:
    concepts = objects(resource["reasonCode"]) if "reasonCode" in resource else ()
    known = []
    for concept in concepts:
        settled = INDICATED[codings(concept)]
        if settled is not None:
            known.append(settled)
        elif (reason := _reason(Stated((concept,)))).status != "unmapped":
            known.append(frozenset(reason.indications))
    referred = objects(resource["reasonReference"]) if "reasonReference" in resource else []
    if "diagnosis" in resource:
        referred += [mapping(d.get("condition")) for d in objects(resource["diagnosis"])]
    if referred:
        reasons = read_reasons({"reasonReference": referred}, records)
        known += [frozenset(r.indications) for r in reasons if r.status != "unmapped"]
    return tuple(known)


def _alone(concept: Concept) -> tuple[frozenset[str], ...] | None:
    """Those of the only reason; None where our tables alone do not tell."""
    settled = INDICATED[concept.pairs]
    return None if settled is None else (settled,)


def reason_facts(service_request: Mapping[str, Any], records: Records, today: dt.date) -> Iterable[Fact]:
    """The facts that the order's reasons assert, one per name; sources are the order and the Condition it refers to.

    What a code states without doubt is recorded; where a code says no more than that a disease is suspected
    (codes/fact_channels.csv), the suspicion is.
    """
    order = reference_of(service_request)
    facts: list[Fact] = []
    for given in _given(service_request, records):
        diagnosis = read_condition(given.condition, today) if given.condition else None
        held = msgspec.structs.replace(diagnosis or Diagnosis(order, ()), meanings=_all_meanings(given), over=False)
        facts += [
            msgspec.structs.replace(f, sources=tuple(dict.fromkeys((order, *f.sources))))
            for f in facts_of(held, today, "reason")
        ]
    facts += _cord_compressed_by_tumor(service_request, records, today, order)
    facts += _pain_duration(facts, records, today)
    facts += _disease_process(service_request, records, order)
    return merge(facts)


def _of_concept(concept: Any) -> Reason:
    return BY_CODES[codings(concept)] or _reason(Stated((concept,)))


def _reason(given: Stated) -> Reason:
    meanings = _all_meanings(given)
    named = tuple(dict.fromkeys(i for m in meanings for i in m.indications))
    if named:
        codes = [pair for concept in given.concepts for pair in codings(concept)]
        note = next((f" ({m.note})" for m in meanings if m.note), "")
        return Reason("covered", named, indications()[named[0]].name + note, regions=levels_of(codes))
    if any(_other(system, code) for concept in given.concepts for system, code in codings(concept)):
        return Reason("other")
    said = (given.text, *(text for concept in given.concepts for text in spoken(concept)))
    return Reason("unmapped", candidates=tuple(dict.fromkeys(i for text in said for i in candidates(text))))


def _by_codes(pairs: Pairs) -> Reason | None:
    """The reason, where these codes settle it by our tables alone; the words beside them, and what a terminology server
    may say, are then of no account."""
    meanings = coded_meanings(pairs)
    if any(m.code in NAMED_BY_WORDS or m.code == TAILBONE for m in meanings):
        return None
    if named := tuple(dict.fromkeys(i for m in meanings for i in m.indications)):
        return Reason("covered", named, indications()[named[0]].name, regions=levels_of(pairs))
    if any(m.code.startswith(tuple(NAMED_BY_WORDS)) for m in meanings):
        return None
    return Reason("other") if any(_other(system, code) for system, code in pairs) else None


def _indicated(pairs: Pairs) -> frozenset[str] | None:
    return frozenset(reason.indications) if (reason := _by_codes(pairs)) else None


BY_CODES, INDICATED = Kept(_by_codes), Kept(_indicated)


def _other(system: str, code: str) -> bool:
    """True for a code that is no guideline's: any other valid ICD-10-CM code, a SNOMED CT concept judged so."""
    if system == "icd10cm":
        return known_icd10cm(code)
    return system == "snomed" and known_snomed(code)


def _all_meanings(given: Stated) -> tuple[Meaning, ...]:
    return tuple(meaning for concept in given.concepts for meaning in _meanings(concept))


def _meanings(concept: Any) -> tuple[Meaning, ...]:
    """What the concept's codes say; M53.3 is the tailbone unless the text names the sacroiliac joint."""
    meanings = meanings_of(concept)
    if all(m.code != TAILBONE for m in meanings):
        return meanings
    named = any(word in text.casefold() for text in spoken(concept) for word in SACROILIAC)
    chosen = "sacroiliac_pain" if named else "coccyx_pain"
    return tuple(
        replace(m, indications=(chosen,), facts=indications()[chosen].asserts) if m.code == TAILBONE else m
        for m in meanings
    )


def _given(service_request: Mapping[str, Any], records: Records) -> Iterator[Stated]:
    for concept in objects(service_request.get("reasonCode")):
        yield Stated((concept,))
    yield from _referred(service_request, records)


def _referred(service_request: Mapping[str, Any], records: Records) -> Iterator[Stated]:
    for reference in objects(service_request.get("reasonReference")):
        resource = _resource(reference, service_request, records)
        if resource is None:
            if not records.withdrawn(target(reference)):
                yield Stated((), text=words(reference.get("display")))
        elif resource.get("resourceType") == "Condition":
            if DISCARDED.isdisjoint(codes_in(resource.get("verificationStatus"))):
                yield Stated((resource.get("code"),), resource)
        elif resource.get("resourceType") == "Observation":
            yield Stated((resource.get("code"), *objects(resource.get("valueCodeableConcept"))))
        else:
            yield Stated(())


def withdrawn(service_request: Mapping[str, Any], records: Records) -> str:
    """Why a diagnosis that the order refers to as a reason is none, where one was refuted or is a mistake."""
    return next(filter(None, (withdrawn_as(r, service_request, records) for r in _references(service_request))), "")


def _references(service_request: Mapping[str, Any]) -> list[dict[str, Any]]:
    return objects(service_request.get("reasonReference"))


def withdrawn_as(reference: Mapping[str, Any], service_request: Mapping[str, Any], records: Records) -> str:
    """``refuted`` or ``entered-in-error``, of a contained Condition or one of the chart; "" for any other."""
    resource = _resource(reference, service_request, records)
    if resource is None:
        return records.withdrawn(target(reference))
    return min(DISCARDED & codes_in(resource.get("verificationStatus")), default="")


def _resource(
    reference: Mapping[str, Any], service_request: Mapping[str, Any], records: Records
) -> Mapping[str, Any] | None:
    """The contained resource or the record that is referred to."""
    text = words(reference.get("reference"))
    if text.startswith("#"):
        return next((r for r in objects(service_request.get("contained")) if words(r.get("id")) == text[1:]), None)
    return records.find(target(reference))


def _cord_compressed_by_tumor(
    service_request: Mapping[str, Any], records: Records, today: dt.date, order: str
) -> list[Fact]:
    """A reason that says cord compression, in a patient with a known malignancy."""
    named = {i for given in _given(service_request, records) for m in _all_meanings(given) for i in m.indications}
    if "spinal_cord_compression" not in named:
        return []
    known = [f for f in condition_facts(records, today) if f.name == "malignancy.known" and f.value is True]
    names = ("condition.spinal_cord_compression_neoplastic_suspected", ACUTE)
    return [Fact(name, True, Basis.DERIVED, (order, *f.sources), f.on) for f in known for name in names]


def _disease_process(service_request: Mapping[str, Any], records: Records, order: str) -> list[Fact]:
    """The process that bars PET/CT, where every reason names one (codes/primary_reasons.csv); the first counts."""
    named = [_processes(given) for given in _given(service_request, records)]
    if not named or not all(named):
        return []
    first = next(value for value in vocabulary()[PRIMARY].values or () if value in named[0])
    return [Fact(PRIMARY, first, Basis.DERIVED, (order,), None, told("order", [None]))]


def _processes(given: Stated) -> frozenset[str]:
    pairs = [pair for concept in given.concepts for pair in codings(concept)]
    pairs = [(system, (normal_icd(code) or code) if system == "icd10cm" else code) for system, code in pairs]
    pairs += [("fact", fact) for meaning in _all_meanings(given) for fact in meaning.facts]
    return read_table("primary_reasons").of_codes(tuple(pairs))


def _pain_duration(facts: Iterable[Fact], records: Records, today: dt.date) -> list[Fact]:
    """Weeks since the recorded onset of the pain that the order is for; the newest entry is this episode."""
    pains = {f.name for f in facts if f.name in PAINS}
    if not pains:
        return []
    onsets = [
        d
        for d in records.once(read_conditions, today)
        if d.onset and not d.over and not pains.isdisjoint(n for m in d.meanings for n in m.facts)
    ]
    if not onsets:
        return []
    newest = max(onsets, key=lambda d: d.onset or dt.date.min)
    weeks = (today - (newest.onset or today)).days / 7
    return [Fact("pain.duration_weeks", round(weeks, 1), Basis.DERIVED, (newest.reference,), newest.onset)]
