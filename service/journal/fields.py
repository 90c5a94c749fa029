"""fields.yaml, read: what may be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml

FIELDS = Path(__file__).parent / "fields.yaml"
KEYS = {"kept", "holds", "sensitive"}


@dataclass(frozen=True, slots=True)
class StoredField:
    kept: str
    sensitive: bool = False
    holds: tuple[str, ...] = ()


@cache
def stored_fields(path: Path = FIELDS) -> Mapping[str, Mapping[str, StoredField]]:
    """Table -> column -> what it holds. Raises `DataError`."""
    out: dict[str, dict[str, StoredField]] = {}
    for table, columns in read_yaml(path).items():
        out[table] = {}
        for name, entry in columns.items():
            if not isinstance(entry, Lines) or set(entry) - KEYS or not isinstance(entry.get("kept"), str):
                raise DataError(
                    path, columns.line(name), f"`{name}` needs `kept` as text, and may have `holds` and `sensitive`."
                )
            out[table][name] = StoredField(entry["kept"], entry.get("sensitive") is True, tuple(entry.get("holds", ())))
    return out
