"""A service that cannot start says in one sentence what is wrong and how to mend it, and shows no secret."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import main
from service.cores import cores
from service.parts import make_parts
from service.settings import SettingsError, read_settings

SECRET = "hunter2-of-the-database"
FILES = ("policies_file", "overlay_file", "plans_file", "smart_file", "smart_keys_file", "ca_bundle")


def refused(folder: Path, **settings: Any) -> str:
    given = {"open": True, "data_dir": str(folder), **settings}
    with pytest.raises(SettingsError) as error:
        make_parts(read_settings({}, **given))
    said = str(error.value)
    assert SECRET not in said
    return said


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there_is_named_with_its_variable(tmp_path: Path, name: str) -> None:
    missing = str(tmp_path / "none")
    said = refused(tmp_path, **{name: missing})
    assert f"IMAGING_CDS_{name.upper()}" in said
    assert missing in said


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_text_or_a_folder_is_named(tmp_path: Path, name: str) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x9d\xff\x00")
    assert "UTF-8" in refused(tmp_path, **{name: str(binary)})
    assert "cannot be read" in refused(tmp_path, **{name: str(tmp_path)})


def test_the_trust_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, open=False, trust_file="/nowhere/trust.yaml", secret_key="k" * 32)
    assert "IMAGING_CDS_TRUST_FILE: /nowhere/trust.yaml" in said


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "IMAGING_CDS_DATA_DIR" in refused(tmp_path, data_dir=str(tmp_path / "file" / "data"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "is no database URL"),
        (f"mysql://u:{SECRET}@127.0.0.1/x", "no driver for mysql"),
        (f"nosuch://u:{SECRET}@127.0.0.1/x", "no driver for nosuch"),
        (f"postgresql+psycopg://u:{SECRET}@127.0.0.1:1/x?connect_timeout=2", "Is it running"),
        ("sqlite:////proc/none/journal.sqlite", "DATABASE_URL"),
    ],
)
def test_a_database_that_cannot_be_used_stops_the_start(tmp_path: Path, url: str, said: str) -> None:
    assert said in refused(tmp_path, database_url=url)


def test_the_database_url_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "database_url"
    file.write_text("postgresql+psycopg://u:p@db/x\n")
    assert read_settings({}, open=True, database_url_file=str(file)).database_url == "postgresql+psycopg://u:p@db/x"
    with pytest.raises(SettingsError, match="not both"):
        read_settings({}, open=True, database_url_file=str(file), database_url="sqlite://")
    with pytest.raises(SettingsError, match="DATABASE_URL_FILE"):
        read_settings({}, open=True, database_url_file=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "0"], "--port"),
        (["--port", "70000"], "--port"),
        (["--workers", "0"], "--workers"),
        (["--workers", "1000"], "--workers"),
        (["--threads", "none"], "--threads"),
        (["--host", "203.0.113.1"], "cannot be served on"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(options: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--open", *options])
    assert result.exit_code != 0
    assert said in result.output


def test_a_port_that_another_has_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["serve", "--open", "--port", port])
    assert result.exit_code == 1
    assert f"port {port} cannot be served on" in result.output


def test_an_end_that_would_cut_answers_off_is_refused() -> None:
    with pytest.raises(SettingsError, match="GRACEFUL_SECONDS must be more than 15"):
        read_settings({}, open=True, drain_seconds=10, graceful_seconds=12)


@pytest.mark.parametrize(
    ("quota", "expected"), [("50000 100000", 1), ("100000 100000", 1), ("1 0", None), ("max 100000", None)]
)
def test_workers_follow_the_quota_of_the_container(tmp_path: Path, quota: str, expected: int | None) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(f"{quota}\n")
    assert cores(file) == (expected or cores(tmp_path / "none"))
