"""What pathology and the cancer registry measured of a tumour: size, grade, and that the stage is on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from criteria.facts import Basis, Fact
from mappings.amounts import amount
from mappings.observations import Result, Results
from mappings.records import SetAside

GRADES = (1, 4)


def tumor_facts(results: Results, aside: list[SetAside]) -> Iterator[Fact]:
    """The newest of each; of several sizes of one day the largest, of several grades of one day the highest."""
    size = _largest(results.get("tumor_size", ()), "mm", bare=False)
    if size and size[1] > 0:
        yield size[0].fact("tumor.size_mm", size[1])
    elif "tumor_size" in results:
        aside.append(results["tumor_size"][0].aside("tumor.size_mm: no length in a known unit"))
    grade = _largest(results.get("tumor_grade", ()), "1", bare=True)
    if grade and grade[1] == int(grade[1]) and GRADES[0] <= grade[1] <= GRADES[1]:
        yield grade[0].fact("tumor.grade", int(grade[1]))
    for result in results.get("cancer_stage", ()):
        if any(key.startswith("value") for key in result.body):
            yield result.fact("malignancy.clinical_stage_documented", True, Basis.DERIVED)
            break


def _largest(results: Sequence[Result], unit: str, *, bare: bool) -> tuple[Result, float] | None:
    """The largest number of the newest day on which each result is one in the unit."""
    newest = [r for r in results if r.on == results[0].on]
    told = [(r, held.within(unit, bare=bare) if (held := amount(r.body)) else None) for r in newest]
    numbers = [(r, a.exact) for r, a in told if a is not None and a.exact is not None]
    return max(numbers, key=lambda pair: pair[1]) if numbers and len(numbers) == len(told) else None
