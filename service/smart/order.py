"""The pages of a session: the order that the card was about, its verdict, and the next question.

GET  /app/s/<session>                the order; `order` chooses one where the EHR handed none over, `ask` a question,
                                     `skip` passes one over, `was` is the rating before the last answer
GET  /app/s/<session>/alternatives   the order and what is offered instead, side by side
GET  /app/s/<session>/done           the finished order; `choice` is what was chosen there
POST /app/s/<session>/answer         keep an answer
POST /app/s/<session>/take-back      forget one
POST /app/s/<session>/close          end the session
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request

from criteria.facts import FactDefinition
from criteria.ratings import Rating
from hooks.ids import explain_handle
from hooks.site import Keys
from service.explain.suppose import open_to, written
from service.explain.words import known
from service.explain.words import words as terms
from service.journal import Away
from service.smart.answers import NotAnAnswer, askable, read_answer
from service.smart.chart import SessionOver
from service.smart.consults import OpenConsult
from service.smart.drawn import drawn
from service.smart.handback_shown import shown
from service.smart.models import AppAnswer
from service.smart.offers import Finished, finished, offered, side_by_side
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
    unanswered,
    visit,
)
from service.smart.questions import asked_again
from service.smart.screen import Screen, screen

bp = Blueprint("smart_order", __name__)
bp.register_error_handler(Refused, refused)
bp.register_error_handler(Away, unanswered)
MOST = 100
"""Questions that one address may pass over."""


@bp.get("/app/s/<session>")
def order(session: str) -> Response:
    at = visit(session)
    consult = handed_over(at)
    return _orders(at) if consult is None else _order_page(at, consult)


@bp.get("/app/s/<session>/alternatives")
def alternatives(session: str) -> Response:
    at = visit(session)
    held = opened(at)
    offers = list(side_by_side(held.consult, held.seen.verdict))
    return _shown("alternatives", at, held, offers=offers)


@bp.get("/app/s/<session>/done")
def done(session: str) -> Response:
    at = visit(session)
    held = opened(at)
    if held.consult.staff:
        raise Refused("staff", 403, at.ehr)
    choice = request.args.get("choice", "")
    made = finish(at, held, choice)
    return _shown("done", at, held, finished=made, choice=choice, **shown(at, made))


@bp.post("/app/s/<session>/answer")
def answer(session: str) -> Response:
    at = form_visit(session)
    consult = answerable(at)
    fact = consult.kept.library.vocabulary.facts.get(request.form.get("fact", ""))
    if fact is None or not askable(fact):
        raise Refused("form-foreign", 400, at.ehr)
    said, now = request.form.get("answer", ""), parts().decision.clock()
    try:
        value = read_answer(fact, said, parts().settings.today(now))
    except NotAnAnswer as problem:
        return _order_page(at, consult, fact, said, problem)
    smart_parts().continuity.answer(consult, fact, value, now)
    return _back(at, consult)


@bp.post("/app/s/<session>/take-back")
def take_back(session: str) -> Response:
    at = form_visit(session)
    consult = answerable(at)
    smart_parts().continuity.take_back(consult, request.form.get("fact", ""))
    return _back(at, consult)


@bp.post("/app/s/<session>/close")
def close(session: str) -> Response:
    at = form_visit(session)
    consult = handed_over(at)
    smart_parts().sessions.close(session)
    return page("closed", at.ehr.ancestors, consult.language if consult else "")


@dataclass(frozen=True, slots=True)
class Opened:
    """An order of a session, with the answers so far and what is to be seen of it."""

    consult: OpenConsult
    answers: list[AppAnswer]
    seen: Screen


def handed_over(at: Visit) -> OpenConsult | None:
    """The order that the EHR handed over; only where it handed none over may the clinician choose.

    None where nothing is chosen yet. Raises `Refused` where the order is not this session's to see.
    """
    consults, library, now = smart_parts().consults, parts().decision.library, parts().decision.clock()
    mark = request.values.get("order", "")
    if at.launched.app_context:
        found = consults.of_link(at.launched, library, now)
    elif mark:
        found = consults.chosen(at.launched, mark, library, now)
    else:
        return None
    if found is None:
        raise Refused("link-over", 404, at.ehr)
    return found


def opened(at: Visit, consult: OpenConsult | None = None, asked: str = "") -> Opened:
    """The order of a request. Raises `Refused`."""
    consult = consult or handed_over(at)
    if consult is None:
        raise Refused("link-over", 404, at.ehr)
    now = parts().decision.clock()
    answers = smart_parts().continuity.answers(consult, now)
    return Opened(consult, answers, screen(consult, answers, now, parts().settings.today, _skipped(consult), asked))


def finish(at: Visit, held: Opened, choice: str) -> Finished:
    """The order with what was chosen. Raises `Refused` where that is no longer offered."""
    found = finished(held.consult, held.answers, held.seen.verdict, choice)
    if found is None:
        raise Refused("choice-over", 404, at.ehr)
    return found


def answerable(at: Visit) -> OpenConsult:
    """The order of a form. Raises `Refused`, for staff as well."""
    consult = handed_over(at)
    if consult is None:
        raise Refused("link-over", 404, at.ehr)
    if consult.staff:
        raise Refused("staff", 403, at.ehr)
    return consult


def _order_page(
    at: Visit,
    consult: OpenConsult,
    fact: FactDefinition | None = None,
    said: str = "",
    problem: NotAnAnswer | None = None,
) -> Response:
    held = opened(at, consult, fact.name if fact else request.args.get("ask", ""))
    question = held.seen.question
    if problem and question:
        question = asked_again(question, said, problem, consult.language)
    return _shown(
        "order",
        at,
        held,
        400 if problem else 200,
        question=question,
        rules=list(drawn(held.seen.verdict, consult.kept)),
        full=_explanation(at, held),
        was="" if problem else _rating(request.args.get("was", "")),
        skipped=_skipped(consult),
    )


def _shown(template: str, at: Visit, held: Opened, status: int = 200, **values: Any) -> Response:
    consult, seen = held.consult, held.seen
    mark = request.values.get("order", "") if not at.launched.app_context else ""
    return session_page(
        template, at, consult.language, status, mark, patient=_patient(at), seen=seen, staff=consult.staff,
        step=template, offers_made=len(offered(consult, seen.verdict)), terms=terms(known(consult.language)), **values,
    )  # fmt: skip


def _orders(at: Visit) -> Response:
    """What may be chosen where the EHR handed nothing over."""
    now = parts().decision.clock()
    recent = smart_parts().consults.recent(at.launched, parts().decision.library, now)
    show = partial(screen, answers=(), now=now, day_at=parts().settings.today)
    shown = [(c.row.mark, show(c)) for c in recent]
    return session_page("orders", at, recent[0].language if recent else "", patient=_patient(at), orders=shown)


def _patient(at: Visit) -> Any:
    try:
        return smart_parts().chart.patient(at.launched, at.secret)
    except SessionOver:
        raise Refused("session-over", 401, at.ehr) from None


def _skipped(consult: OpenConsult) -> list[str]:
    """Questions passed over; what is no fact is nobody's question."""
    vocabulary = consult.kept.library.vocabulary
    return list(dict.fromkeys(f for f in request.values.getlist("skip")[:MOST] if f in vocabulary))


def _rating(name: str) -> str:
    return name if name in set(Rating) else ""


def _explanation(at: Visit, held: Opened) -> str:
    """The address of the page that explains the card, with what was answered here supposed; empty for none."""
    settings, vocabulary = parts().settings, held.consult.kept.library.vocabulary
    if not settings.explain_pages:
        return ""
    keys = Keys(at.launched.tenant, settings.secret_key.get_secret_value().encode())
    supposed = [("suppose", written(a.fact, a.value)) for a in held.answers if open_to(vocabulary[a.fact])]
    query = f"?{urlencode(supposed)}" if supposed else ""
    return f"{settings.explain_pages}/{explain_handle(keys, held.consult.row.consult)}{query}"


def _back(at: Visit, consult: OpenConsult) -> Response:
    """To the order's page, so that loading it again sends nothing again; it is told the rating before."""
    kept = {"order": consult.row.mark if not at.launched.app_context else "", "skip": _skipped(consult)}
    query = {k: v for k, v in {**kept, "was": _rating(request.form.get("was", ""))}.items() if v}
    where = address("app", "s", at.launched.name) + (f"?{urlencode(query, doseq=True)}" if query else "")
    response: Response = redirect(where, 303)  # type: ignore[assignment]
    response.headers.update(PRIVATE)
    response.set_data(b"")
    return response
