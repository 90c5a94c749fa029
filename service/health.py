"""Is the process alive, and may it be sent requests?"""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from service.answers import json
from service.parts import Parts
from service.readiness import checked, overall

bp = Blueprint("health", __name__)


@bp.get("/health/live")
def live() -> dict[str, str]:
    return {"status": "ok"}


@bp.get("/health/ready")
def ready() -> Response:
    """503 where a check has failed; degraded is still ready, and says what is amiss."""
    parts: Parts = current_app.extensions["imaging_cds"]
    checks = checked(parts)
    state = overall(checks)
    response = json({"status": state, "checks": {c.name: {"status": c.state, "says": c.says} for c in checks}})
    response.status_code = 503 if state == "failed" else 200
    response.headers["Cache-Control"] = "no-store"
    return response
