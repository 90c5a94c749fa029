"""The application: a table of contents."""

from __future__ import annotations

from flask import Flask

from service import (
    cors,
    coverage,
    discovery,
    errors,
    explain,
    feedback,
    guidelines,
    health,
    hook,
    limits,
    log,
    questionnaires,
    rates,
)  # fmt: skip
from service.parts import Parts, make_parts
from service.rehearsal import rehearse
from service.settings import Clock, Settings, read_settings
from service.smart import handback_pages, launch, order
from service.watch import http as watch


def create_app(settings: Settings | None = None, clock: Clock | None = None, parts: Parts | None = None) -> Flask:
    """The service as a WSGI application.

    Settings come from the environment unless given. Raises `SettingsError` or `DataError` when it cannot start.
    """
    parts = parts or make_parts(settings or read_settings(), clock)
    app = Flask("imaging_cds", static_folder=None, instance_relative_config=False)
    app.url_map.merge_slashes = False  # a redirect would lose a browser's preflight
    app.extensions["imaging_cds"] = parts

    log.init_app(app)
    watch.init_app(app)
    cors.init_app(app, parts.settings)
    limits.init_app(app, parts.settings)
    rates.init_app(app, parts.rates)
    errors.init_app(app)

    app.register_blueprint(health.bp)
    app.register_blueprint(discovery.bp)
    app.register_blueprint(hook.bp)
    app.register_blueprint(feedback.bp)
    app.register_blueprint(guidelines.bp)
    app.register_blueprint(coverage.bp)
    app.register_blueprint(explain.bp)
    app.register_blueprint(questionnaires.bp)
    app.register_blueprint(launch.bp)
    app.register_blueprint(order.bp)
    app.register_blueprint(handback_pages.bp)
    rehearse(parts)
    return app
