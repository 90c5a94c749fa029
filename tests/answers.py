"""What an EHR reads in an answer."""

from __future__ import annotations

import re
from typing import Any

RATING = "http://fhir.org/argonaut/Extension/pama-rating"
OURS = "io.github.imaging-cds"
RATINGS = {"appropriate", "not-appropriate", "no-criteria-apply"}
Json = dict[str, Any]


def rating(answer: Json, order: str) -> str | None:
    """The rating code on the order with this id; None when it got none."""
    for action in answer.get("systemActions", ()):
        if action["resource"]["id"] == order:
            for extension in action["resource"].get("extension", ()):
                if isinstance(extension, dict) and extension.get("url") == RATING:
                    code: str = extension["valueCodeableConcept"]["coding"][0]["code"]
                    return code
    return None


def cards(answer: Json, order: str) -> list[Json]:
    """The cards about the order with this id."""
    reference = f"ServiceRequest/{order}"
    return [c for c in answer["cards"] if c.get("extension", {}).get(OURS, {}).get("order") == reference]


def offered(answer: Json, order: str) -> set[str]:
    """The codes of the orders that its cards suggest."""
    return {
        coding["code"]
        for card in cards(answer, order)
        for suggestion in card.get("suggestions", ())
        for action in suggestion.get("actions", ())
        for coding in action.get("resource", {}).get("code", {}).get("coding", ())
        if "code" in coding
    }


def asked(answer: Json, order: str) -> set[str]:
    """The facts that its cards ask for."""
    return {fact for card in cards(answer, order) for fact in card["extension"][OURS].get("asks", ())}


def said(answer: Json) -> str:
    """Everything a clinician can read."""
    return "\n".join(f"{c.get('summary', '')}\n{c.get('detail', '')}" for c in answer["cards"])


def silent(answer: Json, orders: list[str]) -> list[str]:
    """The orders about which the answer says nothing at all."""
    return [o for o in orders if rating(answer, o) is None and not cards(answer, o)]


def faults(answer: Json) -> list[str]:
    """Rules of CDS Hooks that the answer breaks."""
    found = []
    if not isinstance(answer.get("cards"), list):
        return ["no cards"]
    if answer.get("systemActions", []) != answer.get("extension", {}).get("systemActions", []):
        found.append("the two lists of system actions differ")
    for card in answer["cards"]:
        if not card.get("summary") or len(card["summary"]) >= 140:
            found.append("summary missing or too long")
        if card.get("indicator") not in ("info", "warning", "critical"):
            found.append("indicator")
        if not card.get("source", {}).get("label") or not card.get("uuid"):
            found.append("source or uuid missing")
        if re.search(r"<[a-zA-Z/]", card.get("detail", "")):
            found.append("HTML in the detail")
    return found
