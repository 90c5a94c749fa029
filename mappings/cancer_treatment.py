"""Treatments of a cancer on record: operations, radiation and systemic therapy, each with its days and its purpose."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mappings.conditions import UNCONFIRMED
from mappings.episode import ONCOLOGY, Episode
from mappings.fields import Span, mapping, objects, period, reference_of, span, targets
from mappings.medications import Supply
from mappings.reasons import read_reasons
from mappings.records import Records, codes_in
from mappings.tables import read_table

SYSTEMIC = ("chemotherapy", "targeted", "immunotherapy", "endocrine", "systemic")
RADIATION = frozenset({"radiation", "radiation_course"})
ANY_CANCER = frozenset(
    {"cancer_follow_up", "metastatic_cancer", "bone_metastasis", "brain_metastasis", "leptomeningeal_metastasis",
     "neoplasm_nature_unsettled", "other_cancer", "unknown_primary_cancer"}
)  # fmt: skip
"""Indications that do not say which cancer it is."""
CYCLE_DAYS = 42
"""The longest usual interval between two doses: therapy given within it may be going on."""
FRACTION_DAYS = 14
"""Radiation is given on most working days: two weeks after the last session a course is over."""
OVER_DAYS = 90
"""Systemic therapy is over when none was given, and none is ordered, for three months."""
ORDER_DAYS = 400
"""An open order for a cancer medicine is renewed each year; an older one is a leftover."""
_REMOVAL = re.compile(r"0[0-689A-Z][BT][0-9A-Z]{3}[0-9A-WYZ]")
INTENT = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"


@dataclass(frozen=True, slots=True)
class Therapy:
    """One treatment. ``kinds`` as in codes/oncology.csv; ``ours`` whether it was for the order's own cancer."""

    reference: str
    kinds: frozenset[str]
    held: Span | None
    active: bool
    over: bool
    ours: bool | None
    regions: frozenset[str] = frozenset()
    intent: frozenset[str] = frozenset()
    outcome: frozenset[str] = frozenset()

    @property
    def day(self) -> dt.date | None:
        """The last day, when it is certain."""
        return self.held.day if self.held else None

    @property
    def systemic(self) -> bool:
        return bool(self.kinds & set(SYSTEMIC))

    @property
    def name(self) -> str:
        for kind, name in (("resection", "operation"), ("radiation", "radiation"), ("radiation_course", "radiation")):
            if kind in self.kinds:
                return name
        return "chemotherapy" if "chemotherapy" in self.kinds else "systemic"


def read_therapies(
    records: Records, episode: Episode, today: dt.date, known: bool, held: Sequence[Supply]
) -> list[Therapy]:
    """The treatments of cancer, the latest first. ``held`` are the medicines (medications.supplies).

    A medicine or infusion that names no reason counts when ``known``: the chart knows a malignancy.
    """
    found = [*_procedures(records, episode, today, known), *_medicines(records, episode, today, known, held)]
    return sorted(found, key=lambda t: t.held.last if t.held else dt.date.min, reverse=True)


def _procedures(records: Records, episode: Episode, today: dt.date, known: bool) -> Iterator[Therapy]:
    table, sites = read_table("oncology"), read_table("body_sites")
    for procedure, codes in records.coded("Procedure"):
        status = procedure.get("status")
        kinds = table.of_codes(codes) | _removed(codes)
        if not kinds or status not in ("completed", "in-progress", "stopped", None):
            continue
        start, end = period(procedure.get("performedPeriod"))
        held = end or span(procedure.get("performedDateTime")) or start
        if held and held.first > today:
            continue
        cancer, ours = purpose(procedure, records, episode)
        if cancer is False or (cancer is None and not (known if kinds & set(SYSTEMIC) else kinds & RADIATION)):
            continue  # many operations take out healthy tissue: only their reason says that it was a tumour
        ago = (today - held.last).days if held else None
        running = status == "in-progress"
        if "radiation_course" in kinds:
            active, over = running, not running
        elif "radiation" in kinds:
            active, over = running or _within(ago, FRACTION_DAYS - 1), ago is not None and ago >= FRACTION_DAYS
        elif "resection" in kinds:
            active, over = False, not running
        else:
            active, over = running or _within(ago, CYCLE_DAYS), ago is not None and ago > OVER_DAYS
        regions = sites.means(*objects(procedure.get("bodySite")), text=True)
        reference, over = reference_of(procedure), over and not running
        outcome = codes_in(procedure.get("outcome"))
        yield Therapy(reference, kinds, held, active, over, ours, regions, _intent(procedure), outcome)


def _within(ago: int | None, days: int) -> bool:
    return ago is not None and ago <= days


def _removed(codes: Sequence[tuple[str, str]]) -> frozenset[str]:
    """An ICD-10-PCS code of the tables 0?B and 0?T, parts of the body cut out; not for a diagnosis, no lymph nodes."""
    for system, value in codes:
        if system == "icd10pcs" and _REMOVAL.fullmatch(value):
            return frozenset({"resection"})
    return frozenset()


def _medicines(
    records: Records, episode: Episode, today: dt.date, known: bool, held: Sequence[Supply]
) -> Iterator[Therapy]:
    for supply in held:
        kinds = supply.classes & set(SYSTEMIC)
        if not kinds or "topical" in supply.classes:
            continue
        cancer, ours = purpose(supply.resource, records, episode)
        if cancer is False or (cancer is None and not known):
            continue
        last = supply.last
        active = supply.active and (today - supply.first).days <= ORDER_DAYS and (last is None or last >= today)
        ago = (today - (last or supply.first)).days
        days = Span(last, last) if last else None
        yield Therapy(supply.reference, kinds, days, active, not supply.active and ago > OVER_DAYS, ours)


def purpose(resource: Mapping[str, Any], records: Records, episode: Episode) -> tuple[bool | None, bool | None]:
    """Whether it was done for a cancer, and for the order's own; None where that is not known.

    A reason that names no particular cancer, or another one of the same part of the body, leaves the second open.
    """
    indications = _indications(resource, records)
    for field in ("basedOn", "imagingStudy"):
        for reference in targets(resource.get(field)) if indications is None else ():
            indications = indications or _indications(mapping(records.find(reference)), records)
    if indications is None:
        return None, None
    catalogue = episode.catalogue
    named = {i for i in indications if i in catalogue and catalogue[i].category == ONCOLOGY}
    if not named:
        return False, False
    if named & episode.indications:
        return True, True
    wanted = {i for i in episode.indications if i in catalogue and catalogue[i].category == ONCOLOGY}
    here = {r for i in wanted for r in catalogue[i].regions}
    open_still = not wanted - ANY_CANCER or named <= ANY_CANCER or any(here & set(catalogue[i].regions) for i in named)
    return True, None if open_still else False


def _indications(resource: Mapping[str, Any], records: Records) -> frozenset[str] | None:
    if not resource.get("reasonCode") and not resource.get("reasonReference"):
        return None
    known = [r for r in read_reasons(resource, records) if r.status != "unmapped"]
    return frozenset(i for r in known for i in r.indications) if known else None


def _intent(procedure: Mapping[str, Any]) -> frozenset[str]:
    """curative | palliative, by the mCODE extension."""
    values = [
        e.get("valueCodeableConcept")
        for e in objects(procedure.get("extension"))
        if e.get("url") in (f"{INTENT}procedure-intent", f"{INTENT}treatment-intent")
    ]
    return read_table("oncology").means(*values) & {"curative", "palliative"}


def cancer_conditions(records: Records, episode: Episode) -> list[dict[str, Any]]:
    """The Conditions of the order's own cancer, in remission or not."""
    wanted = {i for i in episode.indications if i in episode.catalogue and episode.catalogue[i].category == ONCOLOGY}
    found = []
    for condition in records.of("Condition") if wanted else ():
        if not UNCONFIRMED.isdisjoint(codes_in(condition.get("verificationStatus"))):
            continue
        reasons = read_reasons({"reasonCode": [condition.get("code")]}, records)
        if any(wanted & set(r.indications) for r in reasons):
            found.append(condition)
    return found
