"""What `imaging-cds unmapped` prints: as lines, JSON or CSV."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from mappings.codings import short_name
from mappings.unmapped import is_alias
from service.files import files_in
from service.journal.unmapped import CodeAsked, codes_asked
from service.settings import Settings
from service.unmapped import BAD_NAMED, Key, Seen, Tally, tally

COLUMNS = ("kind", "standing", "system", "code", "words", "times", "files", "patients")
STANDINGS = {"unmapped": "mean nothing to us", "other": "known, and no guideline's"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
EVERY = 100
"""Files between two words of progress where nobody watches."""


def lines(sums: Tally, top: int) -> Iterator[str]:
    """Kind by kind, the most frequent first; what is unmapped before what is `other`."""
    yield f"{sums.files} files read, {sums.orders} orders, {sums.resources} resources of charts."
    yield from _faults(sums)
    for standing, means in STANDINGS.items():
        for kind in sums.kinds:
            if some := sums.most(kind, standing):
                yield ""
                yield f"{kind}: {len(some)} {means} ({sum(seen.times for _, seen in some)} times)"
                yield from _table(some[:top])
                if len(some) > top:
                    yield f"  and {len(some) - top} more (--top {len(some)})"
    if not sums.seen and sums.files and not sums.faults:
        yield "Every code and phrase that was met is known."
    elif sums.faults:
        count = len(sums.faults)
        yield ""
        yield (
            f"{count} {'line or file' if count == 1 else 'lines or files'} could not be read: what stands there is not"
            " counted." + ("" if sums.seen else " Every code and phrase of the rest is known.")
        )
    yield from _systems(sums, top)


def as_json(sums: Tally, top: int) -> dict[str, Any]:
    return {
        "files": sums.files,
        "orders": sums.orders,
        "resources": sums.resources,
        "faults": [{"file": name, "why": why} for name, why in sums.faults],
        "seen": [dict(zip(COLUMNS, row, strict=True)) for row in _rows(sums, top)],
        "systems": [
            {"system": system, "known_as": short_name(system), "alias": is_alias(system), "times": times}
            for system, times in sums.systems.most_common()
        ],
    }


def as_csv(sums: Tally, top: int) -> str:
    return table(COLUMNS, _rows(sums, top))


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """CSV for a spreadsheet: what it would take for a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    for row in rows:
        writer.writerow(f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in row)
    return out.getvalue()


def of_files(paths: Iterable[Path], top: int, form: str) -> None:
    """Read and print. Without one readable file the exit status says so."""
    sums = tally(files_in(paths), show_progress)
    if form == "json":
        click.echo(json.dumps(as_json(sums, top), indent=2))
    elif form == "csv":
        click.echo(as_csv(sums, top), nl=False)
    else:
        for line in lines(sums, top):
            click.echo(line)
    if not sums.files:
        raise click.ClickException("No file could be read.")


def of_journal(settings: Settings, since: dt.date | None, top: int, form: str) -> None:
    """The codes that orders came with and that were not recognised, as the journal kept them."""
    asked = codes_asked(settings, since)
    if form == "json":
        click.echo(json.dumps([dataclasses.asdict(one) for one in asked[:top]], indent=2))
    elif form == "csv":
        click.echo(
            table([field.name for field in dataclasses.fields(CodeAsked)], map(dataclasses.astuple, asked[:top])),
            nl=False,
        )
    else:
        for line in journal_lines(asked, top):
            click.echo(line)


def journal_lines(asked: Sequence[CodeAsked], top: int) -> Iterator[str]:
    """The most frequent first."""
    if not asked:
        yield "The journal holds no code that was not recognised."
        return
    yield f"{'answers':>9} {'orders':>7}  what"
    for one in asked[:top]:
        yield f"{one.answers:>9} {one.orders:>7}  {one.kind}: {one.system or '(no system)'} {one.code}"
    if len(asked) > top:
        yield f"  and {len(asked) - top} more (--top {len(asked)})"


def show_progress(done: int, files: int) -> None:
    """One line on standard error that writes over itself; every hundredth file where it is no terminal."""
    if sys.stderr.isatty():
        print(f"\r{done} of {files} files", end="\n" if done == files else "", file=sys.stderr)
    elif done % EVERY == 0:
        print(f"{done} of {files} files", file=sys.stderr)


def _faults(sums: Tally) -> Iterator[str]:
    for name, why in sums.faults[:BAD_NAMED]:
        yield f"Not read: {name}: {why}."
    if len(sums.faults) > BAD_NAMED:
        yield f"Not read: {len(sums.faults) - BAD_NAMED} more."


def _table(some: Sequence[tuple[Key, Seen]]) -> Iterator[str]:
    yield f"  {'times':>7} {'files':>6} {'patients':>8}  what"
    for key, seen in some:
        what = f'"{key.phrase}"' if key.phrase else f"{key.system or '(no system)'} {key.code}  {seen.display}".rstrip()
        yield f"  {seen.times:>7} {len(seen.files):>6} {len(seen.patients):>8}  {what}"


def _systems(sums: Tally, top: int) -> Iterator[str]:
    """Code systems that nobody knows, and known ones under another name than their own."""
    odd = [(s, n) for s, n in sums.systems.most_common() if not short_name(s) or is_alias(s)]
    if odd:
        yield ""
        yield f"code systems: {len(odd)} unknown or under another name"
        for system, times in odd[:top]:
            name = short_name(system)
            yield f"  {times:>7}  {system or '(no system)'}{f' (read as {name})' if name else ''}"


def _rows(sums: Tally, top: int) -> Iterator[tuple[Any, ...]]:
    for standing in STANDINGS:
        for kind in sums.kinds:
            for key, seen in sums.most(kind, standing)[:top]:
                counts = (seen.times, len(seen.files), len(seen.patients))
                yield kind, standing, key.system, key.code, key.phrase or seen.display, *counts
