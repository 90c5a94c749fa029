"""Discovery: what the service offers, read from services.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from hooks.configuration import published

SERVICES = Path(__file__).parent / "services.yaml"
KEYS = ("id", "hook", "hookVersion", "title", "description", "usageRequirements")


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of discovery: an id and the hook it answers."""

    id: str
    hook: str
    hook_version: str
    title: str
    description: str
    usage_requirements: str


@cache
def services(path: Path = SERVICES) -> tuple[Service, ...]:
    """The services on offer. Raises `DataError` naming file, line and mend."""
    return tuple(_service(path, entry) for entry in _file(path)["services"])


@cache
def specification(path: Path = SERVICES) -> str:
    """The version of CDS Hooks that we speak."""
    return str(_file(path)["version"])


def hooks_of(service_id: str) -> frozenset[str]:
    """The hooks that a service id answers; empty when there is no such service."""
    return frozenset(s.hook for s in services() if s.id == service_id)


def discovery(prefetch: Mapping[str, str], version: str | None = None) -> dict[str, Any]:
    """The answer to GET /cds-services.

    ``prefetch`` is the template per key; ``version`` the CDS Hooks version, by default the one in services.yaml.
    """
    return {
        "services": [
            {
                "hook": s.hook,
                "title": s.title,
                "description": s.description,
                "id": s.id,
                "usageRequirements": s.usage_requirements,
                "version": version or specification(),
                "hookVersion": s.hook_version,
                **({"prefetch": dict(prefetch)} if prefetch else {}),
                "extension": dict(published()),
            }
            for s in services()
        ]
    }


def _file(path: Path) -> Lines:
    raw = read_yaml(path)
    if not isinstance(raw, Lines) or set(raw) != {"version", "services"} or not isinstance(raw["services"], list):
        raise DataError(path, 1, "the file needs exactly the keys `version` and `services` (a list).")
    seen = [(e.get("id"), e.get("hook")) for e in raw["services"] if isinstance(e, Lines)]
    if len(set(seen)) != len(seen):
        raise DataError(path, raw.line("services"), "one id with one hook stands twice; keep one.")
    return raw


def _service(path: Path, entry: Any) -> Service:
    if not isinstance(entry, Lines):
        raise DataError(path, None, f"a service needs the keys {', '.join(KEYS)}.")
    for key in entry:
        if key not in KEYS:
            raise DataError(path, entry.line(key), f"`{key}` is no key of a service; it has {', '.join(KEYS)}.")
    for key in KEYS:
        if not isinstance(entry.get(key), str):
            line = entry.line(key) or next(iter(entry.lines.values()), None)
            raise DataError(path, line, f"a service needs `{key}` as text (quote a number).")
    return Service(*(entry[key] for key in KEYS))
