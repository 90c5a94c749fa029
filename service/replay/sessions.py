"""Which resources are orders that a clinician signed, and which of them were signed together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mappings.fields import mapping, words
from service.replay.moments import Moment, moment

Json = dict[str, Any]
SIGNED = frozenset({"order", "original-order", ""})
"""Intents of what a clinician signs; proposals, plans and what a department or a protocol makes of an order are not."""
NEVER = frozenset({"entered-in-error"})


@dataclass(frozen=True, slots=True)
class Placed:
    """An order with the moment it was placed, and where it stands in the input."""

    resource: Json
    moment: Moment
    place: tuple[int, int]


def is_signed(resource: Json) -> bool:
    """Whether an order-sign would have been sent for it: a revoked order was signed too."""
    signed = words(resource.get("intent")) in SIGNED and words(resource.get("status")) not in NEVER
    return signed and resource.get("doNotPerform") is not True


def placed_on(resource: Json) -> Moment | None:
    """The moment it was placed; None without a whole day."""
    text = resource.get("authoredOn")
    return moment(text) if isinstance(text, str) and len(text) >= len("2026-01-01") else None


def sessions(orders: Iterable[Placed]) -> Iterator[tuple[Placed, ...]]:
    """The orders of one patient, those together that were signed together: of one requisition and day, or at one
    time (at most five minutes apart; on one day where no time is written). Oldest first, then by id: where they
    stand in the input says nothing."""
    held: list[list[Placed]] = []
    for order in sorted(orders, key=_turn):
        mine = next((s for s in held if any(_together(order, other) for other in s)), None)
        if mine is None:
            held.append([order])
        else:
            mine.append(order)
    yield from (tuple(s) for s in held)


def _turn(order: Placed) -> tuple[dt.date, float, str]:
    return order.moment.day, order.moment.second or 0.0, words(order.resource.get("id"))


def _together(one: Placed, two: Placed) -> bool:
    if one.moment.together(two.moment):
        return True
    mine = _requisition(one.resource)
    return mine is not None and one.moment.day == two.moment.day and mine == _requisition(two.resource)


def _requisition(resource: Json) -> tuple[str, str] | None:
    held = mapping(resource.get("requisition"))
    value = words(held.get("value"))
    return (words(held.get("system")), value) if value else None
