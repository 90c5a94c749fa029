"""The study that an order's codes name; where they leave something open its words decide, where they contradict each
other nothing is certain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from criteria.regions import overlap
from criteria.studies import Catalogue, Study
from mappings.codings import Pairs
from mappings.named_studies import Named, open_variants
from mappings.order_text import PARTS, Reading

SYSTEMS = ("cpt", "hcpcs", "loinc", "snomed")
"""Code systems in the order in which they are believed."""


@dataclass(frozen=True, slots=True)
class Coded:
    """What the known codes of an order may mean, the most trusted system first.

    ``listed``: for each code the studies that share it. ``panels``: codes of several studies at once. ``undecided``:
    codes that leave open which study is meant.
    """

    listed: tuple[tuple[Study, ...], ...] = ()
    panels: tuple[tuple[Study, ...], ...] = ()
    undecided: tuple[tuple[Study, ...], ...] = ()

    @property
    def modality(self) -> str:
        """The modality that the best code gives; '' without a known code."""
        groups = (*self.listed, *self.panels, *self.undecided)
        return groups[0][0].modality if groups else ""


def read_codes(pairs: Pairs, catalogue: Catalogue) -> Coded:
    """The known codes among ``pairs``."""
    ordered = [pair for system in SYSTEMS for pair in pairs if pair[0] == system]
    listed, panels, undecided = (
        tuple(tuple(catalogue[i] for i in index[pair]) for pair in ordered if pair in index)
        for index in (catalogue.by_code, catalogue.panels, catalogue.undecided)
    )
    return Coded(listed, panels, undecided)


def coded_study(coded: Coded, reading: Reading, catalogue: Catalogue) -> Named:
    """The study that the codes name, settled by the words where a code leaves it open; none without a known code."""
    if coded.listed:
        return _listed_study(coded, reading, catalogue)
    if coded.panels:
        return Named(_billable(coded.panels[0], reading, catalogue))
    if coded.undecided:
        return _decided(coded.undecided[0], reading, catalogue)
    return Named()


def _listed_study(coded: Coded, reading: Reading, catalogue: Catalogue) -> Named:
    study = _chosen(coded.listed, reading)
    against = [g for g in (*coded.listed[1:], *coded.panels) if not any(_agree(study, s) for s in g)]
    if against and reading.technique != "whole_body_mri":  # which is often ordered as a set of regional codes
        return Named(_billable([study, *(s for group in against for s in group[:1])], reading, catalogue))
    others = _open_contrast(study, coded.listed, reading, catalogue)
    return Named(others or (study,), True)


def _chosen(listed: Sequence[Sequence[Study]], reading: Reading) -> Study:
    """The study that the best code names; what it leaves open (technique, modality, region, side) the words decide."""
    first = listed[0]
    named = {s.base for ids in listed[1:] for s in ids}

    def fit(study: Study) -> tuple[bool, ...]:
        technique = study.procedure_type == reading.technique != "none"
        return (
            technique,
            study.base in reading.bases,
            study.modality == reading.modality != first[0].modality,
            study.base in named and study.base != first[0].base,
            bool(study.region) and study.region == reading.region and _compatible(study, first[0], reading),
        )

    best = max(first, key=fit)  # the first of equals: what the code means by itself
    return best if any(fit(best)) and _compatible(best, first[0], reading) else first[0]


def _compatible(study: Study, general: Study, reading: Reading) -> bool:
    """A study that shares the code counts only when its technique, modality and region are what the words say."""
    if study.procedure_type not in (general.procedure_type, reading.technique):
        return False
    if study.region and general.region != study.region and reading.region and study.region != reading.region:
        return study.base in reading.bases
    if study.base != general.base and study.procedure_type == general.procedure_type:
        told = study.modality == reading.modality != general.modality
        return told or study.base in reading.bases or study.region == reading.region
    return True


def _agree(one: Study, other: Study) -> bool:
    """Whether a second code may stand beside the study: it says the same, less, or names what is done with it."""
    if any(s.unlisted or s.modality == "other" or "guidance" in s.classes for s in (one, other)):
        return True
    modalities = {one.modality, other.modality}
    if len(modalities) == 2 and not any(modalities - {m} <= PARTS.get(m, set()) for m in modalities):
        return False
    if one.region and other.region and not overlap(one.region, other.region):
        return False
    # SNOMED CT has no concepts for without and with: there "with" is said of both
    return {one.contrast, other.contrast} not in ({"without", "with"}, {"without", "without_and_with"})


def _open_contrast(
    study: Study, listed: Sequence[Sequence[Study]], reading: Reading, catalogue: Catalogue
) -> tuple[Study, ...]:
    """For a code that leaves the contrast open: the variant that a second code or the words name, else all of them."""
    if study.contrast != "not_stated" or study.cpt:
        return ()
    same = open_variants(catalogue, study)
    coded = [s for ids in listed[1:] for s in ids if s in same]
    if coded:
        return (coded[0],)
    stated = tuple(v for v in same if v.contrast == reading.contrast != "not_stated")
    return stated or (study, *same)


def _decided(studies: Sequence[Study], reading: Reading, catalogue: Catalogue) -> Named:
    """The one of the studies that the words name; all of them while they do not."""
    fit = [s for s in studies if s.base in reading.bases]
    if not fit and reading.region and not reading.from_reason and not reading.level_unsaid:
        fit = [s for s in studies if s.region == reading.region]
    if len(fit) == 1:
        return Named(_open_contrast(fit[0], (), reading, catalogue) or (fit[0],), True)
    return Named(_billable(studies, reading, catalogue))


def _billable(studies: Iterable[Study], reading: Reading, catalogue: Catalogue) -> tuple[Study, ...]:
    """Each of the studies by its variants that can be billed, narrowed to the contrast that the words state."""
    out: dict[str, Study] = {}
    for study in studies:
        variants = [study] if study.cpt else open_variants(catalogue, study)
        stated = [v for v in variants if v.contrast == reading.contrast]
        out.update((v.id, v) for v in stated or variants if v.cpt)
    return tuple(out.values())
