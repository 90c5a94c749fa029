"""The mix of ratings and the reasons of overrides, as the journal kept them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import click
import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from hooks.overrides import category_of
from service.journal.models import Card, Consult, FeedbackRow
from service.journal.overridden import OTHER, UNNAMED
from service.journal.unmapped import existing
from service.settings import Settings


def of_journal(settings: Settings, in_json: bool) -> None:
    counted = counts(settings)
    if in_json:
        click.echo(orjson.dumps(counted, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in lines(counted):
            click.echo(line)


def counts(settings: Settings) -> dict[str, Any]:
    """Orders by their latest rating and cards by the latest word on them, each once however often it was answered or
    shown. Raises `SettingsError` where there is no journal to read."""
    engine = existing(settings).engine
    asked = select(Consult.tenant, Consult.order_key, Consult.rating).order_by(Consult.created, Consult.id)
    asked = asked.where(Consult.rating.is_not(None))  # the rest is no imaging, or nothing chosen yet
    shown = select(Card.tenant, Card.card)
    told = select(FeedbackRow).order_by(FeedbackRow.outcome_at, FeedbackRow.id)
    try:
        with Session(engine) as session:
            answers = session.execute(asked).all()
            cards = {(tenant, card) for tenant, card in session.execute(shown)}
            latest = {(row.tenant, row.card): row for row in session.scalars(told)}
    finally:
        engine.dispose()
    words = [latest.get(card) for card in cards]
    orders = {(tenant, order): rating for tenant, order, rating in answers if rating}
    return {
        "answers": len(answers),
        "ratings": _tally(orders.values()),
        "cards": _tally(row.outcome if row else "no word" for row in words),
        "override_reasons": _tally(_reason(row) for row in words if row and row.outcome == "overridden"),
    }


def _reason(row: FeedbackRow) -> str:
    """The code where it is one that our cards offer."""
    if not row.reason_code:
        return UNNAMED
    return row.reason_code if category_of(row.reason_system, row.reason_code) else OTHER


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda one: (-one[1], one[0])))


def lines(counted: dict[str, Any]) -> Iterator[str]:
    yield f"answers: {counted['answers']}"
    heads = {"ratings": "orders by their latest rating", "cards": "cards", "override_reasons": "override reasons"}
    for key, head in heads.items():
        yield f"{head}: {sum(counted[key].values())}"
        for name, n in counted[key].items():
            yield f"{n:>8}  {name}"
