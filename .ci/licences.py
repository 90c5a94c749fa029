"""Under which licences the packages are that the service is shipped with: all must be on .ci/licences.yaml."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
BESIDE = ("psycopg", "psycopg-binary")
"""Of the extras, which the image has too."""


def shipped() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = {re.split(r"[=<>\[; ]", line, maxsplit=1)[0] for line in lines if line and line[0].isalnum()}
    return {plain(name) for name in (*names, *BESIDE)}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    known = yaml.safe_load((ROOT / ".ci" / "licences.yaml").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--with-system"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603
    installed = {plain(entry["Name"]): entry["License"] for entry in found}
    counted: Counter[str] = Counter()
    unknown = []
    for name in sorted(shipped() & set(installed)):
        licence = installed[name]
        counted[licence] += 1
        if known["packages"].get(name) == licence:
            continue
        parts = [part.strip() for part in re.split(r"\s+(?:AND|OR|WITH)\s+|;", licence)]
        if not all(part in known["allowed"] or part.strip("()") in known["allowed"] for part in parts):
            unknown.append(f"{name}: {licence}")
    for licence, count in counted.most_common():
        print(f"licences: {count:>3}  {licence}")
    for line in unknown:
        print(f"licences: NOT ALLOWED  {line} (.ci/licences.yaml)")
    return 1 if unknown else 0


if __name__ == "__main__":
    raise SystemExit(main())
