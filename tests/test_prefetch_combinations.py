"""Every prefetch key in every state, and every pair of states of two keys at least once, without a FHIR server."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mappings.queries import QUERIES
from service.app import create_app
from service.settings import read_settings
from tests.answers import Json, asked, cards, rating
from tests.conftest import SERVICE, Service
from tests.fhir_server import FhirServer
from tests.requests_loader import load

GOOD = "requests/01_lumbar_mri_after_treatment.json"
KEYS = sorted(k for k, q in QUERIES.items() if not q.required)
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}
STATES = ("given", "null", "empty", "failed", "absent")
Row = dict[str, str]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = create_app(read_settings({}, open=True, data_dir=str(tmp_path_factory.mktemp("service"))))
    yield made
    made.extensions["imaging_cds"].journal.engine.dispose()


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def in_states(row: Row) -> Json:
    """The good request with its keys in these states; a key that is not named is given."""
    body = load(GOOD)
    held = body["prefetch"]
    for key, state in row.items():
        if state == "absent":
            del held[key]
        elif state != "given":
            held[key] = {"null": None, "empty": EMPTY, "failed": OUTCOME}[state]
    return body


def answer_to(client: FlaskClient, row: Row) -> Json:
    response = client.post(f"/cds-services/{SERVICE}", json=in_states(row))
    assert response.status_code == 200, row
    answer: Json = response.get_json()
    return answer


def gist(answer: Json) -> tuple[Any, ...]:
    return rating(answer, "order-1"), len(cards(answer, "order-1")), sorted(asked(answer, "order-1"))


def all_pairs() -> list[Row]:
    """Rows in which every two keys meet in every two states; the same rows every time."""
    chance = random.Random(20260310)
    wanted = {(a, x, b, y) for a, b in itertools.combinations(KEYS, 2) for x in STATES for y in STATES}
    rows: list[Row] = []
    while wanted:
        a, x, b, y = min(wanted)
        best: tuple[int, Row] = (-1, {})
        for _ in range(12):
            row = {k: chance.choice(STATES) for k in KEYS} | {a: x, b: y}
            met = sum((i, row[i], j, row[j]) in wanted for i, j in itertools.combinations(KEYS, 2))
            best = max(best, (met, row), key=lambda r: r[0])
        rows.append(best[1])
        wanted -= {(i, best[1][i], j, best[1][j]) for i, j in itertools.combinations(KEYS, 2)}
    return rows


ROWS = all_pairs()


def test_the_rows_hold_every_pair() -> None:
    met = {(a, r[a], b, r[b]) for r in ROWS for a, b in itertools.combinations(KEYS, 2)}
    assert len(met) == len(KEYS) * (len(KEYS) - 1) // 2 * len(STATES) ** 2


def test_in_every_combination_there_is_an_answer_and_nothing_is_made_up(client: FlaskClient) -> None:
    """Nothing is refused because records are lacking, and nothing passes without the answers about treatment."""
    for row in ROWS:
        answer = answer_to(client, row)
        found = rating(answer, "order-1")
        assert found in (None, "appropriate"), row
        assert found or cards(answer, "order-1"), row
        if row["observations"] != "given":
            assert found is None, row


@pytest.mark.parametrize(("one", "other"), [("null", "empty"), ("failed", "absent")])
def test_states_that_mean_the_same_get_the_same_answer(client: FlaskClient, one: str, other: str) -> None:
    for row in ROWS[::8]:
        swapped = {k: other if s == one else s for k, s in row.items()}
        assert gist(answer_to(client, row)) == gist(answer_to(client, swapped)), row


def test_a_key_with_something_else_in_it_is_as_good_as_absent(client: FlaskClient) -> None:
    expected = gist(answer_to(client, dict.fromkeys(KEYS, "absent")))
    values: list[Any] = ["text", 7, True, [], {}, {"resourceType": 7}, {"resourceType": "Bundle", "entry": {}}]
    for value in values:
        body = load(GOOD)
        body["prefetch"] |= dict.fromkeys(KEYS, value)
        response = client.post(f"/cds-services/{SERVICE}", json=body)
        assert response.status_code == 200, value
        assert gist(response.get_json()) == expected, value


@pytest.mark.parametrize("state", STATES)
def test_the_patient_is_the_one_key_that_is_needed(client: FlaskClient, state: str) -> None:
    response = client.post(f"/cds-services/{SERVICE}", json=in_states({"patient": state}))
    assert response.status_code == (200 if state == "given" else 412)
    if state != "given":
        assert response.get_json()["resourceType"] == "OperationOutcome"


def test_no_prefetch_at_all_is_refused_by_name(client: FlaskClient) -> None:
    nothing: list[Json | None] = [{}, None]
    for prefetch in nothing:
        response = client.post(f"/cds-services/{SERVICE}", json={**load(GOOD), "prefetch": prefetch})
        assert response.status_code == 412
        assert "patient" in response.get_json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("state", ["failed", "absent"])
def test_what_prefetch_lacks_comes_from_the_fhir_server(
    service: Service, make_fhir: Callable[..., FhirServer], state: str
) -> None:
    """Key by key, and all of them: the answer is that of the whole request."""
    whole = load(GOOD)
    held = [e["resource"] for v in whole["prefetch"].values() for e in v.get("entry", ())]
    expected = gist(service.answer(whole))
    for keys in (*([k] for k in KEYS), KEYS):
        fhir = make_fhir([whole["prefetch"]["patient"], *held])
        body = {**in_states(dict.fromkeys(keys, state)), "fhirServer": fhir.base}
        assert gist(service.answer(body)) == expected, keys
        assert len(fhir.calls) == len(keys)
