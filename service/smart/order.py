"""The pages of a session: the order that the card was about, its verdict, and the next question.

GET  /app/s/<session>             the order; `order` chooses one where the EHR handed none over
POST /app/s/<session>/answer      keep an answer
POST /app/s/<session>/take-back   forget one
POST /app/s/<session>/close       end the session
"""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request

from service.smart.answers import askable, read_answer
from service.smart.chart import SessionOver
from service.smart.consults import OpenConsult
from service.smart.pages import (
    PRIVATE,
    Refused,
    Visit,
    address,
    form_visit,
    page,
    parts,
    refused,
    session_page,
    smart_parts,
    visit,
)
from service.smart.screen import screen

bp = Blueprint("smart_order", __name__)
bp.register_error_handler(Refused, refused)


@bp.get("/app/s/<session>")
def order(session: str) -> Response:
    at = visit(session)
    return _order_page(at)


@bp.post("/app/s/<session>/answer")
def answer(session: str) -> Response:
    at = form_visit(session)
    consult = consult_of(at, request.form.get("order", ""))
    if consult is None:
        raise Refused("link-over", 404, at.ehr)
    if consult.staff:
        raise Refused("staff", 403, at.ehr)
    vocabulary = consult.kept.library.vocabulary
    fact = vocabulary.facts.get(request.form.get("fact", ""))
    if fact is None or not askable(fact):
        raise Refused("form-foreign", 400, at.ehr)
    value = read_answer(fact, request.form.get("answer", ""))
    if value is None:
        return _order_page(at, problem=fact.name)
    smart_parts().continuity.answer(consult, fact, value, parts().decision.clock())
    return _back(at)


@bp.post("/app/s/<session>/take-back")
def take_back(session: str) -> Response:
    at = form_visit(session)
    consult = consult_of(at, request.form.get("order", ""))
    if consult is None:
        raise Refused("link-over", 404, at.ehr)
    smart_parts().continuity.take_back(consult, request.form.get("fact", ""), parts().decision.clock())
    return _back(at)


@bp.post("/app/s/<session>/close")
def close(session: str) -> Response:
    at = form_visit(session)
    smart_parts().sessions.close(session)
    return page("closed", at.ehr.ancestors)


def _order_page(at: Visit, problem: str = "") -> Response:
    smart, now = smart_parts(), parts().decision.clock()
    try:
        patient = smart.chart.patient(at.launched, at.secret)
    except SessionOver:
        raise Refused("session-over", 401, at.ehr) from None
    chosen = request.values.get("order", "")
    consult = consult_of(at, chosen)
    if consult is None and (at.launched.app_context or chosen):
        raise Refused("link-over", 404, at.ehr)
    if consult is None:
        library = parts().decision.library
        shown = [(c.row.mark, screen(c, ())) for c in smart.consults.recent(at.launched, library, now)]
        return session_page("orders", at, patient=patient, orders=shown)
    skipped = request.args.getlist("skip")[:100] if not problem else ()
    seen = screen(consult, smart.continuity.answers(consult, now), skipped)
    return session_page(
        "order", at, consult.language, 400 if problem else 200, patient=patient, seen=seen, staff=consult.staff,
        chosen=chosen, problem=problem, skipped=skipped,
    )  # fmt: skip


def consult_of(at: Visit, chosen: str) -> OpenConsult | None:
    """The order that the EHR handed over; only where it handed none over may the clinician choose."""
    consults, library, now = smart_parts().consults, parts().decision.library, parts().decision.clock()
    if at.launched.app_context:
        return consults.of_link(at.launched, library, now)
    return consults.chosen(at.launched, chosen, library, now) if chosen else None


def _back(at: Visit) -> Response:
    """To the order's page, so that loading it again sends nothing again."""
    chosen = request.form.get("order", "")
    where = address("app", "s", at.launched.name) + (f"?order={chosen}" if chosen.isalnum() else "")
    response: Response = redirect(where, 303)  # type: ignore[assignment]
    response.headers.update(PRIVATE)
    response.set_data(b"")
    return response
