"""CodeableConcepts out of the JSON of a chart: charts write the same few hundred again and again, so that one is read
once and then known by its text."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypedDict

import msgspec

from mappings.codings import Concept
from mappings.kept import Kept

MOST = 4096
"""Texts of each sort that are kept."""


class Coding(TypedDict, total=False):
    system: str
    code: str
    display: str


class CodeableConcept(TypedDict, total=False):
    coding: list[Coding]
    text: str


Read = Callable[[bytes], Any]


@functools.cache
def reads() -> dict[str, Read]:
    """How the text of a field is read, by its type in resources.yaml. Raises `msgspec.ValidationError`."""
    one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(CodeableConcept)
    several: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[CodeableConcept])
    return {
        "concept": Kept[bytes, Concept](lambda text: Concept(one.decode(text)), MOST, _is_coded).__getitem__,
        "concepts": Kept[bytes, list[Concept]](
            lambda text: [*map(Concept, several.decode(text))], MOST, lambda found: all(map(_is_coded, found))
        ).__getitem__,
    }


def _is_coded(concept: Concept) -> bool:
    """Words without a code are somebody's own: they are not kept."""
    return bool(concept.codes)
