"""Read the words of an order: modality, region, contrast, technique and side (order_words.yaml); doubt is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from criteria.catalogue import load_studies
from criteria.studies import Contrast
from mappings.order_words import Words, load_words, plain

MOST = 8
"""Texts of one order that are read."""
LEVELS = ("cervical_spine", "thoracic_spine", "lumbar_spine")
SPINAL = frozenset({*LEVELS, "sacrum_coccyx", "sacroiliac_joints"})
PARTS = {
    "pet_mri": {"pet", "pet_ct", "mri", "ct", "nuclear_medicine"},
    "pet_ct": {"pet", "ct", "nuclear_medicine"},
    "pet": {"nuclear_medicine"},
    "spect_ct": {"spect", "ct", "bone_scan", "nuclear_medicine"},
    "spect": {"bone_scan", "nuclear_medicine"},
    "bone_scan": {"nuclear_medicine"},
    "mri": {"echocardiography"},
    "ct": {"fluoroscopy"},
}
"""What may be named beside a modality and is no second study."""
SEPARATE = re.compile(r"bone scan (?:with|and|&|plus) (?:a )?spect")
_AGENT = (
    r"(?:iv |intravenous |the |gadolinium |dye )?"
    r"(?:contrast|contr\b|cont\b|con\b|ivcon\w*|gad|dye|iv\b|intravenous|enhancement)"
    r"(?!\w* ?(?:dye |agent )?(?:allerg|reaction))(?! (?:it|ia|pr|po|oral|via|intra(?:thecal|disc|articular))\b)"
)
_PHASE = r"(?:pre ?(?:and|&|/|-)? ?post)"
_WITHOUT = re.compile(
    rf"\bwithout\b(?= ?(?:$|[,;.()\-]|{_AGENT}|with\b|and\b|&|\+|/|then\b|followed\b|bilat|left\b|right\b))"
)
_WITH = re.compile(
    rf"\bwith\b(?= ?(?:$|[,;.)]|{_AGENT}|without\b|and (?:without|with)\b|& ?without|\+|/))"
    r"|\bcontrast enhanced\b|\bfollowed by (?:with )?contrast|\bpost (?:contrast|gad)"
)
_JOINED = rf"(?: {_AGENT}\w*(?: material(?:\(?s\)?)?)?)?[ ,;]*(?:and|&|then|plus|/|-|followed by)?[ ,]*"
_BOTH = re.compile(
    rf"\b{_PHASE} ?{_AGENT}|\bmulti ?phas|\bwith\b{_JOINED}without\b"
    rf"|\bwithout\b{_JOINED}(?:with\b(?= ?(?:$|[,;.)]|{_AGENT}))|post {_AGENT}|(?<=followed by ){_AGENT})"
)
_PLAIN = re.compile(r"\bplain\b(?! (?:film|x|radio))")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words say; '' and 'not_stated' where they are silent.

    ``level_unsaid``: they speak of the spine and name no level. ``from_reason``: the only region stands in the reason
    for the order. ``elsewhere``: they name a part of the body that no study of the catalogue shows. ``imaging``: it is
    imaging even if they name no modality. ``also``: what they say of further modalities.
    """

    modality: str = ""
    regions: tuple[str, ...] = ()
    contrast: Contrast = "not_stated"
    technique: str = "none"
    bases: tuple[str, ...] = ()
    guidance: bool = False
    side: str = ""
    tracer: str = ""
    enteric: bool = False
    level_unsaid: bool = False
    from_reason: bool = False
    elsewhere: bool = False
    imaging: bool = False
    also: tuple[Reading, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The regions that are named; cervical, thoracic and lumbar together are the spine."""
        if set(LEVELS) <= set(self.regions):
            return ("spine", *(r for r in self.regions if r not in (*LEVELS, "spine")))
        return self.regions

    @property
    def region(self) -> str:
        """The one region that is named, else ''."""
        return self.parts[0] if len(self.parts) == 1 else ""


def read_text(texts: Iterable[str], coded: str = "") -> Reading:
    """The reading of an order's texts, taken together; ``coded`` is the modality that its code gives."""
    known = load_words()
    said = [plain(t) for t in [t for t in texts if t.strip()][:MOST]]
    text = " ; ".join(said)
    if known.lists["not_imaging"].search(text):
        return Reading()
    ordered = " ; ".join(known.lists["reason"].split(t, 1)[0] for t in said)
    first, *more = _modalities(text, ordered, known) or [""]
    regions, level_unsaid = _regions(ordered, known, coded or first)
    from_reason = not regions
    if from_reason:
        regions, level_unsaid = _regions(text, known, coded or first)
    reading = Reading(
        regions=regions,
        contrast=_contrast(said, coded or first, len(regions) > 1 or bool(more)),
        guidance=bool(known.lists["guidance"].search(text)),
        side=next((s for s, pattern in known.side.items() if pattern.search(text)), ""),
        tracer=next((t for t, pattern in known.tracer.items() if pattern.search(text)), ""),
        enteric=bool(known.lists["enteric"].search(text)),
        level_unsaid=level_unsaid,
        from_reason=from_reason and bool(regions),
        elsewhere=bool(known.lists["elsewhere"].search(ordered)),
        imaging=bool(known.lists["imaging"].search(ordered)),
    )
    also = () if coded else tuple(_told(reading, text, m, "", known) for m in more)
    return replace(_told(reading, text, first, coded, known), also=also)


def read_regions(text: str) -> tuple[str, ...]:
    """The regions that a body site's name speaks of."""
    return _regions(plain(text), load_words())[0]


def _told(reading: Reading, text: str, modality: str, coded: str, known: Words) -> Reading:
    """The reading with the technique and the base studies that the words name for a modality."""
    # the MRI half of a PET/MRI has the code of an MRI
    told = modality if modality == "pet_mri" else coded or modality
    technique = _technique(text, told, known)
    if technique == "none" and not modality:
        technique = _technique(text, "other", known)
        modality = modality if technique == "none" else "other"
    if (coded or modality) == "fluoroscopy":
        technique = "none"
    if technique in ("mr_spectroscopy", "quantitative_mri") and modality == "other":
        modality = "mri"
    bases = tuple(b for b, (of, pattern) in known.base.items() if of in (modality, "other") and pattern.search(text))
    if not modality and bases:
        modality = load_studies()[bases[0]].modality if bases[0] in load_studies().studies else ""
    return replace(reading, modality=modality, technique=technique, bases=bases)


def _technique(text: str, modality: str, known: Words) -> str:
    return next(
        (t for t, (suits, words) in known.technique.items() if modality in suits and words.search(text)), "none"
    )


def _modalities(text: str, ordered: str, known: Words) -> list[str]:
    """The modality that the words name, and further ones that they order beside it."""
    found: list[str] = []
    held: set[str] = set()
    for modality, pattern in known.modality.items():
        without = pattern.sub(" ", ordered)
        if without != ordered:
            found.append(modality)
            ordered = without
    first = found[0] if found else next((m for m, pattern in known.modality.items() if pattern.search(text)), "")
    beside = [m for m in found if m != first and m not in PARTS.get(first, ())]
    if first in ("spect", "spect_ct") and SEPARATE.search(text):
        beside.append("bone_scan")
    for modality in beside:
        held |= PARTS.get(modality, set())
    return [first, *(m for m in beside if m not in held)] if first else []


def _contrast(said: Sequence[str], modality: str, several: bool) -> Contrast:
    """The contrast that the texts agree on; what they contradict each other in is not stated."""
    stated = {c for text in said if (c := _contrast_of(text, modality, several)) != "not_stated"}
    return stated.pop() if len(stated) == 1 else "not_stated"


def _contrast_of(text: str, modality: str, several: bool) -> Contrast:
    """``several``: of several studies each may have its own contrast, so that only one word for all counts."""
    if load_words().lists["contrast_open"].search(text):
        return "not_stated"
    both = bool(_BOTH.search(text))
    rest = _BOTH.sub(" ", text) if several else text
    without, given = bool(_WITHOUT.search(rest)), bool(_WITH.search(rest))
    if both:
        return "not_stated" if several and (without or given) else "without_and_with"
    if without and given:
        return "not_stated"
    if not (without or given) and modality in ("mri", "ct") and _PLAIN.search(text):
        return "without"
    return "without" if without else "with" if given else "not_stated"


def _regions(text: str, known: Words, modality: str = "") -> tuple[tuple[str, ...], bool]:
    """Every region named, each word counted once; and whether the spine is named without a level."""
    text = known.lists["elsewhere"].sub(" ", text)
    found: list[str] = []
    for region, pattern in known.region.items():
        without = pattern.sub(" ", text)
        if without != text:
            found.append(region)
            text = without
    if re.search(r"\bthoracic\b", text):
        found.append("thoracic_spine")
        if modality != "mri" and not SPINAL & set(found[:-1]) and not known.lists["spine_level_unsaid"].search(text):
            found.append("chest")
    held = set(found)
    drop = {"head"} if held & {"brain", "face", "sinuses", "pituitary"} else set()
    drop |= {"brain"} if "pituitary" in held else set()
    unsaid = not held & {*SPINAL, "spine"} and bool(known.lists["spine_level_unsaid"].search(text))
    if unsaid:
        found.append("spine")
    return tuple(r for r in dict.fromkeys(found) if r not in drop), unsaid
