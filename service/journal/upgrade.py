"""Bring the journal's tables to the newest version; the migrations are packaged with the service."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from service.journal.database import is_embedded

MIGRATIONS = Path(__file__).parent / "migrations"


ONE_AT_A_TIME = 0x696D6167
"""The advisory lock of PostgreSQL that stands for our tables."""


def upgrade(engine: Engine) -> None:
    """Run what is missing; nothing when all is in place. Of several processes that start together one does it."""
    with _alone(engine), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        command.upgrade(_config(connection), "head")


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """SQLite ends a transaction at each change of a table, so a file beside it is locked."""
    database = engine.url.database
    if not is_embedded(engine) or not database or database == ":memory:":
        yield
        return
    with Path(f"{database}.upgrading").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def downgrade(engine: Engine, revision: str) -> None:
    """Back to an earlier version of the tables, with the loss of what only the later ones hold."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
