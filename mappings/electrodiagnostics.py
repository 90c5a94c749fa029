"""What electromyography and nerve conduction showed: by the coded conclusion of the newest report, never by words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from criteria.facts import Basis, Fact
from mappings.codings import codings, once
from mappings.conditions import meanings_of
from mappings.fields import first_span, objects, reference_of
from mappings.records import Records
from mappings.tables import read_table

DONE = frozenset({"final", "amended", "corrected"})
ROOTS = {
    "cervical_radiculopathy": "cervical_radiculopathy",
    "lumbar_radiculopathy": "lumbosacral_radiculopathy",
}
"""Indication -> value of electrodiagnostic.finding."""


def electrodiagnostic_facts(records: Records, today: dt.date) -> Iterator[Fact]:
    """The finding, that it was a root, and the days since; a conclusion that names two places names none."""
    tests = [
        (held, report)
        for report in records.of("DiagnosticReport")
        if once(report.get("code"), _is_test) and report.get("status") in DONE
        if (held := first_span(report, "effectiveDateTime", "effectivePeriod", "issued")) and held.first <= today
    ]
    if not tests:
        return
    held, report = max(tests, key=lambda test: test[0].last)
    source = (reference_of(report),)
    named = {i for c in objects(report.get("conclusionCode")) for m in meanings_of(c) for i in m.indications}
    if len(roots := {ROOTS[i] for i in named & ROOTS.keys()}) == 1:
        yield Fact("electrodiagnostic.finding", roots.pop(), Basis.RECORDED, source, held.day)
        yield Fact("electrodiagnostic.nerve_root_compression", True, Basis.RECORDED, source, held.day)
        if held.day:
            yield Fact("electrodiagnostic.days_ago", (today - held.day).days, Basis.DERIVED, source, held.day)


def _is_test(code: Any) -> bool:
    return bool(read_table("electrodiagnostics").of_codes(codings(code)))
