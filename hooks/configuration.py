"""What a CRD client may ask of us with a call, and what this one asked: configuration.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml

CONFIGURATION = Path(__file__).parent / "configuration.yaml"
OPTIONS, VERSIONS = "davinci-crd.configuration-options", "davinci-crd.version"
ASKED, ASKED_VERSION = "davinci-crd.configuration", "davinci-crd.requestedVersion"
COVERAGE, MOST = "coverage-info", "max-cards"
KEYS = {"code", "type", "name", "description", "default"}
TYPES: Mapping[str, type] = {"boolean": bool, "integer": int}
GRAVEST = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one call asked for: card topics that are switched off, and the most cards."""

    off: frozenset[str] = frozenset()
    most: int | None = None

    def cards(self, cards: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The cards that are wanted, in their order; where there are too many the gravest, and those left out."""
        kept = [c for c in cards if c["source"]["topic"]["code"] not in self.off]
        if self.most is None or len(kept) <= self.most:
            return kept, []
        gravest = sorted(kept, key=lambda c: GRAVEST.index(c["indicator"]))
        return gravest[: self.most], gravest[self.most :]


@cache
def published(path: Path = CONFIGURATION) -> Mapping[str, Any]:
    """The extension of each service in discovery. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, Lines) or set(raw) != {"versions", "options"}:
        raise DataError(path, 1, "the file needs exactly the keys `versions` and `options`.")
    if not isinstance(raw["versions"], list) or not all(isinstance(v, str) for v in raw["versions"]):
        raise DataError(path, raw.line("versions"), "`versions` is a list of texts (quote the numbers).")
    for entry in raw["options"]:
        if not isinstance(entry, Lines) or set(entry) != KEYS or entry["type"] not in TYPES:
            raise DataError(path, raw.line("options"), f"an option has exactly {', '.join(sorted(KEYS))}.")
        if type(entry["default"]) is not TYPES[entry["type"]]:
            raise DataError(path, entry.line("default"), "`default` is of the option's own type.")
    for key in ("code", "name", "description"):
        if len({entry[key] for entry in raw["options"]}) < len(raw["options"]):
            raise DataError(path, raw.line("options"), f"two options share one `{key}`.")
    return {VERSIONS: raw["versions"], OPTIONS: [dict(entry) for entry in raw["options"]]}


def wanted(extension: Mapping[str, object]) -> Wanted:
    """What the call asks for; what we do not know, and values of another type, are ignored."""
    asked = extension.get(ASKED)
    held = asked if isinstance(asked, dict) else {}
    known = {o["code"]: o for o in published()[OPTIONS]}
    said = {k: v for k, v in held.items() if k in known and type(v) is TYPES[known[k]["type"]]}
    most = said.get(MOST)
    off = frozenset(k for k, v in said.items() if v is False)
    return Wanted(off, most if isinstance(most, int) and most >= 0 else known[MOST]["default"])
