"""The mix of ratings and the reasons of overrides, as the journal kept them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.journal.models import Consult, FeedbackRow
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
    """Raises `SettingsError` where there is no journal to read."""
    engine = existing(settings).engine
    number = func.count()
    ratings = select(Consult.rating, number).group_by(Consult.rating).order_by(number.desc())
    outcomes = select(FeedbackRow.outcome, number).group_by(FeedbackRow.outcome).order_by(number.desc())
    overridden = select(FeedbackRow.reason_code, number).where(FeedbackRow.outcome == "overridden")
    reasons = overridden.group_by(FeedbackRow.reason_code).order_by(number.desc())
    try:
        with Session(engine) as session:
            return {
                "ratings": {name or "none": n for name, n in session.execute(ratings)},
                "feedback": {str(name): n for name, n in session.execute(outcomes)},
                "override_reasons": {name or "none given": n for name, n in session.execute(reasons)},
            }
    finally:
        engine.dispose()


def lines(counted: dict[str, dict[str, int]]) -> Iterator[str]:
    for head, kept in counted.items():
        yield f"{head.replace('_', ' ')}: {sum(kept.values())}"
        for name, n in kept.items():
            yield f"{n:>8}  {name}"
