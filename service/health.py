"""Is the process alive?"""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("health", __name__)


@bp.get("/health/live")
def live() -> dict[str, str]:
    return {"status": "ok"}
