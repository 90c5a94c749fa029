"""Which payer policies the patient is covered by: the identifiers of the payors of active coverages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from typing import Any

from mappings.fields import mapping, objects, period, target, words
from mappings.records import Records

POLICY = "https://imaging-cds.github.io/fhir/NamingSystem/policy"


def policy_ids(records: Records, systems: Collection[str] = (), today: dt.date | None = None) -> tuple[str, ...]:
    """Policy ids in the order of the coverages, each once.

    ``systems`` are the identifier systems that the site adds to ours. A payor counts by its own identifier, or by the
    identifiers of the Organization it refers to (contained, or in the chart). Lapsed coverages count no more.
    """
    known = {POLICY, *systems}
    found: list[str] = []
    for coverage in records.of("Coverage"):
        if coverage.get("status") not in ("active", None) or _lapsed(coverage, today):
            continue
        for payor in objects(coverage.get("payor")):
            for identifier in _identifiers(payor, coverage, records):
                if words(identifier.get("system")) in known and words(identifier.get("value")):
                    found.append(words(identifier.get("value")))
    return tuple(dict.fromkeys(found))


def _lapsed(coverage: dict[str, Any], today: dt.date | None) -> bool:
    start, end = period(coverage.get("period"))
    if today is None:
        return False
    return (end is not None and end.last < today) or (start is not None and start.first > today)


def _identifiers(payor: dict[str, Any], coverage: dict[str, Any], records: Records) -> Iterator[dict[str, Any]]:
    yield from objects(payor.get("identifier"))
    reference = words(payor.get("reference"))
    if reference.startswith("#"):
        for contained in objects(coverage.get("contained")):
            if contained.get("id") == reference[1:]:
                yield from objects(contained.get("identifier"))
    elif organization := records.find(target(payor)):
        yield from objects(mapping(organization).get("identifier"))
