"""What a page costs to load: with all it asks for, compressed, at most 60 kB. The app's pages stand in
test_smart_screens.py."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.explain_examples import NAMES, answered, explained_at, request_of
from tests.service_examples import make_app, parts_of
from tests.test_guideline_pages import HTML, all_addresses

HEAVIEST = 60_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = make_app(tmp_path_factory.mktemp("pages"), base_url="https://cds.example.org")
    yield made
    parts_of(made).journal.engine.dispose()


def too_heavy(client: FlaskClient, addresses: list[str]) -> dict[str, int]:
    """Pages above the limit, by what they and their assets transfer."""

    @cache
    def sent(address: str) -> bytes:
        with client.get(address, headers={**HTML, "Accept-Encoding": "gzip"}) as response:
            assert response.status_code == 200, address
            assert "/static/" in address or response.headers["Content-Encoding"] == "gzip"
            return response.get_data()

    def assets(page: bytes) -> list[str]:
        return re.findall(r'(?:href|src)="([^"]*/static/[^"]+)"', gzip.decompress(page).decode())

    weights = {a: sum(map(len, map(sent, (a, *assets(sent(a)))))) for a in addresses}
    return {a: weight for a, weight in weights.items() if weight > HEAVIEST}


def test_no_page_of_the_guidelines_is_heavy(app: Flask) -> None:
    addresses = [*all_addresses(parts_of(app).decision.library), "/coverage"]
    assert too_heavy(app.test_client(), addresses) == {}


def test_no_explanation_is_heavy(app: Flask) -> None:
    shown = [found for name in NAMES for card in answered(app, request_of(name)) for found in explained_at(card)]
    assert len(shown) > 5
    assert too_heavy(app.test_client(), shown) == {}
