"""Who is asking: a clinician, or staff who may not answer for one. Read from the caller's own PractitionerRole."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.vocabulary import near
from hooks.request import HookRequest, relative

ROLES = Path(__file__).parent / "roles.csv"
COLUMNS = ["system", "code", "reader", "source"]
SYSTEMS = {
    "hl7": "http://terminology.hl7.org/CodeSystem/practitioner-role",
    "snomed": "http://snomed.info/sct",
}
READERS = ("clinician", "staff")
KEY = "user"
TEMPLATE = "PractitionerRole/{{userPractitionerRoleId}}"
"""Sent by clients whose user is a PractitionerRole. Discovery asks for it only where the site says that its clients can
fill the token, which the public sandbox cannot. Never fetched: without it the user counts as a clinician."""


def is_staff(request: HookRequest) -> bool:
    """True where the caller's own PractitionerRole names staff roles only."""
    role = request.prefetch.get(KEY)
    if not isinstance(role, dict) or role.get("resourceType") != "PractitionerRole":
        return False
    if relative(request.user_id) != f"PractitionerRole/{role.get('id')}":
        return False
    known = {roles()[code] for code in _codes(role) if code in roles()}
    return known == {"staff"}


def _codes(role: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for concept in _objects(role.get("code")):
        for coding in _objects(concept.get("coding")):
            if isinstance(coding.get("system"), str) and isinstance(coding.get("code"), str):
                yield coding["system"], coding["code"]


def _objects(value: object) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


@cache
def roles(path: Path = ROLES) -> Mapping[tuple[str, str], str]:
    """(system, code) -> reader. Raises `DataError` naming file, line and mend."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [(n, next(csv.reader([line]))) for n, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not rows or rows[0][1] != COLUMNS:
        raise DataError(path, rows[0][0] if rows else 1, f"the first line must be {','.join(COLUMNS)}.")
    out: dict[tuple[str, str], str] = {}
    for n, row in rows[1:]:
        if len(row) != len(COLUMNS) or not all(row):
            raise DataError(path, n, f"a line has {len(COLUMNS)} filled cells: {', '.join(COLUMNS)}.")
        system, code, reader, _ = row
        if system not in SYSTEMS:
            raise DataError(path, n, f"`system` is one of {', '.join(SYSTEMS)}.{near(system, SYSTEMS)}")
        if reader not in READERS:
            raise DataError(path, n, f"`reader` is one of {', '.join(READERS)}.{near(reader, READERS)}")
        if (SYSTEMS[system], code) in out:
            raise DataError(path, n, f"{system} {code} stands twice; keep one.")
        out[SYSTEMS[system], code] = reader
    return out
