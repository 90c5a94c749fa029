"""The OpenAPI document says what the service does: every route is in it, and every answer is as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from hooks import errors as hooks_errors
from hooks.errors import HooksError
from service.app import create_app
from service.openapi import document
from service.settings import read_settings
from service.smart.keys import new_keys
from tests.openapi_calls import call_every_operation
from tests.service_examples import SERVICE, call

EXAMPLES = 25
"""Calls of each operation and mode here; `python -m tests.openapi_calls --examples 1000` makes more."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "keys.json").write_text(json.dumps(new_keys()))
    made = create_app(
        read_settings(
            {}, open=True, data_dir=str(folder), base_url="http://127.0.0.1:8000", app_launch="own",
            smart_keys_file=str(folder / "keys.json"),
        )
    )  # fmt: skip
    yield made
    made.extensions["imaging_cds"].journal.engine.dispose()


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """(path as OpenAPI writes it, method)."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        yield from ((path, method) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def left_out(path: str) -> bool:
    places = [entry["path"] for entry in document()["x-left-out"]]
    return any(path == p or (p != "/" and path.startswith(p if p.endswith("/") else f"{p}/")) for p in places)


def described() -> set[tuple[str, str]]:
    return {(path, method.upper()) for path, item in document()["paths"].items() for method in item}


def test_every_route_is_described_or_said_to_be_left_out(app: Flask) -> None:
    assert {route for route in routes(app) if not left_out(route[0])} - described() == set()


def test_nothing_is_described_that_is_not_there(app: Flask) -> None:
    assert described() - set(routes(app)) == set()


def test_every_place_that_is_left_out_is_there(app: Flask) -> None:
    paths = [path for path, _ in routes(app)]
    for entry in document()["x-left-out"]:
        place = entry["path"]
        assert any(path == place or path.startswith(place) for path in paths), place
        assert entry["why"]


def test_the_document_is_served_with_the_version(client: FlaskClient) -> None:
    served = client.get("/openapi.json").get_json()
    assert served == document()
    assert served["info"]["version"] != "0"
    for name, schema in served["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert name[0].isupper()


def test_every_error_of_a_hook_is_described() -> None:
    found: set[int] = set()
    kinds: list[Any] = [HooksError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found.add(kind.status) if kind.__module__ == hooks_errors.__name__ else None
    answers = document()["paths"]["/cds-services/{service}"]["post"]["responses"]
    assert {str(status) for status in found} <= set(answers)


def test_an_answer_is_as_the_document_says(app: Flask) -> None:
    answer = app.test_client().post(SERVICE, json=call()).get_json()
    schemas = document()["components"]["schemas"]
    root = {**schemas["HookAnswer"], "components": {"schemas": schemas}}
    assert list(Draft202012Validator(root).iter_errors(answer)) == []
    assert answer["cards"]


def test_whatever_the_schemas_allow_or_not_is_answered_as_described(app: Flask) -> None:
    """schemathesis: good calls and bad ones for every operation."""
    assert call_every_operation(app, EXAMPLES) == len(described()) - 1  # the document itself is fetched, not called
