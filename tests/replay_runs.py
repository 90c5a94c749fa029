"""What the tests of replay and compare share: a small population, and runs over it."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.replay import buckets, compare_page, page
from service.replay.buckets import BUCKET_BYTES
from service.replay.job import site_of
from service.replay.progress import Silent
from service.replay.rules import Rules
from service.replay.run import Ask, run
from service.replay.tables import columns, rows_of
from service.settings import read_settings

ROOT = Path(__file__).parent.parent
TABLES = ("orders", "verdicts", "reasons", "missing", "alternatives", "errors")
SMALL = BUCKET_BYTES // 24
"""Bytes of a bucket with which a few patients make several buckets."""
SITE = site_of(read_settings({}, open=True))
"""As an installation has it that set nothing."""
Json = dict[str, Any]


def generate(out: Path, patients: int, seed: int = 7, *more: str) -> Path:
    command = [sys.executable, str(ROOT / "fixtures" / "orders" / "generate.py"), "--patients", str(patients)]
    subprocess.run([*command, "--seed", str(seed), "--out", str(out), *more], check=True, cwd=ROOT, capture_output=True)
    return out


@functools.cache
def population(patients: int = 40) -> Path:
    """About five orders for each patient, made once."""
    return generate(Path(tempfile.mkdtemp(prefix="imaging-cds-population-")), patients)


def replayed(source: Path, out: Path, **options: Any) -> Path:
    """The folder of a replay's results."""
    run(Ask(source, out, site=SITE, **options), page.sum_up, Silent())
    return out


def compared(source: Path, out: Path, old: Rules, new: Rules, **options: Any) -> Path:
    options = {"rules_of": "latest", "reasons": "none"} | options
    run(Ask(source, out, (old, new), site=SITE, **options), compare_page.sum_up, Silent())
    return out


def table(folder: Path, name: str) -> list[Json]:
    names = [c.name for c in columns()[name]]
    return [dict(zip(names, row, strict=True)) for row in rows_of(folder / f"{name}.parquet", name)]


def summary(folder: Path, name: str = "summary") -> Json:
    held: Json = orjson.loads((folder / f"{name}.json").read_bytes())
    return held


def results(folder: Path) -> dict[str, bytes]:
    """Every file of a run by name, without the one that tells of machine and hour."""
    return {f.name: f.read_bytes() for f in sorted(folder.iterdir()) if f.is_file() and f.name != "run.json"}


def ndjson(folder: Path, resources: list[Json]) -> Path:
    """A folder with a file per type, an empty one for each type without a resource."""
    from mappings import QUERIES

    folder.mkdir(parents=True, exist_ok=True)
    for kind in {q.type for q in QUERIES.values()} | {r["resourceType"] for r in resources}:
        lines = [orjson.dumps(r) + b"\n" for r in resources if r["resourceType"] == kind]
        (folder / f"{kind}.ndjson").write_bytes(b"".join(lines))
    return folder


def patient(identity: str = "a") -> Json:
    return {"resourceType": "Patient", "id": identity, "birthDate": "1970-01-01", "gender": "female"}


def mri(identity: str, authored: str, owner: str = "a", **fields: Any) -> Json:
    return {
        "resourceType": "ServiceRequest", "id": identity, "status": "completed", "intent": "order",
        "subject": {"reference": f"Patient/{owner}"}, "authoredOn": authored,
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148"}]},
        "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.50"}]}], **fields,
    }  # fmt: skip


def pacemaker(made: str) -> Json:
    kind = {"coding": [{"system": "http://snomed.info/sct", "code": "14106009"}]}
    return {"resourceType": "Device", "id": "d", "status": "active", "type": kind, "manufactureDate": made,
            "patient": {"reference": "Patient/a"}}  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several buckets for a few patients."""
    monkeypatch.setattr(buckets, "BUCKET_BYTES", SMALL)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The population replayed in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "BUCKET_BYTES", SMALL)
        yield replayed(population(), tmp_path_factory.mktemp("once") / "out")
