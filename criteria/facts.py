"""Facts: typed, dated statements that the rules may use, and the vocabulary that names them (facts.yaml)."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from criteria.studies import Study

Value = bool | int | float | str | tuple[str, ...]
"""boolean | integer | quantity (in the fact's own unit) | code | string_list."""

Absence = Literal["known", "false", "presumed_false", "presumed_true", "unknown"]
FactType = Literal["boolean", "integer", "quantity", "code", "string_list"]


class Basis(enum.IntEnum):
    """How a fact is known; the higher beats the lower, among equals the newest wins."""

    DERIVED = 1
    RECORDED = 2
    ATTESTED = 3


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One fact with where it comes from.

    ``sources`` are references such as ``Observation/42``; ``on`` is the day it held; ``note`` is the evidence in a
    few words for the card ("x-ray of 2026-10-02"), never free text from the chart. Some hundreds are made for each
    order, which is why it is a struct.
    """

    name: str
    value: Value
    basis: Basis
    sources: tuple[str, ...] = ()
    on: dt.date | None = None
    note: str = ""

    def beats(self, other: Fact) -> bool:
        """True when this fact is to be believed rather than ``other`` (same name)."""
        return (self.basis, self.on or dt.date.min) > (other.basis, other.on or dt.date.min)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known for one order: recorded facts by name, and the names whose records could not be searched.

    ``said``: of each fact that the order's own words propose and nobody recorded, what would be told if it were
    confirmed, what follows from it included; what is recorded anyhow stays. ``doubted``: names of which silence tells
    nothing, because of such words.
    """

    recorded: Mapping[str, Fact]
    unsearched: frozenset[str] = frozenset()
    said: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()

    def get(self, name: str) -> Fact | None:
        return self.recorded.get(name)

    def __iter__(self) -> Iterator[Fact]:
        return iter(self.recorded.values())


@dataclass(frozen=True, slots=True)
class FactDefinition:
    """One entry of facts.yaml; ``logic`` is parsed by criteria.logic when the library is read."""

    name: str
    type: FactType
    means: str
    absence: Absence
    ask: str | None
    fhir: str
    unit: str | None = None
    values: tuple[str, ...] | None = None
    given: str | None = None
    logic: Any = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """facts.yaml, read."""

    facts: Mapping[str, FactDefinition] = field(default_factory=dict)
    given: Mapping[str, str] = field(init=False)
    """What each fact that depends on another depends on."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "given", {n: f.given for n, f in self.facts.items() if f.given is not None})

    def __getitem__(self, name: str) -> FactDefinition:
        return self.facts[name]

    def __contains__(self, name: object) -> bool:
        return name in self.facts


FactsFor = Callable[["Study"], Facts]
"""What is known for an order, seen as if it were for a study: prior imaging and the like depend on the region."""
