"""Which payer policies the patient is covered by (identifiers of the payors of active coverages), and their kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from criteria.facts import Basis, Fact
from mappings.fields import mapping, number, objects, period, reference_of, target, words
from mappings.records import Records
from mappings.tables import read_table

POLICY = "https://imaging-cds.github.io/fhir/NamingSystem/policy"
MEDICARE, ADVANTAGE = "medicare", "medicare_advantage"
PAYERS = {"cigna-evicore": "cigna", "healthhelp": "healthhelp", "medicare": "medicare"}
"""Our policy ids and what coverage.payer calls the payer; any other is `other`."""
BESIDE = "beside"
"""A coverage that pays for no imaging (codes/payers.csv)."""


def policy_ids(records: Records, systems: Collection[str] = (), today: dt.date | None = None) -> tuple[str, ...]:
    """Policy ids in the order of the coverages, each once.

    ``systems`` are the identifier systems that the site adds to ours. A payor counts by its own identifier, or by the
    identifiers of the Organization it refers to (contained, or in the chart). Lapsed coverages count no more.
    """
    known = {POLICY, *systems}
    found = [policy for coverage in _in_force(records, today) for policy in _policies(coverage, records, known)]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Insurance:
    """A coverage on file: ``Coverage/<id>``, the insurer's name (or empty), the policy ids of its payors, all their
    identifiers (``system|value``), and its last day where the chart says one."""

    reference: str
    insurer: str
    policies: tuple[str, ...]
    payers: tuple[str, ...] = ()
    until: dt.date | None = None
    in_force: bool = True


def insurances(records: Records, systems: Collection[str] = (), today: dt.date | None = None) -> tuple[Insurance, ...]:
    """The coverages that have an id, in their order; what was a draft or a slip is none."""
    known = {POLICY, *systems}
    return tuple(
        Insurance(
            reference_of(c),
            _insurer(c, records),
            tuple(dict.fromkeys(_policies(c, records, known))),
            tuple(dict.fromkeys(_payers(c, records))),
            end.last if (end := period(c.get("period"))[1]) else None,
            _holds(c, today),
        )
        for c in records.of("Coverage")
        if words(c.get("id")) and c.get("status") in ("active", "cancelled", None)
    )


def _payers(coverage: dict[str, Any], records: Records) -> Iterator[str]:
    for payor in objects(coverage.get("payor")):
        for identifier in _identifiers(payor, coverage, records):
            if value := words(identifier.get("value")):
                yield f"{words(identifier.get('system'))}|{value}"


def _insurer(coverage: dict[str, Any], records: Records) -> str:
    for payor in objects(coverage.get("payor")):
        organization = _organization(payor, coverage, records)
        if name := words(payor.get("display")) or words(mapping(organization).get("name")):
            return name
    return ""


def payer_facts(records: Records, today: dt.date) -> Iterator[Fact]:
    """coverage.payer by the first policy id of ours; coverage.payer_type by Coverage.type (codes/payers.csv) or by the
    policy id `medicare`.

    Of coverages of different kinds the one that comes first (Coverage.order) counts. One whose kind cannot be told may
    be of any kind: where no order settles it, nothing is said.
    """
    for coverage in _in_force(records, today):
        if policy := next(_policies(coverage, records, {POLICY}), None):
            payer = PAYERS.get(policy, "other")
            yield Fact("coverage.payer", payer, Basis.RECORDED, (reference_of(coverage),))
            break
    kinds = [(c, _kind(c, records)) for c in _in_force(records, today)]
    kinds = [(c, kind) for c, kind in kinds if kind != BESIDE]
    if len({kind for _, kind in kinds}) > 1:
        places = [place for c, _ in kinds if (place := number(c.get("order"))) is not None]
        settled = len(places) == len(kinds)
        kinds = [(c, kind) for c, kind in kinds if settled and number(c.get("order")) == min(places)]
    told = {kind for _, kind in kinds}
    if len(told) == 1 and (kind := told.pop()):
        yield Fact("coverage.payer_type", kind, Basis.RECORDED, tuple(reference_of(c) for c, _ in kinds))


def _kind(coverage: dict[str, Any], records: Records) -> str | None:
    """The kind of one coverage; None when it cannot be told or its words name several."""
    kinds = read_table("payers").means(coverage.get("type"), text=True)
    if ADVANTAGE in kinds:
        kinds -= {MEDICARE}
    if MEDICARE in _policies(coverage, records, {POLICY}):
        return ADVANTAGE if kinds == {ADVANTAGE} else MEDICARE
    return next(iter(kinds)) if len(kinds) == 1 else None


def _in_force(records: Records, today: dt.date | None) -> Iterator[dict[str, Any]]:
    for coverage in records.of("Coverage"):
        if _holds(coverage, today):
            yield coverage


def _holds(coverage: dict[str, Any], today: dt.date | None) -> bool:
    return coverage.get("status") in ("active", None) and not _lapsed(coverage, today)


def _policies(coverage: dict[str, Any], records: Records, known: Collection[str]) -> Iterator[str]:
    for payor in objects(coverage.get("payor")):
        for identifier in _identifiers(payor, coverage, records):
            if words(identifier.get("system")) in known and words(identifier.get("value")):
                yield words(identifier.get("value"))


def _lapsed(coverage: dict[str, Any], today: dt.date | None) -> bool:
    start, end = period(coverage.get("period"))
    if today is None:
        return False
    return (end is not None and end.last < today) or (start is not None and start.first > today)


def _identifiers(payor: dict[str, Any], coverage: dict[str, Any], records: Records) -> Iterator[dict[str, Any]]:
    yield from objects(payor.get("identifier"))
    yield from objects(mapping(_organization(payor, coverage, records)).get("identifier"))


def _organization(payor: dict[str, Any], coverage: dict[str, Any], records: Records) -> dict[str, Any] | None:
    reference = words(payor.get("reference"))
    if reference.startswith("#"):
        contained = objects(coverage.get("contained"))
        return next((c for c in contained if c.get("id") == reference[1:]), None)
    return records.find(target(payor))
