"""An answer in words."""

from __future__ import annotations

from criteria.facts import FactDefinition, Value
from hooks.wording import Wording


def in_words(value: Value, definition: FactDefinition, words: Wording) -> str:
    """An answer as a clinician would say it; '' where that would take words of another language."""
    if isinstance(value, bool):
        return words.say("answer-yes" if value else "answer-no")
    if isinstance(value, int | float):
        return words.measure(value, definition.unit)
    return str(value).replace("_", " ") if words.quotes else ""
