"""Every request counted, and GET /metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service import dashboard
from service.parts import Parts
from service.readiness import checked
from service.version import stamp, version
from service.watch import traces
from service.watch.access import may_scrape
from service.watch.metrics import IN_FLIGHT, Figure, hook_called, registry, request_answered
from service.watch.spooled import spooled

bp = Blueprint("metrics", __name__)
NOBODY = "unknown"
STATES = ("ok", "degraded", "failed")


def init_app(app: Flask) -> None:
    """After `service.log`, whose clock it reads."""
    traces.init_app(app)
    app.register_blueprint(bp)
    app.register_blueprint(dashboard.bp)

    @app.before_request
    def begin() -> None:
        IN_FLIGHT.inc()
        g.counted = True

    @app.after_request
    def count(response: Response) -> Response:
        route = str(request.url_rule)
        request_answered(route, request.method if request.url_rule else "any", response.status_code)
        if request.endpoint == "hook.call" and request.method == "POST":
            # a refused hook may not have been read so far
            hook, tenant = g.get("hook", NOBODY), g.get("tenant", NOBODY)
            hook_called(hook, tenant, response.status_code, time.perf_counter() - g.began)
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if g.pop("counted", False):
            IN_FLIGHT.dec()


@bp.get("/metrics")
def metrics() -> Response:
    parts: Parts = current_app.extensions["imaging_cds"]
    refused = may_scrape(request, parts.settings)
    if refused is not None:
        return refused
    text = generate_latest(registry(lambda: _looked_up(parts)))
    return Response(text, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def _looked_up(parts: Parts) -> Iterator[Figure]:
    told = {"version": version(), "criteria": stamp(parts.settings).rpartition("+")[2]}
    yield "imaging_cds_build_info", "What is running.", told, 1
    waiting, refused = spooled(parts.settings.spool_folder)
    yield "imaging_cds_spool_bytes", "What waits on this machine for the database.", {}, waiting
    yield (
        "imaging_cds_spool_refused_bytes",
        "What the database refused, set aside for somebody to look at.",
        {},
        refused,
    )
    for check in checked(parts):
        yield (
            "imaging_cds_check", "What /health/ready found: 0 ok, 1 degraded, 2 failed.", {"check": check.name},
            STATES.index(check.state),
        )  # fmt: skip
