"""Calls every operation of the OpenAPI document with what its schemas allow and with what they do not (schemathesis).

    python -m tests.openapi_calls --examples 1000

The service runs in this process. A call fails on a 500, and on an answer that is not as the document says: status,
type, headers, shape.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz import make_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def call_every_operation(app: Flask, examples: int) -> int:
    """How many operations were called. Raises what schemathesis raises where an answer is not as described."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    called = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            bounds = settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )

            @bounds
            @given(case=operation.as_strategy(generation_mode=mode))
            def each(case: Any) -> None:
                case.call_and_validate(checks=CHECKS)

            with contextlib.suppress(Unsatisfiable):  # where there is nothing to get wrong
                each()
        called += 1
        print(f"{operation.method.upper()} {operation.path}: as described", flush=True)
    return called


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=200)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="imaging-cds-calls-") as folder:
        app, failures = make_app(Path(folder))
        called = call_every_operation(app, args.examples)
        app.extensions["imaging_cds"].journal.engine.dispose()
    print(f"{called} operations, up to {2 * args.examples} calls each: every answer as described")
    print(f"{len(failures.taken())} failures in the log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
