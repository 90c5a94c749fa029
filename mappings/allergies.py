"""Allergies to contrast media, and the shellfish allergy that says nothing about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from criteria.facts import Basis, Fact
from mappings.fields import first_span, objects, reference_of
from mappings.records import Records, codes_in
from mappings.tables import read_table

OVER = frozenset({"inactive", "resolved"})
FACTS = {
    "iodinated": "allergy.iodinated_contrast",
    "gadolinium": "allergy.gadolinium_contrast",
    "shellfish": "allergy.shellfish",
}

FORBIDDEN = {"iodinated": "contrast.iodinated_contraindicated", "gadolinium": "contrast.gadolinium_contraindicated"}
"""What a severe allergy forbids."""


def allergy_facts(records: Records, today: dt.date) -> Iterator[Fact]:
    """allergy.* of active allergies; contrast.*_contraindicated when one to that contrast is severe."""
    for allergy in records.of("AllergyIntolerance"):
        if OVER & codes_in(allergy.get("clinicalStatus")):
            continue
        source = (reference_of(allergy),)
        noted = first_span(allergy, "recordedDate", "onsetDateTime", "lastOccurrence")
        on = min(noted.last, today) if noted else None
        for kind in _kinds(allergy):
            yield Fact(FACTS[kind], True, Basis.RECORDED, source, on)
            if kind in FORBIDDEN and _severe(allergy):
                yield Fact(FORBIDDEN[kind], True, Basis.RECORDED, source, on)


def _kinds(allergy: Mapping[str, Any]) -> frozenset[str]:
    """What the allergy is to: by code, or by words when no code tells; gadolinium and shellfish are never iodinated."""
    table = read_table("allergies")
    substances = [r.get("substance") for r in objects(allergy.get("reaction"))]
    kinds = (table.means(allergy.get("code")) or table.means(*substances)) & FACTS.keys()
    if not kinds:
        kinds = table.means(allergy.get("code"), *substances, text=True) & FACTS.keys()
        if kinds & {"gadolinium", "shellfish"}:
            kinds -= {"iodinated"}
    return kinds


def _severe(allergy: Mapping[str, Any]) -> bool:
    """High criticality, a severe reaction, or anaphylaxis whatever its severity."""
    reactions = objects(allergy.get("reaction"))
    seen = [m for r in reactions for m in objects(r.get("manifestation"))]
    return (
        allergy.get("criticality") == "high"
        or any(r.get("severity") == "severe" for r in reactions)
        or "anaphylaxis" in read_table("allergies").means(*seen, allergy.get("code"), text=True)
    )
