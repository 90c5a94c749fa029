"""Tables with fixed columns (columns.yaml), as Parquet."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import read_yaml

COLUMNS = Path(__file__).parent / "columns.yaml"
TYPES = ("text", "texts", "whole", "yesno", "day")
ROWS = 65536
"""Rows of a group in a file: so many are in memory at once."""
Row = tuple[Any, ...]


EXTRA = ".venv/bin/pip install -e '.[replay]' in the folder of the clone"
"""How to get the libraries that replay and compare need."""


class Lacking(Exception):
    """A library that replay needs is not installed."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: str
    means: str


@functools.cache
def columns() -> Mapping[str, tuple[Column, ...]]:
    """columns.yaml, checked. Raises `DataError`."""
    out = {}
    for table, entries in read_yaml(COLUMNS).items():
        for name, entry in entries.items():
            if not isinstance(entry, list) or len(entry) != 2 or entry[0] not in TYPES:
                raise DataError(COLUMNS, entries.line(name), f"a column is [one of {', '.join(TYPES)}, its meaning].")
        out[table] = tuple(Column(name, *entry) for name, entry in entries.items())
    return out


def arrow() -> Any:
    """pyarrow, or a word on how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise Lacking(f"Replay needs pyarrow: {EXTRA}.") from None
    return pyarrow


@functools.cache
def schema(table: str) -> Any:
    pa = arrow()
    kinds = {
        "text": pa.string(), "texts": pa.list_(pa.string()), "whole": pa.int32(), "yesno": pa.bool_(),
        "day": pa.date32(),
    }  # fmt: skip
    return pa.schema([pa.field(c.name, kinds[c.type]) for c in columns()[table]])


def write(table: str, rows: Sequence[Row], path: Path) -> None:
    """One part. The same rows make the same bytes."""
    pa = arrow()
    with pa.parquet.ParquetWriter(path, schema(table), compression="zstd") as out:
        out.write_table(_table(table, rows))


def join(table: str, parts: Iterable[Path], more: Sequence[Row], path: Path) -> int:
    """All parts in their order and ``more`` behind them, as one file with row groups of one size."""
    pa = arrow()
    count, waiting = 0, list[Any]()
    with pa.parquet.ParquetWriter(path, schema(table), compression="zstd") as out:

        def put(last: bool) -> None:
            nonlocal waiting
            held = pa.concat_tables(waiting) if waiting else _table(table, ())
            full = held.num_rows if last else held.num_rows - held.num_rows % ROWS
            if full or (last and not count):
                out.write_table(held.slice(0, full), row_group_size=ROWS)
            waiting = [held.slice(full)] if full < held.num_rows else []

        for held in chain(map(pa.parquet.read_table, parts), [_table(table, more)]):
            count += held.num_rows
            waiting.append(held)
            if sum(t.num_rows for t in waiting) >= ROWS:
                put(last=False)
        put(last=True)
    return count


def rows_of(path: Path, table: str) -> Iterable[Row]:
    """The rows of a file, group by group."""
    pa = arrow()
    names = [c.name for c in columns()[table]]
    with pa.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from zip(*(batch.column(n).to_pylist() for n in names), strict=True)


def _table(table: str, rows: Sequence[Row]) -> Any:
    pa = arrow()
    held = schema(table)
    arrays = [pa.array([row[n] for row in rows], type=f.type) for n, f in enumerate(held)]
    return pa.table(arrays, schema=held)
