"""Runs of replay: the same bytes however the work is shared out and after a kill; what is said where none starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from service.cli import main
from service.replay import buckets
from service.replay.bucket import Done
from service.replay.job import Job
from service.replay.local import Failed, in_processes
from service.replay.rules import Rules
from service.replay.work import Refused
from tests.replay_runs import (
    ROOT,
    SMALL,
    mri,
    ndjson,
    once,
    patient,
    population,
    replayed,
    results,
    small,
    table,
)

FEW = 6
"""Patients, where the number of orders matters little."""


__all__ = ["once", "small"]


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
