"""GET /cds-services: what the service offers. Open to all: it says nothing of any patient."""

from __future__ import annotations

from flask import Blueprint, Response

import hooks
from mappings import QUERIES
from service.answers import json

bp = Blueprint("discovery", __name__)


@bp.get("/cds-services", strict_slashes=False)
def cds_services() -> Response:
    return json(hooks.discovery({key: query.template for key, query in QUERIES.items()}))
