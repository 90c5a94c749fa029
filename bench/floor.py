"""The least that a hook can cost: Flask behind gunicorn, which parses the request and answers a constant.

gunicorn --bind 127.0.0.1:8001 --worker-class gthread --threads 8 "bench.floor:floor()"
"""

from __future__ import annotations

import orjson
from flask import Flask, Response, request

ANSWER = orjson.dumps({"cards": []})


def floor() -> Flask:
    app = Flask("floor", static_folder=None)

    @app.post("/cds-services/<service>")
    def call(service: str) -> Response:
        orjson.loads(request.get_data(cache=False))
        return Response(ANSWER, mimetype="application/json")

    return app
