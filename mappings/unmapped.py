"""What was met in orders and charts and means nothing to us: codes that no table knows, phrases that propose nothing.

`unmapped` is what nobody has judged; `other` is known, and no guideline's business. What is mapped is not told.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from criteria.catalogue import load_studies
from criteria.orders import Kind
from mappings.attested import vocabulary
from mappings.codings import COLUMNS as SYSTEM_COLUMNS
from mappings.codings import SYSTEMS, codings, short_name
from mappings.diagnoses import known_icd10cm, known_snomed, of_icd10cm, of_snomed, rows
from mappings.fields import mapping, objects, target, words
from mappings.kept import Kept
from mappings.orders import LABORATORY, ordered_study
from mappings.reasons import read_reasons
from mappings.records import Records, codes_in
from mappings.tables import every_table, read_table, spoken

Standing = Literal["mapped", "other", "unmapped"]
REASON, ORDER = "reason", "order"
CHART: Mapping[str, tuple[str, ...]] = {
    "Condition": ("code",),
    "Observation": ("code",),
    "Procedure": ("code",),
    "MedicationRequest": ("medicationCodeableConcept",),
    "MedicationStatement": ("medicationCodeableConcept",),
    "Medication": ("code",),
    "AllergyIntolerance": ("code",),
    "Device": ("type",),
    "Encounter": ("type", "reasonCode"),
    "DiagnosticReport": ("code",),
    "ImagingStudy": ("procedureCode",),
}
"""The concepts of a chart that readers look at."""
NAMED = {
    "MedicationRequest": "medications",
    "MedicationStatement": "medications",
    "Medication": "medications",
    "AllergyIntolerance": "allergies",
    "Device": "devices",
}
"""Types that are known by their names too, and the table of the names."""
STUDIES = frozenset({"Procedure", "DiagnosticReport", "ImagingStudy"})
"""Types that may name a study, in code or words."""
_CODE = re.compile(r"\S{1,64}")
_KEPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,31}")
_KEPT_SYSTEM = re.compile(r"[\w.:/+-]{1,255}")


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it was met: our short name of the system (else the system as written), the code, its own display."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A concept that is not mapped: ``kind`` is reason, order or chart:<type>; phrases are as they were written."""

    kind: str
    standing: Standing
    codes: tuple[Code, ...] = ()
    phrases: tuple[str, ...] = ()


def in_order(order: Mapping[str, Any], records: Records) -> Iterator[Sighting]:
    """What of a ServiceRequest is not mapped: its study, and the reasons unless it is surely no imaging."""
    kind, _, _ = ordered_study(order)
    standing = _of_study(order, kind)
    if standing != "mapped":
        yield from _sighted(ORDER, standing, (order.get("code"),))
    if standing != "other":
        for reason, concepts in _reasons(order, records):
            yield from _sighted(REASON, reason[0], concepts, proposes=reason[1])


def in_chart(resource: Mapping[str, Any]) -> Iterator[Sighting]:
    """What of a resource of the chart is not mapped."""
    kind = words(resource.get("resourceType"))
    laboratory = bool(codes_in(resource.get("category")) & LABORATORY)
    for name in CHART.get(kind, ()):
        for concept in objects(resource.get(name)):
            pairs, said = tuple(codings(concept)), tuple(spoken(concept))
            standing: Standing = "other" if laboratory and kind == "DiagnosticReport" else _OF_CHART[kind, pairs, said]
            yield from _sighted(f"chart:{kind}", standing, (concept,))


def unmapped_codes(order: Mapping[str, Any], records: Records) -> tuple[tuple[str, Code], ...]:
    """(kind, code) of the order's own codes and those of its reasons that nobody has judged: never words, and nothing
    that is not shaped like a code."""
    found = (
        (seen.kind, Code(code.system if _KEPT_SYSTEM.fullmatch(code.system) else "", code.code))
        for seen in in_order(order, records)
        if seen.standing == "unmapped"
        for code in seen.codes
        if _KEPT.fullmatch(code.code)
    )
    return tuple(dict.fromkeys(found))


def is_alias(system: str) -> bool:
    """True for a known code system under another name than its own, which stands first in codes/systems.csv."""
    name = short_name(system)
    return bool(name) and system != _own_names()[name]


def _sighted(kind: str, standing: Standing, concepts: Sequence[Any], proposes: bool = False) -> Iterator[Sighting]:
    if standing == "mapped":
        return
    codes = tuple(dict.fromkeys(code for concept in concepts for code in _codes(concept)))
    said = () if codes or proposes else tuple(dict.fromkeys(t for c in concepts for t in spoken(c) if t.strip()))
    if codes or said:
        yield Sighting(kind, standing, codes, said)


def _codes(concept: Any) -> Iterator[Code]:
    """Every coding; what has blanks or is too long for a code is words that stand in the wrong place."""
    held = mapping(concept)
    for coding in objects(held.get("coding")):
        for system, code in codings({"coding": [coding]}):
            fits = _CODE.fullmatch(code)
            display = words(coding.get("display")) or words(held.get("text"))
            yield Code(system or words(coding.get("system")), code if fits else "", display)


def _reasons(order: Mapping[str, Any], records: Records) -> Iterator[tuple[tuple[Standing, bool], tuple[Any, ...]]]:
    """Each reason by itself: how it stands, whether its words propose an indication, and its concepts."""
    contained = {"contained": order.get("contained", [])}
    for concept in objects(order.get("reasonCode")):
        for reason in read_reasons({"reasonCode": [concept]}, records):
            yield (_standing(reason.status), bool(reason.candidates)), (concept,)
    for reference in objects(order.get("reasonReference")):
        for reason in read_reasons({"reasonReference": [reference], **contained}, records):
            resource = _referred(reference, contained["contained"], records)
            display = {"text": words(reference.get("display"))}
            concepts = (resource.get("code"), resource.get("valueCodeableConcept")) if resource else (display,)
            yield (_standing(reason.status), bool(reason.candidates)), concepts


def _standing(status: str) -> Standing:
    return "mapped" if status == "covered" else "other" if status == "other" else "unmapped"


def _referred(reference: Mapping[str, Any], contained: Any, records: Records) -> Mapping[str, Any] | None:
    text = words(reference.get("reference"))
    if text.startswith("#"):
        return next((r for r in objects(contained) if words(r.get("id")) == text[1:]), None)
    return records.find(target(reference))


def _of_study(order: Mapping[str, Any], kind: Kind) -> Standing:
    """A procedure code that is no imaging and a laboratory order are known; a code of no list may be anything."""
    if kind in (Kind.STUDY, Kind.NO_CODE):
        return "mapped"
    procedure = any(system in ("cpt", "hcpcs") for system, _ in codings(order.get("code")))
    laboratory = codes_in(order.get("category")) & LABORATORY
    return "other" if kind is Kind.NOT_IMAGING and (procedure or laboratory) else "unmapped"


def _of_chart(found: tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]) -> Standing:
    kind, pairs, said = found
    if any(_known(system, code) for system, code in pairs):
        return "mapped"
    if kind in NAMED and read_table(NAMED[kind]).of_words(said):
        return "mapped"
    if kind in STUDIES and ordered_study({"code": {"coding": [], "text": " ".join(said)}})[0] is Kind.STUDY:
        return "mapped"
    if any((s == "icd10cm" and known_icd10cm(c)) or (s == "snomed" and known_snomed(c)) for s, c in pairs):
        return "other"
    return "unmapped"


_OF_CHART = Kept(_of_chart, most=20_000)


def _known(system: str, code: str) -> bool:
    """True for a code that stands in any table, whichever reader it is for."""
    if system == "icd10cm":
        return of_icd10cm(code) is not None
    return (
        (system == "snomed" and of_snomed(code) is not None)
        or (system == "fact" and code in vocabulary())
        or (system, code) in load_studies().by_code
        or any(
            (system, code) in table.exact or any(s == system and code.startswith(p) for s, p, _ in table.prefixes)
            for table in every_table()
        )
    )


@functools.cache
def _own_names() -> Mapping[str, str]:
    out: dict[str, str] = {}
    for _, (uri, name, _kind, _source) in rows(SYSTEMS, tuple(SYSTEM_COLUMNS)):
        out.setdefault(name, uri)
    return out
