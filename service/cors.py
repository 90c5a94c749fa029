"""Cross-origin calls: EHRs and the public sandbox call from a browser, discovery included."""

from __future__ import annotations

from flask import Flask, Response, request

from service.settings import Settings

ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, x-request-id",
    "Access-Control-Expose-Headers": "x-request-id, location, retry-after",
    "Access-Control-Max-Age": "600",
}


def init_app(app: Flask, settings: Settings) -> None:
    any_origin = settings.open or "*" in settings.origins

    @app.before_request
    def preflight() -> Response | None:
        """Answered for every address, so that the browser gets to see our own 404 too."""
        return Response(status=204) if request.method == "OPTIONS" else None

    @app.after_request
    def allow(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if not any_origin and origin not in settings.origins:
            return response
        response.headers["Access-Control-Allow-Origin"] = "*" if any_origin else str(origin)
        response.headers.extend(ALLOWED)
        if settings.open and request.headers.get("Access-Control-Request-Private-Network") == "true":
            response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response
