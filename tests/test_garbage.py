"""What an answer leaves behind for the garbage collector."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from bench.calls import ORDERS, request
from tests.conftest import SERVICE

URL = f"/cds-services/{SERVICE}"
FEW, MANY = 20, 1000
MORE = 400
"""Objects: there is more to weigh where more is on file. The larger chart is some three thousand more."""


@pytest.fixture
def by_hand() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", ORDERS)
def test_a_chart_goes_with_its_answer_and_does_not_wait_for_the_collector(
    kind: str, client: FlaskClient, by_hand: None
) -> None:
    def left(size: int) -> int:
        body = request(kind, size, dt.date.today())
        client.post(URL, data=body, content_type="application/json")  # what is kept for the next is kept now
        gc.collect()
        assert client.post(URL, data=body, content_type="application/json").status_code == 200
        return gc.collect()

    assert left(MANY) - left(FEW) < MORE
