"""`imaging-cds check`: read everything, run every case, say every slip.

Also ``python -m criteria.check [PATH ...]``: only the rules and cases below the given paths are run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from criteria.cases import Outcome, cases_of, run_case
from criteria.errors import DataError
from criteria.library import Library, load_library
from criteria.logic import dated_from, leaves
from criteria.reading import read_yaml


def check_all(paths: Sequence[Path] = ()) -> list[str]:
    """Every fault found, as sentences; empty when all is well."""
    try:
        library = load_library()
    except DataError as error:
        return [str(error)]
    return [*_rows(library), *_dates(library), *_cases(library, [p.resolve() for p in paths])]


def outcomes(library: Library, paths: Sequence[Path] = ()) -> Iterator[Outcome]:
    """The outcome of every case (of the rules below ``paths``). Raises `DataError` for a case that cannot be read."""
    for criterion in library.criteria:
        file = criterion.file.resolve()
        if not paths or any(p in (file, file.with_suffix(".test.yaml")) or p in file.parents for p in paths):
            for case in cases_of(criterion, library):
                yield run_case(case, library)


def _cases(library: Library, paths: Sequence[Path]) -> Iterator[str]:
    for criterion in library.criteria:
        file = criterion.file.resolve()
        if paths and not any(p in (file, file.with_suffix(".test.yaml")) or p in file.parents for p in paths):
            continue
        try:
            cases = cases_of(criterion, library)
            if not cases:
                yield f"{criterion.file.name}: the rule has no cases; write {criterion.file.stem}.test.yaml beside it."
            for case in cases:
                for fault in run_case(case, library).faults:
                    yield f"{case.file.name} line {case.line}: “{case.name}”: {fault}."
        except DataError as error:
            yield str(error)


def _rows(library: Library) -> Iterator[str]:
    known: dict[str, set[str]] = {}
    for guideline in library.guidelines.values():
        path = Path(__file__).parent / "guidelines" / guideline.id / "index.yaml"
        known[guideline.id] = {row["id"] for row in read_yaml(path)} if path.exists() else set()
    for criterion in library.criteria:
        for row in criterion.rows:
            if row not in known[criterion.guideline]:
                yield f"{criterion.file.name}: `{row}` is no row of the index of {criterion.guideline}."
        outside = {s for s in criterion.studies if library.catalogue[s].cpt is None and criterion.kind == "pathway"}
        if outside and len(outside) == len(criterion.studies):
            yield f"{criterion.file.name}: none of its studies has a billing code, so nobody can take its advice."


def _dates(library: Library) -> Iterator[str]:
    for criterion in library.criteria:
        for node in (criterion.when, criterion.unless, criterion.trigger):
            if node is None:
                continue
            start = dated_from(node)
            if start is not None and start > criterion.start:
                yield f"{criterion.file.name}: a threshold begins on {start}, after the rule ({criterion.start})."
            if criterion.kind in ("exclusion", "coding") and not list(leaves(node)) and node is criterion.when:
                continue


def main(arguments: Sequence[str]) -> int:
    faults = check_all([Path(a) for a in arguments])
    for fault in faults:
        print(fault)
    print(f"{len(faults)} fault{'s' if len(faults) != 1 else ''}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
