"""How much a caller may send: bytes while they arrive, and nesting and entries before anything walks through them."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Flask, Request, current_app
from werkzeug.exceptions import RequestEntityTooLarge

from hooks.errors import HooksError, TooLarge, UnreadableRequest, WrongContentType
from service.settings import Settings


class TooManyEntries(HooksError):
    """413: a Bundle with more entries than the service reads."""

    status, issue = 413, "too-long"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"A Bundle in the request has more than {limit} entries. Send less, page by page.")


def init_app(app: Flask, settings: Settings) -> None:
    """Werkzeug stops reading at the limit, but says nothing when there was no Content-Length: one byte more tells."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1


def read_json(request: Request) -> Any:
    """The body as JSON. Raises 413, 415 or 400 errors of `hooks.errors`."""
    settings: Settings = current_app.extensions["imaging_cds"].settings
    limit = settings.max_body_bytes
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(limit)
    kind = request.mimetype
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise WrongContentType()
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise TooLarge(limit) from None
    if len(body) > limit:
        raise TooLarge(limit)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableRequest("The request is not JSON (UTF-8, no comments, no NaN, not nested too deep).") from None
    check_size(value, settings)
    return value


def check_size(value: Any, settings: Settings) -> None:
    """Refuse what is nested too deep or lists too many Bundle entries; level by level, so it cannot overflow."""
    level: list[Any] = [value]
    for _ in range(settings.max_json_depth + 1):
        following: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                entries = node.get("entry")
                if isinstance(entries, list) and len(entries) > settings.max_entries:
                    raise TooManyEntries(settings.max_entries)
                following += [child for child in node.values() if isinstance(child, dict | list)]
            elif isinstance(node, list):
                following += [child for child in node if isinstance(child, dict | list)]
        if not following:
            return
        level = following
    raise UnreadableRequest(f"The request is nested deeper than {settings.max_json_depth} levels.")
