"""Earlier imaging that was done for a cancer: when it was last done, and what it showed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from criteria.facts import Basis, Fact
from criteria.studies import Study
from mappings.cancer_treatment import purpose
from mappings.episode import ONCOLOGY, Episode
from mappings.oncology_history import months_between
from mappings.prior_imaging import Earlier, of_region
from mappings.records import Records

CONVENTIONAL = frozenset({"xray", "ct", "mri", "us", "bone_scan"})
SECTIONAL = frozenset({"ct", "mri", "bone_scan", "pet", "pet_ct", "pet_mri"})
RADIOIODINE = "78018"
"""Whole-body imaging for metastases of thyroid carcinoma (facts.yaml, prior_imaging.radioiodine_scan.result)."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The earlier studies that were done for a cancer, the latest first, and those done for the order's own.

    ``unexplained`` are cross-sectional ones that give no reason, made since the order's cancer was known.
    """

    oncologic: tuple[Earlier, ...]
    mine: tuple[Earlier, ...]
    unexplained: tuple[Earlier, ...]


def read_followed(held: Sequence[Earlier], records: Records, episode: Episode) -> Followed:
    """By the reason of the study, or of the order it is based on."""
    why = [(e, *purpose(e.resource, records, episode)) for e in held if e.modality in SECTIONAL | CONVENTIONAL]
    oncologic = any(i in episode.catalogue and episode.catalogue[i].category == ONCOLOGY for i in episode.indications)
    mine = tuple(e for e, cancer, ours in why if cancer and ours) if oncologic else ()
    since = episode.complaint if oncologic else None
    silent = [e for e, cancer, _ in why if cancer is None and e.modality in SECTIONAL] if since else []
    later = tuple(e for e in silent if since and e.held and e.held.first >= since)
    return Followed(tuple(e for e, cancer, _ in why if cancer), mine, later)


def cancer_imaging_facts(held: Sequence[Earlier], followed: Followed, today: dt.date) -> Iterator[Fact]:
    """When the cancer was last imaged, and what conventional imaging and a radioiodine scan showed."""
    scan = next((e for e in held if RADIOIODINE in e.codes and e.result), None)
    if scan and scan.result:
        yield scan.fact("prior_imaging.radioiodine_scan.result", scan.result)
    latest = next((e for e in followed.oncologic if e.modality in SECTIONAL), None)
    if latest and latest.held and latest.held.day:
        yield latest.fact("prior_imaging.oncologic.days_ago", (today - latest.held.day).days, Basis.DERIVED)
    usual = next((e for e in followed.mine if e.modality in CONVENTIONAL), None)
    if usual and usual.result:
        yield usual.fact("prior_imaging.conventional.result", usual.result)


def surveillance_facts(followed: Followed, study: Study, today: dt.date) -> Iterator[Fact]:
    """When the tumour was last followed in the region of the study.

    A report carries no reason of its own: a cross-sectional study of the region that gives none shows the tumour too.
    """
    seen = sorted((*followed.mine, *followed.unexplained), key=lambda e: e.last, reverse=True)
    here = next((e for e in seen if of_region(e, study.region)), None)
    if here and here.held and here.held.day:
        months = months_between(here.held.day, today)
        yield here.fact("surveillance.months_since_last", months, Basis.DERIVED)
        if here in followed.unexplained:
            yield here.fact("prior_imaging.oncologic.days_ago", (today - here.held.day).days, Basis.DERIVED)
