"""POST /cds-services/<id>/feedback: what clinicians did with our cards."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from hooks.errors import NotNow, UnknownService
from hooks.feedback import read_feedback
from hooks.services import hooks_of
from service.answers import json
from service.journal import NotKept
from service.limits import read_json
from service.parts import Parts
from service.watch.metrics import feedback_taken

bp = Blueprint("feedback", __name__)


@bp.post("/cds-services/<service>/feedback")
@bp.post("/cds-services//<service>/feedback")
def feedback(service: str) -> Response:
    """Stored, unknown cards too, since another process or version may have made them; 200 once it cannot get lost."""
    parts: Parts = current_app.extensions["imaging_cds"]
    if not hooks_of(service):
        raise UnknownService()
    client = parts.trust.client_of(request)
    entries = read_feedback(read_json(request))
    try:
        parts.journal.keep_feedback(client.tenant, entries, parts.decision.clock())
    except NotKept:
        raise NotNow("The feedback could not be stored. Send it again in a while.") from None
    for entry in entries:
        feedback_taken(client.tenant, entry.outcome)
    return json({})
