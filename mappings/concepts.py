"""CodeableConcepts out of the JSON of a chart: charts write the same few hundred again and again, so that one is read
once and then known by its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import msgspec

from mappings.codings import Concept
from mappings.kept import Kept
from mappings.telling import means_of

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
_ONE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(CodeableConcept)
_SEVERAL: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[CodeableConcept])


def _is_coded(concept: Concept) -> bool:
    """Words without a code are somebody's own: they are not kept."""
    return bool(concept.codes)


CONCEPTS = Kept[bytes, Concept](lambda text: Concept(_ONE.decode(text)), MOST, _is_coded)
LISTS = Kept[bytes, list[Concept]](
    lambda text: [*map(Concept, _SEVERAL.decode(text))], MOST, lambda found: all(map(_is_coded, found))
)
READS: dict[str, Read] = {"concept": CONCEPTS.__getitem__, "concepts": LISTS.__getitem__}
"""How the text of a field is read, by its type in resources.yaml. Raises `msgspec.ValidationError`."""
MEANT = Kept[bytes, tuple[tuple[str, ...], bool]](lambda text: means_of(CONCEPTS[text]), MOST, lambda means: means[1])
"""`means_of` the code of an Observation."""
SILENT: tuple[tuple[str, ...], bool] = ((), True)
"""Of one that means nothing to any reader."""
