"""The server process: gunicorn, started from within.

SIGTERM  each worker says at /health/ready that it is leaving, takes requests for `drain_seconds` more, answers what it
         took and ends; then the journal's writer writes out the rest and ends; within `graceful_seconds`
SIGHUP   the files that settings name (trust table, policies, overlay, keys, ...) are read anew, then workers that know
         them take over one by one; a file with a fault in it leaves everything as it was, and the log says so
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask
from gunicorn import sock  # type: ignore[import-untyped]
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.http.message import Request  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from criteria.errors import CriteriaError
from service import overload, readiness
from service.cores import cores
from service.journal.keep import END_SECONDS
from service.library_log import ServerLog
from service.memory import Tidying, settle_memory
from service.parts import Parts
from service.settings import Settings, SettingsError
from service.watch.shared import worker_ended
from service.writing import WriterProcess

log = structlog.get_logger("imaging_cds.server")

BODY_SECONDS = 10.0
"""Longest pause of a caller while it sends a body; then its thread serves others."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """gthread that tells how long a request waited for a thread, and that says goodbye before it goes; callers who
    waited long are let go, to find one that is less busy."""

    tidying = Tidying()

    def enqueue_req(self, conn: TConn) -> None:
        conn.queued = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        overload.waited(time.monotonic() - conn.queued)
        return super().handle(conn)

    def handle_request(self, req: Request, conn: TConn) -> object:
        conn.sock.settimeout(BODY_SECONDS)
        if self.cfg.workers > 1 and overload.crowded():
            req.force_close()
        try:
            return super().handle_request(req, conn)
        finally:
            self.tidying.after_answer()

    def handle_exit(self, sig: int, frame: object) -> None:
        if readiness.stopping():
            return
        readiness.stop_taking()
        leave = threading.Timer(self.app.settings.drain_seconds, super().handle_exit, (sig, frame))
        leave.daemon = True
        leave.start()


class Master(Arbiter):  # type: ignore[misc]
    """Keeps the journal's writer beside the workers: there before them, and gone after them."""

    def __init__(self, app: Server) -> None:
        self.writer = WriterProcess(lambda: _parts(app.flask).journal, self.in_writer)
        super().__init__(app)

    def manage_workers(self) -> None:
        self.writer.see_to()
        super().manage_workers()

    def stop(self, graceful: bool = True) -> None:
        ends = time.monotonic() + self.cfg.graceful_timeout
        super().stop(graceful)
        self.writer.end(max(1.0, min(END_SECONDS, ends - time.monotonic())))

    def in_writer(self) -> None:
        """The writer takes no requests."""
        sock.close_sockets(self.LISTENERS, unlink=False)
        for worker in self.WORKERS.values():
            worker.tmp.close()


class Server(BaseApplication):  # type: ignore[misc]
    """Serves one application. It is made before the workers fork, so that the criteria are read once."""

    def __init__(self, make: Callable[[], Flask], bind: str, announce: str = "") -> None:
        self.make, self.announce = make, announce
        self.flask = make()
        self.settings: Settings = _parts(self.flask).settings
        _parts(self.flask).rates.processes = self.settings.workers or cores()
        self.options: dict[str, Any] = {
            "bind": bind,
            "workers": self.settings.workers or cores(),
            "threads": self.settings.threads,
            "worker_class": Worker,
            "preload_app": True,
            "timeout": 30,
            "graceful_timeout": self.settings.graceful_seconds,
            "keepalive": 15,
            "limit_request_line": 4094,
            "loglevel": "warning",
            "logger_class": ServerLog,
            "control_socket_disable": True,
            "post_fork": self.forked,
            "worker_exit": self.left,
            "child_exit": self.ended,
            "when_ready": self.ready,
        }
        super().__init__()
        settle_memory()

    def load_config(self) -> None:
        for name, value in self.options.items():
            if name in self.cfg.settings:  # not every gunicorn knows every one
                self.cfg.set(name, value)

    def run(self) -> None:
        Master(self).run()

    def load(self) -> Flask:
        return self.flask

    def reload(self) -> None:
        """After SIGHUP, in the master: the workers that are forked next serve what is made now."""
        try:
            fresh = self.make()
        except (SettingsError, CriteriaError) as error:
            log.error("not_reloaded", why=str(error))
        else:
            _parts(self.flask).journal.engine.dispose()
            _parts(fresh).rates.processes = self.settings.workers or cores()
            self.flask = self.callable = fresh
            settle_memory()
            log.info("reloaded")
        super().reload()

    def forked(self, _server: object, _worker: object) -> None:
        readiness.take_again()
        _parts(self.flask).journal.after_fork()

    def left(self, _server: object, _worker: object) -> None:
        """The last thing a worker does: what the journal still holds is left to the writer."""
        _parts(self.flask).journal.close()

    def ended(self, _server: object, worker: Any) -> None:
        worker_ended(worker.pid)

    def ready(self, _server: object) -> None:
        if self.announce:
            print(self.announce, flush=True)


def _parts(app: Flask) -> Parts:
    parts: Parts = app.extensions["imaging_cds"]
    return parts
