"""Memory that an answer let go of stays with the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPT = """
import resource, sys
from service.memory import hold_memory
if sys.argv[1] == "hold":
    hold_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(20):
    if turn == 10:
        began = faults()
    held = [bytes(1 << 20) for _ in range(40)]
    del held
print((faults() - began) // 10)
"""


def test_what_one_answer_let_go_of_serves_the_next_without_new_pages_of_memory() -> None:
    assert _pages("hold") < _pages("let go") / 20 + 10


def _pages(way: str) -> int:
    command = [sys.executable, "-c", SCRIPT, way]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return int(told.stdout)
