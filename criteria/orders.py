"""An imaging order as the criteria see it: a study, the reasons for it, and the company it travels in."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

from criteria.facts import Fact, Value
from criteria.studies import Study


class Kind(enum.Enum):
    """What a draft turned out to be."""

    STUDY = "study"  # an imaging study of the catalogue
    UNRECOGNISED = "unrecognised"  # imaging, but which study is not clear
    NOT_IMAGING = "not-imaging"
    NO_CODE = "no-code"  # nothing chosen yet


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the order's own words suggest, for a person to confirm; it never rates.

    ``words`` are the order's: they go on its card, escaped, and nowhere else. ``label`` names an indication.
    """

    kind: Literal["indication", "fact"]
    name: str
    value: Value
    words: str = field(repr=False)
    label: str = ""
    doubted: bool = False
    """The words only suspect it, or ask for it to be ruled out: no answer to confirm."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reasonCode or reasonReference.

    ``status`` is ``covered`` (maps to indications), ``other`` (known to us and no guideline's) or ``unmapped``.
    ``words`` is a name of ours for the card, never the client's free text. ``candidates`` are indications that free
    text proposes; they order questions and never rate. ``regions`` are the levels that its code itself names (empty:
    those of the indications).
    """

    status: Literal["covered", "other", "unmapped"]
    indications: tuple[str, ...] = ()
    words: str = ""
    candidates: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One draft order. ``reference`` is whole: ``ServiceRequest/order-1``.

    ``studies`` are those that the code may mean, best first; more than one only while doubt remains (the first is
    judged, ``Kind.UNRECOGNISED`` means none is sure). ``position`` is its place in draftOrders.
    """

    reference: str
    kind: Kind
    study: Study | None
    reasons: tuple[Reason, ...] = ()
    position: int = 0
    candidates: tuple[Study, ...] = ()
    states: tuple[Fact, ...] = ()
    """What the order says of itself beyond its study (code system, units, side, urgency); holds for that study only."""
    standing: bool = False
    """An open order of the chart: it keeps the drafts company and is not judged."""
    proposals: tuple[Proposal, ...] = ()
    """What its reasons' text and its notes suggest."""
    withdrawn: str = ""
    """Why a diagnosis that it gives as a reason is none: ``refuted`` or ``entered-in-error``."""

    @property
    def indications(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(i for r in self.reasons for i in r.indications))
