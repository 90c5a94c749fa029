"""Which codes of orders and reasons were not recognised, as the journal kept them."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import distinct, func, inspect, make_url, select
from sqlalchemy.orm import Session

from service.journal.keep import Journal
from service.journal.models import Consult, UnmappedCode
from service.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """``answers`` counts each answer that met the code, ``orders`` each order once however often it was asked about."""

    kind: str
    system: str
    code: str
    answers: int
    orders: int


def codes_asked(settings: Settings, since: dt.date | None = None) -> list[CodeAsked]:
    """The most frequent first. Raises `SettingsError` where there is no journal to read."""
    engine = existing(settings).engine
    answers, orders = func.count(distinct(Consult.id)), func.count(distinct(Consult.order_key))
    what = (UnmappedCode.kind, UnmappedCode.system, UnmappedCode.code)
    query = select(*what, answers, orders).join(Consult, Consult.id == UnmappedCode.consult_id).group_by(*what)
    if since is not None:
        query = query.where(Consult.created >= dt.datetime.combine(since, dt.time(), _zone(settings)))
    try:
        if not inspect(engine).has_table(UnmappedCode.__tablename__):
            raise SettingsError("The journal is older than this software. Starting the service brings it up to date.")
        with Session(engine) as session:
            return [CodeAsked(*row) for row in session.execute(query.order_by(answers.desc(), *what))]
    finally:
        engine.dispose()


def existing(settings: Settings) -> Journal:
    """The journal; a report does not make one."""
    url = make_url(settings.journal_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise SettingsError("There is no journal here: set IMAGING_CDS_DATA_DIR or IMAGING_CDS_DATABASE_URL.")
    return Journal(settings)


def _zone(settings: Settings) -> dt.tzinfo:
    return dt.UTC if settings.time_zone == "UTC" else zoneinfo.ZoneInfo(settings.time_zone)
