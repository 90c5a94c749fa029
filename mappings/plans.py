"""What is planned: open orders for operations, injections and referrals, and procedures in preparation.

An order is a plan while it is open, its day is not past, and it was not placed long ago; nothing here reads silence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from criteria.facts import Basis, Fact, Value
from criteria.regions import same_part
from criteria.studies import Study
from mappings.evidence import told
from mappings.fields import Span, first_span, mapping, objects, period, reference_of, span, target, targets, words
from mappings.records import Records, codes_in
from mappings.surgery import SURGICAL
from mappings.tables import read_table

OPEN = frozenset({"active", "on-hold"})
IDEAS = frozenset({"proposal", "option"})
STALE_DAYS = 180
"""An open order without a day of its own is a plan for half a year: charts keep orders that nobody will carry out."""
URGENT = frozenset({"urgent", "asap", "stat"})
OPERATIONS = frozenset({"spine_surgery", "vertebral_augmentation", "si_joint_surgery", "sinus_surgery",
                        "spinal_cord_stimulator_placement", "spinal_cord_stimulator_removal"})  # fmt: skip
INJECTIONS = frozenset({"epidural", "route:transforaminal", "route:interlaminar"})
SPINAL = frozenset({"spine_surgery", "facet_procedure"}) | INJECTIONS
SPINE = frozenset({"spine", "cervical_spine", "thoracic_spine", "lumbar_spine", "sacrum_coccyx"})
LEVELS = {
    "cervical_spine": "cervical",
    "thoracic_spine": "thoracic",
    "lumbar_spine": "lumbar",
    "sacrum_coccyx": "sacral",
}
SOON_DAYS = 30
"""A resection within a month is about to take place."""


class Plan(msgspec.Struct, frozen=True):
    """One planned procedure: what it is, on which day if that is known, where, how urgently and by whom."""

    reference: str
    kinds: frozenset[str]
    day: dt.date | None
    regions: frozenset[str]
    urgent: bool
    performers: frozenset[str]
    resection: bool

    def fact(self, name: str, value: Value = True) -> Fact:
        note = told("referral" if self.kinds == {"specialist"} else "planned", [self.day])
        return Fact(f"treatment_plan.{name}", value, Basis.DERIVED, (self.reference,), None, note)


def plan_facts(
    plans: Sequence[Plan], records: Records, study: Study, today: dt.date, draft: Mapping[str, Any] | None = None
) -> Iterator[Fact]:
    """treatment_plan.* of `read_plans`; those of the spine only where they are not known to lie elsewhere on it."""
    found = [p for p in plans if not p.kinds & SPINAL or _near(p, study)]
    requester = target(mapping(draft).get("requester"))
    for plan in found:
        for kind in sorted(plan.kinds - {"specialist", "surgery", *INJECTIONS}):
            if kind not in ("anterior", "deformity", "arthrodesis_thoracic", "arthrodesis_lumbar"):
                yield plan.fact(kind)
        if plan.kinds & INJECTIONS:
            yield from _injection(plan, records)
        if plan.urgent and "specialist" in plan.kinds:
            yield plan.fact("spine_specialist_referral_urgent")
        if plan.kinds == {"specialist"}:
            continue
        yield plan.fact("procedure")
        if not plan.kinds & (OPERATIONS | {"surgery"}):
            continue
        yield plan.fact("surgery")
        if plan.urgent and "spine_surgery" in plan.kinds:
            yield plan.fact("spine_surgery_urgent")
        if requester and requester in plan.performers:
            yield plan.fact("requested_by_operating_surgeon")
        if plan.resection and plan.day and (plan.day - today).days <= SOON_DAYS:
            yield plan.fact("resection_imminent")
        if "anterior" in plan.kinds and "Procedure" not in records.missing:
            yield from _anterior(plan, records)
    days = [(p.day, p) for p in found if p.day and p.kinds & (OPERATIONS | {"surgery"})]
    if days:
        day, next_one = min(days, key=lambda pair: pair[0])
        yield next_one.fact("surgery_in_days", (day - today).days)


def read_plans(records: Records, today: dt.date) -> list[Plan]:
    """Open orders and procedures in preparation whose code says what is planned."""
    based = [p for p in records.of("Procedure") if "basedOn" in p and p.get("status") == "completed"]
    done = {t for p in based for t in targets(p["basedOn"])}
    found = []
    for request in records.of("ServiceRequest"):
        if request.get("status") in OPEN and request.get("intent") not in IDEAS and reference_of(request) not in done:
            start, end = period(request.get("occurrencePeriod"))
            day = span(request.get("occurrenceDateTime")) or start or end
            found.append((request, day, _lives(request, day, today)))
    for procedure in records.of("Procedure"):
        if procedure.get("status") == "preparation":
            day = span(procedure.get("performedDateTime")) or period(procedure.get("performedPeriod"))[0]
            found.append((procedure, day, day is None or day.last >= today))
    return [plan for resource, day, lives in found if lives and (plan := _plan(resource, day))]


def _lives(request: dict[str, Any], day: Span | None, today: dt.date) -> bool:
    if day is not None:
        return day.last >= today
    authored = first_span(request, "authoredOn")
    return authored is not None and (today - authored.last).days <= STALE_DAYS


def _plan(resource: dict[str, Any], day: Span | None) -> Plan | None:
    kinds = read_table("plans").means(resource.get("code"))
    resection = "resection" in read_table("oncology").means(resource.get("code"))
    if resection or SURGICAL & codes_in(resource.get("category")):
        kinds |= {"surgery"}
    if not kinds:
        return None
    people = {t for p in objects(resource.get("performer")) for t in (target(p), target(p.get("actor"))) if t}
    regions = read_table("body_sites").means(*objects(resource.get("bodySite")), text=True)
    urgent = words(resource.get("priority")) in URGENT
    return Plan(reference_of(resource), kinds, day.day if day else None, regions, urgent, frozenset(people), resection)


def _near(plan: Plan, study: Study) -> bool:
    if not plan.regions or study.region not in SPINE:
        return True
    return any(same_part(region, study.region) for region in plan.regions)


def _injection(plan: Plan, records: Records) -> Iterator[Fact]:
    yield plan.fact("spinal_injection")
    routes = [k.removeprefix("route:") for k in plan.kinds if k.startswith("route:")]
    if len(routes) == 1:
        yield plan.fact("epidural_injection_route", routes[0])
    levels = {LEVELS[r] for r in plan.regions if r in LEVELS}
    if len(levels) == 1:
        yield plan.fact("epidural_injection_region", levels.pop())
    table, sites = read_table("plans"), read_table("body_sites")
    for procedure, codes in records.coded("Procedure"):
        if procedure.get("status") != "completed" or not table.of_codes(codes) & INJECTIONS:
            continue
        if sites.means(*objects(procedure.get("bodySite")), text=True) & plan.regions:
            yield plan.fact("epidural_injection_first", False)
            return


def _anterior(plan: Plan, records: Records) -> Iterator[Fact]:
    """A first anterior operation, or the revision of one, by the operations on file."""
    table = read_table("plans")
    done = (codes for p, codes in records.coded("Procedure") if p.get("status") in ("completed", None))
    before = [table.of_codes(codes) for codes in done]
    before = [kinds for kinds in before if "anterior" in kinds]
    if not before:
        yield plan.fact("anterior_spinal_surgery_initial")
        return
    if "deformity" in plan.kinds and any("deformity" in kinds for kinds in before):
        yield plan.fact("anterior_spinal_surgery_revision")
    for level in ("thoracic", "lumbar"):
        same = f"arthrodesis_{level}"
        if same in plan.kinds and any(same in kinds for kinds in before):
            yield plan.fact(f"anterior_arthrodesis_revision_{level}")
