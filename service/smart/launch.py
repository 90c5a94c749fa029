"""The launch: from the EHR, or by hand, to its sign-in page and back.

GET /app                     choose an EHR by hand (standalone launch)
GET /app/launch              the launch URL that EHRs are given: `iss` and `launch`; without `launch`, standalone
GET /app/callback            the redirect URI
GET /.well-known/jwks.json   the app's public keys
"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, redirect, request

from service.answers import json
from service.journal import Away
from service.smart import browser
from service.smart.configuration import Configuration, Unusable
from service.smart.context import read_context
from service.smart.ehrs import Ehr
from service.smart.identity import Impostor
from service.smart.oauth import NotGranted
from service.smart.pages import PRIVATE, Refused, address, callback_url, page, parts, refused, smart_parts, unanswered
from service.smart.sessions import LAUNCH_LASTS, Launched

bp = Blueprint(
    "smart_launch", __name__, template_folder="templates", static_folder="static", static_url_path="/app/static"
)
bp.register_error_handler(Refused, refused)
bp.register_error_handler(Away, unanswered)
log = structlog.get_logger("imaging_cds.app")

LONGEST = 2048
SIGN_IN = "'self' https: http://localhost:* http://127.0.0.1:*"
"""Where the form of the start page may lead: on to an EHR's sign-in page, which browsers count as the form's doing."""


@bp.get("/.well-known/jwks.json")
def keys() -> Response:
    response = json(smart_parts().keys.published())
    response.headers["Cache-Control"] = "max-age=300"
    return response


@bp.get("/app", strict_slashes=False)
def start() -> Response:
    ehrs = smart_parts().ehrs
    return page("start", ehrs.ancestors, forms=SIGN_IN, ehrs=[e.iss for e in ehrs], any=ehrs.any)


@bp.get("/app/launch")
def launch() -> Response:
    smart = smart_parts()
    ehr = smart.ehrs.find(_once("iss"))
    if ehr is None:
        log.warning("launch_refused", reason="iss not on the allow-list")
        raise Refused("ehr-unknown", 403)
    try:
        at = smart.configurations.of(ehr)
    except Unusable as error:
        log.warning("launch_refused", reason=error.reason)
        raise Refused("ehr-unusable", 502, ehr) from None
    going, session, secret = smart.sessions.begin(ehr.iss, ehr.tenant, _once("launch"))
    response = _away(smart.authorization.address(ehr, at, going, callback_url()), 302)
    browser.give(response, session, secret, LAUNCH_LASTS)
    return response


@bp.get("/app/callback")
def callback() -> Response:
    """The EHR's answer: the state is taken at its word once, and only in the browser that was sent with it."""
    smart = smart_parts()
    returned = smart.sessions.returned(_once("state"), lambda session: browser.secret_of(request, session))
    ehr = smart.ehrs.find(returned[1]) if returned else None
    if returned is None or ehr is None:
        log.warning("launch_refused", reason="state unknown, used, too old, or another browser's")
        raise Refused("state", 400)
    session, _, going = returned
    try:
        at = smart.configurations.of(ehr)
        launched = _redeemed(session, ehr, at, going.verifier, going.nonce)
    except Unusable as error:
        log.warning("launch_refused", reason=error.reason)
        raise Refused("ehr-unusable", 502, ehr) from None
    except (NotGranted, Impostor) as error:
        log.warning("launch_refused", reason=str(error))
        raise Refused("not-granted", 403, ehr) from None
    response = _away(address("app", "s", session), 303)
    browser.give(response, session, smart.sessions.open(launched), smart.sessions.lasts)
    return response


def _redeemed(session: str, ehr: Ehr, at: Configuration, verifier: str, nonce: str) -> Launched:
    """Raises `NotGranted` or `Impostor`."""
    smart = smart_parts()
    said = _once("iss")
    if (said or at.names_itself) and said != at.issuer:
        raise NotGranted("another issuer answered")
    code = _once("code")
    if not code or "error" in request.args:
        raise NotGranted("the EHR refused")
    token = smart.authorization.redeem(ehr, at, code, verifier, callback_url())
    user = smart.identity.user(token, ehr, at, nonce)
    return read_context(session, ehr, token, user, parts().decision.clock())


def _once(name: str) -> str:
    """A parameter that may stand in the query once, and not too long; else empty."""
    found = request.args.getlist(name)
    return found[0] if len(found) == 1 and len(found[0]) <= LONGEST else ""


def _away(url: str, status: int) -> Response:
    response: Response = redirect(url, status)  # type: ignore[assignment]
    response.headers.update({**PRIVATE, "Referrer-Policy": "no-referrer"})
    response.set_data(b"")  # what the browser shows is the next page
    return response
