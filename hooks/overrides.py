"""The menu of override reasons, read from override_reasons.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml

REASONS = Path(__file__).parent / "override_reasons.yaml"
KEYS = {"code", "system", "display", "category"}
CATEGORIES = {
    "cds-not-applicable",
    "cds-suboptimal-context",
    "recipient-disagrees-evidence",
    "recipient-concerns-outcomes",
    "does-not-align-preferences",
    "not-convenient-feasible",
}


@dataclass(frozen=True, slots=True)
class OverrideReason:
    code: str
    system: str
    display: str
    category: str

    def coding(self, display: str = "") -> dict[str, Any]:
        """As a menu entry; ``display`` in the reader's language."""
        return {"code": self.code, "system": self.system, "display": display or self.display}


def category_of(system: str | None, code: str | None) -> str | None:
    """The category under which a reason counts; None for one that is not ours to know."""
    return next((r.category for r in override_reasons() if (r.system, r.code) == (system, code)), None)


@cache
def override_reasons(path: Path = REASONS) -> tuple[OverrideReason, ...]:
    """The reasons in menu order. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, Lines) or set(raw) != {"systems", "reasons"}:
        raise DataError(path, 1, "the file needs exactly the keys `systems` and `reasons`.")
    reasons = tuple(_reason(path, raw["systems"], entry) for entry in raw["reasons"])
    if len({(r.system, r.code) for r in reasons}) != len(reasons):
        raise DataError(path, raw.line("reasons"), "a code stands twice; keep one.")
    return reasons


def _reason(path: Path, systems: Mapping[str, str], entry: Any) -> OverrideReason:
    if not isinstance(entry, Lines) or set(entry) != KEYS or not all(isinstance(v, str) and v for v in entry.values()):
        line = next(iter(entry.lines.values()), None) if isinstance(entry, Lines) else None
        raise DataError(path, line, f"a reason needs exactly {', '.join(sorted(KEYS))}, each as text.")
    if entry["system"] not in systems:
        raise DataError(path, entry.line("system"), f"`system` is one of {', '.join(systems)}.")
    if entry["category"] not in CATEGORIES:
        raise DataError(path, entry.line("category"), f"`category` is one of {', '.join(sorted(CATEGORIES))}.")
    return OverrideReason(entry["code"], systems[entry["system"]], entry["display"], entry["category"])
