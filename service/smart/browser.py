"""What ties a launch to one browser: its cookie, and the mark that every form of ours carries."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable

from flask import Request, Response

from service.urls import read_base

COOKIE = "__Host-imaging-cds-"
"""And the session's name. `__Host-`: sent to this host alone, over TLS alone, and no other host can set it. One for
each session, so that two patients open in two windows stay apart."""
FIELD = "mark"

Hashed = Callable[..., str]
"""`Journal.hashed`."""


def give(response: Response, session: str, secret: str, lasts: dt.timedelta) -> None:
    """The cookie, kept apart for each site that frames us (CHIPS), since the EHR is another site than we are."""
    response.set_cookie(
        COOKIE + session, secret, max_age=lasts, path="/", secure=True, httponly=True, samesite="None", partitioned=True
    )


def secret_of(request: Request, session: str) -> str:
    return request.cookies.get(COOKIE + session, "")


def form_mark(hashed: Hashed, session: str, secret: str) -> str:
    """What a form of this session says, so that no other site's form is taken for it."""
    return hashed("", "form", session, secret)


def is_ours(request: Request, root: str, hashed: Hashed, session: str) -> bool:
    """Whether a form was sent from a page of this session: by its mark, and by what the browser says of its origin."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin") or (origin is not None and read_base(origin) != read_base(root)):
        return False
    wanted = form_mark(hashed, session, secret_of(request, session))
    return hmac.compare_digest(request.form.get(FIELD, "").encode(), wanted.encode())
