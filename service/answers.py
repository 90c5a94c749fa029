"""JSON out."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response


def json(value: Any) -> Response:
    """200, the keys in our order."""
    return Response(orjson.dumps(value), content_type="application/json")
