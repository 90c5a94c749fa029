"""The page and its JSON. What it shows is counted in the database and kept for a minute, so that a page that is
reloaded by many costs the database one look."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from hooks.errors import HooksError
from service.answers import json
from service.dashboard.plots import HEIGHT, LEFT, RATINGS, RIGHT, WIDTH, over_time, short
from service.errors import answer
from service.guidelines.pages import page
from service.parts import Parts
from service.report.figures import Document, figures, known_tenants, too_many
from service.report.journal import shown
from service.report.period import Period, zone_of
from service.watch.access import ALL, tenant_of
from service.watch.metrics import events

bp = Blueprint(
    "dashboard", __name__, template_folder="templates", static_folder="static", static_url_path="/dashboard/static"
)
log = structlog.get_logger("imaging_cds.dashboard")

DAYS = (7, 30, 90, 365)
USUAL = 30
KEPT_SECONDS = 60.0
MOST_KEPT = 64
WAITING_SECONDS = 1.0
"""What a reader waits for another's count: threads that wait answer no orders meanwhile."""
SECONDS = 20
"""What one question may take a database across a network."""
NAMES = {
    "appropriate": "Appropriate",
    "not-appropriate": "Not appropriate",
    "needs-information": "Needs information",
    "no-criteria-apply": "No criteria apply",
}
AS_IT_SHOULD_BE = frozenset({"journal_written"})
"""Events that are the ordinary course."""
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow, noarchive"}


class Unreadable(HooksError):
    """503: the journal cannot be read now, or is being counted for somebody else."""

    status, issue = 503, "transient"

    def __init__(self) -> None:
        super().__init__("The journal cannot be counted now. Orders are answered all the same; try again in a minute.")


@dataclass(slots=True)
class _Kept:
    """Documents by what was asked, each with the moment when it was made."""

    made: dict[tuple[Any, ...], tuple[float, Document]] = field(default_factory=dict)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)


@bp.record_once
def begin(state: Any) -> None:
    state.app.extensions["imaging_cds_dashboard"] = _Kept()


@bp.get("/dashboard")
@bp.get("/dashboard.json")
def dashboard() -> Response:
    parts: Parts = current_app.extensions["imaging_cds"]
    reader = tenant_of(request, parts.settings)
    if isinstance(reader, Response):
        return _private(reader)
    as_json = request.path.endswith(".json")
    days = next((n for n in DAYS if str(n) == request.args.get("days")), USUAL)
    try:
        tenants = known_tenants(parts.journal.engine) if reader == ALL else [reader]
        chosen = request.args.get("tenant") if reader == ALL else reader
        told = _document(parts, days, chosen if chosen in tenants else None)
        told["events"] = amiss() if reader == ALL else {}
    except (SQLAlchemyError, Unreadable) as error:
        log.warning("dashboard_failed", kind=type(error).__name__)
        return _private(answer(Unreadable()) if as_json else page("dashboard/unreadable", status=503))
    if as_json:
        return _private(json(told))
    return _private(_page(parts, told, days, tenants, reader))


def _document(parts: Parts, days: int, tenant: str | None) -> Document:
    kept: _Kept = current_app.extensions["imaging_cds_dashboard"]
    today = parts.settings.today(parts.decision.clock())
    asked = (days, tenant, today)
    if not kept.one_at_a_time.acquire(timeout=WAITING_SECONDS):
        raise Unreadable
    try:
        made, document = kept.made.get(asked, (float("-inf"), {}))
        if time.monotonic() - made > KEPT_SECONDS:
            since = today - dt.timedelta(days=days - 1)
            period = Period(since, today, tenant, zone_of(parts.settings))
            number = too_many(parts.journal.engine, period)
            document = {"too_many": number} if number else figures(parts.journal.engine, period, seconds=SECONDS)
            while len(kept.made) >= MOST_KEPT:
                kept.made.pop(next(iter(kept.made)))
            kept.made[asked] = (time.monotonic(), document)
    finally:
        kept.one_at_a_time.release()
    return dict(document)


def amiss() -> dict[str, int]:
    """Of all workers, since the service was started."""
    return {name: n for name, n in events().items() if name not in AS_IT_SHOULD_BE}


def _page(parts: Parts, told: Document, days: int, tenants: list[str], reader: str) -> Response:
    library = parts.decision.library
    return page(
        "dashboard/dashboard",
        told=told,
        days=days,
        choices=DAYS,
        tenants=tenants,
        reader=reader,
        every=ALL,
        names=NAMES,
        ratings=RATINGS,
        plot=over_time(told.get("over_time", ())),
        size=(WIDTH, HEIGHT, LEFT, RIGHT),
        short=short,
        shown=shown,
        titles={c.id: c.title for c in library.criteria},
        facts=library.vocabulary.facts,
        catalogue=library.catalogue.studies,
    )


def _private(response: Response) -> Response:
    response.headers.update(PRIVATE)
    response.vary.add("Authorization")
    return response
