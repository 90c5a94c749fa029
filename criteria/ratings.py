"""What a judgement says: a rating, the reasons that made it, what is missing, and what would be better."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import msgspec

from criteria.facts import Fact
from criteria.logic import Node
from criteria.studies import Study

Truth = bool | None
"""Kleene: None is unknown, and unknown is never false."""


class Rating(enum.StrEnum):
    APPROPRIATE = "appropriate"
    NOT_APPROPRIATE = "not-appropriate"
    NO_CRITERIA = "no-criteria-apply"
    NEEDS_INFORMATION = "needs-information"


class Because(enum.StrEnum):
    """Why the rating is what it is: one word for the card, the journal and the statistics."""

    PATHWAY_MET = "pathway-met"
    EXCLUSION = "exclusion"
    SAFETY = "safety"
    CODING = "coding"
    COMBINATION = "combination"
    NOT_LISTED = "not-listed"  # no pathway of the recorded indication supports the study
    REQUIREMENT_MISSING = "requirement-missing"  # a pathway lists the study and a requirement is known not to hold
    FACTS_MISSING = "facts-missing"
    REASON_MISSING = "reason-missing"
    REASON_UNMAPPED = "reason-unmapped"
    REASON_REFUTED = "reason-refuted"
    REASON_MISTAKEN = "reason-mistaken"
    STUDY_UNRECOGNISED = "study-unrecognised"
    OUT_OF_SCOPE = "out-of-scope"  # nothing in force speaks to this order
    PEDIATRIC = "pediatric"
    OTHER_GUIDELINE = "other-guideline"  # a redirect to a guideline that is not loaded


NO_REASON = frozenset(
    {Because.REASON_MISSING, Because.REASON_UNMAPPED, Because.REASON_REFUTED, Because.REASON_MISTAKEN}
)
"""Answers that ask for the reason of the order."""


class Step(msgspec.Struct, frozen=True, eq=False, dict=True):
    """One clause of a rule with its result; reading it back is the explanation. ``below`` tells the clauses of which it
    is made: few readers look at all of them. ``node`` is the clause itself, where it is one."""

    says: str
    truth: Truth
    fact: str | None = None
    found: Fact | None = None
    presumed: bool = False
    rows: tuple[str, ...] = ()
    below: Callable[[], tuple[Step, ...]] = tuple
    node: Node | None = None

    @cached_property
    def children(self) -> tuple[Step, ...]:
        return self.below()


@dataclass(frozen=True)
class Ruling:
    """One criterion applied to one order."""

    criterion: str  # id: <guideline>/<file name>
    guideline: str
    section: str
    title: str
    kind: str
    truth: Truth
    decisive: bool
    tell: Callable[[], Step] = field(repr=False, compare=False)
    rows: tuple[str, ...]
    message: str = ""
    """What a firing exclusion, redirect or note says on the card, in our words."""
    names_another: bool = False
    """The rule itself names the study to order instead."""
    local: str = ""
    """Who at this site changed or added the rule, when and why; empty: the rule is as it is shipped."""

    @cached_property
    def trace(self) -> Step:
        """The condition with the result of each clause, over the facts that were judged; told when it is read."""
        return self.tell()


@dataclass(frozen=True, slots=True)
class Note:
    """A word that goes with a rating without changing it.

    ``kind``: ``safety`` (raises a card by itself), ``unchecked`` (a safety rule whose records could not be read; raises
    a card too), ``document`` (a documentation duty), ``remark``.
    """

    kind: Literal["safety", "unchecked", "document", "remark"]
    text: str
    criterion: str
    section: str
    guideline: str
    rows: tuple[str, ...] = ()
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """A study to offer instead. ``action`` ``update`` replaces the code of the order, ``delete`` withdraws it,
    ``create`` adds a companion (an x-ray first)."""

    study: Study | None
    rating: Rating
    asks: tuple[str, ...] = ()
    action: Literal["update", "delete", "create"] = "update"
    criterion: str = ""
    why: str = ""


class Support(enum.IntEnum):
    """How far the criteria support an order by itself."""

    REFUSED = 0
    OPEN = 1  # there are questions first, or no criteria
    MET = 2


@dataclass(frozen=True, slots=True)
class Apart:
    """What was found of another order of the session, judged by itself; ``stays``: it gives way to none."""

    order: str
    support: Support
    stays: bool = True


@dataclass(frozen=True, slots=True)
class Beside:
    """The order that stays where another may not stand beside it. ``why``: it is ``supported`` and the other is not, it
    is ``open`` and the other is refused, it comes ``first`` of two equals, or is ``on-file``."""

    order: str
    study: Study
    why: Literal["supported", "open", "first", "on-file"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one order; ``order`` is its whole reference. ``rating`` is None for what is no imaging order."""

    order: str
    rating: Rating | None
    because: Because | None = None
    provisional: bool = False
    asks: tuple[str, ...] = ()
    presumes: tuple[str, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    notes: tuple[Note, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    guidelines: tuple[str, ...] = ()
    message: str = ""
    """The deciding rule's own sentence for the card; empty when the wording of ``because`` says it all."""
    safety_critical: bool = False
    beside: Beside | None = None
    apart: tuple[Apart, ...] = ()
    """What it took to tell which of a pair stays."""

    @property
    def criteria(self) -> tuple[str, ...]:
        """Ids of the criteria that decided."""
        return tuple(dict.fromkeys(r.criterion for r in self.rulings if r.decisive))

    @property
    def rows(self) -> tuple[str, ...]:
        """Index rows behind the deciding criteria."""
        return tuple(dict.fromkeys(row for r in self.rulings if r.decisive for row in r.rows))
