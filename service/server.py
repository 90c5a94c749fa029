"""The server process: gunicorn, started from within."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from service.library_log import ServerLog
from service.memory import settle_memory
from service.parts import Parts
from service.watch.shared import worker_ended


class Server(BaseApplication):  # type: ignore[misc]
    """Serves one application. It is made before the workers fork, so that the criteria are read once."""

    def __init__(self, app: Flask, bind: str, workers: int, threads: int, announce: str = "") -> None:
        self.app, self.announce = app, announce
        app.extensions["imaging_cds"].rates.processes = workers
        self.options: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": "gthread",
            "preload_app": True,
            "timeout": 30,
            "keepalive": 15,
            "limit_request_line": 4094,
            "loglevel": "warning",
            "logger_class": ServerLog,
            "control_socket_disable": True,
            "post_fork": self.forked,
            "child_exit": self.ended,
            "when_ready": self.ready,
        }
        super().__init__()
        settle_memory()

    def load_config(self) -> None:
        for name, value in self.options.items():
            if name in self.cfg.settings:  # not every gunicorn knows every one
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app

    def forked(self, _server: object, _worker: object) -> None:
        parts: Parts = self.app.extensions["imaging_cds"]
        parts.journal.after_fork()

    def ended(self, _server: object, worker: Any) -> None:
        worker_ended(worker.pid)

    def ready(self, _server: object) -> None:
        if self.announce:
            print(self.announce, flush=True)
