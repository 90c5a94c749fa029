"""What the order's own words suggest: the question that comes first, and an answer to confirm. Ratings stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from criteria.orders import Order, Proposal
from criteria.ratings import NO_REASON, Verdict
from hooks.consult import Consult
from hooks.markdown import bullets, escape
from hooks.spoken import in_words

SUGGESTED = 3
"""Reasons that a card suggests."""
QUOTED = 90


def in_order(verdict: Verdict, order: Order | None) -> Verdict:
    """The verdict with the questions first that the words already speak to; the questions stay the same."""
    spoken = answers(order)
    if not any(fact in spoken for fact in verdict.asks):
        return verdict
    return replace(verdict, asks=tuple(sorted(verdict.asks, key=lambda fact: fact not in spoken)))


def answers(order: Order | None) -> Mapping[str, Proposal]:
    """Fact -> the answer that the order's words suggest."""
    return {p.name: p for p in order.proposals if p.kind == "fact"} if order else {}


def question(consult: Consult, fact: str) -> str:
    """The question for a fact, plain text; facts outside the vocabulary have none."""
    vocabulary = consult.setting.view.vocabulary
    if fact not in vocabulary:
        return ""
    definition = vocabulary[fact]
    words = consult.setting.words
    if asked := words.question(definition):
        return asked
    if (own := f"question.{fact}") in words:
        return words.say(own)
    means = words.quote(definition.means)
    return words.say("question-plain", means=means.rstrip(".")) if means else ""


def asked(consult: Consult, fact: str, question: str) -> str:
    """The question for a fact, escaped, with the words that may answer it, or that "no" was presumed."""
    words, shown = consult.setting.words, escape(question)
    proposal = answers(consult.order).get(fact)
    definition = consult.setting.view.vocabulary.facts.get(fact)
    answer = escape(in_words(proposal.value, definition, words), 60) if proposal and definition else ""
    if proposal and proposal.doubted:
        return words.say("ask-doubted", question=shown, words=escape(proposal.words, QUOTED))
    if proposal and answer:
        return words.say("ask-proposed", question=shown, words=escape(proposal.words, QUOTED), answer=answer)
    if fact not in consult.verdict.presumes or definition is None or definition.absence == "presumed_true":
        return shown
    return words.say("ask-presumed" if definition.type == "boolean" else "answered-nothing", question=shown)


def suggested_reasons(consult: Consult) -> list[str]:
    """Where the reason was not recognised: the indications that its words suggest, as a part of the detail."""
    if consult.order is None or consult.verdict.because not in NO_REASON:
        return []
    named = [p for p in consult.order.proposals if p.kind == "indication"][:SUGGESTED]
    words = consult.setting.words
    say = words.say
    lines = [
        say("reason-proposed", name=escape(words.quote(p.label) or p.label, 80), words=escape(p.words, QUOTED))
        for p in named
    ]
    return [say("heading.reasons") + "\n" + bullets(lines)] if lines else []
