"""Which answers of the journal a report is about: whose, and from which day to which."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from service.journal.models import Consult
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Period:
    """``since`` and ``until`` are days of the site, both counted; None for no limit. ``tenant`` None means all."""

    since: dt.date | None = None
    until: dt.date | None = None
    tenant: str | None = None
    zone: dt.tzinfo = dt.UTC

    def holds(self, session: Session) -> ColumnElement[bool]:
        """The condition on consults. Tenants are always named, because the index of days begins with them."""
        conditions: list[ColumnElement[bool]] = [Consult.tenant.in_(self._tenants(session))]
        if self.since:
            conditions.append(Consult.created >= self._begin(self.since))
        if self.until:
            conditions.append(Consult.created < self._begin(self.until + dt.timedelta(days=1)))
        return and_(*conditions)

    def _tenants(self, session: Session) -> Sequence[str]:
        return (self.tenant,) if self.tenant else tuple(session.scalars(select(Consult.tenant).distinct()))

    def _begin(self, day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(), self.zone)


def zone_of(settings: Settings) -> dt.tzinfo:
    return dt.UTC if settings.time_zone == "UTC" else zoneinfo.ZoneInfo(settings.time_zone)
