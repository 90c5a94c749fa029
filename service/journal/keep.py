"""Keep answers, feedback and used tokens. A failing database never stops an answer, and none waits for it long.

What is to be kept is a line in the spool before its answer leaves; the writer, another process, brings it into the
database behind. Without a server (in tests and tools, which do not call `after_fork`) whoever keeps something brings it
there as well.
"""

from __future__ import annotations

import atexit
import datetime as dt
import hmac
import threading
import time
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from hooks.feedback import Feedback
from service import counts
from service.journal.bounded import PATH_SECONDS, Away, Bounded, T, Work
from service.journal.consultation import Consultation
from service.journal.database import is_embedded, make_engine, write_for_good
from service.journal.handing import Handing
from service.journal.housekeeping import Housekeeping
from service.journal.ledger import Also, Ledger
from service.journal.models import Explanation, SeenToken, table_of
from service.journal.pending import Pending
from service.journal.records import answer_line, explained_line, feedback_line
from service.journal.retention import expired
from service.journal.spool import Segment, Spool
from service.journal.upgrade import upgrade
from service.journal.used import UsedTokens
from service.journal.writer import write
from service.settings import Clock, Settings
from service.version import stamp, version

log = structlog.get_logger("imaging_cds.journal")

REMEMBER = insert(table_of(SeenToken))
READ_SECONDS = 2.0
"""What a page may wait for the database; an answer waits `PATH_SECONDS` at most."""
SOON_SECONDS = 2.0
"""What is asked for right after its answer may still be on its way into the database."""
AGAIN_SECONDS = 0.05
END_SECONDS = 5.0


class NotKept(Exception):
    """Neither the database nor the disk took it."""


class Journal:
    """The database, and what is on its way there. ``failures`` counts what did not reach it at the first attempt."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.url = settings.journal_url
        self._key = settings.secret_key.get_secret_value().encode()
        self._version = version()
        self._criteria = stamp(settings)
        self._settings = settings
        self._clock = clock or (lambda: dt.datetime.now(dt.UTC))
        self._used = UsedTokens()
        self._lock = threading.Lock()
        self._handing: Handing | None = None
        self.engine: Engine = make_engine(self.url)
        self.failures = 0
        self.also: dict[str, Also] = {}
        """What is done with lines of other kinds, by kind (`Ledger`)."""
        self._begin()

    def _begin(self) -> None:
        spool = Spool(self._settings.spool_folder, self._settings.spool_megabytes * 2**20)
        self.bounded = Bounded(self.engine)
        self.ledger = Ledger(self.bounded, spool.set_aside, self.also)
        self.pending = Pending(spool, self.ledger)
        self._housekeeping = Housekeeping(self._clock, self.sweep)

    def upgrade(self) -> None:
        """Bring the tables up to date. Raises SQLAlchemy's errors: at start a broken database is worth stopping for."""
        upgrade(self.engine)
        if not is_embedded(self.engine):
            self.engine.dispose()  # nothing for the workers to inherit

    def after_fork(self) -> None:
        """In a worker: what is kept from now on goes to the writer."""
        counts.forget()
        self._begin_anew()
        self._handing = Handing(self.pending)
        self._handing.start()
        atexit.register(self.close)

    def write_behind(self, may_go_on: Callable[[], bool]) -> None:
        """In the writer's process: bring into the database what all others of this machine keep."""
        self._begin_anew()
        if is_embedded(self.engine):
            write_for_good(self.engine)  # what goes out of the spool was synced there
        write(self.pending, self._housekeeping.when_due, may_go_on)
        self.pending.spool.close()
        self.engine.dispose()

    def _begin_anew(self) -> None:
        """Forget the parent's connections, which are not ours to close."""
        self.engine.dispose(close=False)
        self._begin()

    def close(self) -> None:
        """What waits is left to the writer; what is in memory is written, if the database lets us."""
        if self._handing is not None:
            self._handing.end(END_SECONDS)
            self._handing = None
        self.pending.spool.close()

    def keep(self, consultation: Consultation) -> None:
        """What was answered, and what it can be explained from, before the answer leaves."""
        self.take(answer_line(consultation, self.hashed, self._version))
        if not consultation.judged:
            return
        try:
            explained = explained_line(consultation, self.hashed, self._criteria)
        except (TypeError, ValueError):  # a value that no line takes, such as a number of thirty figures
            self._lost()
        else:
            self.take(explained)

    def take(self, line: bytes) -> None:
        """A line that will be in the database; where even this machine cannot keep it, it is counted."""
        if self.pending.take(line) is None:
            self._lost()
        self._go_on()

    def keep_feedback(self, tenant: str, entries: Sequence[Feedback], at: dt.datetime) -> None:
        """In the database, or on the disk for good. Raises `NotKept`."""
        if not entries:
            return
        taken = self.pending.take(feedback_line(tenant, entries, at))
        self._go_on(at_once=not isinstance(taken, Segment))
        wait = PATH_SECONDS if self._handing else 0
        if isinstance(taken, Segment):
            try:
                self.pending.spool.sync(taken)
                return
            except OSError as error:
                log.error("journal_failed", kind=type(error).__name__)
        elif taken is not None and (taken.wait(wait) or not self.pending.take_back(taken)):
            return
        self._lost()
        raise NotKept

    def _go_on(self, *, at_once: bool = False) -> None:
        if self._handing is not None:
            self._handing.wake(at_once=at_once)
        elif not self.bounded.away:
            try:
                self.pending.drain()
                self._housekeeping.when_due()
            except Away as error:
                self._failed(error)

    def _lost(self) -> None:
        counts.add("journal_lost")
        log.error("journal_lost")

    def explanation(self, handle: str, now: dt.datetime) -> Explanation | None:
        """What a handle opens; None for one that is wrong or too old. Raises `Away`."""
        mark = self.hashed("", "explain", handle)
        found = select(Explanation).where(Explanation.mark == mark, ~expired(self._settings, now)[Explanation])
        try:
            return self.soon(lambda db: db.scalar(found))
        except Away as error:
            self._failed(error)
            raise

    def soon(self, work: Work[T]) -> T:
        """What is read; where it finds nothing, once more when all that was on its way is there. Raises `Away`."""
        began = time.monotonic()
        while True:
            coming = self.pending.size > 0 or self.pending.spool.others_wait()
            result = self.bounded.run(work, READ_SECONDS)
            if result or not coming or time.monotonic() - began > SOON_SECONDS:
                return result
            if self._handing is not None:
                self._handing.wake(at_once=True)
            time.sleep(AGAIN_SECONDS)

    @property
    def criteria(self) -> str:
        """What the explanations that are kept now bear as their version."""
        return self._criteria

    def seen_before(self, tenant: str, mark: str, expires: dt.datetime) -> bool:
        """True when this token was used; remembers it otherwise.

        Each process remembers too, so that a token counts once per process even while the database is away.
        """
        if self._used.seen_before(tenant, mark, expires):
            return True

        token = {"tenant": tenant, "mark": mark, "expires": expires}
        try:
            self.bounded.in_path(lambda db: db.execute(REMEMBER, token))
        except IntegrityError:
            return True
        except Away as error:
            counts.add("journal_skipped_tokens")
            self._failed(error)
        return False

    def state(self) -> dict[str, int]:
        """For health and metrics: whether nobody waits for the database, and how many bytes wait to get there."""
        return {"away": int(self.bounded.away), "waiting_bytes": self.pending.size}

    def sweep(self, now: dt.datetime) -> None:
        """Let go of what is past its period. Raises `Away`."""
        self.ledger.purge(self._settings, now)

    def _failed(self, error: Away) -> None:
        with self._lock:
            self.failures += 1
        counts.add("journal_failures")
        log.error("journal_failed", kind=error.why)

    def hashed(self, tenant: str, *parts: str) -> str:
        """A keyed hash of something that must not stand in the journal."""
        return hmac.digest(self._key, "\0".join((tenant, *parts)).encode(), "sha256").hex()
