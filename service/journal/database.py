"""The database as SQLAlchemy reaches it, and how a connection is torn away from whoever waits for it."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, event, make_url

CONNECT_SECONDS = 2
"""libpq counts in whole seconds, and takes 1 for 2."""
POOLED = 6


def make_engine(url: str) -> Engine:
    parsed = make_url(url)
    create = partial(create_engine, parsed, hide_parameters=True, json_serializer=_json)
    if parsed.get_backend_name() != "sqlite":
        return create(
            pool_pre_ping=True,
            pool_size=POOLED,
            max_overflow=POOLED,
            pool_timeout=CONNECT_SECONDS,
            connect_args={"connect_timeout": CONNECT_SECONDS} if parsed.get_backend_name() == "postgresql" else {},
        )
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        """Readers and the writer do not wait for one another."""
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def write_for_good(engine: Engine) -> None:
    """From the next connection on SQLite syncs each commit to the disk, as PostgreSQL does; nobody may wait for it."""

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=FULL")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def is_embedded(engine: Engine) -> bool:
    """SQLite: in this process, which waits for nothing but its file's lock."""
    return engine.dialect.name == "sqlite"


def wait_for_lock(connection: Any, seconds: float) -> None:
    """How long a statement of this SQLite connection may wait for another writer."""
    connection.execute(f"PRAGMA busy_timeout={max(1, int(seconds * 1000))}")


def cut(connection: Any) -> None:
    """End a connection under a thread that waits for it: the thread gets an error instead of an answer."""
    try:
        number = os.dup(connection.fileno())
    except Exception:  # closed by now, or no driver that has a socket
        return
    with socket.socket(fileno=number) as ours:
        try:
            ours.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
