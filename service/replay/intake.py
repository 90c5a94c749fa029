"""Resources out of an export: FHIR Bulk Data NDJSON, or Bundles in JSON; gzipped or not. A bad record is named and the
rest goes on."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from criteria.errors import DataError
from service.files import LINES, UnreadableFile, files_in, read_file

LONGEST = 32 << 20
"""Bytes of one line."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that could not be used; ``why`` quotes nothing of it. ``line`` is that of NDJSON, else the place in the
    Bundle, or 0. ``lost``: there was a record, or the rest of a file, and what it said is not known."""

    file: int
    line: int
    why: str
    lost: bool = True
    ends: bool = False
    """The file breaks off here."""


@dataclass(frozen=True, slots=True)
class Found:
    """One resource with its text, on one line; ``line`` of a Bundle is the place in it."""

    line: int
    resource: Json
    text: bytes


def inputs(path: Path) -> list[Path]:
    """The files to read, by name. JSON beside NDJSON is no chart but what an export says of itself."""
    if not path.exists():
        raise DataError(path, None, "the input is not there; name a folder of NDJSON or Bundles, or one file.")
    found = files_in([path])
    of_lines = {f.parent for f in found if is_lines(f)}
    kept = [f for f in found if is_lines(f) or f.parent not in of_lines]
    if not kept:
        raise DataError(path, None, "no .ndjson or .json here, gzipped or not.")
    return sorted(kept)


def is_lines(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(LINES)


def kind_of(path: Path) -> str:
    """The type that a bulk file is named after: `Condition` of Condition.000.ndjson.gz."""
    return path.name.partition(".")[0]


def resources(path: Path, number: int) -> Iterator[Found | Fault]:
    """What a file holds, in its order; ``number`` stands for the file in faults."""
    if is_lines(path):
        yield from _of_lines(path, number)
        return
    for held in read_file(path):
        if isinstance(held, UnreadableFile):
            yield Fault(number, 0, str(held), lost=held.lost, ends=held.lost)
        else:
            for place, resource in enumerate(held.resources, 1):
                yield Found(place, resource, orjson.dumps(resource))


def _of_lines(path: Path, number: int) -> Iterator[Found | Fault]:
    line = 0
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
            while text := file.readline(LONGEST + 1):
                line += 1
                if len(text) > LONGEST:
                    _to_the_end(file)  # type: ignore[arg-type]
                    yield Fault(number, line, f"longer than {LONGEST >> 20} MiB")
                elif stripped := text.strip():
                    yield _read(stripped, number, line)
    except (OSError, EOFError, zlib.error):
        yield Fault(number, line + 1, "the file cannot be opened or unpacked from here on", ends=True)


def _to_the_end(file: IO[bytes]) -> None:
    while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
        pass


def _read(text: bytes, number: int, line: int) -> Found | Fault:
    if line == 1:
        text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        resource = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Fault(number, line, "not JSON")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return Fault(number, line, "no FHIR resource")
    return Found(line, resource, text)
