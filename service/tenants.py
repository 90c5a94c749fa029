"""The trust table by hand: a row more, with the rest of the file as it stands, and the rows at a glance."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from criteria.errors import DataError
from service.settings import Settings
from service.trusted import KEYS, TrustedClient, load_trust

HEADER = "# The clients that may call (docs/callers.md).\n"
COLUMNS = ("issuer", "tenant", "profile", "keys", "FHIR servers", "policy", "rate", "certificate", "app")


def add_row(file: Path, entry: Mapping[str, Any], settings: Settings, policies: Sequence[str]) -> str:
    """Append a client and check the whole table; a table with a fault stays as it was. Returns what was written.

    Raises `DataError`.
    """
    row = {key: entry[key] for key in KEYS if entry.get(key) not in (None, "", [], ())}
    text = yaml.safe_dump([row], sort_keys=False, allow_unicode=True, width=110)
    before = file.read_text(encoding="utf-8") if file.exists() else HEADER
    gap = "" if before.endswith("\n") else "\n"
    held = load_trust(file, settings, policies) if file.exists() else {}
    if row.get("issuer") in held:
        raise DataError(file, None, f"the issuer {row['issuer']} is in the table already; change its row there.")
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(f"{before}{gap}{text}")
        try:
            whole = load_trust(draft, settings, policies)
        except DataError as error:
            raise DataError(file, error.line, error.message) from None
        if len(whole) != len(held) + 1 or any(whole.get(issuer) != kept for issuer, kept in held.items()):
            raise DataError(
                file, None, f"the table is written in a form that cannot be added to; put in by hand:\n{text}"
            )
        draft.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return text


def table_lines(rows: Mapping[str, TrustedClient], apps: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One client a line. ``apps`` names for each tenant the EHRs that may launch the app."""
    cells = [COLUMNS, *(_cells(row, apps.get(row.tenant, ())) for row in rows.values())]
    widths = [max(len(line[n]) for line in cells) for n in range(len(COLUMNS))]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cells(row: TrustedClient, apps: Sequence[str]) -> tuple[str, ...]:
    written = [f"{len(row.keys)} written"] if row.keys else []
    bases = [base.url for base in row.bases]
    cells = ([*written, *row.jku], bases, [row.policy], [row.rate], row.certificates, apps)
    return (row.issuer, row.tenant, row.profile, *(", ".join(filter(None, cell)) or "-" for cell in cells))
