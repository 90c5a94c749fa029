"""From the app back into the next hook: what a clinician answered counts for the same order, and is not asked again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import bindparam, delete, or_, select, update

from criteria.facts import FactDefinition, Value, Vocabulary
from criteria.orders import Order
from hooks.actions import CONSULT
from hooks.request import HookRequest
from service import counts
from service.clients import Client
from service.journal import Away, Judged
from service.journal.consults import consult_uris
from service.smart.answers import Json, observation
from service.smart.consults import Consults, OpenConsult
from service.smart.models import AppAnswer
from service.smart.store import Store

log = structlog.get_logger("imaging_cds.app")


OF_ORDERS = select(AppAnswer.__table__).where(
    AppAnswer.tenant == bindparam("tenant"),
    AppAnswer.patient_key == bindparam("patient"),
    AppAnswer.user_key == bindparam("user"),
    AppAnswer.expires >= bindparam("now"),
    or_(
        AppAnswer.order_key.in_(bindparam("orders", expanding=True)),
        AppAnswer.consult.in_(bindparam("marked", expanding=True)),
    ),
)
"""Made once: to make it takes longer than to ask it."""


@dataclass(frozen=True, slots=True)
class Told:
    """Answers that count for the orders of one hook: as Observations, and the rows by order. ``unread``: nobody knows
    whether there are any."""

    observations: tuple[Json, ...] = ()
    rows: Mapping[str, tuple[AppAnswer, ...]] | None = None
    unread: bool = False

    def __bool__(self) -> bool:
        return bool(self.observations)


class Continuity:
    """A failing database never stops an answer: it is logged, and what was told is asked again."""

    def __init__(self, store: Store, consults: Consults, vocabulary: Vocabulary, lasts: dt.timedelta) -> None:
        self._store, self._consults, self._vocabulary, self._lasts = store, consults, vocabulary, lasts

    def told(self, request: HookRequest, client: Client, orders: Sequence[Order], now: dt.datetime) -> Told:
        """What this user answered for these orders of this patient.

        The same order is one of the same id, or with the consult id of an answer of ours; and of the same region, since
        some EHRs use the id of a draft again.
        """
        try:
            rows = self._rows(request, client.tenant, now)
        except Away as error:
            counts.add("journal_skipped_answers")
            log.error("answers_not_read", kind=error.why)
            return Told(unread=True)
        if not rows:
            return Told()
        by_order: dict[str, tuple[AppAnswer, ...]] = {}
        for order in orders:
            key = self._consults.order_key(client.tenant, request.patient_id, order.reference)
            marked = _consult_ids(request.draft(order.reference))
            region = order.study.region if order.study else None
            mine = [r for r in rows if (r.order_key == key or r.consult in marked) and r.region == region]
            if mine:
                by_order[order.reference] = tuple(mine)
        found = [
            observation(row, self._vocabulary[row.fact], order, request.patient_id, request.user_id)
            for order, mine in by_order.items() for row in mine if row.fact in self._vocabulary
        ]  # fmt: skip
        return Told(tuple(found), by_order)

    def _rows(self, request: HookRequest, tenant: str, now: dt.datetime) -> list[AppAnswer]:
        keys = self._consults
        wanted = {
            "tenant": tenant,
            "patient": keys.patient_key(tenant, request.patient_id),
            "user": keys.user_key(tenant, request.user_id),
            "now": now,
            "orders": [
                keys.order_key(tenant, request.patient_id, f"ServiceRequest/{draft['id']}") for draft in request.drafts
            ],
            "marked": [uri for draft in request.drafts for uri in _consult_ids(draft)],
        }
        found = self._store.in_path(lambda database: database.execute(OF_ORDERS, wanted).mappings().all())
        return [AppAnswer(**row) for row in found]

    def keep(
        self,
        request: HookRequest,
        client: Client,
        answer: Mapping[str, Any],
        judged: Sequence[Judged],
        told: Told,
        now: dt.datetime,
    ) -> None:
        """What the cards' links stand for; and the answers follow their order to the consult that counted them."""
        uris = consult_uris(answer)
        counted = {uris[order]: rows for order, rows in (told.rows or {}).items() if order in uris}
        followed = {uri: other for uri, rows in counted.items() if (other := _other(rows, uri))}
        self._store.behind(self._consults.rows(request, client, answer, judged, now), followed)

    def follow(self, answers: Sequence[AppAnswer], uri: str) -> None:
        """An order that carries this consult id is one that these answers were counted for."""
        if marks := [mark for mark, _ in _other(answers, uri)]:
            changed = update(AppAnswer).where(AppAnswer.mark.in_(marks)).values(consult=uri)
            self._store.write(lambda database: database.execute(changed))

    def answers(self, consult: OpenConsult, now: dt.datetime) -> list[AppAnswer]:
        """What the user has answered for this order, the first first."""
        row = consult.row
        found = select(AppAnswer).where(
            AppAnswer.tenant == row.tenant,
            AppAnswer.order_key == row.order_key,
            AppAnswer.user_key == row.user_key,
            AppAnswer.expires >= now,
        )
        held = self._store.read(lambda database: list(database.scalars(found)))
        told = (a for a in held if a.fact in self._vocabulary and a.region == row.region)
        return sorted(told, key=lambda a: a.answered)

    def answer(self, consult: OpenConsult, fact: FactDefinition, value: Value, now: dt.datetime) -> None:
        """Keep an answer, in place of an earlier one."""
        row = consult.row
        kept = AppAnswer(
            mark=self._mark(consult, fact.name),
            tenant=row.tenant,
            patient_key=row.patient_key,
            user_key=row.user_key,
            order_key=row.order_key,
            consult=row.consult,
            region=row.region,
            fact=fact.name,
            value=value,
            answered=now,
            expires=now + self._lasts,
        )
        self._store.write(lambda database: database.merge(kept))

    def take_back(self, consult: OpenConsult, fact: str) -> None:
        gone = delete(AppAnswer).where(AppAnswer.mark == self._mark(consult, fact))
        self._store.write(lambda database: database.execute(gone))

    def _mark(self, consult: OpenConsult, fact: str) -> str:
        row = consult.row
        return self._store.hashed(row.tenant, "app answer", row.order_key, row.user_key, fact)


def _other(answers: Sequence[AppAnswer], uri: str) -> list[tuple[str, str]]:
    """Mark and consult of the answers that another consult counted last."""
    return [(row.mark, row.consult) for row in answers if row.consult != uri]


def _consult_ids(draft: Mapping[str, Any] | None) -> frozenset[str]:
    """The consult ids that an order carries."""
    held = draft.get("extension") if draft else None
    named = (e for e in held if isinstance(e, dict) and e.get("url") == CONSULT) if isinstance(held, list) else ()
    return frozenset(uri for e in named if isinstance(uri := e.get("valueUri"), str))
