"""Whether a compression fracture was treated: by an augmentation of its part of the spine, done since it broke."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from criteria.facts import Basis, Fact
from criteria.studies import Study
from mappings.conditions import read_conditions
from mappings.records import Records
from mappings.surgery import Operation, near

FRACTURE = "fracture.spinal_compression"


def treated_fracture_facts(
    records: Records, operations: Sequence[Operation], study: Study, today: dt.date
) -> Iterator[Fact]:
    """A fracture with an onset after the operation is another one, and leaves the question open."""
    done = [o for o in operations if "augmentation" in o.kinds and o.regions and near(o, study) and not o.under_way]
    if not done:
        return
    broken = [
        d.onset
        for d in records.once(read_conditions, today)
        if d.onset and not d.over and any(meaning.facts.get(FRACTURE) is True for meaning in d.meanings)
    ]
    for operation in done:
        day = operation.held.day if operation.held else None
        if day is not None and all(onset <= day for onset in broken):
            yield operation.fact("fracture.spinal_compression_treated", True, Basis.DERIVED)
            return
