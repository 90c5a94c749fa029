"""Keep answers, feedback and used tokens. A failing database never stops an answer: it is logged and counted."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, create_engine, delete, event, make_url, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from criteria.ratings import Verdict
from hooks.feedback import Feedback
from hooks.request import HookRequest
from mappings.unmapped import Code
from service.journal.consults import cards_by_order, consult_uris
from service.journal.explained import to_row
from service.journal.judged import Judged
from service.journal.models import Base, Card, Consult, Explanation, FeedbackRow, SeenToken, UnmappedCode
from service.journal.retention import expired
from service.journal.upgrade import upgrade
from service.journal.used import UsedTokens
from service.settings import Settings
from service.version import stamp, version

log = structlog.get_logger("imaging_cds.journal")

BUSY_MS = 2_000
SWEPT_EVERY = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Consultation:
    """One hook answered. ``studies`` names the study of each order, ``unmapped`` its codes that no table knows,
    ``judged`` what those that can be explained were judged on; ``ms`` is the time that it took."""

    request: HookRequest
    tenant: str
    verdicts: Sequence[Verdict]
    answer: Mapping[str, Any]
    studies: Mapping[str, str | None]
    at: dt.datetime
    ms: float
    unmapped: Mapping[str, Sequence[tuple[str, Code]]] = field(default_factory=dict)
    judged: Sequence[Judged] = ()


class Journal:
    """The database. ``failures`` counts what could not be written since the start of this process."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.journal_url
        self._key = settings.secret_key.get_secret_value().encode()
        self._version = version()
        self._criteria = stamp(settings)
        self._settings = settings
        self._used = UsedTokens()
        self._swept: dict[type[Base], dt.datetime] = {
            table: dt.datetime.min.replace(tzinfo=dt.UTC) for table in (SeenToken, Explanation)
        }
        self._lock = threading.Lock()
        self.engine = _engine(self.url)
        self.failures = 0

    def upgrade(self) -> None:
        """Bring the tables up to date. Raises SQLAlchemy's errors: at start a broken database is worth stopping for."""
        upgrade(self.engine)

    def after_fork(self) -> None:
        """Forget the parent's connections; they are not ours to close."""
        self.engine.dispose(close=False)

    def keep(self, consultation: Consultation) -> None:
        """One row per verdict, one per card, one per code that was not recognised."""
        self._write(lambda session: session.add_all(self._rows(consultation)))
        if consultation.judged:
            self._keep_explanations(consultation)

    def _keep_explanations(self, kept: Consultation) -> None:
        """The same answer again takes the place of the first."""
        rows = [to_row(j, self.hashed("", "explain", j.handle), kept.tenant, kept.at, self._criteria)
                for j in kept.judged]  # fmt: skip

        def change(session: Session) -> None:
            for row in rows:
                session.merge(row)
            if self._due(Explanation, kept.at):
                session.execute(delete(Explanation).where(expired(self._settings, kept.at)[Explanation]))

        self._write(change)

    def explanation(self, handle: str, now: dt.datetime) -> Explanation | None:
        """What a handle opens; None for one that is wrong or too old, and where the database cannot be read."""
        mark = self.hashed("", "explain", handle)
        found = select(Explanation).where(Explanation.mark == mark, ~expired(self._settings, now)[Explanation])
        try:
            with Session(self.engine) as session:
                return session.scalar(found)
        except SQLAlchemyError as error:
            self._failed(error)
            return None

    @property
    def criteria(self) -> str:
        """What the explanations that are kept now bear as their version."""
        return self._criteria

    def keep_feedback(self, tenant: str, entries: Sequence[Feedback], at: dt.datetime) -> None:
        self._write(lambda session: session.add_all([_feedback(tenant, entry, at) for entry in entries]))

    def seen_before(self, tenant: str, mark: str, expires: dt.datetime) -> bool:
        """True when this token was used; remembers it otherwise.

        Each process remembers too, so that a token counts once per process even while the database is away.
        """
        if self._used.seen_before(tenant, mark, expires):
            return True
        try:
            with Session(self.engine) as session, session.begin():
                session.add(SeenToken(tenant=tenant, mark=mark, expires=expires))
        except IntegrityError:
            return True
        except SQLAlchemyError as error:
            self._failed(error)
        else:
            self._sweep(expires)
        return False

    def _sweep(self, now: dt.datetime) -> None:
        """Now and then let go of tokens that have long expired."""
        if not self._due(SeenToken, now):
            return
        # `now` is a token's expiry, at most token_max_seconds ahead; a day behind it nothing is still valid
        old = delete(SeenToken).where(expired(self._settings, now)[SeenToken])
        self._write(lambda session: session.execute(old))

    def _due(self, table: type[Base], now: dt.datetime) -> bool:
        """True now and then: time to let go of a table's old rows."""
        with self._lock:
            if now - self._swept[table] < SWEPT_EVERY:
                return False
            self._swept[table] = now
            return True

    def _write(self, change: Callable[[Session], object]) -> None:
        try:
            with Session(self.engine) as session, session.begin():
                change(session)
        except SQLAlchemyError as error:
            self._failed(error)

    def _failed(self, error: SQLAlchemyError) -> None:
        with self._lock:
            self.failures += 1
        log.error("journal_failed", kind=type(error).__name__, failures=self.failures)

    def hashed(self, tenant: str, *parts: str) -> str:
        """A keyed hash of something that must not stand in the journal."""
        text = "\0".join((tenant, *parts)).encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def _rows(self, kept: Consultation) -> list[Consult | Card]:
        rows: list[Consult | Card] = []
        request, tenant = kept.request, kept.tenant
        uris = consult_uris(kept.answer)
        cards = cards_by_order(kept.answer)
        for verdict in kept.verdicts:
            consult = Consult(
                tenant=tenant,
                consult=uris.get(verdict.order),
                hook=request.hook,
                hook_instance=self.hashed(tenant, "hook", request.hook_instance),
                created=kept.at,
                session=self.hashed(tenant, "session", request.patient_id, request.encounter_id or ""),
                order_key=self.hashed(tenant, "order", request.patient_id, verdict.order),
                study=kept.studies.get(verdict.order),
                rating=verdict.rating.value if verdict.rating else None,
                because=verdict.because.value if verdict.because else None,
                provisional=verdict.provisional,
                asks=list(verdict.asks),
                presumes=list(verdict.presumes),
                criteria=list(verdict.criteria),
                rows=list(verdict.rows),
                guidelines=list(verdict.guidelines),
                version=self._version,
                ms=kept.ms,
            )
            consult.cards = [_card(tenant, card) for card in cards.get(verdict.order, ())]
            consult.unmapped = [
                UnmappedCode(tenant=tenant, kind=kind, system=code.system, code=code.code)
                for kind, code in kept.unmapped.get(verdict.order, ())
            ]
            rows.append(consult)
        return rows


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=not sqlite)
    if sqlite:

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: object) -> None:
            """Readers and the writer do not wait for one another."""
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
                connection.execute(f"PRAGMA {pragma}")

    return engine


def _card(tenant: str, card: Mapping[str, Any]) -> Card:
    suggestions = [s["uuid"] for s in card.get("suggestions", ()) if "uuid" in s]
    return Card(tenant=tenant, card=card["uuid"], indicator=card["indicator"], suggestions=suggestions)


def _feedback(tenant: str, entry: Feedback, at: dt.datetime) -> FeedbackRow:
    return FeedbackRow(
        tenant=tenant,
        card=_short(entry.card),
        outcome=entry.outcome,
        outcome_at=entry.at,
        received=at,
        reason_code=_short(entry.reason_code) if entry.reason_code else None,
        reason_system=_short(entry.reason_system) if entry.reason_system else None,
        as_sent=entry.as_sent,
    )


def _short(text: str) -> str:
    """What a column takes: PostgreSQL knows no NUL, and minds the length."""
    return text.replace("\0", "")[:255]
