"""GET /openapi.json: the service for programs, as service/openapi.yaml describes it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

from criteria.reading import read_yaml
from service.answers import json
from service.version import version

bp = Blueprint("openapi", __name__)
FILE = Path(__file__).with_suffix(".yaml")


@bp.get("/openapi.json")
def openapi() -> Response:
    return json(document())


@cache
def document() -> dict[str, Any]:
    read: dict[str, Any] = read_yaml(FILE)
    return {**read, "info": {**read["info"], "version": version()}}
