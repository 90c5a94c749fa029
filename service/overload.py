"""What waited too long for a thread is refused at once, so that under overload the rest stays fast.

gthread queues requests inside the worker, without end. Only the worker knows when one was put there (service/server.py
says it to `waited`); here it is refused before anything is read of it.
"""

from __future__ import annotations

import threading

from flask import Flask, request

from hooks.errors import HooksError
from service import counts
from service.settings import Settings

MOVE_SECONDS = 0.1
"""A caller whose request waited longer for a thread is asked to connect anew: kept connections stay with the worker
that took them, however busy it is, while another may have threads to spare."""
ALWAYS = ("/health/", "/metrics")


class Overloaded(HooksError):
    """503: more requests than this process can answer in time."""

    status, issue = 503, "throttled"

    def __init__(self) -> None:
        super().__init__("The service has more requests than it can answer in time. Try again in a second.")


class _Thread(threading.local):
    waited: float = 0.0


_this = _Thread()


def waited(seconds: float) -> None:
    """The request that this thread takes up now was in the queue for so long."""
    _this.waited = seconds


def crowded() -> bool:
    """Whether the caller of the request that this thread answers does better with another worker."""
    return _this.waited > MOVE_SECONDS


def init_app(app: Flask, settings: Settings) -> None:
    @app.before_request
    def in_time() -> None:
        """Probes are answered whenever they come: an overloaded process is alive, and who watches it must see that."""
        if _this.waited > settings.queue_seconds and not request.path.startswith(ALWAYS):
            counts.add("requests_shed")
            raise Overloaded()
