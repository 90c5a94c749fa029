"""What a run leaves on disk to go on from: what was asked, how the input was divided, the buckets that are finished."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from service.replay.buckets import Intake, Progress, divide
from service.replay.intake import Fault, inputs
from service.replay.losses import Loss

WORK, ASKED, DIVIDED, FINISHED = "work", "asked.json", "divided.json", "run.json"
WORDS = {
    "input": "the input", "rules": "the criteria, policies or overlay", "reading": "this version's way to read charts",
    "options": "the options or settings",
}  # fmt: skip


class Refused(Exception):
    """The folder holds another run; the text says which and what to do."""


class Work:
    """The folder of one run. Only its owner may read it: it holds charts until the run is finished."""

    def __init__(self, out: Path, source: Path, asked: Mapping[str, Any], restart: bool) -> None:
        if out.resolve().is_relative_to(source.resolve()):
            raise Refused(f"--out {out} lies in INPUT {source}: name a folder for the results elsewhere.")
        self.out, self.source, self.folder = out, source, out.resolve() / WORK
        self.asked = {**asked, "input": _seen(source)}
        out.mkdir(parents=True, exist_ok=True)
        finished = out / FINISHED
        if restart:
            shutil.rmtree(self.folder, ignore_errors=True)
            finished.unlink(missing_ok=True)
        elif finished.exists():
            raise Refused(f"{out} holds a finished run. Name another folder, or let go of it with --restart.")
        elif not self.folder.exists() and any(out.iterdir()):
            raise Refused(f"{out} is not empty. Name another folder, or let go of what is in it with --restart.")
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._lock: int | None = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise Refused(f"Another run is writing to {out}.") from None
        try:
            self._same()
        except Refused:
            self.release()
            raise

    def _same(self) -> None:
        path = self.folder / ASKED
        if not path.exists():
            put(path, self.asked)
            return
        before, now = orjson.loads(path.read_bytes()), orjson.loads(orjson.dumps(self.asked))
        if other := [words for key, words in WORDS.items() if before.get(key) != now.get(key)]:
            raise Refused(
                f"{self.out} holds a run that was stopped, and since then {' and '.join(other)} changed."
                " Start anew with --restart, or name another folder."
            )

    def intake(self, progress: Progress) -> Intake:
        """The input divided into buckets, now or by the run that was stopped."""
        path, folder = self.folder / DIVIDED, self.folder / "buckets"
        if path.exists():
            held = orjson.loads(path.read_bytes())
            faults = [Fault(**f) for f in held.pop("faults")]
            held |= {name: Counter(held[name]) for name in ("resources", "unread")}
            held["losses"] = [Loss(**one) for one in held["losses"]]
            return Intake(**held, faults=faults)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        found = divide(self.source, folder, progress)
        put(path, found)
        return found

    def clear(self) -> None:
        """The charts are deleted; what was made of them stays."""
        self.release()
        shutil.rmtree(self.folder)

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def put(path: Path, content: Any) -> None:
    """Written whole or not at all."""
    making = path.with_name(f"{path.name}.tmp")
    making.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    making.replace(path)


def _seen(source: Path) -> list[list[Any]]:
    """The files with their sizes and times: enough to notice another input."""
    return [[str(f.resolve()), (s := f.stat()).st_size, s.st_mtime_ns] for f in inputs(source)]
