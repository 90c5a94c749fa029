"""The process in which the journal is written: one for each server, forked by its master, watched and ended by it.

Beside the workers and not in them, since writing shares an interpreter's time with answers; and with less of a claim to
the processor. It can be killed at any time: what it had not written yet is still in the spool.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import structlog

from service import counts
from service.journal import Journal
from service.journal.keep import END_SECONDS
from service.memory import look_often
from service.watch.metrics import pass_on_counts

log = structlog.get_logger("imaging_cds.server")

NICE = 5
"""At 10 it would fall behind where answers take all of the machine."""
AGAIN_SECONDS = 1.0
"""Between two starts at least."""
FOR_THE_MASTER = (
    signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH,
)  # fmt: skip
"""A terminal sends some of them to all processes; the writer ends when its master says so, or is gone."""


class WriterProcess:
    """``journal`` is that of the application as it is now; ``in_child`` lets go of what only the master needs."""

    def __init__(self, journal: Callable[[], Journal], in_child: Callable[[], None]) -> None:
        self._journal, self._in_child = journal, in_child
        self._pid = 0
        self._started = -AGAIN_SECONDS
        self._ending = False

    def see_to(self) -> None:
        """Start it where it does not run."""
        if self._runs() or time.monotonic() - self._started < AGAIN_SECONDS:
            return
        again = self._pid != 0
        if again:
            log.error("writer_ended", pid=self._pid)
        self._started = time.monotonic()
        master = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                self._be_it(master, again)
                status = 0
            except Exception as error:
                log.error("failed", kind=type(error).__name__)
            finally:
                os._exit(status)  # nothing of the master's is ours to end

    def end(self, seconds: float) -> None:
        """Ask it to write what is left; kill it when the time is up."""
        until = time.monotonic() + seconds
        while self._runs():
            os.kill(self._pid, signal.SIGTERM if time.monotonic() < until else signal.SIGKILL)
            time.sleep(0.05)
        self._pid = 0

    def _runs(self) -> bool:
        try:
            return self._pid != 0 and os.waitpid(self._pid, os.WNOHANG)[0] == 0
        except ChildProcessError:  # the master reaps all its children
            return False

    def _be_it(self, master: int, again: bool) -> None:
        for number in FOR_THE_MASTER:
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGCHLD, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, self._hurry)
        self._in_child()
        os.nice(NICE)
        look_often()
        counts.forget()
        if again:
            counts.add("journal_writer_restarts")

        def may_go_on() -> bool:
            pass_on_counts()
            if os.getppid() != master:
                self._hurry()
            return not self._ending

        self._journal().write_behind(may_go_on)
        pass_on_counts()

    def _hurry(self, *_: object) -> None:
        """Whatever it is at, it ends in time: SIGALRM ends a process that says nothing else."""
        if not self._ending:
            self._ending = True
            signal.alarm(int(END_SECONDS))
