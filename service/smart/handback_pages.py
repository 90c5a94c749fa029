"""POST /app/s/<session>/write-back: the answers into the chart, in the clinician's name; `order` and `choice` as on the
page of the finished order, which it leads back to."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request

from service.journal import Away
from service.smart.chart import SessionOver
from service.smart.handback_write import write_back
from service.smart.order import answerable
from service.smart.pages import PRIVATE, Refused, address, form_visit, parts, refused, smart_parts, unanswered

bp = Blueprint("smart_hand_back", __name__)
bp.register_error_handler(Refused, refused)
bp.register_error_handler(Away, unanswered)


@bp.post("/app/s/<session>/write-back")
def write(session: str) -> Response:
    at = form_visit(session)
    consult, smart, now = answerable(at), smart_parts(), parts().decision.clock()
    try:
        wrote = write_back(smart, at.launched, at.secret, consult, smart.continuity.answers(consult, now), now)
    except SessionOver:
        raise Refused("session-over", 401, at.ehr) from None
    asked = {name: said for name in ("order", "choice") if (said := request.form.get(name, ""))}
    where = f"{address('app', 's', session, 'done')}?{urlencode({**asked, 'wrote': wrote})}"
    response: Response = redirect(where, 303)  # type: ignore[assignment]
    response.headers.update(PRIVATE)
    response.set_data(b"")
    return response
