"""What if: facts as a reader supposes them, in the query of the page and nowhere else.

``suppose=treatment.duration_weeks~6`` supposes a value, ``~unknown`` that nobody knows, ``~as-recorded`` takes it back.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from criteria.facts import Basis, Fact, FactDefinition, Facts
from criteria.indications import value_problem
from criteria.library import Library
from criteria.logic import Leaf
from criteria.orders import Order
from criteria.results import RESULT_FACTS
from criteria.studies import Study

UNKNOWN: Final = "unknown"
BACK: Final = "as-recorded"
MOST = 60
LARGEST = 10_000

Supposed = Mapping[str, Any]
"""Fact -> value; `UNKNOWN` for what nobody shall know."""


def read(sent: Iterable[str], library: Library) -> dict[str, Any]:
    """The suppositions of a query, the later of two for one fact; what makes no sense is passed over."""
    out: dict[str, Any] = {}
    for text in list(sent)[-MOST:]:
        name, _, said = text.partition("~")
        fact = library.vocabulary.facts.get(name)
        if fact is None or name not in library.vocabulary or not open_to(fact):
            continue
        out.pop(name, None)
        if said == UNKNOWN and can_be_unknown(fact):
            out[name] = UNKNOWN
        elif said != BACK and (value := _value(fact, said)) is not None:
            out[name] = value
    return out


def written(name: str, value: Any) -> str:
    """A supposition as the query has it."""
    if isinstance(value, bool):
        return f"{name}~{'yes' if value else 'no'}"
    return f"{name}~{value:g}" if isinstance(value, int | float) else f"{name}~{value}"


def open_to(fact: FactDefinition) -> bool:
    """A reader may suppose what a chart or a clinician could say; not what the service itself works out."""
    return fact.absence != "known" and fact.name not in RESULT_FACTS and fact.type != "string_list"


def can_be_unknown(fact: FactDefinition) -> bool:
    """What placing the order states, and what is made of other facts, is never merely unknown."""
    return fact.absence != "presumed_true" and fact.logic is None


def _value(fact: FactDefinition, said: str) -> Any:
    if fact.type == "boolean":
        return {"yes": True, "no": False}.get(said)
    if fact.type == "code":
        return None if value_problem(fact, said) or not said or not fact.values else said
    try:
        number = float(said)
    except ValueError:
        return None
    if not math.isfinite(number) or abs(number) > LARGEST:
        return None
    return int(number) if number.is_integer() else None if fact.type == "integer" else number


def values(leaf: Leaf, fact: FactDefinition, on: dt.date) -> dict[bool, Any]:
    """A value with which a comparison holds, and one with which it does not, as far as there are such."""
    target = leaf.value(on)
    if fact.type == "boolean":
        met = target if leaf.operator == "is" else not target
        return {True: met, False: not met}
    if fact.type == "code":
        wanted = target if isinstance(target, tuple | list) else (target,)
        other = next((v for v in fact.values or () if v not in wanted), None)
        found = {True: wanted[0], False: other}
        if leaf.operator == "is_not":
            found = {True: other, False: wanted[0]}
        return {truth: v for truth, v in found.items() if v is not None}
    near = {
        "at_least": (target, _below(target)), "more_than": (_above(target), target),
        "at_most": (target, _above(target)), "less_than": (_below(target), target),
        "is": (target, _above(target)), "is_not": (_above(target), target),
    }  # fmt: skip
    if leaf.operator not in near:
        return {}
    return {truth: v for truth, v in zip((True, False), near[leaf.operator], strict=True) if v >= 0}


def _above(number: float) -> float:
    return number + 1


def _below(number: float) -> float:
    """A little less, and not below zero where that is still less."""
    return number - 1 if number >= 1 else number / 2 if number > 0 else -1


def with_supposed(
    facts: Callable[[Order, Study], Facts], supposed: Supposed, on: dt.date
) -> Callable[[Order, Study], Facts]:
    """The facts, with what is supposed in place of what is recorded."""
    if not supposed:
        return facts
    told = {n: Fact(n, v, Basis.ATTESTED, on=on) for n, v in supposed.items() if v != UNKNOWN}
    unknown = frozenset(supposed.keys() - told.keys())

    def held(order: Order, study: Study) -> Facts:
        base = facts(order, study)
        recorded = {n: f for n, f in base.recorded.items() if n not in unknown} | told
        return replace(base, recorded=recorded, unsearched=(base.unsearched | unknown) - told.keys())

    return held
