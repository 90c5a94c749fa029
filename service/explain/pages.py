"""GET /explain/<handle>: one answer explained, to whoever holds the handle from its card, and to nobody else."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request
from markupsafe import Markup

from hooks.errors import HooksError, NotNow
from service.errors import answer as outcome
from service.explain.document import Answer, document
from service.explain.suppose import read
from service.explain.words import ENGLISH, day, known, say, words
from service.guidelines.pages import page
from service.guidelines.picture import picture
from service.journal import Away, Kept, from_row
from service.parts import Parts

bp = Blueprint(
    "explain", __name__, template_folder="templates", static_folder="static", static_url_path="/explain/static"
)
HANDLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


class NothingKept(HooksError):
    """404: the handle opens nothing. Whether it ever did is not said."""

    status, issue = 404, "not-found"

    def __init__(self) -> None:
        super().__init__("No explanation is kept under this address. Send the order again for a new one.")


@bp.get("/explain/<handle>")
def explain(handle: str) -> Response:
    """The page; JSON where the address ends in .json or the reader asks for it."""
    as_json = handle.endswith(".json") or _wants_json()
    handle = handle.removesuffix(".json")
    try:
        kept = _kept(handle)
    except Away:
        error = NotNow("The explanation cannot be read at the moment. Try again in a minute.")
        return _private(outcome(error) if as_json else page("explain/away", status=503))
    if kept is None:
        return _private(outcome(NothingKept()) if as_json else page("explain/nothing", status=404))
    parts: Parts = current_app.extensions["imaging_cds"]
    supposed = read(request.args.getlist("suppose"), kept.library)
    told = document(Answer(kept, supposed, parts.journal.criteria, frozenset(request.args.getlist("rule"))))
    if as_json:
        return _private(Response(orjson.dumps(told), content_type="application/json"))
    shown = [r["rule"] for r in told.get("rules", ()) if r["rule"] in request.args.getlist("rule")]
    marks = [f["suppose"] for f in told["supposed"]["facts"]] if supposed else []
    language = known(kept.row.language)
    response = page(
        "explain/explain",
        told=told,
        said=words(language),
        t=partial(say, language),
        language=language,
        english=Markup() if language == ENGLISH else Markup(' lang="en"'),
        handle=handle,
        marks=marks,
        on=partial(_day, language),
        shown=shown,
        pictures={r["rule"]: picture(r["clause"]) for r in told.get("rules", ()) if "clause" in r},
        contact=_contact(parts.settings.contact) or say(language, "whoever"),
    )
    response.vary.add("Accept")
    return _private(response)


def _contact(contact: str) -> str:
    """Where to report a fault: a link where it is a web or a mail address, else the site's own words."""
    if contact.startswith("https://"):
        return Markup('<a href="{0}">{0}</a>').format(contact)
    if re.fullmatch(r"[^@\s]+@[^@\s]+", contact):
        return Markup('<a href="mailto:{0}">{0}</a>').format(contact)
    return contact


def _kept(handle: str) -> Kept | None:
    parts: Parts = current_app.extensions["imaging_cds"]
    if not HANDLE.fullmatch(handle):
        return None
    row = parts.journal.explanation(handle, parts.decision.clock())
    return from_row(row, parts.decision.library) if row is not None else None


def _wants_json() -> bool:
    best: Any = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return bool(best == "application/json")


def _private(response: Response) -> Response:
    response.headers.update(PRIVATE)
    return response


def _day(language: str, iso: str) -> str:
    return day(language, dt.date.fromisoformat(iso[:10]))
