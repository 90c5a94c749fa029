"""What an answer says of its own consults: their ids, by order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hooks.actions import CONSULT
from hooks.cards import OURS
from hooks.coverage import coverage_assertion


def consults_with_a_card(answer: Mapping[str, Any]) -> dict[str, str]:
    """Order reference -> the consult's URI, of the orders that have a card."""
    return {order: mark["consult"] for order, mark, _ in _marked(answer)}


def consult_uris(answer: Mapping[str, Any]) -> dict[str, str]:
    """Order reference -> the consult's URI, as the answer states it on ratings and cards."""
    found = consults_with_a_card(answer)
    listed = answer.get("systemActions") or answer.get("extension", {}).get("systemActions") or ()
    for action in listed:
        resource = action["resource"]
        for extension in resource.get("extension", ()):
            order = f"{resource['resourceType']}/{resource['id']}"
            if isinstance(extension, dict) and extension.get("url") == CONSULT:
                found[order] = extension["valueUri"]
            elif assertion := coverage_assertion(extension):
                found.setdefault(order, f"urn:uuid:{assertion}")
    return found


def cards_by_order(answer: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    out: dict[str, list[Mapping[str, Any]]] = {}
    for order, _, card in _marked(answer):
        out.setdefault(order, []).append(card)
    return out


def _marked(answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for card in answer.get("cards", ()):
        if mark := card.get("extension", {}).get(OURS):
            yield mark["order"], mark, card
