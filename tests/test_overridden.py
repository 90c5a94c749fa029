"""What clinicians did with the cards, counted by criterion and by category of the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from hooks.overrides import override_reasons
from service.cli import main
from service.journal.overridden import outcome_lines, outcomes
from tests.service_examples import SERVICE, call, make_app, order, parts_of


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = make_app(tmp_path)
    yield made
    parts_of(made).journal.engine.dispose()


def cards(app: Flask, count: int) -> list[str]:
    """Uuids of cards about as many orders."""
    drafts = [order(f"o{n}") for n in range(count)]
    found = []
    for draft in drafts:
        answer = app.test_client().post(SERVICE, json=call(draft)).get_json()
        found += [c["uuid"] for c in answer["cards"]]
    return found


def tell(app: Flask, card: str, outcome: str = "overridden", at: str = "2026-06-02T03:00:00Z", **more: Any) -> None:
    entry = {"card": card, "outcome": outcome, "outcomeTimestamp": at, **more}
    assert app.test_client().post(f"{SERVICE}/feedback", json={"feedback": [entry]}).status_code == 200


def reason(code: str) -> dict[str, Any]:
    coding = next(r.coding() for r in override_reasons() if r.code == code)
    return {"overrideReason": {"reason": coding}}


def test_reasons_are_counted_with_the_card_they_were_given_for(app: Flask) -> None:
    one, two, three, four, five, _ = cards(app, 6)
    tell(app, one, **reason("specialist-requests"))
    tell(app, two, **reason("recipient-disagrees-evidence"))
    tell(app, three, overrideReason={"reason": {"code": "x", "system": "https://ehr.example"}})
    tell(app, four)
    tell(app, five, "accepted", acceptedSuggestions=[{"id": "s"}])
    tell(app, "a card that we never made")
    (found,) = outcomes(parts_of(app).journal.engine).values()
    assert (found.cards, found.accepted, found.overridden, found.no_word) == (6, 1, 4, 1)
    assert found.reasons == {"recipient-disagrees-evidence": 2, "reason-not-ours": 1, "no-reason-given": 1}
    assert any("recipient-disagrees-evidence: 2" in line for line in outcome_lines({"c": found}))


def test_a_card_that_is_shown_again_counts_once_and_the_latest_word_counts(app: Flask) -> None:
    first, again = cards(app, 1), cards(app, 1)
    assert first == again
    tell(app, first[0], "accepted", "2026-06-02T04:00:00Z", acceptedSuggestions=[{"id": "s"}])
    tell(app, first[0], at="2026-06-02T03:00:00Z")
    (found,) = outcomes(parts_of(app).journal.engine).values()
    assert (found.cards, found.accepted, found.overridden) == (1, 1, 0)


def test_the_command_prints_the_table(app: Flask, tmp_path: Path) -> None:
    cards(app, 1)
    environment = {"IMAGING_CDS_DATA_DIR": str(tmp_path)}
    printed = CliRunner().invoke(main, ["overridden", "--since", "2026-06-01"], env=environment)
    assert printed.exit_code == 0, printed.output
    assert "(few cards)" in printed.output
    later = CliRunner().invoke(main, ["overridden", "--since", "2026-07-01"], env=environment)
    assert "few cards" not in later.output
