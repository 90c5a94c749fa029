"""What imaging the codes of a report, an image set or a procedure name; what is found by a code alone is kept."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from mappings.codings import Written, concept_of, written
from mappings.fields import mapping, objects, words
from mappings.kept import MOST, Kept
from mappings.orders import Alone, Told, ordered_study
from mappings.tables import read_table

Named = tuple[str, frozenset[str], str, str, frozenset[str]]
"""Modality, regions, contrast, base study and codes."""


def of_codes(*codes: Mapping[str, Any]) -> Named | None:
    """What was done; None when it is no known imaging."""
    try:
        return DONE[tuple(map(written, codes))]
    except TypeError:  # not as FHIR has it
        return _done(codes)


def _done(codes: Sequence[Mapping[str, Any]]) -> Named | None:
    found = (_named(ordered_study({"code": c}), c, {}, codes) for c in codes)
    return _films_of(*codes) or next((n for n in found if n), None)


DONE = Kept[tuple[Written, ...], Named | None](lambda codes: _done(tuple(map(concept_of, codes))))


def of_report(report: Mapping[str, Any], told: Told, alone: Alone | None) -> Named | None:
    """The same of a report, for which its category and body site count too."""
    if alone:
        return _reported(alone)
    code = mapping(report.get("code"))
    return _films_of(code) or _named(told, code, report)


def of_procedure(procedure: Mapping[str, Any], alone: Alone | None) -> Named | None:
    """The same of a procedure by its code: its words may name what guides it."""
    if alone:
        return _billed(alone)
    return of_codes({"coding": mapping(procedure.get("code")).get("coding")})


@functools.lru_cache(maxsize=MOST)
def _reported(alone: Alone) -> Named | None:
    concept = concept_of(alone.code)
    return _films_of(concept) or _named(alone.told, concept, {})


@functools.lru_cache(maxsize=MOST)
def _billed(alone: Alone) -> Named | None:
    return DONE[((None, alone.code[1]),)]


def _films_of(*codes: Mapping[str, Any]) -> Named | None:
    films = read_table("films").means(*codes)
    pairs = [f.split(":", 1) for f in sorted(films)]
    return (pairs[0][0], frozenset(r for _, r in pairs), "not_applicable", "", _numbers(codes)) if pairs else None


def _named(
    told: Told, code: Mapping[str, Any], resource: Mapping[str, Any], codes: Sequence[Mapping[str, Any]] = ()
) -> Named | None:
    _, study, candidates = told
    tried = [study] if study else list(candidates)
    regions = frozenset(s.region for s in tried)
    if not tried or len({s.modality for s in tried}) > 1 or (len(regions) > 1 and "" in regions):
        return None
    first = tried[0]
    modality = "myelography" if first.base.startswith("myelography") else first.modality
    numbers = _numbers(codes or (code,))
    if len(regions) > 1:  # several of one session: MRI of the cervical and the thoracic spine
        contrasts = {s.contrast for s in tried}
        return modality, regions, contrasts.pop() if len(contrasts) == 1 else "not_stated", "", numbers
    regions -= {""}
    if not regions:
        regions = read_table("body_sites").means(code, *objects(resource.get("bodySite")), text=True)
    return modality, regions, first.contrast if len(tried) == 1 else "not_stated", first.base, numbers


def _numbers(codes: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(words(c.get("code")) for held in codes for c in objects(held.get("coding")))
