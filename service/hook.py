"""POST /cds-services/<id>: a hook is called."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, current_app, g, request

from hooks.coverage import CRD_2_0
from hooks.errors import HooksError, PatientMissing, UnknownService, Unprocessable
from hooks.request import HookRequest, read_request
from hooks.services import hooks_of
from service.answers import json
from service.clients import Client, speaking
from service.errors import place
from service.fhir import lean
from service.journal import one_answer
from service.limits import read_json
from service.parts import Parts

bp = Blueprint("hook", __name__)
log = structlog.get_logger("imaging_cds.hook")


@bp.post("/cds-services/<service>")
@bp.post("/cds-services//<service>")  # the sandbox, when the discovery URL was typed with a slash
def call(service: str) -> Response:
    with one_answer():
        return _called(current_app.extensions["imaging_cds"], service)


def _called(parts: Parts, service: str) -> Response:
    offered = hooks_of(service)
    if not offered:
        raise UnknownService()
    client = parts.trust.client_of(request)
    g.tenant = client.tenant
    body = tolerated(read_json(request, lean()), client)
    try:
        hook_request = read_request(body, offered)
    except HooksError as error:
        if error.status == 400 and client.profile.shows.crd == CRD_2_0:
            raise Unprocessable(error) from None
        raise
    g.hook = hook_request.hook
    return json(_answer(parts, hook_request, speaking(client, hook_request)))


def tolerated(body: Any, client: Client) -> Any:
    """Read a hook that this client is known to misname as the one its context fits."""
    if not isinstance(body, dict) or body.get("hook") not in client.profile.tolerated_hooks:
        return body
    context = body.get("context")
    selects = isinstance(context, dict) and "selections" in context
    return {**body, "hook": "order-select" if selects else "order-sign"}


def _answer(parts: Parts, hook_request: HookRequest, client: Client) -> dict[str, Any]:
    """The advice. Where a client would go on showing an old rating after an error, it is told in an answer instead."""
    decision = parts.decision
    try:
        return decision.decide(hook_request, client)
    except Exception as error:
        ours = not isinstance(error, HooksError) or error.status >= 500
        missing = isinstance(error, PatientMissing) and not client.profile.shows.crd
        if not (client.profile.answer_failures and (ours or missing)):
            raise
        log.error("failed", kind=type(error).__name__, at=place(error))
        return decision.failed(hook_request, client)
