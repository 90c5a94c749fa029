"""From the reading of an order's words to the studies of the catalogue that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from criteria.catalogue import load_studies, variants
from criteria.studies import Catalogue, Study
from mappings.order_text import LEVELS, Reading
from mappings.order_words import load_words

REGIONLESS = frozenset({"bone_scan", "echocardiography", "spect", "spect_ct", "pet", "pet_ct", "pet_mri", "other"})
"""Modalities that name a study without a region."""
BY_LEVEL = frozenset({"mri", "ct", "xray", "fluoroscopy"})
"""Modalities that have a code for each level of the spine."""
ASKED_FOR = frozenset(
    {"ct_limited", "xray_other", "us_other", "fluoroscopy_other", "mri_low_field", "us_soft_tissue", "us_vascular"}
    | {"mri_bone_marrow", "mri_fetal", "cta_aorta_runoff", "ct_chest_screening", "nm_function_test"}
    | {"nm_spect_abdomen", "nm_spect_brain", "nm_spect_inflammation"}
    | {"myelography_cervical", "myelography_thoracic", "myelography_lumbar", "myelography_spine"}
    | {"discography_lumbar", "discography_cervical_thoracic", "mri_temporomandibular_joint", "us_obstetric"}
)
"""Studies that count only when their own words stand in the text."""
SEVERAL = frozenset({("mri", "upper_extremity"), ("mri", "lower_extremity"), ("nuclear_medicine", "whole_body")})
"""Modality and region with several studies of which none is the usual one: their own words tell them."""
CODED_ONLY = frozenset({"spect_ct_coded_as_spect"})
"""Studies under a wrong code: words without the code never mean them."""
GENERAL = {"xray": "xray_other", "us": "us_other"}
"""What stands for an x-ray or ultrasound of a part of the body that the catalogue does not list."""
INSTEAD = {"sacrum_coccyx": "pelvis", "sacroiliac_joints": "pelvis", "brain": "head", "head": "brain", "face": "neck"}
"""Where the catalogue has no study of a region with this modality, the region whose code is used."""


@dataclass(frozen=True, slots=True)
class Named:
    """The studies that words name. ``one``: a single study, at most its contrast left open (the open study first, then
    its variants); else the words leave several, or may leave out some."""

    studies: tuple[Study, ...] = ()
    one: bool = False


def named_studies(reading: Reading, catalogue: Catalogue) -> Named:
    """The studies that the words name; none when they name no catalogue study."""
    asked = [list(_each(r, catalogue)) for r in (reading, *reading.also) if r.modality]
    groups = [studies for held in asked for studies in held]
    bases = {(s.base, s.region) for studies in groups for s in studies}
    open_level = reading.level_unsaid and reading.modality in BY_LEVEL and not reading.bases
    doubt = open_level or reading.from_reason or reading.elsewhere or len(asked) > 1 or not all(groups)
    if len(bases) == 1 and not doubt:
        return Named(groups[0], True)
    return Named(tuple({s.id: s for studies in groups for s in studies if s.cpt}.values()))


def family(cpt: str) -> Study | None:
    """The general study of a CPT code that is known by its range only; None outside the ranges."""
    if not cpt.isdigit():
        return None
    return next((load_studies()[s] for low, high, s in load_words().families if low <= int(cpt) <= high), None)


def _each(reading: Reading, catalogue: Catalogue) -> Iterator[tuple[Study, ...]]:
    """The studies of each part of the body that is named; an empty group where the catalogue has none."""
    parts = reading.parts
    if "whole_body" in parts and reading.modality in REGIONLESS:
        parts = ("whole_body",)
    if reading.level_unsaid and reading.modality in BY_LEVEL and not reading.bases:
        parts = (*(p for p in parts if p != "spine"), *LEVELS, "spine")
    if any({s.region for s in catalogue.of_modality(reading.modality) if s.base == b} == {""} for b in reading.bases):
        parts = ()  # its code is the same for every part of the body
    for part in parts or ("",):
        yield _of_part(reading, part, catalogue)


def _of_part(reading: Reading, part: str, catalogue: Catalogue) -> tuple[Study, ...]:
    regions = _tries(reading, part)
    places = [[s for s in catalogue.of_modality(reading.modality, r) if _fits(s, reading, r)] for r in regions]
    if told := _told_outright(places, reading):
        return _by_contrast(told, reading, part, catalogue)
    for region, found in zip(regions, places, strict=True):
        if found and (reading.modality, region) in SEVERAL:
            return tuple(found)
        if found:
            return _by_contrast(_general(found) if region is None else found, reading, part, catalogue)
    general = GENERAL.get(reading.modality)
    if general and part and part not in (*LEVELS, "spine") and not reading.guidance:
        return (catalogue[general],)
    return ()


def _told_outright(places: Sequence[list[Study]], reading: Reading) -> list[Study]:
    """The studies whose own words stand in the text: those of the first such words, of the named region where there are
    any. Studies of a special technique go before others."""
    technique = reading.technique
    if technique != "none" and any(s.procedure_type == technique for held in places for s in held):
        places = [[s for s in held if s.procedure_type == technique] for held in places]
    own = {base: load_words().base[base][1] for base in reading.bases}
    for words in dict.fromkeys(own.values()):
        for held in places:
            if named := [s for s in held if own.get(s.base) == words]:
                return _general(named)
    return []


def _tries(reading: Reading, part: str) -> Sequence[str | None]:
    """Regions to look under, in turn; None = whichever, when the words give a base study, a technique or no region."""
    named = reading.bases or reading.technique != "none"
    if part:
        other = INSTEAD.get(part, part)
        pair = [other, part] if (reading.modality, part) == ("ct", "head") else [part, other]
        return [*dict.fromkeys(pair), *([None] if named and len(reading.parts) == 1 else [])]
    return [None] if named or reading.guidance or reading.modality in REGIONLESS else []


def _fits(study: Study, reading: Reading, region: str | None) -> bool:
    if study.unlisted or study.id in CODED_ONLY or study.states.get("order.laterality", reading.side) != reading.side:
        return False
    if study.base in reading.bases and region is None:
        return study.procedure_type in ("none", reading.technique)
    if ("guidance" in study.classes) != reading.guidance or study.procedure_type != reading.technique:
        return False
    return study.base not in ASKED_FOR or study.base in reading.bases


def _by_contrast(found: list[Study], reading: Reading, part: str, catalogue: Catalogue) -> tuple[Study, ...]:
    """Narrow to the stated contrast; without one, the open study and its variants."""
    bases = list(dict.fromkeys((s.base, s.region) for s in found))
    if len(bases) > 1 and not part and not reading.guidance:
        return tuple(found)
    same = [s for s in found if (s.base, s.region) == bases[0]]
    if "order.laterality" in same[-1].states:
        same = [s for s in same if s.states]
    specific = [s for s in same if s.contrast not in ("not_stated", "not_applicable")]
    if reading.contrast != "not_stated" and (exact := [s for s in specific if s.contrast == reading.contrast]):
        return (exact[0],)
    if len(specific) == 1 and not any(s.contrast == "not_stated" and s.codes for s in same):
        return (specific[0],)
    open_study = next((s for s in same if s.contrast in ("not_stated", "not_applicable")), same[0])
    return (open_study, *open_variants(catalogue, open_study))


def open_variants(catalogue: Catalogue, study: Study) -> tuple[Study, ...]:
    """The variants that a study of open contrast may mean: those that can be billed, or all where none can."""
    others = tuple(v for v in variants(catalogue, study) if v.id != study.id)
    return tuple(v for v in others if v.cpt) or (() if study.cpt else others)


def _general(found: list[Study]) -> list[Study]:
    """Without the copies for single regions, where there is a study that leaves the region open."""
    general = {s.base for s in found if not s.region}
    return [s for s in found if not s.region or s.base not in general]
