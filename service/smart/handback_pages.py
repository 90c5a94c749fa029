"""The last page: the order goes back to the EHR by itself, or as text; the answers go into the chart.

GET  /app/s/<session>/hand-back    `order` as on the order's page, `choice` another study that its card offers
POST /app/s/<session>/write-back   the answers into the chart, in the clinician's name
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request

from service.smart.chart import SessionOver
from service.smart.consults import OpenConsult
from service.smart.handback import HandBack, NotOffered, hand_back
from service.smart.handback_write import Wrote, may_write, write_back
from service.smart.order import consult_of
from service.smart.pages import (
    PRIVATE,
    Refused,
    Visit,
    address,
    form_visit,
    parts,
    refused,
    session_page,
    smart_parts,
    visit,
)  # fmt: skip
from service.smart.words import words

bp = Blueprint("smart_hand_back", __name__)
bp.register_error_handler(Refused, refused)

SHOWN_BY_SCRIPT = ("sending", "sent", "kept", "finish", "absent", "silent", "refused", "already", "copied", "select")
"""What handback.js says, by the keys of words.yaml."""


@bp.get("/app/s/<session>/hand-back")
def last_page(session: str) -> Response:
    at = visit(session)
    consult = _consult(at)
    return session_page("handback_page", at, consult.language, scripts=True, **shown(at, consult))


@bp.post("/app/s/<session>/write-back")
def write(session: str) -> Response:
    at = form_visit(session)
    consult, smart, now = _consult(at), smart_parts(), parts().decision.clock()
    answers = smart.continuity.answers(consult, now)
    try:
        wrote = write_back(smart, at.launched, at.secret, consult, answers, now)
    except SessionOver:
        raise Refused("session-over", 401, at.ehr) from None
    asked = {name: said for name in ("order", "choice") if (said := request.form.get(name, ""))}
    where = f"{address('app', 's', session, 'hand-back')}?{urlencode({**asked, 'wrote': wrote})}"
    response: Response = redirect(where, 303)  # type: ignore[assignment]
    response.headers.update(PRIVATE)
    response.set_data(b"")
    return response


def shown(at: Visit, consult: OpenConsult) -> dict[str, Any]:
    """What the partial smart/handback.html shows of an order. The answers follow it to its new consult id."""
    smart, decision = smart_parts(), parts().decision
    now, choice = decision.clock(), request.values.get("choice", "")
    answers = smart.continuity.answers(consult, now)
    try:
        made = hand_back(decision, consult, at.launched.patient, answers, choice)
    except NotOffered:
        raise Refused("link-over", 404, at.ehr) from None
    if made.consult:
        smart.continuity.follow(answers, made.consult, now)
    said = words(consult.language)
    wrote = request.args.get("wrote", "")
    return {
        "made": made,
        "text": "\n".join(_lines(made, said)),
        "data": _data(at, made, said["handback"]),
        "wrote": wrote if wrote in list(Wrote) else "",
        "writable": bool(answers) and may_write(at.launched.tokens.scope),
        "chosen": request.values.get("order", ""),
        "choice": choice,
    }


def _consult(at: Visit) -> OpenConsult:
    consult = consult_of(at, request.values.get("order", ""))
    if consult is None:
        raise Refused("link-over", 404, at.ehr)
    if consult.staff:
        raise Refused("staff", 403, at.ehr)
    return consult


def _data(at: Visit, made: HandBack, said: Mapping[str, str]) -> Mapping[str, Any]:
    """What handback.js works with. The handle is made to be seen by a browser; tokens are not and stay here."""
    return {
        "origin": at.launched.origin,
        "handle": at.launched.handle,
        "messages": made.messages,
        "key": made.digest,
        "say": {key: said[key] for key in SHOWN_BY_SCRIPT},
    }


def _lines(made: HandBack, said: Mapping[str, Any]) -> Iterator[str]:
    own = said["handback"]
    yield f"{made.study} ({', '.join(made.codes)})" if made.codes else made.study
    for action in made.actions:
        if action["type"] != "update":
            yield action["description"]
    if made.reasons:
        yield f"{said['reason']}: {'; '.join(made.reasons)}"
    yield f"{own['rating']}: {said['ratings'].get(made.rating, own['none'])}"
    if made.consult:
        yield f"{own['consult']}: {made.consult}"
    if made.criteria:
        yield f"{own['criteria']}: {made.criteria}"
    if made.told:
        yield f"{said['told']}:"
        yield from (f"- {question} {answer}" for question, answer in made.told)
