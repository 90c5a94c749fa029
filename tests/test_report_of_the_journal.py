"""`imaging-cds report --journal`: what a real run left in the journal, counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from hooks.overrides import override_reasons
from service.cli import main
from tests.service_examples import SERVICE, call, make_app, order, parts_of

MRI = "72148"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = make_app(tmp_path)
    yield made
    parts_of(made).journal.engine.dispose()


def cards(app: Flask, *orders: dict[str, Any]) -> list[str]:
    answer = app.test_client().post(SERVICE, json=call(*orders)).get_json()
    return [card["uuid"] for card in answer["cards"]]


def tell(app: Flask, card: str, outcome: str, at: str = "2026-06-02T03:00:00Z", **more: Any) -> None:
    entry = {"card": card, "outcome": outcome, "outcomeTimestamp": at, **more}
    assert app.test_client().post(f"{SERVICE}/feedback", json={"feedback": [entry]}).status_code == 200


def reported(folder: Path, *flags: str) -> Result:
    return CliRunner().invoke(main, ["report", "--journal", *flags], env={"IMAGING_CDS_DATA_DIR": str(folder)})


def test_each_order_counts_once_by_its_latest_rating(app: Flask, tmp_path: Path) -> None:
    cards(app, order("o1"))
    cards(app, order("o1"))
    cards(app, order("o1", MRI))
    cards(app, order("o2"), order("o3", "85025"))
    told = json.loads(reported(tmp_path, "--json").output)
    assert told["answers"] == 4, "what is no imaging is not kept"
    assert told["ratings"] == {"needs-information": 1, "not-appropriate": 1}


def test_each_card_counts_once_by_the_latest_word_on_it(app: Flask, tmp_path: Path) -> None:
    first, second, third = cards(app, order("o1"), order("o2", "72131"), order("o3", MRI))
    coding = next(r.coding() for r in override_reasons() if r.code == "specialist-requests")
    tell(app, first, "overridden", overrideReason={"reason": coding})
    tell(app, second, "overridden", "2026-06-02T03:00:00Z")
    tell(app, second, "accepted", "2026-06-02T04:00:00Z", acceptedSuggestions=[{"id": "s"}])
    told = json.loads(reported(tmp_path, "--json").output)
    assert told["cards"] == {"accepted": 1, "overridden": 1, "no word": 1}
    assert told["override_reasons"] == {"specialist-requests": 1}
    assert third


def test_it_is_read_by_people_too(app: Flask, tmp_path: Path) -> None:
    tell(app, cards(app, order("o1", MRI))[0], "overridden")
    said = reported(tmp_path)
    assert said.exit_code == 0, said.output
    assert "answers: 1" in said.output
    assert "cards: 1" in said.output and "1  overridden" in said.output
    assert "1  no-reason-given" in said.output


def test_an_empty_journal_is_no_error(app: Flask, tmp_path: Path) -> None:
    assert reported(tmp_path).exit_code == 0


def test_without_a_journal_it_says_where_to_look(tmp_path: Path) -> None:
    said = reported(tmp_path / "nowhere")
    assert said.exit_code == 1 and "IMAGING_CDS_DATA_DIR" in said.output


def test_a_folder_and_the_journal_are_not_asked_at_once(tmp_path: Path) -> None:
    assert reported(tmp_path, str(tmp_path)).exit_code == 2
