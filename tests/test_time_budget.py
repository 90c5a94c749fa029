"""When a hook's time is used up: what was looked at is answered, and what was not is said not to have been."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import criteria
from service import counts
from service.fhir import FhirClient
from service.settings import read_settings
from tests.answers import Json, cards, rating, silent
from tests.service_examples import SERVICE, call, make_app, order, parts_of

THREE = (order("first"), order("second", code="72148"), order("third", code="72141"))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = make_app(tmp_path, hook_budget_seconds=25.0)
    yield made
    parts_of(made).journal.engine.dispose()


def slow(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Each order takes so long to judge; told to the clock, not waited for."""
    passed = [0.0]
    real, clock = criteria.verdict_on, time.perf_counter

    def judge(*args: Any, **more: Any) -> Any:
        passed[0] += seconds
        return real(*args, **more)

    monkeypatch.setattr(criteria, "verdict_on", judge)
    monkeypatch.setattr("service.decide.time.perf_counter", lambda: clock() + passed[0])


def answer(app: Flask, *orders: Json, hook: str = "order-sign") -> Json:
    response = app.test_client().post(SERVICE, json=call(*orders, hook=hook))
    assert response.status_code == 200
    said: Json = response.get_json()
    return said


def test_orders_past_the_budget_get_a_card_that_says_so_and_the_others_their_answer(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = answer(app, *THREE)
    slow(monkeypatch, 20)
    before = counts.read().get("orders_not_judged_in_time", 0)
    partial = answer(app, *THREE)
    for identity in ("first", "second"):
        assert (rating(partial, identity), cards(partial, identity)) == (
            rating(whole, identity),
            cards(whole, identity),
        )
    (late,) = cards(partial, "third")
    assert "no time left" in late["detail"]
    assert rating(partial, "third") is None
    assert counts.read()["orders_not_judged_in_time"] == before + 1


def test_no_order_is_passed_over_in_silence_however_little_time_there_was(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 1000)
    partial = answer(app, *THREE, hook="order-select")
    assert silent(partial, ["first", "second", "third"]) == []
    assert [len(cards(partial, late)) for late in ("second", "third")] == [1, 1]


def test_more_late_orders_than_cards_fit_are_named_on_the_last(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 1000)
    partial = answer(app, *(order(f"o{n}") for n in range(14)))
    assert len(partial["cards"]) == 10
    assert partial["cards"][-1]["detail"].count("No imaging advice could be given") == 4


def test_what_is_no_imaging_gets_no_card_for_lack_of_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 1000)
    partial = answer(app, THREE[0], order("blood", code="85027"))
    assert cards(partial, "blood") == []


def test_the_fhir_calls_leave_time_for_judging() -> None:
    settings = read_settings({}, open=True, fhir_budget_seconds=2.0, hook_budget_seconds=1.0)
    assert settings.fetch_seconds == 0.8
    assert FhirClient(settings).settings.fetch_seconds < settings.hook_budget_seconds
    assert read_settings({}, open=True).fetch_seconds == 2.0
