"""The commands `check` and `coverage`: run, print, and say by the exit status whether all is well."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from criteria import load_library
from service import reports


def everything(paths: Sequence[Path]) -> None:
    """Rules, cases and tables; reviews that are due are said, and are no fault."""
    from criteria.check import below, check_all
    from criteria.soundness import overdue

    faults = [*reports.table_faults(), *check_all(paths)]
    for fault in faults:
        click.echo(fault)
    if faults:
        _stop(f"{len(faults)} to mend.")
    library = load_library()
    due = list(overdue(library, dt.datetime.now(dt.UTC).date()))
    for line in due:
        click.echo(line)
    if due:
        click.echo(f"{len(due)} {'review is' if len(due) == 1 else 'reviews are'} due.")
    rules = sum(below(c.file, paths) for c in library.criteria)
    click.echo(f"All criteria and tables are in order ({rules} rules).")


def overlaid(path: Path) -> None:
    """A site's overlay: read, and its entries said."""
    from criteria.overlay import apply
    from criteria.soundness import unsound

    shipped = load_library()
    library = apply(shipped, path)
    faults = set(unsound(library)) - set(unsound(shipped))
    for fault in sorted(faults):
        click.echo(fault)
    kinds = {c.id: c.kind for c in shipped.criteria}
    for mark in library.local:
        click.echo(f"{mark.criterion}: {mark}")
        if kinds.get(mark.criterion) == "safety":
            click.echo(
                f"WARNING: {mark.criterion} is a safety rule, and is {mark.what}: patients may go without its word."
            )
    if faults:
        _stop(f"{len(faults)} to mend.")
    click.echo(f"The overlay is in order ({len(library.local)} entries).")


def copies(folder: Path) -> None:
    """Words that stand in a text of the folder too."""
    from criteria.sources import RUN, copied

    root = Path(__file__).parent.parent
    hits = list(copied(reports.our_texts(), folder))
    for hit in hits:
        click.echo(f"{hit.file.relative_to(root)} line {hit.line}: “{hit.words}” ({hit.source})")
    if hits:
        _stop(f"{len(hits)} runs of {RUN} or more words stand in the sources too; say them in our own words.")
    click.echo(f"No run of {RUN} words stands in the sources.")


def mutations(paths: Sequence[Path], sample: float, seed: int, as_json: bool) -> None:
    """Mutants that no case notices."""
    from criteria.mutate import MOST, mutate

    report = mutate(paths, sample=sample, seed=seed, progress=reports.show_progress)
    if as_json:
        click.echo(json.dumps(reports.mutation_json(report), indent=2))
    else:
        for line in reports.mutation_lines(report):
            click.echo(line)
    if not report.passes:
        _stop(f"{report.total.percent:.1f} % of the mutants survive (at most {MOST:g} %); {len(report.stale)} stale.")


def coverage(missing: bool, as_json: bool, recording: bool) -> None:
    """What became of each row."""
    from criteria.coverage import coverage as rows_of
    from criteria.coverage import record, run

    library = load_library()
    exercised = run(library)
    if recording:
        record(exercised)
    rows = rows_of(library, exercised)
    if as_json:
        shown = [row for row in rows if row.state == "open"] if missing else rows
        click.echo(json.dumps(reports.coverage_json(shown), indent=2))
        return
    for line in reports.missing_lines(rows) if missing else reports.coverage_lines(rows):
        click.echo(line)


def _stop(words: str) -> NoReturn:
    raise click.ClickException(words)
