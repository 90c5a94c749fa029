"""One page for a browser: HTML in UTF-8, compressed where the browser reads that."""

from __future__ import annotations

import gzip

from flask import Response, request

QUICK = 6
"""Compression: the step above it costs twice the time for a hundredth of the size."""


def html(text: str, status: int = 200) -> Response:
    """A page that repeats what a stranger sent must hold no secret: its size would tell how much the two are alike."""
    response = Response(status=status, content_type="text/html; charset=utf-8")
    response.vary.add("Accept-Encoding")
    body = text.encode()
    if request.accept_encodings["gzip"]:
        body = gzip.compress(body, QUICK, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
    response.set_data(body)
    return response
