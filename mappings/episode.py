"""The present episode: which conditions the order's complaint stands for, and since when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from criteria.indications import Indication
from criteria.orders import Order
from criteria.regions import meet
from mappings.fields import Span, first_span, mapping, reference_of, span, target, targets
from mappings.reasons import indications_of, reasons_of
from mappings.records import Records, codes_in

OVER = frozenset({"resolved", "inactive", "remission"})
SPINE = "spine"
SPINAL = frozenset({"spine", "cervical_spine", "thoracic_spine", "lumbar_spine", "sacrum_coccyx", "sacroiliac_joints"})
ONCOLOGY = "oncology"
"""Where a cancer lies says nothing about the complaint: an oncologic condition belongs to the episode by its own
indication only."""
KINDS = {
    "lung_cancer": frozenset({"non_small_cell_lung_cancer", "small_cell_lung_cancer"}),
    "thyroid_cancer": frozenset(
        {"medullary_thyroid_cancer", "anaplastic_thyroid_cancer", "differentiated_thyroid_cancer"}
    ),
    "brain_tumor_malignant": frozenset({"glioma"}),
}
"""Cancers that ICD-10-CM names by their place and SNOMED CT by their kind: one patient's are the same cancer, two kinds
are not."""


@dataclass(frozen=True, slots=True)
class Episode:
    """The complaint behind one order.

    ``onset`` is the latest onset among its conditions: the episode began or changed then. Where only the day of
    recording is known, the span is open towards the past: nothing before it can be called earlier than the onset.
    ``complaint`` is the day by which the complaint itself had begun: the latest recorded onset among the conditions
    with the order's own indications, without the others of that part of the body.
    """

    regions: frozenset[str]
    indications: frozenset[str]
    conditions: frozenset[str]
    onset: Span | None
    catalogue: Mapping[str, Indication]
    complaint: dt.date | None = None
    judged: dict[frozenset[str], bool] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Indications that were met, and whether they are the episode's."""

    def since_onset(self, held: Span | None) -> bool | None:
        """Whether something dated ``held`` lies in the episode; None when the dates cannot tell."""
        if held is None or self.onset is None:
            return None
        if held.first >= self.onset.last:
            return True
        return False if held.last < self.onset.first else None

    def concerns(self, resource: Mapping[str, Any], records: Records) -> bool | None:
        """Whether the reasons of a resource are the episode's; None when it gives none that we know.

        What gives no reason has that of the order it is based on; and the episode's, when it was done or prescribed at
        a visit for the episode. A visit for something else says nothing: people mention a second complaint there.
        """
        if (own := self._reasons(resource, records)) is not None:
            return own
        for order in targets(resource["basedOn"]) if "basedOn" in resource else ():
            request = records.find(order)
            if request is not None and (own := self._reasons(request, records)) is not None:
                return own
        if "encounter" in resource and (visit := records.find(target(resource["encounter"]))) is not None:
            return self._reasons(visit, records) or None
        return None

    def _reasons(self, resource: Mapping[str, Any], records: Records) -> bool | None:
        """By the resource's own reasons and diagnoses."""
        if not (known := indications_of(resource, records)):
            return None
        return self._same(known[0]) if len(known) == 1 else any(map(self._same, known))

    def _same(self, indications: frozenset[str]) -> bool:
        held = self.judged.get(indications)
        if held is None:
            held = self.judged[indications] = self._judge(indications)
        return held

    def _judge(self, indications: frozenset[str]) -> bool:
        if indications & self.indications:
            return True
        if meet(_regions(indications, self.catalogue), self.regions):
            return True
        somewhere = any(
            i in self.catalogue and self.catalogue[i].category == SPINE and not self.catalogue[i].regions
            for i in indications
        )
        return somewhere and bool(self.regions & SPINAL)


def read_episode(records: Records, order: Order, catalogue: Mapping[str, Indication], today: dt.date) -> Episode:
    """The episode of one order: conditions with its indications, or with others of the same part of the body."""
    indications = with_kinds(frozenset(order.indications))
    regions = _regions(indications, catalogue)
    if not regions and order.study is not None and order.study.region:
        spinal = any(i in catalogue and catalogue[i].category == SPINE for i in indications)
        elsewhere = spinal and order.study.region not in SPINAL
        regions = frozenset({"spine" if elsewhere else order.study.region})
    episode = Episode(regions, indications, frozenset(), None, catalogue)
    conditions: dict[str, Span] = {}
    references: set[str] = set()
    begun: list[dt.date] = []
    for condition in records.of("Condition"):
        if OVER & codes_in(condition.get("clinicalStatus")):
            continue
        reasons = reasons_of(condition.get("code"))
        if not any(episode._same(frozenset(r.indications)) for r in reasons if r.indications):
            continue
        references.add(reference_of(condition))
        if onset := _onset(condition, today):
            conditions[reference_of(condition)] = onset
            if onset.first > dt.date.min and any(indications & frozenset(r.indications) for r in reasons):
                begun.append(onset.last)
    latest = max(conditions.values(), key=lambda s: (s.last, s.first), default=None)
    return Episode(regions, indications, frozenset(references), latest, catalogue, max(begun, default=None))


def with_kinds(indications: frozenset[str]) -> frozenset[str]:
    """With the wider name of a kind of cancer, and with every kind of a cancer whose kind is not named."""
    wider = {place for place, kinds in KINDS.items() if kinds & indications}
    kinds = [KINDS[i] for i in indications if i in KINDS and not KINDS[i] & indications]
    return indications.union(wider, *kinds)


def _onset(condition: Mapping[str, Any], today: dt.date) -> Span | None:
    held = mapping(condition.get("onsetPeriod"))
    onset = span(condition.get("onsetDateTime")) or span(held.get("start"))
    if onset is None:
        recorded = first_span(condition, "recordedDate")
        onset = Span(dt.date.min, recorded.last) if recorded else None
    if onset is None or onset.first > today:
        return None
    return Span(onset.first, min(onset.last, today))


def _regions(indications: frozenset[str], catalogue: Mapping[str, Indication]) -> frozenset[str]:
    """The regions where these indications lie, cancers left out."""
    held = (catalogue[i] for i in indications if i in catalogue)
    return frozenset(r for i in held if i.category != ONCOLOGY for r in i.regions)
