"""Figures of replay and compare on a generated population, each run in processes of its own.

python -m tests.replay_figures                  short form: 400 patients, some minutes
python -m tests.replay_figures --full           20,000 patients, 100,000 orders: about two hours on two cores
python -m tests.replay_figures --full --only memory same killed compare

Prints a line for each figure and writes figures.json into --out. It ends with status 1 when something is not the same
that has to be.

memory    peak memory at a tenth of the orders and at all of them, and orders per second and core
same      the same bytes with 1 process, 2 processes, and a Dask cluster of 2 workers
killed    the same bytes after kill -9 in the middle, and how much of the work was kept
compare   six weeks of treatment against four: exactly the orders change whose trial lies between
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

import mappings
from criteria.results import RESULT_FACTS
from service.replay.rules import Rules, named
from tests.replay_runs import ROOT, compared, generate, replayed, results, table
from tests.test_replay_compare import WEEKS, four_weeks, longer, of_the_guideline, ratings

PARTS = ("memory", "same", "killed", "compare")
SAMPLE = 0.5
LIMIT = 1536
"""MiB of resident memory, all processes together."""
Json = dict[str, Any]

CLUSTER = """
import sys, time
from pathlib import Path
import dask
from distributed import LocalCluster
dask.config.set({"distributed.worker.profile.enabled": False})  # it keeps an hour of samples
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        Path(sys.argv[1]).write_text(cluster.scheduler_address)
        sys.stdin.read()
"""


class Figures:
    """What was measured, said as it comes."""

    def __init__(self, home: Path, patients: int, orders_in_oracle: int) -> None:
        self.home, self.patients, self.oracle = home, patients, orders_in_oracle
        self.found: Json = {}
        self.wrong: list[str] = []

    def say(self, name: str, value: Any) -> None:
        self.found[name] = value
        print(f"{name}: {value}", flush=True)
        (self.home / "figures.json").write_text(json.dumps(self.found, indent=2) + "\n")

    def hold(self, name: str, true: bool) -> None:
        self.say(name, "yes" if true else "NO")
        if not true:
            self.wrong.append(name)

    def population(self, patients: int) -> Path:
        folder = self.home / f"population-{patients}"
        if not (folder / "about.json").exists():
            began = time.monotonic()
            folder.mkdir(exist_ok=True)
            generate(folder, patients)
            self.say(f"generating {patients} patients, seconds", round(time.monotonic() - began, 1))
        return folder

    def replay(self, name: str, patients: int, *options: str, cluster: int = 0) -> Path:
        """A run of the command, its peak memory taken from outside; ``cluster`` is the session whose workers do it."""
        out = self.home / name
        if not (out / "run.json").exists():
            source = self.population(patients)
            peak = watched([*command("replay"), str(source), "--out", str(out), *options], cluster)
            held = json.loads((out / "run.json").read_text())
            self.say(f"{name}: orders", held["orders"])
            self.say(f"{name}: orders a second", held["orders_per_second"])
            self.say(f"{name}: orders a second and core", held["orders_per_second_per_core"])
            self.say(f"{name}: peak memory of all processes, MiB", peak)
        return out

    def memory(self) -> None:
        for patients in (self.patients // 10, self.patients):
            self.replay(f"{patients}-patients-2-processes", patients, "--processes", "2")
            peak = self.found[f"{patients}-patients-2-processes: peak memory of all processes, MiB"]
            self.hold(f"{patients} patients under 1.5 GiB", peak < LIMIT)

    def same(self) -> None:
        two = digest(self.replay(f"{self.patients}-patients-2-processes", self.patients, "--processes", "2"))
        self.say("digest of all results", two)
        one = digest(self.replay(f"{self.patients}-patients-1-process", self.patients, "--processes", "1"))
        self.hold("1 process makes the same bytes", one == two)
        address = self.home / "scheduler"
        address.unlink(missing_ok=True)
        script = self.home / "cluster.py"
        script.write_text(CLUSTER)
        name = f"{self.patients}-patients-dask"
        with subprocess.Popen(
            [sys.executable, str(script), str(address)], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        ) as cluster:  # fmt: skip
            try:
                for _ in range(600):
                    if address.exists() and address.read_text():
                        break
                    time.sleep(0.1)
                where = address.read_text()
                dask = digest(self.replay(name, self.patients, "--dask", where, cluster=cluster.pid))
            finally:
                assert cluster.stdin
                cluster.stdin.close()
                try:
                    cluster.wait(30)
                except subprocess.TimeoutExpired:
                    cluster.kill()
        self.hold("Dask with 2 workers makes the same bytes", dask == two)
        if (peak := self.found.get(f"{name}: peak memory of all processes, MiB")) is not None:
            self.hold("client, scheduler and 2 workers under 1.5 GiB", peak < LIMIT)

    def killed(self) -> None:
        name = f"{self.patients}-patients-2-processes"
        whole = digest(self.replay(name, self.patients, "--processes", "2"))
        out = self.home / f"{self.patients}-patients-killed"
        shutil.rmtree(out, ignore_errors=True)
        asked = [*command("replay"), str(self.population(self.patients)), "--out", str(out), "--processes", "2"]
        parts = json.loads((self.home / name / "run.json").read_text())["parts"]
        with subprocess.Popen(asked, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            while len(list(out.glob("work/parts/*/done.json"))) < max(1, parts // 3) and process.poll() is None:
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGKILL)
        self.hold("it was killed before it was finished", not (out / "run.json").exists())
        subprocess.run(asked, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
        held = json.loads((out / "run.json").read_text())
        self.say("parts kept of those that there are", f"{held['parts_kept']} of {held['parts']}")
        self.hold("a run that was killed ends with the same bytes", digest(out) == whole)

    def compare(self) -> None:
        rules = self.home / "rules"
        shutil.rmtree(rules, ignore_errors=True)
        rules.mkdir()
        copy = four_weeks(rules)
        out = self.home / "six-against-four-weeks"
        shutil.rmtree(out, ignore_errors=True)
        asked = ["--criteria", "shipped", "--criteria", str(copy), "--out", str(out), "--keep-ids"]
        peak = watched([*command("compare"), str(self.population(self.patients)), *asked])
        changes = table(out, "changes")
        changed = [row for row in changes if row["change"] == "rating"]
        self.say("compare: orders", len(changes))
        self.say(
            "compare: orders a second and core",
            json.loads((out / "run.json").read_text())["orders_per_second_per_core"],
        )
        self.say("compare: peak memory of all processes, MiB", peak)
        self.say("compare: orders that change", len(changed))
        named_so = [row for row in changed if row["fact"] == WEEKS]
        rest = [row for row in changed if row["fact"] != WEEKS]
        self.say("compare: of them through another rule that asks for a result of the changed one", len(rest))
        between = all(4 <= float(row["value"]) < 6 for row in named_so)
        self.hold("compare: the others by a trial of four to under six weeks", between and bool(named_so))
        self.hold("compare: no other cause is named", all(row["fact"] in RESULT_FACTS for row in rest))
        said = {(row["old_clause"], row["new_clause"]) for row in named_so}
        self.hold("compare: the report says why", said == {("at least 6 (not met)", "at least 4 (met)")})
        self._exactly(copy)

    def _exactly(self, copy: Path) -> None:
        """Found another way, for some patients: by the shipped rules, trials from four weeks on taken for six."""
        source, folder = self.population(self.oracle), Path(tempfile.mkdtemp(dir=self.home))
        out = compared(source, folder / "compare", Rules(), named(str(copy)), keep_ids=True, processes=2)
        plain = ratings(replayed(source, folder / "plain", keep_ids=True, rules_of="latest", processes=2))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mappings, "Chart", longer({}))
            taken = ratings(replayed(source, folder / "taken", keep_ids=True, rules_of="latest"))
        expected = {order for order in of_the_guideline(folder / "plain") if plain[order] != taken[order]}
        found = {row["order"] for row in table(out, "changes") if row["change"] == "rating"}
        self.say(f"compare: of {len(plain)} orders, found the other way", len(expected))
        self.hold("compare: exactly these", found == expected and bool(expected))


def command(name: str) -> list[str]:
    return [sys.executable, "-m", "service.cli", name]


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for name, content in results(folder).items():
        whole.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\0".encode())
    return whole.hexdigest()[:16]


def watched(asked: list[str], cluster: int = 0) -> int:
    """Run it; the largest sum of resident memory of its processes and of a cluster's, in MiB."""
    peak = 0
    with subprocess.Popen(asked, cwd=ROOT, start_new_session=True) as process:
        while process.poll() is None:
            peak = max(peak, resident({process.pid, cluster or process.pid}))
            time.sleep(SAMPLE)
    if process.returncode:
        raise SystemExit(f"{' '.join(asked[2:])} ended with {process.returncode}")
    return peak >> 20


def resident(sessions: set[int]) -> int:
    """Bytes of all processes of these sessions; pages that several share count in each."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) in sessions:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--full", action="store_true")
    parse.add_argument("--patients", type=int, help="instead of 400, or of 20,000 with --full")
    parse.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parse.add_argument("--out", type=Path, help="kept for a second call; default: a new folder")
    asked = parse.parse_args()
    home = asked.out or Path(tempfile.mkdtemp(prefix="imaging-cds-replay-"))
    home.mkdir(parents=True, exist_ok=True)
    patients = asked.patients or (20_000 if asked.full else 400)
    figures = Figures(home, patients, min(patients, 1_000 if asked.full else 60))
    print(f"in {home}", flush=True)
    for part in PARTS:
        if part in asked.only:
            getattr(figures, part)()
    if figures.wrong:
        raise SystemExit("not as it has to be: " + ", ".join(figures.wrong))


if __name__ == "__main__":
    main()
