"""What the libraries log, as JSON lines like ours, without a value in them: a library quotes addresses, headers and
exceptions, and any of these may hold what a caller sent."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from service.errors import place

log = structlog.get_logger("imaging_cds.thread")

WORDS_ARE_FIXED = ("gunicorn",)
"""Libraries whose messages without arguments are sentences in their source."""


class Line(logging.Formatter):
    """The message as it stands in the library's source, numbers, and of an exception its kind and place."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {"logger": record.name, "at": f"{record.module}:{record.lineno}"}
        if record.args or record.name.startswith(WORDS_ARE_FIXED):
            told["says"] = str(record.msg)
        if isinstance(record.args, tuple) and (numbers := [a for a in record.args if type(a) is int]):
            told["numbers"] = numbers
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            told |= {"kind": type(error).__name__, "where": place(error)}
        when = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        return json.dumps({**told, "event": "library", "level": record.levelname.lower(), "timestamp": when})


def configure(stream: TextIO | None = None, level: int = logging.WARNING) -> None:
    """For every library of this process, and for threads that end by an exception nobody expected."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    threading.excepthook = _thread_ended


def _thread_ended(told: threading.ExceptHookArgs) -> None:
    at = place(told.exc_value) if told.exc_value else []
    log.error("thread_ended", kind=told.exc_type.__name__, at=at)


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's own log, in the same form."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Line())
