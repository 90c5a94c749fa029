"""What follows for an order from its study alone; kept for the next orders of the same study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from criteria.catalogue import load_studies
from criteria.facts import Value
from criteria.studies import Study

Values = Mapping[str, Value | None]
SERVICES = {
    "xray": ("xray", "mammography"),
    "ultrasound": ("us", "echocardiography"),
    "ct": ("ct", "cta"),
    "mri": ("mri", "mra"),
    "pet": ("pet", "pet_ct", "pet_mri"),
    "nuclear_medicine": ("bone_scan", "spect", "spect_ct", "nuclear_medicine"),
}
CATEGORY_III = {"quantitative_mri", "mr_spectroscopy"}
"""Techniques that Category III codes of the catalogue describe."""
SIDED = ("breast", "hip", "upper_extremity", "lower_extremity", "face")
MOST = 4096
"""Studies that are kept at once; the catalogue has some four hundred."""


class ByStudy:
    """What ``read`` makes of a study, its billing code, its units, and whether the clinician ordered it."""

    def __init__(self, read: Callable[[Study, str | None, int, bool], Iterator[tuple[str, Value | None]]]) -> None:
        self.read = read
        self._kept: dict[tuple[int, str | None, int, bool], tuple[Study, Values]] = {}

    def __call__(self, study: Study, cpt: str | None, units: int, own: bool) -> Values:
        key = (id(study), cpt, units, own)  # a study cannot be hashed; it is kept, so that its id stays its own
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= MOST:
                self._kept.clear()
            found = self._kept[key] = (study, dict(self.read(study, cpt, units, own)))
        return found[1]


def _of_study(study: Study, cpt: str | None, units: int, own: bool) -> Iterator[tuple[str, Value | None]]:
    yield "order.study", study.base
    yield "order.modality", study.modality
    yield "order.body_region", study.region or None
    yield "order.contrast", study.contrast
    yield "order.cpt", cpt
    yield "order.procedure_type", study.procedure_type
    yield "order.code_system", None if own else _system(study)
    yield "order.service_category", _service(study)
    yield "order.investigational", study.investigational
    yield "order.specific_code_exists", study.cpt is not None and not study.unlisted and not _unlisted(study)
    yield "order.category_iii_code_exists", study.procedure_type in CATEGORY_III
    yield "order.ordered_by_clinician", own
    yield "order.is_interpretation_of_outside_study", cpt == "76140"
    yield "order.units", units
    yield "order.anatomic_target", _target(study)
    if study.region and study.region not in SIDED:
        yield "order.laterality", "not_applicable"
    yield from study.states.items()


of_study = ByStudy(_of_study)


def _system(study: Study) -> str | None:
    if study.codes.get("cpt"):
        return "cpt_category_iii" if study.codes["cpt"][0].endswith("T") else "cpt"
    return "hcpcs_level_ii" if study.codes.get("hcpcs") else None


def _service(study: Study) -> str:
    if study.base == "myelography_injection":
        return "spine_intervention"
    return next((name for name, modalities in SERVICES.items() if study.modality in modalities), "other")


def _unlisted(study: Study) -> bool:
    """True when the study's billing code is one of an unlisted procedure."""
    owner = load_studies().of_code("cpt", study.cpt or "")
    return owner is not None and owner.unlisted


def _target(study: Study) -> str | None:
    if study.region in ("brain", "pituitary"):
        return "intracranial"
    return "extracranial" if study.region not in ("", "head", "whole_body") else None
