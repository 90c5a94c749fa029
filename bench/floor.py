"""The least that a hook can cost: Flask behind the same server, which parses the request and answers a constant.

python bench/floor.py --port 8001
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson
from flask import Flask, Response, request

sys.path.insert(0, str(Path(__file__).parent.parent))

from service.server import Server

ANSWER = orjson.dumps({"cards": []})


class Bare(Server):
    """The service's server, without what the service does once it has forked."""

    def forked(self, _server: object, _worker: object) -> None:
        return None


def floor() -> Flask:
    app = Flask("floor", static_folder=None)

    @app.post("/cds-services/<service>")
    def call(service: str) -> Response:
        orjson.loads(request.get_data(cache=False))
        return Response(ANSWER, mimetype="application/json")

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=8)
    asked = parser.parse_args()
    Bare(floor(), f"127.0.0.1:{asked.port}", asked.workers, asked.threads).run()
