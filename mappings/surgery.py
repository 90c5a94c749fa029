"""Operations, spinal interventions and dialysis from Procedures, dated and matched to the region of the study."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import Basis, Fact
from criteria.regions import same_part
from criteria.studies import Study
from mappings.evidence import told
from mappings.fields import Span, objects, period, reference_of, span
from mappings.records import Records, codes_in
from mappings.tables import read_table

INTERVENTION_DAYS = 90
DIALYSIS_DAYS = 90
"""One on dialysis has it every few days: an older session was of an illness that passed, or a transplant followed."""
SURGICAL = frozenset({"387713003"})
"""SNOMED CT surgical procedure, as Procedure.category."""
DONE = frozenset({"completed", "stopped", None})
OPERATIONS = frozenset({"spine", "augmentation", "syrinx", "surgical"})
AT, LEVEL = "spine:", "at:"
"""Before the region that a code names: of an operation on the spine, and of what is no such operation."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One procedure that took place: what it was, when it ended, and the regions that its code or bodySite names."""

    reference: str
    kinds: frozenset[str]
    held: Span | None
    regions: frozenset[str]
    under_way: bool

    def fact(self, name: str, value: bool | int | float, basis: Basis = Basis.RECORDED) -> Fact:
        day = self.held.day if self.held else None
        what = "operation" if self.kinds & OPERATIONS else "procedure"
        return Fact(name, value, basis, (self.reference,), day, told(what, [day]))


def surgery_facts(
    found: Sequence[Operation], study: Study, today: dt.date, site: Mapping[str, Any] | None = None
) -> Iterator[Fact]:
    """surgery.* and dialysis from `read_operations`. ``site["recent_surgery_days"]`` says what recent means for
    surgery.recent and surgery.spine.recent; without it they stay unknown."""
    recent = (site or {}).get("recent_surgery_days")
    spinal = [o for o in found if "spine" in o.kinds and near(o, study)]
    yield from _latest("surgery.spine.performed", "surgery.spine.days_ago", spinal, today)
    yield from _latest("surgery.spinal_fusion.performed", None, [o for o in spinal if "fusion" in o.kinds], today)
    augmented = [o for o in found if "augmentation" in o.kinds]
    yield from _latest("surgery.vertebral_augmentation.performed", None, augmented, today)
    if augmented and (hours := _hours(_ago(_newest(augmented), today))) is not None:
        yield _newest(augmented).fact("surgery.vertebral_augmentation.hours_ago", hours, Basis.DERIVED)
    yield from _latest("surgery.syrinx.performed", None, [o for o in found if "syrinx" in o.kinds], today)
    for operation in found:
        ago = _ago(operation, today)
        invasive = operation.kinds & {"spine", "augmentation", "intervention", "syrinx"}
        if invasive and ago is not None and ago <= INTERVENTION_DAYS:
            yield operation.fact("surgery.spinal_intervention_recent", True)
        if "dialysis" in operation.kinds and (ago is None or ago <= DIALYSIS_DAYS):
            yield operation.fact("renal.dialysis", True)
        if not isinstance(recent, int) or ago is None or ago > recent:
            continue
        if operation.kinds & OPERATIONS:
            yield operation.fact("surgery.recent", True)
        if operation in spinal:
            yield operation.fact("surgery.spine.recent", True)


def recent_by_days(facts: Mapping[str, Fact], site: Mapping[str, Any]) -> Iterator[Fact]:
    """surgery.spine.recent by the days since, whoever stated them; beyond the site's days it stays a question."""
    ago, recent = facts.get("surgery.spine.days_ago"), site.get("recent_surgery_days")
    if ago is None or "surgery.spine.recent" in facts or not isinstance(recent, int):
        return
    if isinstance(ago.value, int | float) and 0 <= ago.value <= recent:
        yield Fact("surgery.spine.recent", True, Basis.DERIVED, ago.sources, ago.on)


def read_operations(records: Records, today: dt.date) -> list[Operation]:
    """What was done and matters here, in the chart's order."""
    table, sites = read_table("surgery"), read_table("body_sites")
    found = []
    for procedure, codes in records.coded("Procedure"):
        status = procedure.get("status")
        if status not in DONE and status != "in-progress":
            continue
        kinds = table.of_codes(codes)
        if "category" in procedure and SURGICAL & codes_in(procedure["category"]):
            kinds |= {"surgical"}
        if not kinds:
            continue
        start, end = period(procedure.get("performedPeriod"))
        held = end or start or span(procedure.get("performedDateTime"))
        if not (held and held.first > today):
            coded = frozenset(k.removeprefix(AT) for k in kinds if k.startswith(AT))
            level = frozenset(k.removeprefix(LEVEL) for k in kinds if k.startswith(LEVEL))
            regions = coded | level or sites.means(*objects(procedure.get("bodySite")), text=True)
            kinds = (kinds | {"spine"}) if coded else kinds
            found.append(Operation(reference_of(procedure), kinds, held, regions, status == "in-progress"))
    return found


def near(operation: Operation, study: Study) -> bool:
    """True when the operation is not known to lie elsewhere on the spine than the study looks."""
    spine = {"spine", "cervical_spine", "thoracic_spine", "lumbar_spine", "sacrum_coccyx"}
    if not operation.regions or study.region not in spine:
        return True
    return any(same_part(region, study.region) for region in operation.regions)


def _latest(name: str, days: str | None, found: Sequence[Operation], today: dt.date) -> Iterator[Fact]:
    if not found:
        return
    latest = _newest(found)
    yield latest.fact(name, True)
    if days and (ago := _ago(latest, today)) is not None:
        yield latest.fact(days, ago)


def _hours(days: int | None) -> int | None:
    """Hours since a day without its hour: today is within 24, two days ago beyond; yesterday may be either."""
    return None if days is None or days == 1 else days * 24


def _newest(found: Sequence[Operation]) -> Operation:
    return max(found, key=lambda o: o.held.last if o.held else dt.date.min)


def _ago(operation: Operation, today: dt.date) -> int | None:
    day = operation.held.day if operation.held else None
    return (today - day).days if day else None
