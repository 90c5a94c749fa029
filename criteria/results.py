"""Facts that are results of other rules: `guideline.supports_mri`, `indication.hh_7_met` and the like.

They are judged after the rules they read, and answered from the pathways for the recorded indication.
"""

from __future__ import annotations

from dataclasses import dataclass

from criteria.criterion import Criterion
from criteria.studies import Study

CT, MRI = ("ct",), ("mri",)
ANY = ("without", "with", "without_and_with", "not_applicable", "not_stated")


@dataclass(frozen=True, slots=True)
class Providers:
    """Which pathways answer a result fact: those for a study of these kinds, or those that cover rows of a section.

    ``own_study``: only the ordered study itself; ``listed``: being listed is enough, met or not; ``procedure``: the
    special technique; ``first``: only what the guideline prefers (rank 1);
    ``silence_is_unknown``: where no pathway counts, a guideline that is not loaded may still say so;
    ``any_region``: the pathways of the ordered region are not the only ones that answer.
    """

    modalities: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ANY
    rows: str = ""
    procedure: str = ""
    first: bool = False
    silence_is_unknown: bool = False
    any_region: bool = False
    own_study: bool = False
    listed: bool = False

    def include(self, criterion: Criterion, study: Study) -> bool:
        if self.rows:
            return any(r == self.rows or r.startswith(self.rows + ".") for r in criterion.rows)
        if study.procedure_type == "post_discography_ct" and not self.own_study:
            return False  # the second half of a discography stands in for no other CT
        if (self.procedure and study.procedure_type != self.procedure) or (self.first and criterion.rank != 1):
            return False
        return (not self.modalities or study.modality in self.modalities) and study.contrast in self.contrasts


RESULTS: dict[str, Providers] = {
    "guideline.supports_mri": Providers(MRI),
    "guideline.supports_mri_without_contrast": Providers(MRI, ("without",)),
    "guideline.supports_mri_with_contrast": Providers(MRI, ("with", "without_and_with")),
    "guideline.supports_mri_without_and_with_contrast": Providers(MRI, ("without_and_with",)),
    "guideline.supports_ct": Providers(CT),
    "guideline.supports_ct_with_contrast": Providers(CT, ("with",)),
    "guideline.supports_ct_without_and_with_contrast": Providers(CT, ("without_and_with",)),
    "guideline.states_contrast_level": Providers(listed=True),
    "guideline.addresses_modality": Providers(own_study=True, listed=True),
    "guideline.ordered_contrast_supported": Providers(own_study=True, listed=True),
    "guideline.ordered_region_supported": Providers(own_study=True, listed=True),
    "guideline.criteria_met": Providers(own_study=True),
    "guideline.ct_myelography_criteria_met": Providers(procedure="ct_myelography"),
    "external_guideline.pet_ct_criteria_met": Providers(("pet_ct",), silence_is_unknown=True, any_region=True),
    "guideline.recommends_mri_first": Providers(MRI, first=True),
    "indication.hh_combo_ctmri_met": Providers(rows="HH-combo-ctmri"),
    **{f"indication.hh_{n}_met": Providers(rows=f"HH-{n}") for n in range(1, 19)},
}
RESULT_FACTS = frozenset(RESULTS)
OF_OTHER_STUDIES = frozenset(name for name, wanted in RESULTS.items() if not wanted.own_study)
"""Those for which more than the ordered study has to be looked at."""


def result_place(result: str, study: Study) -> tuple[str, str]:
    """Under which a result is kept: one for all studies of a region, unless it is about the ordered study itself."""
    return result, study.id if RESULTS[result].own_study else study.region
