"""Which kind of cancer it is: by its histology where the code names only the place, and which kind is suspected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from criteria.facts import Basis, Fact
from mappings.cancer_treatment import cancer_conditions
from mappings.conditions import meanings_of, read_conditions
from mappings.episode import KINDS, Episode
from mappings.evidence import told
from mappings.fields import first_span, objects, reference_of
from mappings.oncology_history import MORPHOLOGY
from mappings.records import Records
from mappings.tables import read_table

SUSPECTED = {
    "non_small_cell_lung_cancer": "non_small_cell_lung_cancer",
    "small_cell_lung_cancer": "small_cell_lung_cancer",
    "breast_cancer": "breast",
    "prostate_cancer": "prostate",
    "lymphoma": "lymphoma",
    "colorectal_cancer": "colorectal",
    "thyroid_cancer": "thyroid",
    "medullary_thyroid_cancer": "thyroid",
    "anaplastic_thyroid_cancer": "thyroid",
    "differentiated_thyroid_cancer": "thyroid",
    "kidney_cancer": "kidney",
    "melanoma": "melanoma",
    "neuroendocrine_tumor": "neuroendocrine",
    "bone_sarcoma": "sarcoma",
    "soft_tissue_sarcoma": "sarcoma",
}
"""Indication -> value of malignancy.suspected_type."""


def cancer_kind_facts(records: Records, episode: Episode, today: dt.date) -> Iterator[Fact]:
    """condition.*_cancer by ICD-O-3, of cancers of the lung and the thyroid; malignancy.suspected_type."""
    table = read_table("histology")
    for condition in cancer_conditions(records, episode):
        places = {i for meaning in meanings_of(condition.get("code")) for i in meaning.indications} & KINDS.keys()
        held = [
            e.get("valueCodeableConcept") for e in objects(condition.get("extension")) if e.get("url") == MORPHOLOGY
        ]
        said = [m.partition(":") for m in table.means(*held)]
        on = day.day if (day := first_span(condition, "recordedDate")) else None
        source, note = (reference_of(condition),), told("tumor", [on])
        if len(kinds := {kind for place, _, kind in said if place in places}) == 1:
            yield Fact(f"condition.{kinds.pop()}", True, Basis.RECORDED, source, on, note)
        if len(grades := {grade for what, _, grade in said if what == "grade"}) == 1:
            yield Fact("tumor.grade", int(grades.pop()), Basis.DERIVED, source, on, note)
    yield from _suspected(records, episode, today)


def _suspected(records: Records, episode: Episode, today: dt.date) -> Iterator[Fact]:
    """By unconfirmed Conditions of the part of the body that the order is about; two kinds leave it open."""
    catalogue = episode.catalogue
    here = {r for i in episode.indications if i in catalogue for r in catalogue[i].regions}
    found: dict[str, list[str]] = {}
    for diagnosis in records.once(read_conditions, today):
        if not diagnosis.unconfirmed or diagnosis.over:
            continue
        for name in {i for meaning in diagnosis.meanings for i in meaning.indications} & SUSPECTED.keys():
            if name in episode.indications or here & set(catalogue[name].regions):
                found.setdefault(SUSPECTED[name], []).append(diagnosis.reference)
    if len(found) == 1:
        ((kind, sources),) = found.items()
        yield Fact("malignancy.suspected_type", kind, Basis.DERIVED, tuple(sources))
