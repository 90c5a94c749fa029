"""Mangled requests, a few of the thousands that `python -m tests.fuzz` sends."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from mappings.kept import Kept
from tests.answers import Json, silent
from tests.fuzz import URL, Failures, Findings, InUse, fuzz, hidden, in_use, is_outcome, lost_keys, make_app
from tests.mangle import WAYS, mangle, spoil, written
from tests.requests_loader import load

REQUESTS = 150


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_no_mangled_request_ends_in_a_500_or_in_a_silence_that_hides_an_error(tmp_path: Path) -> None:
    app, failures = make_app(tmp_path)
    found = fuzz(app.test_client(), failures, REQUESTS, seed=11)
    app.extensions["imaging_cds"].journal.engine.dispose()
    shown = [{k: v for k, v in case.items() if k != "sent"} for case in (*found.faults, *found.silences)]
    assert shown == []
    assert found.sent == REQUESTS
    assert found.statuses[200] > REQUESTS / 4  # not all is refused at the door
    assert found.statuses[400] > REQUESTS / 10


def test_a_number_beyond_all_measure_is_no_answer(tmp_path: Path) -> None:
    """It was once taken for an answer, and no JSON holds so large a whole number."""
    app, failures = make_app(tmp_path)
    body = load("requests/01_lumbar_mri_after_treatment.json")
    for entry in body["prefetch"]["observations"]["entry"]:
        for field in ("valueInteger", "valueQuantity"):
            if field in entry["resource"]:
                entry["resource"][field] = 1e308 if field == "valueInteger" else {"value": -1e308}
    response = app.test_client().post(URL, json=body)
    app.extensions["imaging_cds"].journal.engine.dispose()
    assert (response.status_code, failures.taken()) == (200, [])
    assert silent(response.get_json(), ["order-1"]) == []


def test_the_same_seed_mangles_the_same_way() -> None:
    good = load("requests/01_lumbar_mri_after_treatment.json")
    one, other = (mangle(good, random.Random(5)) for _ in range(2))
    assert written(one[0]) == written(other[0])
    assert spoil(written(good), random.Random(5)) == spoil(written(good), random.Random(5))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_changes_a_request(way: str) -> None:
    good = load("requests/01_lumbar_mri_after_treatment.json")
    changed = 0
    for seed in range(10):
        body = copy.deepcopy(good)
        WAYS[way](body, random.Random(seed))
        changed += body != good
    assert changed >= 5


def test_what_hides_an_error_is_noticed() -> None:
    good = load("requests/02_lumbar_mri_no_word_on_treatment.json")
    rated = {"resource": {"id": "order-1", "extension": [
        {"url": "http://fhir.org/argonaut/Extension/pama-rating",
         "valueCodeableConcept": {"coding": [{"code": "appropriate"}]}}]}}  # fmt: skip
    before: Json = {"cards": []}
    assert "silent" in hidden({"cards": []}, good, good, before)
    assert hidden({"cards": [], "systemActions": [rated]}, good, good, before) == ""
    lost = {**good, "prefetch": {**good["prefetch"], "observations": 7}}
    assert lost_keys(lost, good) == {"observations"}
    assert "not a word" in hidden({"cards": [], "systemActions": [rated]}, lost, good, before)
    assert not is_outcome({"resourceType": "OperationOutcome", "issue": []})


def test_only_failures_are_kept_of_the_log() -> None:
    failures = Failures()
    failures.write(json.dumps({"event": "answered"}))
    failures.write(json.dumps({"event": "failed", "kind": "KeyError"}))
    assert len(failures.taken()) == 1
    assert failures.taken() == []


def test_memory_that_grows_is_noticed() -> None:
    steady = Findings(mib=[100.0, 150.0, *[200.0] * 9], held=[InUse(1_000_000, 30.0)] * 2)
    assert steady.holds
    assert not replace(steady, mib=[*steady.mib[:-1], 220.0]).holds
    assert not replace(steady, held=[steady.held[0], InUse(1_020_000, 30.0)]).holds
    assert not replace(steady, held=[steady.held[0], InUse(1_000_000, 40.0)]).holds


def test_what_is_kept_of_each_request_is_seen_and_what_caches_keep_is_not() -> None:
    kept, leaked, before = Kept(str.upper), [], in_use().blocks
    assert all(kept[f"code {n}"] for n in range(5_000))
    assert in_use().blocks - before < 1_000
    assert not kept
    leaked += [[n] for n in range(5_000)]
    assert in_use().blocks - before > len(leaked)
