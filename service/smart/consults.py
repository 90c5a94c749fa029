"""What a card's link stands for: one order of one patient, as one user was shown it. Nobody else opens it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from criteria.library import Library
from hooks.cards import ASSOCIATED
from hooks.request import HookRequest
from hooks.roles import is_staff
from service.clients import Client
from service.journal import Judged, Kept, from_row
from service.journal.consults import consult_uris
from service.journal.models import Explanation
from service.journal.records import Row
from service.smart.models import AppConsult
from service.smart.sealed import Seal
from service.smart.sessions import Launched
from service.smart.store import Store

Json = dict[str, Any]
RECENT = 20
SEALED = ("reference", "draft", "user", "staff", "language", "profile")
PROVIDERS = {"Practitioner", "PractitionerRole"}


@dataclass(frozen=True, slots=True)
class OpenConsult:
    """A consult that a session may see: what was kept of it, and the draft as it was sent.

    ``staff``: who was shown the card may not answer for the clinician. ``language`` is that of the card, ``profile``
    that of the client. ``written`` names what was written back into the chart.
    """

    row: AppConsult
    kept: Kept
    reference: str
    draft: Json
    user: str
    staff: bool
    language: str
    profile: str = "full"
    written: tuple[str, ...] = ()


class Consults:
    def __init__(self, store: Store, seal: Seal, lasts: dt.timedelta) -> None:
        self._store, self._seal, self._lasts = store, seal, lasts

    def rows(
        self,
        request: HookRequest,
        client: Client,
        answer: Mapping[str, Any],
        judged: Sequence[Judged],
        now: dt.datetime,
    ) -> list[Row]:
        """One row for each card that links to the app."""
        by_order, uris = {j.verdict.order: j for j in judged}, consult_uris(answer)
        return [
            self._row(context, by_order[order], uris[order], request, client, now)
            for order, context in links(answer) if order in by_order and order in uris
        ]  # fmt: skip

    def _row(
        self, context: str, judged: Judged, uri: str, request: HookRequest, client: Client, now: dt.datetime
    ) -> Row:
        tenant, order, study = client.tenant, judged.verdict.order, judged.order.study
        sealed = {
            "reference": order,
            "draft": request.draft(order),
            "user": request.user_id,
            "staff": is_staff(request),
            "language": client.profile.shows.language,
            "profile": client.profile.shows.name,
        }
        mark = self.mark(tenant, context)
        return {
            "mark": mark,
            "tenant": tenant,
            "explanation": self._store.hashed("", "explain", judged.handle),
            "consult": uri,
            "order_key": self.order_key(tenant, request.patient_id, order),
            "patient_key": self.patient_key(tenant, request.patient_id),
            "user_key": self.user_key(tenant, request.user_id),
            "region": study.region if study else None,
            "sealed": self._seal.close(sealed, "consult", mark),
            "created": now,
            "expires": now + self._lasts,
        }

    def of_link(self, launched: Launched, library: Library, now: dt.datetime) -> OpenConsult | None:
        """The consult that the EHR handed over, if it is this tenant's, this patient's and this user's."""
        if not launched.app_context:
            return None
        return self._open(launched, self.mark(launched.tenant, launched.app_context), library, now)

    def chosen(self, launched: Launched, mark: str, library: Library, now: dt.datetime) -> OpenConsult | None:
        """One of `recent`: without a card's link the EHR must have said that it is the very same user."""
        found = self._open(launched, mark, library, now)
        return found if found and found.user == launched.user else None

    def recent(self, launched: Launched, library: Library, now: dt.datetime) -> list[OpenConsult]:
        """What this user was asked about this patient, the last first."""
        if not launched.user:
            return []
        found = (
            select(AppConsult.mark)
            .where(AppConsult.tenant == launched.tenant, AppConsult.expires >= now)
            .where(AppConsult.patient_key == self.patient_key(launched.tenant, launched.patient))
            .where(AppConsult.user_key == self.user_key(launched.tenant, launched.user))
            .order_by(AppConsult.created.desc())
            .limit(RECENT)
        )
        marks = self._store.read(lambda database: list(database.scalars(found)))
        return [consult for mark in marks if (consult := self._open(launched, mark, library, now))]

    def _open(self, launched: Launched, mark: str, library: Library, now: dt.datetime) -> OpenConsult | None:
        found = select(AppConsult).where(
            AppConsult.mark == mark,
            AppConsult.tenant == launched.tenant,
            AppConsult.patient_key == self.patient_key(launched.tenant, launched.patient),
            AppConsult.expires >= now,
        )

        def read(database: Session) -> tuple[AppConsult, Explanation | None] | None:
            row = database.scalar(found)
            return (row, database.get(Explanation, row.explanation)) if row else None

        row, judged = self._store.read_soon(read) or (None, None)
        held = self._seal.open(row.sealed, "consult", mark) if row else None
        if row is None or held is None or judged is None or judged.tenant != launched.tenant:
            return None
        if not same_user(held["user"], launched.user):
            return None
        kept = from_row(judged, library)
        return OpenConsult(row, kept, **{**held, "written": tuple(held.get("written", ()))}) if kept else None

    def note_written(self, consult: OpenConsult, written: Sequence[str], now: dt.datetime) -> OpenConsult | None:
        """The same consult with other names written back; None where somebody else noted something meanwhile."""
        row, before = consult.row, consult.row.sealed
        sealed = {name: getattr(consult, name) for name in SEALED} | {"written": list(written)}
        closed = self._seal.close(sealed, "consult", row.mark)
        changed = update(AppConsult).where(AppConsult.mark == row.mark, AppConsult.sealed == before)
        changed = changed.values(sealed=closed)
        if self._store.write(lambda database: database.execute(changed).rowcount) != 1:  # type: ignore[attr-defined]
            return None
        row.sealed = closed
        return replace(consult, written=tuple(written))

    def mark(self, tenant: str, context: str) -> str:
        return self._store.hashed(tenant, "app consult", context)

    def order_key(self, tenant: str, patient: str, order: str) -> str:
        return self._store.hashed(tenant, "order", patient, order)

    def patient_key(self, tenant: str, patient: str) -> str:
        return self._store.hashed(tenant, "patient", patient)

    def user_key(self, tenant: str, user: str) -> str:
        return self._store.hashed(tenant, "user", user)


def links(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Order and appContext of each card that links to the app."""
    for card in answer.get("cards", ()):
        for link in card.get("links", ()):
            if link.get("type") == "smart" and "appContext" in link:
                for order in card["extension"][ASSOCIATED]:
                    yield order, link["appContext"]


def same_user(shown: str, launched: str) -> bool:
    """Whether the launch is by the user who was shown the card.

    A hook may name a PractitionerRole where a launch names the Practitioner, and some EHRs name nobody at a launch:
    then the link itself has to do, which only this user's card had.
    """
    kinds = {shown.partition("/")[0], launched.partition("/")[0]}
    return not launched or kinds == PROVIDERS or shown == launched
