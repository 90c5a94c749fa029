"""Asks pip-audit about known vulnerabilities of what is pinned, and says what came of it.

Where the service that knows them cannot be asked, pip-audit calls every package "skipped" and ends well: that must not
read like "none". So: a vulnerability fails; what could not be asked is said and fails nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TIMEOUT = 50


def main() -> int:
    command = [
        sys.executable, "-m", "pip_audit", "-r", str(ROOT / "requirements.txt"), "--no-deps", "--disable-pip",
        "--format", "json", "--progress-spinner", "off", "--timeout", "5",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        print("audit: COULD NOT BE ASKED: no answer from the vulnerability service. Nothing is known either way.")
        return 0
    skipped = [d for d in found if "skip_reason" in d]
    bad = [(d["name"], d["version"], v) for d in found for v in d.get("vulns", ())]
    for name, version, vulnerability in bad:
        fixes = ", ".join(vulnerability.get("fix_versions", ())) or "no release"
        print(f"audit: {name} {version}: {vulnerability['id']}, mended in {fixes}")
    asked = len(found) - len(skipped)
    if skipped:
        print(f"audit: COULD NOT BE ASKED about {len(skipped)} of {len(found)} packages. Nothing is known about them.")
    if asked:
        print(f"audit: {asked} packages asked about, {len(bad)} known vulnerabilities.")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
