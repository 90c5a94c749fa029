"""Requirement -> test: every SHALL of CDS Hooks 2.0 on services, and what the public CRD server tests check.

`pytest -s tests/test_conformance.py`, or `python -m tests.test_conformance`, prints the table and what is not covered.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "conformance.csv"
SETS = {"crd": 30, "cds-hooks": 73}
"""How many requirements each set has: of the 73 of CDS Hooks 69 say SHALL and 4 SHALL NOT."""


@dataclass(frozen=True, slots=True)
class Requirement:
    set: str
    id: str
    level: str
    about: str
    tests: tuple[str, ...]
    why: str


@cache
def requirements() -> tuple[Requirement, ...]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return tuple(
        Requirement(r["set"], r["id"], r["level"], r["about"], tuple(r["tests"].split()), r["why"])
        for r in csv.DictReader(lines, strict=True)
    )


@cache
def functions_in(file: str) -> frozenset[str]:
    """The test functions that stand in a file of this folder."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


def printed() -> Iterator[str]:
    for r in requirements():
        told = " ".join(r.tests) or f"not covered: {r.why}"
        yield f"{r.set:10}{r.id:>4}  {r.level:10}{r.about}: {told}"
    for name in SETS:
        mine = [r for r in requirements() if r.set == name]
        yield f"{name}: {sum(bool(r.tests) for r in mine)} of {len(mine)} covered"


def test_every_requirement_stands_once() -> None:
    held = requirements()
    assert {name: sum(r.set == name for r in held) for name in SETS} == SETS
    assert len({(r.set, r.id) for r in held}) == sum(SETS.values())
    assert sum(r.level == "SHALL" for r in held if r.set == "cds-hooks") == 69
    assert all(r.about and r.level in ("SHALL", "SHALL NOT") for r in held)


def test_every_requirement_has_a_test_that_exists_or_a_reason_why_not() -> None:
    for r in requirements():
        assert bool(r.tests) != bool(r.why), f"{r.set} {r.id}: tests, or why there are none"
        for test in r.tests:
            file, _, name = test.partition("::")
            assert name in functions_in(file), f"{r.set} {r.id}: there is no {test}"


def test_the_table_is_printed_with_its_gaps() -> None:
    lines = list(printed())
    print("\n".join(["", *lines]))
    assert sum("not covered:" in line for line in lines) == sum(not r.tests for r in requirements())


if __name__ == "__main__":
    print("\n".join(printed()))
