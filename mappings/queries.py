"""Which FHIR searches the facts need: one table, published as prefetch and used to fetch what was not sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from criteria.errors import DataError
from criteria.reading import read_yaml

TABLE = Path(__file__).parent / "queries.yaml"
TOKEN = "{{context.patientId}}"  # noqa: S105 - a placeholder of CDS Hooks


@dataclass(frozen=True, slots=True)
class Query:
    """One search: ``key`` names it in prefetch, ``type`` is the resource type that it finds."""

    key: str
    template: str
    type: str
    required: bool


def read_queries(path: Path = TABLE) -> Mapping[str, Query]:
    """The table, checked. Raises `DataError` naming file, line and mend."""
    queries = {}
    for key, entry in read_yaml(path).items():
        if set(entry) != {"template", "type", "required"}:
            raise DataError(path, entry.line(next(iter(entry), None)), f"`{key}` needs template, type and required.")
        if set(re.findall(r"\{\{.*?\}\}", entry["template"])) != {TOKEN}:
            raise DataError(path, entry.line("template"), f"use the token {TOKEN} and no other.")
        if not entry["template"].startswith((f"{entry['type']}?", f"{entry['type']}/")):
            raise DataError(path, entry.line("template"), f"the search must be for {entry['type']}, as `type` says.")
        queries[key] = Query(key, entry["template"], entry["type"], bool(entry["required"]))
    return queries


QUERIES: Mapping[str, Query] = read_queries()
