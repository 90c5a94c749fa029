"""What the probes of a platform are told: alive, and ready or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service import readiness
from service.journal.bounded import Away
from tests.service_examples import SERVICE, call, make_app, parts_of


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    app = make_app(tmp_path)
    yield app.test_client()
    readiness.take_again()
    parts_of(app).journal.engine.dispose()


def probed(client: FlaskClient, status: int) -> Any:
    response = client.get("/health/ready")
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_json()


def test_a_service_that_has_all_it_needs_is_ready(client: FlaskClient) -> None:
    told = probed(client, 200)
    assert told["status"] == "ok"
    assert {"taking", "criteria", "database"} <= told["checks"].keys()
    assert {check["status"] for check in told["checks"].values()} == {"ok"}
    assert client.get("/health/live").get_json() == {"status": "ok"}


def test_without_its_database_it_is_still_ready_and_says_what_is_amiss(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise Away("gone")

    monkeypatch.setattr(parts_of(client.application).journal.bounded, "run", away)
    told = probed(client, 200)
    assert (told["status"], told["checks"]["database"]["status"]) == ("degraded", "degraded")
    assert "gone" not in str(told)
    monkeypatch.undo()
    assert probed(client, 200)["status"] == "ok"
    assert client.post(SERVICE, json=call()).status_code == 200


def test_a_process_that_shuts_down_is_alive_and_not_ready(client: FlaskClient) -> None:
    readiness.stop_taking()
    told = probed(client, 503)
    assert told["checks"]["taking"]["status"] == "failed"
    assert client.get("/health/live").status_code == 200
    readiness.take_again()
    assert probed(client, 200)


@pytest.mark.parametrize(("percent", "status", "state"), [(10, 200, "ok"), (60, 200, "degraded"), (99, 503, "failed")])
def test_a_spool_that_is_full_makes_it_not_ready(client: FlaskClient, percent: int, status: int, state: str) -> None:
    spool = parts_of(client.application).journal.pending.spool
    spool.size = spool.limit * percent // 100
    assert probed(client, status)["checks"]["spool"]["status"] == state
    spool.size = 0
