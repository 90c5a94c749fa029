"""How much a caller may send: bytes while they arrive, and nesting and entries before anything walks through them."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from flask import Flask, Request, current_app
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from hooks.body import Limits, read_body
from hooks.errors import TooLarge, WrongContentType
from service.settings import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Werkzeug stops reading at the limit, but says nothing when there was no Content-Length: one byte more tells."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1


def limits_of(settings: Settings) -> Limits:
    """What a body may hold."""
    return Limits(settings.max_json_depth, settings.max_entries)


def read_json(request: Request, unread: Container[str] = ()) -> Any:
    """The body as JSON; the prefetch keys in ``unread`` as they were sent. Raises 413, 415 or 400 errors of
    `hooks.errors`."""
    settings: Settings = current_app.extensions["imaging_cds"].settings
    limit = settings.max_body_bytes
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(limit)
    kind = request.mimetype
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise WrongContentType()
    try:
        body = _received(request)
    except RequestEntityTooLarge:
        raise TooLarge(limit) from None
    if len(body) > limit:
        raise TooLarge(limit)
    limits = limits_of(settings)
    return read_body(body, unread, limits) if unread else limits.parse(body)


def _received(request: Request) -> bytes:
    """The body, asked for at once where its length is known: Werkzeug asks for 64 KiB at a time, and the server copies
    all that it holds each time."""
    length = request.content_length
    if length is None:
        return request.get_data(cache=False)
    try:
        body: bytes = request.environ["wsgi.input"].read(length)
    except (OSError, ValueError) as error:
        raise ClientDisconnected() from error
    if len(body) < length:
        raise ClientDisconnected()
    return body
