"""The verdict with what was answered: what the order was judged on, and the answers in place of what was open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import criteria
from criteria.facts import Basis, Fact, Facts
from criteria.orders import Order
from criteria.ratings import Verdict
from criteria.studies import Study
from mappings.derived import derive
from service.journal import Kept
from service.smart.answers import TOLD
from service.smart.models import AppAnswer


def reconsider(kept: Kept, answers: Iterable[AppAnswer]) -> Verdict:
    """What the criteria say now. The next hook, which reads the chart anew, has the last word."""
    told = {a.fact: _fact(a) for a in answers if a.fact in kept.library.vocabulary}

    def facts(order: Order, study: Study) -> Facts:
        held = kept.facts(order, study)
        if order.reference != kept.order.reference:
            return held
        known = {**held.recorded, **told}
        derive(known)
        return replace(held, recorded=known, unsearched=held.unsearched - known.keys())

    [verdict] = criteria.judge(
        kept.orders, facts, kept.library, kept.row.day, policy=kept.policy, focus={kept.order.reference},
        told=kept.apart,
    )  # fmt: skip
    return verdict


def _fact(answer: AppAnswer) -> Fact:
    source = f"Observation/{TOLD}{answer.mark[:32]}"
    return Fact(answer.fact, answer.value, Basis.ATTESTED, (source,), answer.answered.date())
