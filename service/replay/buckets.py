"""Patients apart: one pass over the input puts each line to its patient's bucket on disk, so that a bucket fits into
memory whatever the size of the whole. Resources about no patient (medications, organizations) go into a small store."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from mappings.fields import target
from mappings.records import shapes
from service.replay.broken import patient_of
from service.replay.intake import Fault, Found, inputs, is_lines, kind_of, resources
from service.replay.losses import Loss, types_lost
from service.replay.sessions import is_signed

BUCKET_BYTES = 6 << 20
"""Of text in one bucket; as objects some ten times that."""
MOST = 1 << 14
UNPACKED = 12
"""A gzipped file is taken for so many times its size."""
BUFFER = 48 << 20
BATCH = 500
FAULTS = 100_000
"""Bad records that are named one by one."""
PATIENT = "Patient"
LOST = "lost"
"""The type of a bucket's line that says: not all of this patient could be read."""
Json = dict[str, Any]
Progress = Callable[[int], None]


@dataclass
class Intake:
    """What the pass found. ``digest`` is one of all the input; ``orders`` counts signed ServiceRequests by bucket."""

    files: list[str]
    digest: str = ""
    buckets: int = 1
    orders: list[int] = field(default_factory=list)
    patients: int = 0
    resources: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    held: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0
    """Those that are counted and no longer named."""
    losses: list[Loss] = field(default_factory=list)
    """Files that were not read to the end, or not all of it."""

    def fault(self, one: Fault) -> None:
        if len(self.faults) < FAULTS:
            self.faults.append(one)
        else:
            self.more_faults += 1


def count_of(files: Sequence[Path]) -> int:
    """How many buckets: a power of two, by the bytes of the input."""
    size = sum(f.stat().st_size * (UNPACKED if f.suffix == ".gz" else 1) for f in files)
    count = 1
    while count < MOST and count * BUCKET_BYTES < size:
        count *= 2
    return count


def bucket_of(patient: str, count: int) -> int:
    """By the first bits of a digest: buckets in order are patients in order, however many buckets there are."""
    return int.from_bytes(place_of(patient)[:4], "big") * count >> 32


def place_of(patient: str) -> bytes:
    """The patient's place in every output."""
    return hashlib.blake2b(patient.encode(), digest_size=12).digest()


def bucket_file(folder: Path, number: int) -> Path:
    return folder / f"{number:05}.lines"


def shared_file(folder: Path) -> Path:
    return folder / "shared.sqlite"


def divide(source: Path, folder: Path, progress: Progress = lambda size: None) -> Intake:
    """Read everything once. Lines of a bucket: file, line, type, patient, and the resource, with tabs between."""
    files = inputs(source)
    root = source if source.is_dir() else source.parent
    found = Intake([f.relative_to(root).as_posix() for f in files], buckets=count_of(files))
    found.orders = [0] * found.buckets
    owners = {PATIENT: "id"} | {kind: shape.patient for kind, shape in shapes().items() if shape.patient}
    shared = [kind for kind, shape in shapes().items() if not shape.patient]
    digest = hashlib.sha256()
    bundles: list[set[str]] = []
    broken: dict[int, int] = {}
    with closing(_Store(folder)) as store:
        for number, path in enumerate(files):
            seen, lost, ends, whom = set[str](), Counter[str](), None, set[str]()
            digest.update(f"\0{found.files[number]}\0".encode())
            if is_lines(path):
                found.held.append(kind_of(path))
            for one in resources(path, number):
                if isinstance(one, Fault):
                    found.fault(one)
                    digest.update(one.why.encode())
                    lost[""] += one.lost and not one.ends
                    ends = one.line if one.ends else ends
                    continue
                digest.update(one.text)
                progress(len(one.text))
                kind = one.resource["resourceType"]
                seen.add(kind)
                if kind in owners:
                    if _put(one, kind, owners[kind], number, found, store, whom):
                        lost[kind] += 1
                elif kind in shared:
                    found.resources[kind] += 1
                    store.share(one, kind)
                else:
                    found.unread[kind] += 1
            if lost.total() or ends is not None:
                named = {kind_of(path)} if is_lines(path) else set[str]()
                types = types_lost(named, seen) if lost[""] or ends is not None else set[str]()
                types |= {kind for kind, n in lost.items() if kind and n}
                if ends == 0 and not is_lines(path):
                    broken[len(found.losses)] = number
                found.losses.append(Loss(found.files[number], lost.total(), ends, sorted(types)))
            if not is_lines(path):
                bundles += [whom] if whom else []
        if len(bundles) > 1 and all(len(whom) == 1 for whom in bundles):
            for place, number in broken.items():
                _of_one(place, number, files[number], found, store)
    found.held = sorted({*found.held, *found.resources} & {PATIENT, *shapes()})
    found.digest = digest.hexdigest()
    return found


def _of_one(place: int, number: int, path: Path, found: Intake, store: _Store) -> None:
    """A broken Bundle among Bundles of one patient each: where it names its own, the others lose nothing by it."""
    if told := patient_of(path):
        patient, others = told
        found.losses[place] = replace(found.losses[place], types=sorted(others), of_one=True)
        store.put(bucket_of(patient, found.buckets), f"{number}\t0\t{LOST}\t{patient}\t{{}}\n".encode())


def _put(one: Found, kind: str, owner: str, number: int, found: Intake, store: _Store, whom: set[str]) -> bool:
    """Whether it is lost: somebody's, and nobody can say whose. What is about a group or a place, and a device in no
    patient, is nobody's."""
    named = f"{PATIENT}/{one.resource.get('id')}" if kind == PATIENT else one.resource.get(owner)
    whose = target(named)
    if whose is None or not whose.startswith(f"{PATIENT}/"):
        lost = whose is None and not (kind == "Device" and named is None)
        found.fault(Fault(number, one.line, f"{kind} without a patient that can be told", lost=lost))
        return lost
    patient = whose.partition("/")[2]
    bucket = bucket_of(patient, found.buckets)
    whom.add(patient)
    found.resources[kind] += 1
    found.patients += kind == PATIENT
    found.orders[bucket] += kind == "ServiceRequest" and is_signed(one.resource)
    store.put(bucket, f"{number}\t{one.line}\t{kind}\t{patient}\t".encode() + one.text + b"\n")
    return False


class _Store:
    """Buckets that are appended to from a bounded buffer, and the resources that all share."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.waiting, self.size = folder, {}, 0  # type: ignore[var-annotated]
        self.shared: list[tuple[str, bytes]] = []
        self.base = sqlite3.connect(shared_file(folder))
        self.base.execute("PRAGMA journal_mode=OFF")
        self.base.execute("PRAGMA synchronous=OFF")
        self.base.execute("CREATE TABLE shared (reference TEXT PRIMARY KEY, body BLOB)")

    def put(self, bucket: int, line: bytes) -> None:
        self.waiting.setdefault(bucket, []).append(line)
        self.size += len(line)
        if self.size >= BUFFER:
            self.flush()

    def share(self, one: Found, kind: str) -> None:
        self.shared.append((f"{kind}/{one.resource.get('id')}", one.text))
        if len(self.shared) >= BATCH:
            self._keep()

    def _keep(self) -> None:
        self.base.executemany("INSERT OR REPLACE INTO shared VALUES (?, ?)", self.shared)
        self.shared = []

    def flush(self) -> None:
        for bucket, lines in sorted(self.waiting.items()):
            with bucket_file(self.folder, bucket).open("ab") as file:
                file.writelines(lines)
        self.waiting, self.size = {}, 0

    def close(self) -> None:
        self.flush()
        self._keep()
        self.base.commit()
        self.base.close()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bucket; the resource is read when it is wanted."""

    place: tuple[int, int]
    kind: str
    text: bytes

    @property
    def resource(self) -> Json:
        held: Json = orjson.loads(self.text)
        return held


def patients(folder: Path, number: int) -> Iterator[tuple[str, list[Line]]]:
    """The patients of a bucket in their order, each with the lines in the order of the input."""
    held: dict[bytes, list[Line]] = {}
    path = bucket_file(folder, number)
    if not path.exists():
        return
    with path.open("rb") as file:
        for text in file:
            where, line, kind, patient, body = text.split(b"\t", 4)
            held.setdefault(patient, []).append(Line((int(where), int(line)), kind.decode(), body))
    for name in sorted((p.decode() for p in held), key=place_of):
        yield name, held.pop(name.encode())
