"""Logs are JSON lines without a value of anybody: ours, the libraries', the server's, and those of a crash."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from gunicorn.config import Config  # type: ignore[import-untyped]

from service import counts, library_log
from service import log as logs
from service.errors import place
from tests.service_examples import SERVICE, call, make_app, parts_of

SECRET = "Zebra-Okonkwo"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged, as in a running service."""
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, threading.excepthook
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    root.handlers[:], threading.excepthook = before, hook
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_of_a_request_bears_its_id_and_the_answer_does_too(written: io.StringIO, tmp_path: Path) -> None:
    app = make_app(tmp_path)
    written.truncate(0), written.seek(0)
    response = app.test_client().post(SERVICE, json=call(), headers={"X-Request-Id": "abcdef-0123"})
    assert response.headers["X-Request-Id"] == "abcdef-0123"
    told = lines(written)
    assert {"decided", "answered"} <= {line["event"] for line in told}
    assert {line["request"] for line in told} == {"abcdef-0123"}
    assert all({"level", "timestamp"} <= line.keys() for line in told)
    parts_of(app).journal.engine.dispose()


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.usefixtures("written")
def test_a_log_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    logs.configure(FullDisk())
    lost = counts.read().get("log_lines_lost", 0)
    app = make_app(tmp_path)
    assert app.test_client().post(SERVICE, json=call()).status_code == 200
    assert counts.read()["log_lines_lost"] > lost
    parts_of(app).journal.engine.dispose()


def test_what_is_no_id_is_not_taken_for_one(written: io.StringIO, tmp_path: Path) -> None:
    app = make_app(tmp_path)
    response = app.test_client().get("/health/live", headers={"X-Request-Id": f"{SECRET} {SECRET}"})
    assert SECRET not in response.headers["X-Request-Id"] and SECRET not in written.getvalue()
    parts_of(app).journal.engine.dispose()


def test_an_exception_that_nobody_expected_is_told_by_kind_and_place(
    written: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(tmp_path)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("criteria.verdict_on", broken)
    assert app.test_client().post(SERVICE, json=call()).status_code == 500
    [failed] = [line for line in lines(written) if line["event"] == "failed"]
    assert failed["kind"] == "RuntimeError" and any("service.decide:" in at for at in failed["at"])
    assert SECRET not in written.getvalue()
    parts_of(app).journal.engine.dispose()


def test_libraries_are_told_without_what_they_quote(written: io.StringIO) -> None:
    told = logging.getLogger("some.library")
    told.warning("Failed to parse headers (url=%s): %s, %d times", f"/Patient/{SECRET}", SECRET, 3)
    told.warning(f"made beforehand: {SECRET}")
    told.info("not of interest")
    try:
        raise ValueError(SECRET)
    except ValueError:
        told.exception("Broken %s", SECRET)
    first, second, third = lines(written)
    assert first["says"] == "Failed to parse headers (url=%s): %s, %d times" and first["numbers"] == [3]
    assert "says" not in second and second["at"].startswith("test_logs:")
    assert third["kind"] == "ValueError" and third["level"] == "error"
    assert SECRET not in written.getvalue()


def test_a_thread_that_ends_by_an_exception_leaves_a_line_without_its_words(written: io.StringIO) -> None:
    def broken() -> None:
        raise RuntimeError(SECRET)

    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    [line] = lines(written)
    assert (line["event"], line["kind"]) == ("thread_ended", "RuntimeError")
    assert SECRET not in written.getvalue()


def test_the_servers_own_log_has_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    server = library_log.ServerLog(Config())
    try:
        server.error("Worker (pid:%s) exited with code %s.", 17, 3)
        try:
            raise OSError(SECRET)
        except OSError:
            server.exception("Error handling request")
    finally:
        for handler in server.error_log.handlers[:]:
            server.error_log.removeHandler(handler)
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["says"] == "Worker (pid:%s) exited with code %s." and first["numbers"] == [17, 3]
    assert second["says"] == "Error handling request" and second["kind"] == "OSError"


def test_a_place_is_modules_and_lines() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        error = sys.exc_info()[1]
    assert error is not None and all(SECRET not in at for at in place(error))
