"""Of which answers the journal keeps what they were judged on: all with a card, and the appropriate orders without one
that lean on a presumption, which is told nowhere else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import Facts
from criteria.orders import Order
from criteria.ratings import Rating, Verdict
from hooks.cards import OURS
from hooks.ids import explain_handle
from hooks.site import Keys
from service.journal.consults import consult_uris, consults_with_a_card


@dataclass(frozen=True, slots=True)
class Judged:
    """One order that can be explained: all orders of the session, the facts by the studies considered for it, and the
    records that could not be used."""

    handle: str
    verdict: Verdict
    order: Order
    session: Sequence[Order]
    facts: Mapping[str, Facts]
    policy: str
    day: dt.date
    language: str = "en"
    set_aside: Sequence[str] = ()


def judged(
    verdicts: Iterable[Verdict],
    answer: Mapping[str, Any],
    orders: Iterable[Order],
    session: Sequence[Order],
    facts: Callable[[Order], Mapping[str, Facts]],
    keys: Keys,
    policy: str,
    day: dt.date,
    language: str,
    set_aside: Sequence[str] = (),
) -> Iterator[Judged]:
    """What is kept of an answer so that it can be explained; ``facts`` are those that were looked at for an order."""
    told, with_card = consult_uris(answer), consults_with_a_card(answer)
    known = {order.reference: order for order in orders}
    for verdict in verdicts:
        order, consult = known.get(verdict.order), told.get(verdict.order)
        silent = verdict.provisional and verdict.rating is Rating.APPROPRIATE
        if order is not None and consult and (silent or verdict.order in with_card):
            handle = explain_handle(keys, consult)
            yield Judged(handle, verdict, order, session, facts(order), policy, day, language, set_aside)


def with_addresses(answer: Mapping[str, Any], kept: Iterable[Judged], pages: str) -> dict[str, Any]:
    """The answer, in which a rating without a card says where it is explained: beside the order in its system action,
    not on it. Whoever gets the order later does not get the address."""
    cards = consults_with_a_card(answer)
    at = {j.verdict.order: f"{pages.rstrip('/')}/{j.handle}" for j in kept if j.verdict.order not in cards}
    if not pages or not at:
        return dict(answer)
    out = dict(answer)
    if "systemActions" in out:
        out["systemActions"] = [_with_address(action, at) for action in out["systemActions"]]
    if "systemActions" in out.get("extension", {}):
        listed = [_with_address(action, at) for action in out["extension"]["systemActions"]]
        out["extension"] = {**out["extension"], "systemActions": listed}
    return out


def _with_address(action: dict[str, Any], at: Mapping[str, str]) -> dict[str, Any]:
    order = f"{action['resource']['resourceType']}/{action['resource']['id']}"
    return {**action, "extension": {OURS: {"explained": at[order]}}} if order in at else action
