"""Read the words of an order: modality, region, contrast and technique (order_words.yaml), and the study they name."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.catalogue import load_studies, variants
from criteria.errors import DataError
from criteria.reading import read_yaml
from criteria.studies import Catalogue, Contrast, Study
from mappings.attested import vocabulary

WORDS = Path(__file__).parent / "order_words.yaml"
KEYS = (
    "not_imaging",
    "modality",
    "technique",
    "region",
    "side",
    "base",
    "guidance",
    "tracer",
    "enteric",
    "families",
    "body_sites",
)
REGIONLESS = frozenset({"bone_scan", "spect", "spect_ct", "pet", "pet_ct", "pet_mri", "other"})
"""Modalities that name a study without a region."""
ASKED_FOR = frozenset(
    {"ct_limited", "xray_other", "us_other", "fluoroscopy_other", "mri_low_field", "us_soft_tissue", "us_vascular"}
    | {"mri_bone_marrow", "mri_fetal", "cta_aorta_runoff", "ct_chest_screening", "nm_function_test"}
    | {"nm_spect_abdomen", "nm_spect_brain", "nm_spect_inflammation"}
)
"""Studies that count only when their own words stand in the text."""
LONGEST = 1000
"""Characters of text that are read: a study is named in a line."""
INSTEAD = {"sacrum_coccyx": "pelvis", "sacroiliac_joints": "pelvis", "brain": "head", "head": "brain", "face": "neck"}
"""Where the catalogue has no study of a region with this modality, the region whose code is used."""
LEVELS = frozenset({"cervical_spine", "thoracic_spine", "lumbar_spine", "sacrum_coccyx", "sacroiliac_joints"})
_REASON = re.compile(r"\bfor\b|\bdue to\b|\br/o\b|\brule out\b|\beval|\bto assess\b|\bhistory of\b|\bhx\b")
_EXAMPLES = re.compile(r"\(\s*e\.?g\.?,[^)]*\)|\(eg [^)]*\)|\(excluding [^)]*\)")
_TIDY = (
    (re.compile(r"\bwith ?or without\b|\bw/? ?or ?w/?o\b"), " "),
    (re.compile(r"\bw ?/ ?wo\b|\bw ?/ ?w ?/ ?o\b|\bwwo\b|\bw&wo\b"), " with without "),
    (re.compile(r"\bwo ?/ ?w\b|\bw ?/ ?o ?/ ?w\b|\bwow\b"), " without with "),
    (re.compile(r"\bw ?/ ?o(ut)?\b|\bwo\b|\bnon-? ?contrast\b|\bno contrast\b|\bunenhanced\b"), " without "),
    (re.compile(r"\bw ?/|\bw\b"), " with "),
    (re.compile(r"\b(c|t|l|d|ls|l/s|si|sp)-(?=spine|joint)"), r"\1 "),
    (re.compile(r"(?<=[a-z])-(?=[a-z])|(?<=[a-z0-9])-(?=[a-z0-9])"), " "),
    (re.compile(r"\s+"), " "),
)
_AGENT = r"(?:iv |intravenous |the )?(?:contrast|contr\b|cont\b|con\b|gad|dye|iv\b|intravenous|enhancement)"
_PHASE = r"(?:pre (?:and|&|/) post)"
_WITHOUT = re.compile(rf"\bwithout\b(?= ?(?:$|[,;.)]|{_AGENT}|with\b|and\b|&|\+|/|then\b|followed\b))")
_WITH = re.compile(
    rf"\bwith\b(?= ?(?:$|[,;.)]|{_AGENT}|without\b|and\b|&|\+|/))"
    r"|\bcontrast enhanced\b|\bfollowed by (?:with )?contrast"
)
_BOTH = re.compile(rf"\b{_PHASE} ?{_AGENT}|\bmulti ?phas|\b(?:with and without|without and with)\b")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words say; '' and 'not_stated' where they are silent."""

    modality: str = ""
    regions: tuple[str, ...] = ()
    contrast: Contrast = "not_stated"
    technique: str = "none"
    bases: tuple[str, ...] = ()
    guidance: bool = False
    side: str = ""
    tracer: str = ""
    enteric: bool = False

    @property
    def region(self) -> str:
        """The one region that is named, else ''; cervical, thoracic and lumbar together are the spine."""
        if {"cervical_spine", "thoracic_spine", "lumbar_spine"} <= set(self.regions):
            return "spine"
        return self.regions[0] if len(self.regions) == 1 else ""


@dataclass(frozen=True, slots=True)
class _Words:
    not_imaging: re.Pattern[str]
    guidance: re.Pattern[str]
    enteric: re.Pattern[str]
    modality: Mapping[str, re.Pattern[str]]
    region: Mapping[str, re.Pattern[str]]
    side: Mapping[str, re.Pattern[str]]
    tracer: Mapping[str, re.Pattern[str]]
    technique: Mapping[str, tuple[frozenset[str], re.Pattern[str]]]
    base: Mapping[str, tuple[str, re.Pattern[str]]]
    families: tuple[tuple[int, int, str], ...]
    body_sites: Mapping[str, str]


def read_text(texts: Iterable[str], coded: str = "") -> Reading:
    """The reading of an order's texts, taken together; ``coded`` is the modality that its code gives."""
    known = _words()
    text = _tidy(texts)
    if known.not_imaging.search(text):
        return Reading()
    modality = next((m for m, pattern in known.modality.items() if pattern.search(text)), "")
    # the MRI half of a PET/MRI has the code of an MRI
    told = modality if modality == "pet_mri" else coded or modality
    spoken = {t: suits for t, (suits, pattern) in known.technique.items() if pattern.search(text)}
    technique = next((t for t, suits in spoken.items() if told in suits), "none")
    if technique == "none" and not modality:
        technique = next((t for t, suits in spoken.items() if "other" in suits), "none")
        modality = modality if technique == "none" else "other"
    if (coded or modality) == "fluoroscopy":
        technique = "none"
    if technique in ("mr_spectroscopy", "quantitative_mri") and modality == "other":
        modality = "mri"
    bases = tuple(b for b, (of, pattern) in known.base.items() if of in (modality, "other") and pattern.search(text))
    if not modality and bases:
        modality = load_studies()[bases[0]].modality if bases[0] in load_studies().studies else ""
    return Reading(
        modality=modality,
        regions=_regions(text, known, modality),
        contrast=_contrast(text),
        technique=technique,
        bases=bases,
        guidance=bool(known.guidance.search(text)),
        side=next((s for s, pattern in known.side.items() if pattern.search(text)), ""),
        tracer=next((t for t, pattern in known.tracer.items() if pattern.search(text)), ""),
        enteric=bool(known.enteric.search(text)),
    )


def read_regions(text: str) -> tuple[str, ...]:
    """The regions that a body site's name speaks of."""
    return _regions(_tidy([text]), _words())


def body_site(code: str) -> str:
    """The region of a SNOMED CT body structure; '' when it is not in the table."""
    return _words().body_sites.get(code, "")


def family(cpt: str) -> Study | None:
    """The general study of a CPT code that is known by its range only; None outside the ranges."""
    if not cpt.isdigit():
        return None
    return next((load_studies()[s] for low, high, s in _words().families if low <= int(cpt) <= high), None)


def named_studies(reading: Reading, catalogue: Catalogue) -> tuple[Study, ...]:
    """The studies that the words name: one when they are clear; where contrast is not stated the open study first,
    then its variants; several when the region is open; none when the words name no catalogue study."""
    if not reading.modality:
        return ()
    for region in _tries(reading):
        found = [s for s in catalogue.studies.values() if _fits(s, reading, region)]
        if named := [s for s in found if s.base in reading.bases]:
            first = min(named, key=lambda s: reading.bases.index(s.base)).base
            found = [s for s in named if s.base == first]
        if found:
            return _by_contrast(_general(found) if region is None else found, reading, catalogue)
    return ()


def _tries(reading: Reading) -> Sequence[str | None]:
    """Regions to look under, in turn; None = whichever, when the words give a base study, a technique or no region."""
    named = reading.bases or reading.technique != "none"
    if reading.region:
        other = INSTEAD.get(reading.region, reading.region)
        pair = (
            [other, reading.region] if (reading.modality, reading.region) == ("ct", "head") else [reading.region, other]
        )
        return [*dict.fromkeys(pair), *([None] if named else [])]
    return [None] if named or (not reading.regions and (reading.guidance or reading.modality in REGIONLESS)) else []


def _fits(study: Study, reading: Reading, region: str | None) -> bool:
    if study.unlisted or study.states.get("order.laterality", reading.side) != reading.side:
        return False
    if study.base in reading.bases and region is None:
        return study.procedure_type in ("none", reading.technique)
    if ("guidance" in study.classes) != reading.guidance:
        return False
    if study.modality != reading.modality or study.procedure_type != reading.technique:
        return False
    if study.base in ASKED_FOR and study.base not in reading.bases:
        return False
    return region is None or study.region == region


def _by_contrast(found: list[Study], reading: Reading, catalogue: Catalogue) -> tuple[Study, ...]:
    """Narrow to the stated contrast; without one, the open study and its variants."""
    bases = list(dict.fromkeys((s.base, s.region) for s in found))
    if len(bases) > 1 and not reading.region and not reading.guidance:
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
    return (open_study, *(v for v in variants(catalogue, open_study) if v.id != open_study.id and v.cpt))


def _general(found: list[Study]) -> list[Study]:
    """Without the copies for single regions, where there is a study that leaves the region open."""
    general = {s.base for s in found if not s.region}
    return [s for s in found if not s.region or s.base not in general]


def _tidy(texts: Iterable[str]) -> str:
    text = " ; ".join(t for t in texts if t).casefold()[:LONGEST]
    text = _EXAMPLES.sub(" ", text)
    text = text.replace("+", " and ").replace("_", " ")
    for pattern, instead in _TIDY:
        text = pattern.sub(instead, text)
    return text.strip()


def _contrast(text: str) -> Contrast:
    without, given = bool(_WITHOUT.search(text)), bool(_WITH.search(text))
    if _BOTH.search(text) or (without and given):
        return "without_and_with"
    return "without" if without else "with" if given else "not_stated"


def _regions(text: str, known: _Words, modality: str = "") -> tuple[str, ...]:
    """Every region named, each word counted once; what follows "for" counts only when nothing else does."""
    ordered = _REASON.split(text)[0]
    return _named(ordered, known, modality) or _named(text, known, modality)


def _named(text: str, known: _Words, modality: str) -> tuple[str, ...]:
    found: list[str] = []
    for region, pattern in known.region.items():
        if pattern.search(text):
            found.append(region)
            text = pattern.sub(" ", text)
    if re.search(r"\bthoracic\b", text):
        spinal = modality == "mri" or LEVELS & set(found) or "spine" in found
        found.append("thoracic_spine" if spinal else "chest")
    held = set(found)
    drop = {"spine", "neck"} if held & LEVELS else set()
    drop |= {"head"} if held & {"brain", "face", "sinuses", "pituitary"} else set()
    drop |= {"brain"} if "pituitary" in held else set()
    return tuple(r for r in dict.fromkeys(found) if r not in drop)


@functools.cache
def _words(path: Path = WORDS) -> _Words:
    """order_words.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    for key in raw:
        if key not in KEYS:
            raise DataError(path, raw.line(key), f"`{key}` is no key; known: {', '.join(KEYS)}.")
    for key, fact in (
        ("modality", "order.modality"),
        ("region", "order.body_region"),
        ("tracer", "order.tracer"),
        ("side", "order.laterality"),
    ):
        _values(path, raw[key], fact)
    _values(path, raw["technique"], "order.procedure_type")
    bases = {s.base for s in load_studies().studies.values()}
    for base in raw["base"]:
        if base not in bases:
            raise DataError(path, raw["base"].line(base), f"`{base}` is no base study of studies.yaml.")
    return _Words(
        not_imaging=_any(path, raw["not_imaging"]),
        guidance=_any(path, raw["guidance"]),
        enteric=_any(path, raw["enteric"]),
        modality={k: _any(path, v) for k, v in raw["modality"].items()},
        region={k: _any(path, v) for k, v in raw["region"].items()},
        side={k: _any(path, v) for k, v in raw["side"].items()},
        tracer={k: _any(path, v) for k, v in raw["tracer"].items()},
        technique={k: (frozenset(v["modalities"]), _any(path, v["words"])) for k, v in raw["technique"].items()},
        base={k: (v["modality"], _any(path, v["words"])) for k, v in raw["base"].items()},
        families=tuple(_families(path, raw["families"])),
        body_sites=dict(raw["body_sites"]),
    )


def _values(path: Path, entries: Any, fact: str) -> None:
    for name in entries:
        if name not in (vocabulary()[fact].values or ()):
            raise DataError(path, entries.line(name), f"`{name}` is no value of {fact}.")


def _families(path: Path, raw: Any) -> Iterable[tuple[int, int, str]]:
    for study, ranges in raw.items():
        if study not in load_studies().studies:
            raise DataError(path, raw.line(study), f"`{study}` is no study id of studies.yaml.")
        for low, high in (str(held).split("-") for held in ranges):
            yield int(low), int(high), study


def _any(path: Path, patterns: Sequence[str]) -> re.Pattern[str]:
    try:
        return re.compile(r"\b(?:" + "|".join(patterns) + ")")
    except re.error as error:
        raise DataError(path, None, f"`{patterns}` is no regular expression: {error}.") from None
