"""Orders and charts in files: hook requests, Bundles, single resources, NDJSON; gzipped or not; folders of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mappings.records import Records

ENDINGS = (".json", ".ndjson", ".jsonl")
LINES = (".ndjson", ".jsonl")
ORDER = "ServiceRequest"

Json = dict[str, Any]


class UnreadableFile(Exception):
    """Why a file, or a line of it, gave nothing; the text quotes nothing of it. ``lost``: it could not be read, so that
    nobody knows what it held."""

    def __init__(self, why: str, lost: bool = True) -> None:
        self.lost = lost
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Held:
    """What belongs together: a request, a Bundle, or one line. References are followed within it."""

    resources: tuple[Json, ...]
    """In their order; earlier orders of a hook request are left out."""

    @property
    def orders(self) -> tuple[Json, ...]:
        return tuple(r for r in self.resources if r["resourceType"] == ORDER)

    @property
    def chart(self) -> tuple[Json, ...]:
        return tuple(r for r in self.resources if r["resourceType"] != ORDER)

    @property
    def records(self) -> Records:
        """The chart by type, whoever it is about."""
        by_type: dict[str, list[Json]] = {}
        for resource in self.chart:
            by_type.setdefault(resource["resourceType"], []).append(resource)
        return Records({}, {kind: tuple(some) for kind, some in by_type.items()})


def files_in(paths: Iterable[Path]) -> list[Path]:
    """The files of the paths, folders searched to the bottom for names that end like FHIR in JSON; each once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(f for f in sorted(path.rglob("*")) if f.is_file() and _ending(f) in ENDINGS))
        else:
            found[path] = None
    return list(found)


def read_file(path: Path) -> Iterator[Held | UnreadableFile]:
    """What a file holds, and what in it cannot be read."""
    try:
        if _ending(path) in LINES:
            yield from _lines(path)
        else:
            yield _parsed(_bytes(path), "it is")
    except UnreadableFile as why:
        yield why
    except (OSError, EOFError, zlib.error):
        yield UnreadableFile("it cannot be opened or unpacked")


def resolved(bundle: Json) -> Json:
    """The Bundle with references by fullUrl (``urn:uuid:...``) written as ``Type/id``, as a server would store them."""
    names = {
        entry["fullUrl"]: f"{resource['resourceType']}/{resource['id']}"
        for entry in _dicts(bundle.get("entry"))
        if isinstance(entry.get("fullUrl"), str)
        and isinstance(resource := entry.get("resource"), dict)
        and {"resourceType", "id"} <= resource.keys()
    }

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(one) for one in value]
        if not isinstance(value, dict):
            return value
        out = {key: named(held) for key, held in value.items()}
        reference = out.get("reference")
        return {**out, "reference": names.get(reference, reference)} if isinstance(reference, str) else out

    out: Json = named(bundle)
    return out


def _ending(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return f".{name.rpartition('.')[2]}"


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.name.lower().endswith(".gz") else data


def _lines(path: Path) -> Iterator[Held | UnreadableFile]:
    """One resource a line; a bulk export may be larger than memory."""
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as lines:
        for n, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield _parsed(line, f"line {n} is")
                except UnreadableFile as why:
                    yield why


def _parsed(data: bytes, subject: str) -> Held:
    try:
        value = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        raise UnreadableFile(f"{subject} not JSON") from None
    held = _held(value)
    if not held.resources:
        raise UnreadableFile(f"{subject} no hook request, Bundle or FHIR resource", lost=False)
    return held


def _held(value: Any) -> Held:
    """The drafts of a hook request are its orders, earlier ones are not; elsewhere every ServiceRequest is one."""
    prefetch: list[Json] = []
    if isinstance(value, dict) and isinstance(context := value.get("context"), dict):
        sent = value.get("prefetch")
        prefetch = [r for held in (sent.values() if isinstance(sent, dict) else ()) for r in _resources(held)]
        value = context.get("draftOrders")
    return Held((*_resources(value), *(r for r in prefetch if r["resourceType"] != ORDER)))


def _resources(value: Any) -> Iterator[Json]:
    """The value itself, or those of a list, or of a Bundle and what it holds."""
    if isinstance(value, list):
        for one in value:
            yield from _resources(one)
    elif isinstance(value, dict) and value.get("resourceType") == "Bundle":
        for entry in _dicts(resolved(value).get("entry")):
            yield from _resources(entry.get("resource"))
    elif isinstance(value, dict) and isinstance(value.get("resourceType"), str):
        yield value


def _dicts(value: Any) -> list[Json]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
