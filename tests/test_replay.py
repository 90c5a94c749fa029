"""Replay: every past order judged as of its day, the same however the work is shared out, and after a kill."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import signal
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from hooks import read_request
from mappings import QUERIES
from service.cli import main
from service.replay import buckets
from service.replay.asof import Timeline
from service.replay.bucket import Done
from service.replay.job import Job
from service.replay.local import Failed, in_processes
from service.replay.moments import moment
from service.replay.rules import Rules
from service.replay.work import Refused
from service.report.walk import Walk
from service.settings import read_settings
from tests.replay_runs import (
    ROOT,
    SMALL,
    TABLES,
    Json,
    mri,
    ndjson,
    pacemaker,
    patient,
    population,
    replayed,
    results,
    summary,
    table,
)

FEW = 6
"""Patients, where the number of orders matters little."""


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


def read(folder: Path) -> list[Json]:
    return [orjson.loads(line) for f in sorted(folder.glob("*.ndjson")) for line in f.read_bytes().splitlines()]


def whose(resource: Json) -> str:
    held = resource.get("subject") or resource.get("patient") or resource.get("beneficiary")
    return str(held["reference"]) if held else f"Patient/{resource['id']}"


def test_every_imaging_order_is_judged_and_told_in_all_tables(once: Path) -> None:
    orders = [r for r in read(population()) if r["resourceType"] == "ServiceRequest" and "order" in r["id"]]
    assert len(orders) > 180
    told = table(once, "orders")
    assert len(told) == len(table(once, "verdicts")) >= len(orders)
    names = [row["order"] for row in told]
    assert names == [row["order"] for row in table(once, "verdicts")]
    assert len(set(names)) == len(names)
    for name in ("reasons", "missing", "alternatives"):
        assert {row["order"] for row in table(once, name)} <= set(names)
    assert summary(once)["orders"] == len(told)
    ratings = {row["rating"] for row in table(once, "verdicts")}
    assert {"appropriate", "not-appropriate", "needs-information"} <= ratings
    assert (once / "summary.html").read_text().startswith("<!doctype html>")
    assert not (once / "work").exists()


def test_an_order_is_rated_as_the_service_would_have_rated_it_on_that_day(tmp_path: Path) -> None:
    """The whole walk of the service, with the chart as it stood then as prefetch, and its clock on that day."""
    out = replayed(population(FEW), tmp_path / "out", keep_ids=True)
    rated = {row["order"]: row for row in table(out, "verdicts")}
    alone = {row["order"] for row in table(out, "orders") if row["session_orders"] == 1}
    asked: dict[str, list[str]] = {}
    for row in table(out, "missing"):
        if row["use"] == "asked":
            asked.setdefault(row["order"], []).append(row["fact"])
    checked = 0
    for owner, chart in charts(FEW).items():
        timeline = Timeline(chart)
        for order in (r for r in chart if r["resourceType"] == "ServiceRequest" and r["id"] in alone):
            name, then = order["id"], moment(order["authoredOn"])
            assert then is not None
            held = [r for r in timeline.at(then) if r["id"] != name]
            verdict, cards = by_the_service(owner, order, held, then.day)
            assert (str(verdict.rating), list(verdict.criteria)) == (rated[name]["rating"], rated[name]["criteria"])
            assert list(verdict.asks) == asked.get(name, [])
            assert rated[name]["card"] is bool(cards)
            checked += 1
    assert checked > 18


def charts(patients: int) -> dict[str, list[Json]]:
    """The resources of each patient."""
    out: dict[str, list[Json]] = {}
    for resource in read(population(patients)):
        out.setdefault(whose(resource), []).append(resource)
    return out


def by_the_service(owner: str, order: Json, chart: list[Json], today: dt.date) -> tuple[Any, list[Json]]:
    def bundle(resources: list[Json]) -> Json:
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}

    prefetch: Json = {q.key: bundle([r for r in chart if r["resourceType"] == q.type]) for q in QUERIES.values()}
    prefetch["patient"] = next(r for r in chart if r["resourceType"] == "Patient")
    draft = {**order, "status": "draft"}
    context = {"userId": "Practitioner/p", "patientId": owner.partition("/")[2], "draftOrders": bundle([draft])}
    if "encounter" in order:
        context["encounterId"] = order["encounter"]["reference"].partition("/")[2]
    body = {
        "hook": "order-sign",
        "hookInstance": str(uuid.UUID(int=1, version=4)),
        "context": context,
        "prefetch": prefetch,
    }
    walk = _walk()
    noon = dt.datetime.combine(today, dt.time(12), dt.UTC)
    decision = replace(walk.decision, clock=lambda: noon)
    cards = decision.decide(read_request(body, {"order-sign"}), walk.client)["cards"]
    return walk.last.verdicts[f"ServiceRequest/{order['id']}"], cards


_walks: list[Walk] = []


def _walk() -> Walk:
    if not _walks:
        _walks.append(Walk(read_settings({}, open=True), dt.date(2026, 11, 2)))
    return _walks[0]


def test_what_came_later_does_not_count(tmp_path: Path) -> None:
    source = ndjson(
        tmp_path / "in", [patient(), mri("early", "2023-05-01"), pacemaker("2024-01-01"), mri("late", "2025-05-01")]
    )
    rows = {r["order"]: r for r in table(replayed(source, tmp_path / "out", keep_ids=True), "verdicts")}
    assert "evicore-preface-2021/implant_that_forbids_mri" not in rows["early"]["criteria"]
    assert rows["late"]["criteria"] == ["evicore-preface-2021/implant_that_forbids_mri"]


def test_rules_are_those_of_the_orders_day_unless_told_otherwise(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("old", "2021-05-01")])
    (row,) = table(replayed(source, tmp_path / "then"), "verdicts")
    assert row["rating"] == "no-criteria-apply"
    (row,) = table(replayed(source, tmp_path / "now", rules_of="latest"), "verdicts")
    assert row["rating"] == "needs-information"
    (row,) = table(replayed(source, tmp_path / "day", rules_of="2023-06-01"), "verdicts")
    assert row["rating"] == "needs-information"


def test_orders_signed_together_are_judged_as_one_session(tmp_path: Path) -> None:
    both = [mri("one", "2025-05-01T10:00:00Z"), mri("two", "2025-05-01T10:00:00Z"), mri("three", "2025-05-03")]
    out = replayed(ndjson(tmp_path / "in", [patient(), *both]), tmp_path / "out", keep_ids=True)
    assert [(r["order"], r["session"], r["session_orders"]) for r in table(out, "orders")] == [
        ("one", "one", 2), ("two", "one", 2), ("three", "three", 1),
    ]  # fmt: skip
    assert [r["because"] for r in table(out, "verdicts")].count("combination") == 1


def test_a_type_that_the_input_lacks_is_not_known_rather_than_absent(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("o", "2025-05-01")])
    (source / "Device.ndjson").unlink()
    lacking = replayed(source, tmp_path / "lacking")
    assert summary(lacking)["types_the_input_lacks"] == ["Device"]
    assert table(lacking, "verdicts")[0]["safety"] is True
    complete = replayed(source, tmp_path / "complete", complete=True)
    assert summary(complete)["types_the_input_lacks"] == []
    assert table(complete, "verdicts")[0]["safety"] is False


def test_a_bad_record_is_kept_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("good", "2025-05-01"), mri("undated", "2025-05")])
    with (source / "Condition.ndjson").open("ab") as file:
        file.write(b'{"resourceType": "Condition", "id": "Jane Doe", \n')
        file.write(b"[1, 2]\n\n")
        file.write(b'{"resourceType": "Condition", "id": "c", "subject": {"display": "Jane Doe"}}\n')
        file.write(b"\xff\xfe\x00garbage\n")
        file.write(
            b'{"resourceType": "Condition", "subject": {"reference": "Patient/a"}, "code": 7, "onsetDateTime": {}}\n'
        )
    (source / "Procedure.ndjson.gz").write_bytes(gzip.compress(b"\n" * 100000)[:60])
    out = replayed(source, tmp_path / "out")
    errors = [(r["file"], r["line"], r["stage"], r["why"]) for r in table(out, "errors")]
    assert [(f, n) for f, n, stage, _ in errors if stage == "read" and f == "Condition.ndjson"] == [
        ("Condition.ndjson", n) for n in (1, 2, 4, 5)
    ]
    assert any(f == "Procedure.ndjson.gz" and "unpacked" in why for f, _, _, why in errors)
    assert any(f == "ServiceRequest.ndjson" and "authoredOn" in why and n == 2 for f, n, _, why in errors)
    assert sum(summary(out)["errors"].values()) == len(errors)
    assert len(table(out, "verdicts")) == 1
    assert all(b"Jane" not in text for text in results(out).values())


def test_a_reader_that_fails_on_a_chart_costs_that_order_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mappings

    read_records = mappings.read_records

    def fails(resources: Any, identity: str, missing: Any = ()) -> Any:
        if identity == "b":
            raise RuntimeError("Jane Doe")
        return read_records(resources, identity, missing)

    monkeypatch.setattr(mappings, "read_records", fails)
    source = ndjson(tmp_path / "in", [patient(), patient("b"), mri("x", "2025-05-01", "b"), mri("y", "2025-05-01")])
    out = replayed(source, tmp_path / "out")
    assert [(r["line"], r["why"]) for r in table(out, "errors")] == [(1, "it failed with RuntimeError")]
    assert len(table(out, "verdicts")) == 1


def test_ids_are_hashed_unless_they_are_to_be_kept(once: Path, tmp_path: Path) -> None:
    ids = {r["id"].encode() for r in read(population()) if r["resourceType"] in ("Patient", "ServiceRequest")}
    shown = {v.encode() for name in TABLES for row in table(once, name) for v in row.values() if isinstance(v, str)}
    assert ids.isdisjoint(shown)
    key = tmp_path / "key"
    key.write_text("a secret of the site")
    source = ndjson(tmp_path / "in", [patient(), mri("one", "2025-05-01")])
    more = ndjson(tmp_path / "more", [patient(), mri("one", "2025-05-01"), patient("b")])
    runs: list[tuple[Path, Json]] = [
        (source, {}), (more, {}), (source, {"key_file": key}), (more, {"key_file": key}), (source, {"keep_ids": True})
    ]  # fmt: skip
    names = [
        table(replayed(where, tmp_path / f"out{n}", **options), "orders")[0]["patient"]
        for n, (where, options) in enumerate(runs)
    ]
    assert names[0] != names[1], "hashes of two exports cannot be joined without a key"
    assert names[2] == names[3] and names[4] == "a"


@pytest.mark.usefixtures("small")
def test_two_processes_make_the_same_bytes(once: Path, tmp_path: Path) -> None:
    assert results(replayed(population(), tmp_path / "out", processes=2)) == results(once)


@pytest.mark.usefixtures("small")
def test_a_dask_cluster_of_two_workers_makes_the_same_bytes(once: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": str(tmp_path / "dask")}
        with LocalCluster(n_workers=2, host="127.0.0.1", **options) as cluster:
            out = replayed(population(), tmp_path / "out", dask=cluster.scheduler_address)
    assert results(out) == results(once)


def test_gzipped_split_and_bundled_input_tell_the_same(tmp_path: Path) -> None:
    split, bundles = tmp_path / "split", tmp_path / "bundles"
    split.mkdir(), bundles.mkdir()  # type: ignore[func-returns-value]
    for file in population(FEW).glob("*.ndjson"):
        lines = file.read_bytes().splitlines(keepends=True)
        half = len(lines) // 2
        (split / f"{file.stem}.000.ndjson.gz").write_bytes(gzip.compress(b"".join(lines[:half]), mtime=0))
        (split / f"{file.stem}.001.ndjson").write_bytes(b"".join(lines[half:]))
    for n, chart in enumerate(charts(FEW).values()):
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in chart]}
        (bundles / f"{n}.json").write_bytes(orjson.dumps(bundle))
    key = tmp_path / "key"
    key.write_text("k" * 32)
    told = [
        table(replayed(source, tmp_path / f"out-{source.name}", key_file=key, complete=True), "verdicts")
        for source in (population(FEW), split, bundles)
    ]
    assert told[0] == told[1]
    assert sorted(map(repr, told[0])) == sorted(map(repr, told[2]))


STARTED = """
import sys
from service.replay import buckets
buckets.BUCKET_BYTES = {size}
from service.cli import main
main(["replay", sys.argv[1], "--out", sys.argv[2], "--processes", "2"])
"""


def test_a_run_that_was_killed_goes_on_and_ends_the_same(once: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = STARTED.format(size=SMALL)
    command = [sys.executable, "-c", program, str(population()), str(out)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        ends = time.monotonic() + 120
        while not list(out.glob("work/parts/*/done.json")) and time.monotonic() < ends:
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    finished = {p: p.stat().st_mtime_ns for p in out.glob("work/parts/*/done.json")}
    assert finished and not (out / "verdicts.parquet").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "BUCKET_BYTES", SMALL)
        replayed(population(), out)
    assert orjson.loads((out / "run.json").read_bytes())["parts_kept"] == len(finished)
    assert results(out) == results(once)


def stopped(tmp_path: Path) -> tuple[Path, Path]:
    """A run that ended in the middle."""
    source = ndjson(tmp_path / "in", [patient(), mri("one", "2025-05-01")])
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("service.replay.run._shared_out", interrupted)
        replayed(source, out)
    return source, out


def interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_a_run_over_another_input_or_other_rules_is_refused(tmp_path: Path) -> None:
    source, out = stopped(tmp_path)
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "- {silence: evicore-spine-2023/low_back_pain_mri, author: lead, date: 2026-01-01, reason: trial}\n"
    )
    with pytest.raises(Refused, match="the criteria, policies or overlay changed"):
        replayed(source, out, rules=(Rules(overlay=str(overlay)),))
    with pytest.raises(Refused, match="the options or settings changed"):
        replayed(source, out, keep_ids=True)
    (source / "Patient.ndjson").write_bytes(orjson.dumps(patient()) + b"\n" + orjson.dumps(patient("b")) + b"\n")
    with pytest.raises(Refused, match=r"the input changed.*--restart"):
        replayed(source, out)
    replayed(source, out, restart=True)
    with pytest.raises(Refused, match="holds a finished run"):
        replayed(source, out)


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    import fcntl

    source, out = stopped(tmp_path)
    with (out / "work" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="Another run"):
            replayed(source, out)
    replayed(source, out)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused, match="not empty"):
        replayed(ndjson(tmp_path / "in", [patient()]), tmp_path / "out")


def dies(job: Job, number: int) -> Done:
    """In place of judging: one bucket takes its process with it."""
    if number == 2:
        os._exit(9)
    return Done(number, 1, ())


def begins(job: Job) -> None:
    """In place of reading the rules."""


def test_a_bucket_whose_process_dies_is_tried_once_more_and_then_given_up(tmp_path: Path) -> None:
    job = Job(tmp_path, (Rules(),), (Rules().stamp,))
    came = {one.number: one for one in in_processes(job, [0, 1, 2, 3, 4], 2, dies, begins)}
    assert sorted(came) == [0, 1, 2, 3, 4]
    assert [n for n, one in came.items() if isinstance(one, Failed)] == [2]


def test_orders_of_a_bucket_that_was_given_up_are_counted_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("one", "2025-05-01")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "service.replay.run._shared_out", lambda job, numbers, ask: iter([Failed(numbers[0], "its process died")])
        )
        said = CliRunner().invoke(main, ["replay", str(source), "--out", str(tmp_path / "out"), "--processes", "1"])
    assert said.exit_code == 1 and "start the same command" in said.output
    assert table(tmp_path / "out", "errors")[0]["why"] == "part 1 of 1: its process died, twice; 1 orders"
    assert (
        CliRunner().invoke(main, ["replay", str(source), "--out", str(tmp_path / "out"), "--processes", "1"]).exit_code
        == 0
    )
    assert table(tmp_path / "out", "errors") == []


def test_without_the_extra_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = CliRunner().invoke(main, ["replay", str(tmp_path), "--out", str(tmp_path / "out")])
    assert said.exit_code == 1
    assert ".venv/bin/pip install -e '.[replay]'" in said.output


def test_an_input_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, words in ((tmp_path / "nowhere", "not there"), (tmp_path / "empty", "no .ndjson or .json here")):
        said = CliRunner().invoke(main, ["replay", str(source), "--out", str(tmp_path / "out")])
        assert said.exit_code == 1 and words in said.output


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.replay.cluster.CONNECTS_WITHIN", 0.2)
    source = ndjson(tmp_path / "in", [patient(), mri("one", "2025-05-01")])
    said = CliRunner().invoke(
        main, ["replay", str(source), "--out", str(tmp_path / "out"), "--dask", "tcp://127.0.0.1:1"]
    )
    assert said.exit_code == 1 and "No Dask scheduler answers" in said.output


def test_medications_and_payers_of_their_own_files_are_found(tmp_path: Path) -> None:
    payer = {"resourceType": "Organization", "id": "payer", "identifier": [
        {"system": "https://imaging-cds.github.io/fhir/NamingSystem/policy", "value": "medicare"}]}  # fmt: skip
    coverage = {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": {"reference": "Patient/a"},
                "payor": [{"reference": "Organization/payer"}]}  # fmt: skip
    out = replayed(ndjson(tmp_path / "in", [patient(), payer, coverage, mri("o", "2025-05-01")]), tmp_path / "out")
    assert table(out, "orders")[0]["policy"] == "medicare"
