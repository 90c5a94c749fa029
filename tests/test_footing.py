"""What is plain of an order with some of its words' answers is so when it is judged with them."""

from __future__ import annotations

import random
from functools import cache

import pytest

from criteria import Library, load_library
from criteria.case import Case
from criteria.cases import Posed, RuleCase, cases_of
from criteria.company import Company
from criteria.confirm import confirmed
from criteria.facts import Facts
from criteria.orders import Proposal
from criteria.proposed import Proposed
from criteria.select import book
from criteria.settle import settle
from criteria.studies import Study
from mappings.said import said_facts

ANSWERS = 12


@cache
def library() -> Library:
    return load_library()


def cases() -> list[RuleCase]:
    """Supported orders of every kind, or such as may be."""
    rules = (c for c in library().criteria if c.kind == "pathway" or c.kind == "safety")
    held = [k for c in rules for k in cases_of(c, library())]
    return random.Random(3).sample(held, 60)


def proposed(case: RuleCase, dice: random.Random) -> tuple[Proposed, list[str]]:
    """An order whose words propose as much as a long note does."""
    vocabulary = library().vocabulary.facts.values()
    flags = [f.name for f in vocabulary if f.type == "boolean" and f.ask and not f.name.startswith("order.")]
    posed = Posed(case, library())
    on_file = posed.facts(posed.order, posed.study)
    words = [Proposal("fact", n, dice.random() < 0.8, "so") for n in dice.sample(flags, ANSWERS)]
    said = said_facts(words, on_file.recorded)
    current = book(library(), case.on)
    company = Company(posed.orders, posed.facts, current, posed.policy)

    def facts(study: Study) -> Facts:
        held = posed.facts(posed.order, study)
        return Facts(held.recorded, held.unsearched, said_facts(words, held.recorded))

    def case_if(answers: frozenset[str]) -> Case:
        found = company.case(posed.order, posed.study, confirmed(facts, answers))
        assert found is not None
        return found

    told = {n: frozenset((f.name, f.value) for f in tells) for n, tells in said.items()}
    silent = settle(posed.order, posed.orders, posed.facts, current, posed.policy)
    return Proposed(case_if, silent, told), list(said)


def sets_of(names: list[str], dice: random.Random) -> tuple[list[str], list[str]]:
    """Some of the answers, and fewer of them; or one in place of none."""
    some = [n for n in names if dice.random() < 0.5]
    return some, [n for n in some if dice.random() < 0.8] if some else names[:1]


@pytest.mark.parametrize("case", cases(), ids=lambda c: f"{c.criterion.id}: {c.name}")
def test_what_is_plain_is_so_when_it_is_judged(case: RuleCase) -> None:
    dice = random.Random(case.name)
    order, names = proposed(case, dice)
    for some, others in [sets_of(names, dice) for _ in range(12)]:
        rating, asks = order.outcome(some)
        if order.surely(some, others, len(asks)):
            then, open_then = order.outcome(others)
            assert then in ("appropriate", "needs-information")
            assert rating != "appropriate" or then == "appropriate"
            assert len(open_then) <= len(asks)


def test_much_is_plain_without_being_judged() -> None:
    dice, plain, supported = random.Random(5), 0, 0
    for case in cases():
        order, names = proposed(case, dice)
        if order.outcome(names)[0] in ("appropriate", "needs-information"):
            supported += len(names)
            plain += sum(order.surely(names, [n for n in names if n != name]) for name in names)
    assert plain > supported / 2
