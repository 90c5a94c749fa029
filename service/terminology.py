"""What a site's terminology server said of SNOMED CT concepts that no table knows; off unless a server is configured.

Answers come from memory alone. What is not there is asked by one thread in the background, so that a slow server costs
no caller any time, and the next answer knows.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

import structlog

from mappings.diagnoses import covered_snomed
from service.outgoing import Unavailable
from service.settings import Settings
from service.terminology_server import TerminologyServer

log = structlog.get_logger("imaging_cds.terminology")

WAITING = 500
"""Concepts that wait to be asked at most; more are asked when they are met again."""
PAUSE = 60.0
"""Seconds after a failure before the server is called again."""
_CONCEPT = re.compile(r"[1-9]\d{5,17}")


class Terminology:
    """One per process; its thread starts with the first question. ``now`` counts seconds; tests hand in their own."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic, pause: float = PAUSE) -> None:
        self._server = TerminologyServer(settings, covered_snomed())
        self._now, self._pause = now, pause
        self._age, self._most = settings.terminology_max_age_hours * 3600, settings.terminology_entries
        self._answers: OrderedDict[str, tuple[tuple[str, ...], float]] = OrderedDict()
        self._waiting: queue.Queue[str] = queue.Queue(WAITING)
        self._asked: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def known(self, code: str) -> tuple[str, ...] | None:
        """The codes of our table that hold the concept; None while the server has not said. Never waits for it."""
        if not _CONCEPT.fullmatch(code):
            return ()
        with self._lock:
            held, said = self._answers.get(code, ((), float("-inf")))
            if self._now() - said > self._age:
                return None
            self._answers.move_to_end(code)
            return held

    def learn(self, codes: Iterable[str]) -> None:
        """Have these concepts asked for when there is time."""
        with self._lock:
            for code in codes:
                if code not in self._asked and not self._waiting.full():
                    self._asked.add(code)
                    self._waiting.put_nowait(code)
            idle = self._thread is None or not self._thread.is_alive()  # a fork leaves the thread behind
            if idle and not self._waiting.empty():
                self._thread = threading.Thread(target=self._work, name="terminology", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            code = self._waiting.get()
            began, failed = time.perf_counter(), ""
            try:
                self._remember(code, self._server.holding(code))
            except Unavailable as error:
                failed = error.reason
            except Exception as error:  # the thread must outlive whatever a server sends
                failed = type(error).__name__
            with self._lock:
                self._asked.discard(code)
            ms = round((time.perf_counter() - began) * 1000, 1)
            if failed:
                log.warning("terminology_failed", reason=failed, ms=ms)
                time.sleep(self._pause)
            else:
                log.info("terminology_asked", ms=ms, waiting=self._waiting.qsize())

    def _remember(self, code: str, held: tuple[str, ...]) -> None:
        with self._lock:
            self._answers[code] = (held, self._now())
            self._answers.move_to_end(code)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
