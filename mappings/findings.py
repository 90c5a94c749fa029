"""What was measured and found at the patient: every reader of Observations, each result read once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from criteria.facts import Fact
from mappings.consciousness import consciousness_facts
from mappings.examination import examination_facts
from mappings.laboratory import laboratory_facts
from mappings.observations import read_results
from mappings.pain import pain_facts
from mappings.pregnancy import pregnancy_facts
from mappings.records import Records, SetAside
from mappings.strength import strength_facts
from mappings.vitals import vital_facts


def finding_facts(
    records: Records, today: dt.date, site: Mapping[str, Any] | None = None, aside: list[SetAside] | None = None
) -> Iterator[Fact]:
    """Facts of the Observations; the newest result of a kind decides.

    What has an unknown or unreadable unit goes to ``aside``.
    """
    notes = aside if aside is not None else []
    results = read_results(records, today, notes)
    yield from laboratory_facts(results, records.patient, notes)
    yield from pregnancy_facts(results)
    yield from vital_facts(results, records.patient, site or {}, notes)
    yield from pain_facts(results, notes)
    yield from consciousness_facts(results)
    yield from examination_facts(results)
    yield from strength_facts(results, notes)
