"""Every exception as an HTTP answer, in one table: always an OperationOutcome, never the exception's own text."""

from __future__ import annotations

import orjson
import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from hooks.errors import Failed, HooksError
from hooks.outcome import outcome

log = structlog.get_logger("imaging_cds.errors")

FHIR_JSON = "application/fhir+json"

# HTTP status -> (FHIR issue type, text), for what the framework itself refuses
REFUSALS: dict[int, tuple[str, str]] = {
    400: ("structure", "The request cannot be read."),
    404: ("not-found", "There is nothing at this address. Discovery at /cds-services lists the services."),
    405: ("not-supported", "This address does not answer that method."),
    408: ("timeout", "The request took too long to arrive."),
    413: ("too-long", "The request is larger than this service reads."),
    414: ("too-long", "The address is too long."),
    415: ("not-supported", "The request must be JSON: send it with Content-Type application/json."),
}


class Refused(HooksError):
    """A refusal by the framework, as one of ours."""

    def __init__(self, status: int) -> None:
        code, text = REFUSALS.get(status, REFUSALS[400])
        super().__init__(text)
        self.status, self.issue = status, code  # type: ignore[misc]


def init_app(app: Flask) -> None:
    app.register_error_handler(HooksError, _refusal)
    app.register_error_handler(HTTPException, _framework)
    app.register_error_handler(Exception, _trouble)


def answer(error: HooksError) -> Response:
    """The HTTP answer to one refusal."""
    response = Response(orjson.dumps(outcome(error)), status=error.status, content_type=FHIR_JSON)
    if wait := getattr(error, "retry_after", 0):
        response.headers["Retry-After"] = str(wait)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _refusal(error: HooksError) -> Response:
    log.info("refused", status=error.status, issue=error.issue, kind=type(error).__name__, element=error.expression)
    return answer(error)


def _framework(error: HTTPException) -> Response:
    if error.code is None or error.code >= 500:
        return _trouble(error)
    response = answer(Refused(error.code))
    if error.code == 405:
        response.headers["Allow"] = dict(error.get_headers()).get("Allow", "POST, OPTIONS")
    return response


def _trouble(error: Exception) -> Response:
    """500. The log gets the kind and the place; the exception's text could hold patient data."""
    log.error("failed", kind=type(error).__name__, at=place(error))
    return answer(Failed())


def place(error: BaseException) -> list[str]:
    """Where an exception came from: module and line of the last few frames."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return frames[-6:]
