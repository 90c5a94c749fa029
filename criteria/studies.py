"""The study catalogue (studies.yaml): modality, region and contrast, with the codes that name each study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Contrast = Literal["without", "with", "without_and_with", "not_applicable", "not_stated"]
System = Literal["cpt", "hcpcs", "loinc", "snomed"]


@dataclass(frozen=True, slots=True)
class Study:
    """One orderable study.

    ``id`` is ``<base>.<contrast>`` (``mri_lumbar_spine.without``) or ``<base>`` alone where contrast does not apply or
    is not stated (``pet_ct_whole_body``); ``base`` is what ``order.study`` says. ``codes`` lists every code that names
    it, best first, per system; ``cpt`` is the billing code that suggestions carry. ``procedure_type`` is the special
    technique (facts.yaml, order.procedure_type); ``classes`` are further names under which session rules find it
    (``diagnostic_ct``, ``cta``, ``pet``).
    """

    id: str
    base: str
    name: str
    modality: str
    region: str
    contrast: Contrast
    codes: Mapping[System, tuple[str, ...]] = field(default_factory=dict)
    procedure_type: str = "none"
    classes: frozenset[str] = frozenset()
    radiation: bool = False
    cost: int = 0
    """Rank of what the modality costs, for ordering alternatives only: lower is cheaper."""
    advanced: bool = True
    investigational: bool = False
    unlisted: bool = False
    states: Mapping[str, bool | int | str] = field(default_factory=dict)
    """Facts about the order that the code itself states (order.laterality, order.area_count)."""

    @property
    def session_names(self) -> frozenset[str]:
        """Under which rules about the session find it."""
        return self.classes | {self.id, self.base}

    @property
    def cpt(self) -> str | None:
        """The CPT or HCPCS code for billing, or None where no code exists."""
        for system in ("cpt", "hcpcs"):
            if codes := self.codes.get(system):
                return str(codes[0])
        return None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All studies by id; ``by_code`` maps (system, code) to study ids, first the one the code names by itself."""

    studies: Mapping[str, Study]
    by_code: Mapping[tuple[str, str], tuple[str, ...]]
    panels: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Codes that ask for several studies at once, with their ids."""
    undecided: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Codes that leave open which of several studies is meant."""
    index: Mapping[tuple[str, str | None], tuple[Study, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Studies by modality and region, and by modality alone (region None)."""
    selected: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What rule files asked for already (criteria.criterion.select): hundreds of them name the same."""

    def __getitem__(self, study: str) -> Study:
        return self.studies[study]

    def of_modality(self, modality: str, region: str | None = None) -> tuple[Study, ...]:
        """Its studies (of one region), in the catalogue's order."""
        return self.index.get((modality, region), ())

    def of_code(self, system: str, code: str) -> Study | None:
        ids = self.by_code.get((system, code))
        return self.studies[ids[0]] if ids else None
