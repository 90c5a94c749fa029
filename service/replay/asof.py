"""The chart as it stood when an order was placed: asof.yaml says by which dates."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near
from mappings.records import shapes
from service.replay.moments import Moment, moment_of

TABLE = Path(__file__).parent / "asof.yaml"
KEYS = {"known", "undated", "later", "then", "gone"}
UNDATED = ("counts", "left_out")
Json = dict[str, Any]
Path_ = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dates:
    """One entry of asof.yaml; fields as paths."""

    known: tuple[Path_, ...]
    counts_undated: bool
    later: tuple[Path_, ...] = ()
    then: Mapping[str, Any] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


@functools.cache
def dates(path: Path = TABLE) -> Mapping[str, Dates]:
    """The table, checked. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, Lines):
        raise DataError(path, 1, "the table has an entry for each resource type.")
    wanted = {"Patient", *(kind for kind, shape in shapes().items() if shape.patient)}
    for kind in raw:
        if kind not in wanted:
            raise DataError(path, raw.line(kind), f"`{kind}` is no type that is read.{near(str(kind), wanted)}")
    if lacking := sorted(wanted - set(raw)):
        raise DataError(path, 1, f"`{lacking[0]}` is missing: say by which dates it was known.")
    return {kind: _dates(entry, path, raw.line(kind)) for kind, entry in raw.items()}


def _dates(entry: Any, path: Path, line: int | None) -> Dates:
    if not isinstance(entry, Lines) or not {"known", "undated"} <= set(entry):
        raise DataError(path, line, "an entry has `known` and `undated`.")
    for key in entry:
        if key not in KEYS:
            raise DataError(path, entry.line(key), f"`{key}` is no key.{near(str(key), KEYS)}")
    if entry["undated"] not in UNDATED:
        raise DataError(path, entry.line("undated"), f"`undated` is one of {', '.join(UNDATED)}.")
    for key in ("known", "later", "gone"):
        if not isinstance(held := entry.get(key, []), list) or not all(isinstance(f, str) and f for f in held):
            raise DataError(path, entry.line(key), f"`{key}` is a list of fields.")
    if not isinstance(then := entry.get("then", {}), dict) or (then and not entry.get("later")):
        raise DataError(path, entry.line("then"), "`then` is a mapping of fields, and goes with `later`.")
    return Dates(
        _paths(entry["known"]), entry["undated"] == "counts", _paths(entry.get("later", [])), _plain(then),
        tuple(entry.get("gone", [])),
    )  # fmt: skip


def _paths(names: list[str]) -> tuple[Path_, ...]:
    return tuple(tuple(name.split(".")) for name in names)


def _plain(value: Any) -> Any:
    """Plain mappings and lists, as a resource holds them."""
    if isinstance(value, dict):
        return {key: _plain(held) for key, held in value.items()}
    return [_plain(held) for held in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Dated:
    """A resource with the moment at which it was known (None: undated, and it counts), and what of it came later."""

    resource: Json
    known: Moment | None
    later: tuple[tuple[Path_, Moment], ...] = ()

    def at(self, then: Moment) -> Json:
        """The resource as it stood; `known` is looked at by the caller."""
        came = [path for path, when in self.later if when.after(then)]
        return _without(self.resource, came) if came else self.resource


class Timeline:
    """The chart of one patient through time. ``undated`` counts what names no day: `counts X`, `left out X`."""

    def __init__(self, resources: Iterable[Json]) -> None:
        self.dated: list[Dated] = []
        self.undated: Counter[str] = Counter()
        for resource in resources:
            self._add(resource)

    def _add(self, resource: Json) -> None:
        kind = resource["resourceType"]
        table = dates().get(kind)
        if table is None:  # about no patient: a medication, an organization
            self.dated.append(Dated(resource, None))
            return
        if any(name in resource for name in table.gone):
            resource = {name: held for name, held in resource.items() if name not in table.gone}
        known = next((m for path in table.known if (m := moment_of(resource, path))), None)
        if known is None and table.known:
            self.undated[f"{'counts' if table.counts_undated else 'left out'} {kind}"] += 1
            if not table.counts_undated:
                return
        later = tuple((path, m) for path in table.later if (m := moment_of(resource, path)))
        self.dated.append(Dated(resource, known, later))

    def at(self, then: Moment, without: frozenset[int] = frozenset()) -> list[Json]:
        """What was known then. ``without`` are resources by identity: the orders that are judged."""
        return [
            d.at(then) if d.later else d.resource
            for d in self.dated
            if (d.known is None or not d.known.after(then)) and id(d.resource) not in without
        ]


def _without(resource: Json, paths: Iterable[Path_]) -> Json:
    out = dict(resource)
    for path in paths:
        held = out
        for name in path[:-1]:
            held[name] = dict(held[name])
            held = held[name]
        del held[path[-1]]
    return {**out, **dates()[resource["resourceType"]].then}
