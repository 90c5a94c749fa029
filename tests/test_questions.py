"""Questions over the cases of all rules: some answers make the order appropriate, and none of them is asked in vain."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping

import pytest

from criteria import Library, load_library
from criteria.cases import Posed, cases_of
from criteria.facts import Basis, Fact, Facts, Value
from criteria.logic import Leaf, Node, leaves
from criteria.orders import Order
from criteria.ratings import Rating, Verdict
from criteria.scope import INDICATION
from criteria.select import book
from criteria.settle import settle
from criteria.studies import Study

GUIDELINES = sorted(load_library().guidelines)
EVERY = 12
"""One in so many cases is posed; which one differs between rules."""
TRIES = 6000


@functools.cache
def library() -> Library:
    return load_library()


def asking(guideline: str) -> Iterator[tuple[Posed, Verdict]]:
    cases = [k for c in library().criteria if c.guideline == guideline for k in cases_of(c, library())]
    for case in cases[:: 1 if len(cases) < 400 else EVERY]:
        posed = Posed(case, library())
        verdict = posed.verdict(book(library(), case.on))
        if verdict.rating is Rating.NEEDS_INFORMATION and verdict.asks and INDICATION not in verdict.asks:
            yield posed, verdict


def rated(posed: Posed, answers: Mapping[str, Value]) -> Rating | None:
    """The rating once the clinician has answered."""
    told = {f: Fact(f, v, Basis.ATTESTED, on=posed.case.on) for f, v in answers.items()}

    def facts(order: Order, study: Study) -> Facts:
        known = posed.facts(order, study)
        return Facts({**known.recorded, **told}, known.unsearched - told.keys())

    return settle(posed.order, posed.orders, facts, book(library(), posed.case.on), posed.policy).rating


def favourable(posed: Posed, verdict: Verdict) -> Mapping[str, Value] | None:
    """Answers that make the order appropriate, if there are any."""
    targets = list(_leaves_of(verdict))
    values = [_values(fact, targets) for fact in verdict.asks]
    for answers in itertools.islice(itertools.product(*values), TRIES):
        if rated(posed, given := dict(zip(verdict.asks, answers, strict=True))) is Rating.APPROPRIATE:
            return given
    return None


def _leaves_of(verdict: Verdict) -> Iterator[Leaf]:
    """Every comparison of the deciding rules, of what binds them, and of the definitions they use."""
    rules = library()
    decisive = {r.criterion for r in verdict.rulings if r.decisive}
    todo: list[Node] = [c.when for c in rules.criteria if c.id in decisive or c.kind == "prerequisite"]
    seen: set[str] = set()
    while todo:
        for leaf in leaves(todo.pop()):
            yield leaf
            if leaf.fact in rules.definitions and leaf.fact not in seen:
                seen.add(leaf.fact)
                todo.append(rules.definitions[leaf.fact])


def _values(fact: str, targets: list[Leaf]) -> list[Value]:
    """The values that a fact may have, as far as the rules tell them apart."""
    definition = library().vocabulary[fact]
    named = [t for leaf in targets if leaf.fact == fact for _, t in leaf.values]
    words = dict.fromkeys(str(w) for t in named for w in (t if isinstance(t, tuple) else (t,)))
    if definition.type == "boolean":
        return [True, False]
    if definition.type in ("integer", "quantity"):
        return list(dict.fromkeys(n for t in named for n in (float(t), float(t) + 1, float(t) - 1)))
    if definition.type == "string_list":
        return [(w,) for w in words]
    return list(dict.fromkeys([*words, *(definition.values or ())]))


@pytest.mark.parametrize("guideline", GUIDELINES)
def test_answers_can_make_the_order_appropriate_and_none_of_them_is_asked_in_vain(guideline: str) -> None:
    given, faults = library().vocabulary.given, []
    for posed, verdict in asking(guideline):
        name = f"{posed.case.criterion.id}, {posed.case.name}"
        known = posed.facts(posed.order, posed.study).recorded
        faults += [f"{name}: the chart answers {f}" for f in verdict.asks if f in known]
        answers = favourable(posed, verdict)
        if answers is None:
            faults.append(f"{name}: no answer to {', '.join(verdict.asks)} helps")
            continue
        for fact in verdict.asks:
            if any(given.get(f) == fact for f in verdict.asks):
                continue  # it opens others ("was there a trial?"): a no settles them all
            if rated(posed, {f: v for f, v in answers.items() if f != fact}) is Rating.APPROPRIATE:
                faults.append(f"{name}: {fact} is asked in vain")
    assert faults == []
