"""Read draft orders: each ServiceRequest becomes an Order with its study, its reasons and what it says of itself."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from criteria.catalogue import load_studies
from criteria.facts import Basis, Fact, Value
from criteria.orders import Kind, Order
from criteria.studies import Catalogue, Study
from mappings.coded_studies import Coded, coded_study, read_codes
from mappings.codings import (
    Pairs,
    Written,
    codings,
    concept_of,
    modifiers,
    note_aliases,
    read_codings,
    said,
    written,
)
from mappings.fields import first_span, mapping, number, objects, reference_of, target, words
from mappings.kept import LONG, Kept, length
from mappings.named_studies import Named, family, named_studies
from mappings.notes import read_proposals
from mappings.order_text import LEVELS, Reading, read_regions, read_text
from mappings.reasons import read_reasons, withdrawn
from mappings.records import NONE, Records, codes_in
from mappings.tables import read_table, spoken

PLACED_WITH = {"cpt": "cpt", "hcpcs": "hcpcs_level_ii", "loinc": "loinc", "snomed": "snomed"}
"""Code systems in the order in which they are believed, with their values of order.code_system."""
IMAGING = frozenset({"363679005", "imaging", "RAD", "RUS", "CT", "NMR", "NMS", "radiology"})
LABORATORY = frozenset({"108252007", "laboratory", "LAB"})
SERVICES = IMAGING | LABORATORY
SIDES = {"7771000": "left", "24028007": "right", "51440002": "bilateral"}
MODIFIERS = {"LT": "left", "RT": "right", "50": "bilateral"}
TRIAL = frozenset({"Q0", "Q1"})
PURPOSES = {
    "Z08": "surveillance",
    "Z09": "follow_up",
    "Z01.818": "preoperative_planning",
    "Z12": "cancer_screening",
}
"""ICD-10-CM codes of a reason that say what the study is for (facts.yaml, order.purpose)."""
URGENT = frozenset({"urgent", "asap", "stat"})
OPEN = frozenset({"active", "on-hold"})
WITHDRAWN = ("revoked", "entered-in-error")
OPEN_DAYS = 180
"""An order that is still open after that is taken for a forgotten one. No guideline says when: a local setting."""
SIDED = frozenset({"breast", "hip", "upper_extremity", "lower_extremity", "face", ""})
"""Regions that have a side, or may have one."""
_RADIOLOGY = re.compile(r"7[0-6]\d{3}|770\d{2}|78\d{3}")
_CATEGORY_III = re.compile(r"\d{4}T")
Told = tuple[Kind, Study | None, tuple[Study, ...]]
"""What a resource orders: its kind, its study where that is known, and the candidates while there is doubt."""


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """The code of a resource that says nothing else of its study: what is made of it can be kept, if it is ``kept``."""

    code: Written
    told: Told
    aliases: tuple[str, ...]
    kept: bool


def read_orders(drafts: Sequence[Any], records: Records) -> list[Order]:
    """The orders among ``drafts``, which may hold anything: the ServiceRequests. ``position`` counts all drafts.

    What says that it is not to be done, or was withdrawn, is no order, and none that another would be seen beside.
    """
    return [
        _order(draft, position, records)
        for position, draft in enumerate(drafts)
        if isinstance(draft, dict) and draft.get("resourceType") == "ServiceRequest" and _is_wanted(draft)
    ]


def _is_wanted(draft: Mapping[str, Any]) -> bool:
    return draft.get("doNotPerform") is not True and draft.get("status") not in WITHDRAWN


def standing_orders(drafts: Sequence[Any], records: Records, today: dt.date, days: int = OPEN_DAYS) -> list[Order]:
    """The orders of the chart that are still open, none older than ``days``, as company for the drafts.

    Neither what a draft changes (the same id) nor what it replaces counts.
    """
    mine = [d for d in drafts if isinstance(d, dict)]
    gone = {reference_of(d) for d in mine} | {
        target(r.get("reference")) for d in mine for r in objects(d.get("replaces"))
    }
    found = (r for r in open_requests(records, today, days) if reference_of(r) not in gone)
    return [replace(_order(request, -1, records), standing=True) for request in found]


def open_requests(records: Records, today: dt.date, days: int = OPEN_DAYS) -> Sequence[dict[str, Any]]:
    """Active orders of the chart, found once; one without a day counts, for nothing says that it is old."""
    key = ("open requests", today, days)
    if key not in records.made:
        records.made[key] = tuple(_open_requests(records, today, days))
    held: Sequence[dict[str, Any]] = records.made[key]
    return held


def _open_requests(records: Records, today: dt.date, days: int) -> Iterator[dict[str, Any]]:
    for request in records.of("ServiceRequest"):
        if request.get("status") not in OPEN or request.get("intent") in ("proposal", "plan", "option"):
            continue
        held = first_span(request, "occurrenceDateTime", "occurrencePeriod", "authoredOn")
        if held is None or held.day is None or (today - held.day).days <= days:
            yield request


def ordered_study(request: Any) -> Told:
    """What a resource of the chart with a ``code`` was of, and the candidates while there is doubt.

    Here it is asked what may have been seen, not what is wanted: a spine without a level counts as the whole spine.
    """
    return _ordered(mapping(request))[0]


def _ordered(held: Mapping[str, Any]) -> tuple[Told, Alone | None]:
    category = codes_in(held["category"]) & SERVICES if "category" in held else NONE
    if "bodySite" not in held and "orderDetail" not in held:
        try:
            alone = coded_alone(category)[written(held.get("code"))]
        except TypeError:  # not as FHIR has it
            pass
        else:
            if alone.aliases:
                note_aliases(alone.aliases)
            return alone.told, alone if alone.kept else None
    return _seen(codings(held.get("code")), tuple(_texts(held)), _sites(held), category), None


@functools.lru_cache(maxsize=32)
def coded_alone(category: frozenset[str]) -> Kept[Written, Alone]:
    """What resources of such a category are of by nothing but the code, which charts repeat."""

    def read(code: Written) -> Alone:
        pairs, aliases = read_codings(concept_of(code))
        texts = tuple(t for t in dict.fromkeys(said(code)) if t.strip())
        return Alone(code, _seen(pairs, texts, (), category), aliases, length(code) < LONG)

    return Kept(read)


def _seen(pairs: Pairs, texts: tuple[str, ...], site: tuple[str, ...], category: frozenset[str]) -> Told:
    coded = read_codes(pairs, load_studies())
    reading = replace(_reading(texts, site, coded), level_unsaid=False, from_reason=False, also=())
    kind, study, candidates = _study(pairs, texts, category, coded, reading, load_studies())
    return kind, study or _whole_spine(candidates, load_studies()), candidates


def studies_of(kind: str, records: Records) -> Sequence[tuple[dict[str, Any], Told, Alone | None]]:
    """The resources of one type of the chart with what each was of, read once."""
    if ("studies", kind) not in records.made:
        records.made["studies", kind] = [(r, *_ordered(r)) for r in records.of(kind)]
    held: Sequence[tuple[dict[str, Any], Told, Alone | None]] = records.made["studies", kind]
    return held


def _whole_spine(candidates: Sequence[Study], catalogue: Catalogue) -> Study | None:
    """The study of the whole spine, where every level of it is a candidate."""
    if not set(LEVELS) <= {c.region for c in candidates} or len({c.modality for c in candidates}) > 1:
        return None
    contrasts = {c.contrast for c in candidates}
    wanted = contrasts.pop() if len(contrasts) == 1 else "not_stated"
    whole = (s for s in catalogue.of_modality(candidates[0].modality) if s.region == "spine")
    return next((s for s in whole if s.contrast == wanted), None)


def _order(draft: dict[str, Any], position: int, records: Records) -> Order:
    pairs, texts, category = codings(draft.get("code")), _texts(draft), codes_in(draft.get("category"))
    coded = read_codes(pairs, load_studies())
    reading = _reading(texts, _sites(draft), coded)
    kind, study, candidates = _study(pairs, texts, category, coded, reading, load_studies())
    facts = dict(_states(draft, study, reading, records))
    reference = reference_of(draft)
    return Order(
        reference=reference,
        kind=kind,
        study=study,
        reasons=tuple(read_reasons(draft, records)),
        position=position,
        candidates=candidates,
        states=tuple(Fact(name, value, Basis.RECORDED, (reference,)) for name, value in facts.items()),
        proposals=read_proposals(draft, records),
        withdrawn=withdrawn(draft, records) if "reasonReference" in draft else "",
    )


def _study(
    pairs: Pairs,
    texts: Sequence[str],
    category: frozenset[str],
    codes: Coded,
    reading: Reading,
    catalogue: Catalogue,
) -> Told:
    if (coded := coded_study(codes, reading, catalogue)).studies:
        return _told(coded)
    if not pairs and not texts:
        return Kind.NO_CODE, None, ()
    cpts = [code for system, code in pairs if system == "cpt"]
    foreign = any(not _RADIOLOGY.fullmatch(code) and not _CATEGORY_III.fullmatch(code) for code in cpts)
    if (foreign and not category & IMAGING) or category & LABORATORY:
        return Kind.NOT_IMAGING, None, ()
    general = next((s for code in cpts if (s := family(code))), None)
    named = named_studies(reading, catalogue)
    if general and not (named.studies and named.studies[0].modality == general.modality):
        return Kind.STUDY, general, ()
    if named.studies:
        return _told(named)
    if reading.modality or reading.imaging or category & IMAGING or any(_RADIOLOGY.fullmatch(code) for code in cpts):
        return Kind.UNRECOGNISED, None, ()
    return Kind.NOT_IMAGING, None, ()


def _told(named: Named) -> Told:
    if not named.one:
        return Kind.UNRECOGNISED, None, named.studies
    return Kind.STUDY, named.studies[0], named.studies if len(named.studies) > 1 else ()


READINGS = Kept[tuple[tuple[str, ...], str], Reading](lambda said_of: read_text(*said_of))
"""What the words say that a study is ordered by, which are names out of a catalogue."""


def _reading(texts: Sequence[str], sites: tuple[str, ...], codes: Coded) -> Reading:
    """The words of the order, with the body site's regions where they name none."""
    reading = READINGS[tuple(texts), codes.modality]
    if not sites or (reading.regions and not (reading.level_unsaid or reading.from_reason)):
        return reading
    return replace(reading, regions=sites, level_unsaid=False, from_reason=False)


def _states(
    draft: dict[str, Any], study: Study | None, reading: Reading, records: Records
) -> Iterator[tuple[str, Value]]:
    """Facts that the order itself states."""
    pairs = codings(draft.get("code"))
    best = next((p for system in PLACED_WITH for p in pairs if p[0] == system), None)
    if best:
        category_iii = best[0] == "cpt" and _CATEGORY_III.fullmatch(best[1])
        yield "order.code_system", "cpt_category_iii" if category_iii else PLACED_WITH[best[0]]
        if best[0] in ("cpt", "hcpcs"):
            yield "order.cpt", best[1]
    elif pairs or _texts(draft):
        yield "order.code_system", "local"
    if study and study.contrast == "not_stated" and reading.contrast != "not_stated":
        yield "order.contrast", reading.contrast
    if study and study.procedure_type == "none" and reading.technique != "none":
        yield "order.procedure_type", reading.technique
    if side := _side(draft, reading, study):
        yield "order.laterality", side
    units = number(mapping(draft.get("quantityQuantity")).get("value"))
    yield "order.units", int(units) if units is not None and units >= 1 else 1
    if reading.tracer:
        yield "order.tracer", reading.tracer
    yield "order.enteric_contrast", reading.enteric
    urgent = words(draft.get("priority")) in URGENT or _emergency(draft, records)
    if urgent or "Encounter" not in records.missing:
        yield "order.urgent_or_emergent", urgent
    reasons = [code for c in objects(draft.get("reasonCode")) for s, code in codings(c) if s == "icd10cm"]
    if modifiers(draft.get("code")) & TRIAL or "Z00.6" in reasons:
        yield "order.part_of_clinical_trial", True
    if purpose := next((p for code in reasons for start, p in PURPOSES.items() if code.startswith(start)), None):
        yield "order.purpose", purpose


def _side(draft: dict[str, Any], reading: Reading, study: Study | None) -> str:
    sites, details = objects(draft.get("bodySite")), objects(draft.get("orderDetail"))
    written = [m for held in (draft.get("code"), *details) for m in sorted(modifiers(held))]
    marks = [MODIFIERS[m] for m in written if m in MODIFIERS]
    coded = [code for s in (*sites, *details) for system, code in codings(s) if system == "snomed"]
    marks += [SIDES[code] for code in coded if code in SIDES]
    marks += [side for s in sites if (side := read_text(spoken(s)).side)]
    if study and "order.laterality" in study.states:
        return str(study.states["order.laterality"])
    if {"left", "right"} <= set(marks):
        return "bilateral"
    if study and study.region not in SIDED:
        return "not_applicable"
    return marks[0] if marks else reading.side


def _emergency(draft: dict[str, Any], records: Records) -> bool:
    """True when the order's encounter, or one in progress, is in an emergency department."""
    own = mapping(draft.get("encounter")).get("reference")
    return any(under_way or reference == own for reference, under_way in _emergencies(records))


def _emergencies(records: Records) -> Sequence[tuple[str, bool]]:
    """The visits to an emergency department, and whether they are under way; found once."""
    if "emergencies" not in records.made:
        records.made["emergencies"] = [
            (reference_of(encounter), words(encounter.get("status")) in ("in-progress", "arrived", "triaged"))
            for encounter in records.of("Encounter")
            if _of_emergency(encounter.get("class"))
        ]
    held: list[tuple[str, bool]] = records.made["emergencies"]
    return held


def _of_emergency(held: Any) -> bool:
    """Whether the class of a visit, a Coding or concepts, is that of an emergency department."""
    if isinstance(held, dict) and isinstance(code := held.get("code"), str) and "coding" not in held:
        return code.strip() == "EMER"
    return any(words(c.get("code")) == "EMER" for c in objects(held)) or "EMER" in codes_in(held)


def _texts(draft: Mapping[str, Any]) -> list[str]:
    """What the order says in words about the study: never its notes, which tell of the patient."""
    detail = [t for d in objects(draft.get("orderDetail")) for t in spoken(d)]
    return [t for t in dict.fromkeys([*spoken(draft.get("code")), *detail]) if t.strip()]


def _sites(draft: Mapping[str, Any]) -> tuple[str, ...]:
    """The regions of ServiceRequest.bodySite, by code or by name."""
    found: dict[str, None] = {}
    for site in objects(draft.get("bodySite")):
        coded = sorted(read_table("body_sites").means(site))
        found.update(dict.fromkeys(coded or (r for t in spoken(site) for r in read_regions(t))))
    return tuple(found)
