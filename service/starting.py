"""What can be told to be wrong before the first request: files, folder, database. One sentence each, with its mend."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from service.journal import Journal
from service.settings import Clock, Settings, SettingsError

PREFIX = "IMAGING_CDS_"


def check_files(settings: Settings) -> None:
    """Every file that a setting names is there and is text. Raises `SettingsError`."""
    named = [name for name in Settings.model_fields if name.endswith("_file") or name == "ca_bundle"]
    for name in named:
        path = getattr(settings, name)
        if not path or name == "secret_key_file" or (settings.open and name == "trust_file"):
            continue
        try:
            Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise SettingsError(f"{PREFIX}{name.upper()}: {path} is not UTF-8 text.") from None
        except OSError as error:
            raise SettingsError(f"{PREFIX}{name.upper()}: {path} cannot be read ({error.strerror}).") from None


def check_folder(settings: Settings) -> None:
    """The folder for the service's own files can be made and written to. Raises `SettingsError`."""
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"{PREFIX}DATA_DIR: {folder} cannot be written to ({error.strerror}). Name a folder that"
            " this user may write to; in a container, a volume."
        ) from None


def check_port(host: str, port: int) -> None:
    """A port that another has is said at once, and not after the criteria were read. Raises `SettingsError`."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise SettingsError(f"{host} port {port} cannot be served on ({error.strerror}).") from None


def open_journal(settings: Settings, clock: Clock) -> Journal:
    """The journal with its tables up to date. Raises `SettingsError`, which says of the database's address no more than
    its kind and host.

    A database that is away while the service runs holds nothing up. At the start it stops: nobody could say whether its
    tables are those of this version.
    """
    url = f"{PREFIX}DATABASE_URL"
    try:
        parsed = make_url(settings.journal_url)
        where = f"{parsed.drivername} at {parsed.host or parsed.database}"
    except ArgumentError:
        raise SettingsError(
            f"{url} is no database URL; write one such as postgresql+psycopg://user@host/database."
        ) from None
    try:
        journal = Journal(settings, clock)
    except (ImportError, SQLAlchemyError):
        raise SettingsError(
            f"{url}: no driver for {parsed.drivername} is installed. For PostgreSQL: pip install"
            " -e '.[postgresql]' in the clone."
        ) from None
    except OSError as error:
        raise SettingsError(f"{url}: the database ({where}) cannot be opened ({error.strerror}).") from None
    try:
        journal.upgrade()
    except SQLAlchemyError as error:
        journal.engine.dispose()
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SettingsError(
            f"{url}: the database ({where}) cannot be opened or brought up to date ({kind}). Is it running, does"
            " it let this user in, and may the user make tables?"
        ) from None
    return journal
