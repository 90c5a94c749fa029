"""GET /cds-services: what the service offers. Open to all: it says nothing of any patient."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

import hooks
from hooks import roles
from mappings import QUERIES
from service.answers import json
from service.parts import Parts

bp = Blueprint("discovery", __name__)


@bp.get("/cds-services", strict_slashes=False)
def cds_services() -> Response:
    parts: Parts = current_app.extensions["imaging_cds"]
    user = {roles.KEY: roles.TEMPLATE} if parts.settings.user_role else {}
    return json(hooks.discovery({key: query.template for key, query in QUERIES.items()} | user))
