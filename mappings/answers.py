"""What a result answers in a word, positive or negative, present or absent: by codes and whole words alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings.fields import mapping, words
from mappings.records import codes_in
from mappings.tables import read_table

YES = frozenset({"POS", "DET", "RR", "WR"})
NO = frozenset({"NEG", "ND", "NR"})


def answers(body: Mapping[str, Any]) -> frozenset[str]:
    """What the value means (codes/answers.csv), by its codes, else by its whole text."""
    table, value = read_table("answers"), body.get("valueCodeableConcept")
    if found := table.means(value):
        return found
    text = words(body.get("valueString")) or words(mapping(value).get("text"))
    means = table.sentences.get(text.rstrip(".").casefold())
    return frozenset({means}) if means else frozenset()


def positive(body: Mapping[str, Any]) -> bool | None:
    """Whether the result is positive; None when it does not say, or says both."""
    said, marks = answers(body), codes_in(body.get("interpretation"))
    yes = bool(said & {"positive", "organism"} or marks & YES or body.get("valueBoolean") is True)
    no = bool("negative" in said or marks & NO or body.get("valueBoolean") is False)
    return None if yes == no else yes
