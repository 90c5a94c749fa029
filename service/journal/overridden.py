"""What became of the cards, criterion by criterion: which annoys, and why. A card without feedback was not rejected."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hooks.overrides import category_of
from service.journal.models import Card, Consult, FeedbackRow

NO_CRITERION = "(no criterion)"
UNNAMED, OTHER = "no-reason-given", "reason-not-ours"
FEW = 20
"""Below so many cards a share says little."""


@dataclass(slots=True)
class Outcome:
    """The cards of one criterion; ``reasons`` by category, each card once by its latest feedback."""

    cards: int = 0
    accepted: int = 0
    overridden: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def no_word(self) -> int:
        return self.cards - self.accepted - self.overridden


def outcomes(engine: Engine, since: dt.date | None = None) -> Mapping[str, Outcome]:
    """By criterion. The same card, shown several times, counts once."""
    shown = select(Card.tenant, Card.card, Consult.criteria).join(Consult, Card.consult_id == Consult.id)
    if since:
        shown = shown.where(Consult.created >= dt.datetime.combine(since, dt.time(), dt.UTC))
    told = select(FeedbackRow).order_by(FeedbackRow.outcome_at, FeedbackRow.id)
    with Session(engine) as session:
        latest = {(row.tenant, row.card): row for row in session.scalars(told)}
        cards = {(tenant, card): criteria for tenant, card, criteria in session.execute(shown)}
    out: dict[str, Outcome] = {}
    for key, criteria in cards.items():
        for criterion in criteria or [NO_CRITERION]:
            _count(out.setdefault(criterion, Outcome()), latest.get(key))
    return out


def _count(outcome: Outcome, row: FeedbackRow | None) -> None:
    outcome.cards += 1
    if row is None:
        return
    if row.outcome == "accepted":
        outcome.accepted += 1
        return
    outcome.overridden += 1
    known = category_of(row.reason_system, row.reason_code)
    outcome.reasons[known or (OTHER if row.reason_code else UNNAMED)] += 1


def outcome_lines(by_criterion: Mapping[str, Outcome]) -> Iterator[str]:
    """The most often overridden first."""
    yield f"{'criterion':60}{'cards':>8}{'accepted':>10}{'overridden':>12}{'no word':>9}"
    for name, o in sorted(by_criterion.items(), key=lambda one: (-one[1].overridden, one[0])):
        few = "  (few cards)" if o.cards < FEW else ""
        yield f"{name:60}{o.cards:>8}{o.accepted:>10}{o.overridden:>12}{o.no_word:>9}{few}"
        yield from (f"    {reason}: {times}" for reason, times in o.reasons.most_common())
