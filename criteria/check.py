"""`imaging-cds check`: read everything, run every case, say every slip.

Also ``python -m criteria.check [PATH ...]``: only the rules and cases below the given paths are run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from criteria.cases import cases_of, run_case
from criteria.criterion import Criterion
from criteria.errors import DataError
from criteria.library import HERE, Library, load_library
from criteria.logic import dated_from
from criteria.parallel import each, library_at
from criteria.reading import read_yaml
from criteria.soundness import unsound


def check_all(paths: Sequence[Path] = (), processes: int | None = None) -> list[str]:
    """Every fault found, as sentences; empty when all is well. ``paths``: only the rules below these."""
    try:
        library = load_library()
    except DataError as error:
        return [str(error)]
    chosen = replace(library, criteria=tuple(c for c in library.criteria if below(c.file, paths)))
    faults = [*_rows(chosen), *_dates(chosen), *unsound(chosen)]
    found = dict(each(_faults, [c.id for c in chosen.criteria], processes))
    return faults + [fault for c in chosen.criteria for fault in found[c.id]]


def below(file: Path, paths: Sequence[Path]) -> bool:
    """True when ``file`` or its case file is among ``paths`` or below one of them; always when there are none."""
    file = file.resolve()
    return not paths or any(p.resolve() in (file, file.with_suffix(".test.yaml"), *file.parents) for p in paths)


def _faults(rule: str) -> tuple[str, list[str]]:
    library = library_at(HERE)
    return rule, list(_cases(library.criterion(rule), library))


def _cases(criterion: Criterion, library: Library) -> Iterator[str]:
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
        path = HERE / "guidelines" / guideline.id / "index.yaml"
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
        for node in (criterion.when, criterion.unless, criterion.trigger, criterion.once):
            if node is None:
                continue
            start = dated_from(node)
            if start is not None and start > criterion.start:
                yield f"{criterion.file.name}: a threshold begins on {start}, after the rule ({criterion.start})."


def main(arguments: Sequence[str]) -> int:
    faults = check_all([Path(a) for a in arguments])
    for fault in faults:
        print(fault)
    print(f"{len(faults)} fault{'s' if len(faults) != 1 else ''}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
