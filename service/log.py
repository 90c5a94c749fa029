"""Logs as data: one JSON object per line, with the request's id, and nothing about a patient."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import uuid
from typing import TextIO

import structlog
from flask import Flask, Response, g, request

from service import counts, library_log


class Lines:
    """Writes one line at a time. A log that cannot be written, its disk being full, must not cost an answer: the line
    is counted as lost."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.lock = stream, threading.Lock()

    def msg(self, line: str) -> None:
        try:
            with self.lock:
                self.stream.write(f"{line}\n")
                self.stream.flush()
        except OSError:
            counts.add("log_lines_lost")

    debug = info = warning = error = critical = exception = log = msg


_ID = re.compile(r"[A-Za-z0-9\-]{8,64}")
log = structlog.get_logger("imaging_cds.http")


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """JSON lines on stderr, ours and those of the libraries."""
    lines = Lines(stream or sys.stderr)
    library_log.configure(stream, logging.WARNING if level >= logging.INFO else level)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )


def init_app(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if _ID.fullmatch(sent) else str(uuid.uuid4())
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        ms = round((time.perf_counter() - g.began) * 1000, 1)
        # the rule, not the path: a path may hold anything
        log.info("answered", route=str(request.url_rule), method=request.method, status=response.status_code, ms=ms)
        return response
