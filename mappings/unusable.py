"""What a record that cannot be used may have told: where safety rests on there being none, its facts stay unknown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from mappings.codings import codings
from mappings.conditions import facts_of, read_condition
from mappings.fields import mapping, words
from mappings.observed import kinds_of, outdated
from mappings.records import Records
from mappings.searched import places, unreadable, unusable
from mappings.tables import read_table

NONE: frozenset[str] = frozenset()


def may_have_told(records: Records, today: dt.date) -> frozenset[str]:
    """The facts whose silence means nothing, because a record that was set aside may hold them (searched.yaml)."""
    found = NONE
    for resource in records.unusable:
        if listed := unusable().get(words(resource.get("resourceType"))):
            found |= listed & _of(resource, today)
    return found


def _of(resource: Mapping[str, Any], today: dt.date) -> frozenset[str]:
    """What its code names; where the code cannot be read, all that its type would chiefly record."""
    kind, code = resource["resourceType"], mapping(resource.get("code"))
    if not codings(code) and not words(code.get("text")):
        return frozenset(name for name, types in places().items() if kind in types)
    if kind == "Condition":
        held = {key: resource[key] for key in ("code", "clinicalStatus") if isinstance(resource.get(key), dict)}
        diagnosis = read_condition({"resourceType": kind, **held}, today)
        return frozenset(fact.name for fact in facts_of(diagnosis, today)) if diagnosis else NONE
    if kind == "Procedure":
        named = read_table("devices").of_codes(codings(code))
        return frozenset(f"implant.{kind.removeprefix('lead:')}" for kind in named if not kind.startswith("remove:"))
    if outdated(resource, today):
        return NONE
    return NONE.union(*(unreadable().get(kind, NONE) for kind in kinds_of(code)))
