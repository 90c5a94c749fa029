"""The audit trail: each process that writes has a chain of its own, over digests of what it wrote.

Nothing in it needs a secret to be checked. What it cannot show by itself is a chain that was made anew from some row
on; for that the last links are kept elsewhere (`imaging-cds audit head`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

ZEROS = "0" * 64
CONSULT, FEEDBACK, PURGE = "consult", "feedback", "purge"
_SORTED = orjson.OPT_SORT_KEYS


class Head(NamedTuple):
    """The last link of a chain."""

    seq: int = 0
    link: str = ZEROS


def mark_of(record: str) -> str:
    """How the trail names a record, without its salt."""
    return hashlib.sha256(f"mark {record}".encode()).hexdigest()


def digest_of(row: Mapping[str, Any], **parts: Iterable[Mapping[str, Any]]) -> str:
    """Of a row by column and of the rows that belong to it, each kind in its own order.

    Row numbers do not count, nor do empty columns: one that is added later leaves older digests as they are.
    """
    told: dict[str, Any] = {name: _plain(value) for name, value in row.items() if name != "id" and value is not None}
    for name, rows in parts.items():
        told[name] = sorted(orjson.dumps(dict(part), option=_SORTED).decode() for part in rows)
    return hashlib.sha256(orjson.dumps(told, option=_SORTED)).hexdigest()


def link_of(writer: str, seq: int, previous: str, row: Mapping[str, Any]) -> str:
    """Of one row of the trail; ``row`` by column."""
    told = [
        writer, seq, previous, row["tenant"], row["kind"], _plain(row["at"]), row["mark"], row["digest"], row["note"],
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(told, option=_SORTED)).hexdigest()


def linked(writer: str, head: Head, rows: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], Head]:
    """The rows as the next links of a chain, and its new end."""
    out: list[dict[str, Any]] = []
    for row in rows:
        seq = head.seq + 1
        link = link_of(writer, seq, head.link, row)
        out.append({**row, "writer": writer, "seq": seq, "previous": head.link, "link": link})
        head = Head(seq, link)
    return out, head


def entry(
    kind: str, tenant: str, at: dt.datetime, mark: str | None, digest: str, note: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {"kind": kind, "tenant": tenant, "at": at, "mark": mark, "digest": digest, "note": dict(note or {})}


def _plain(value: Any) -> Any:
    return value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else value
