"""Which clauses of a rule do not hold, and what is on file: the answer to "why not?"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from criteria.facts import Fact, FactDefinition, Vocabulary
from criteria.ratings import Step, Verdict
from hooks.spoken import in_words
from hooks.wording import Wording

PLAIN = ("all of", "any of", "not", "at least", "with its exception")
"""What a clause without words of its own is called in a trace."""
REFUSING = frozenset({"exclusion", "safety", "combination"})
LINES = 4
VALUES = 3


def unmet(verdict: Verdict, vocabulary: Vocabulary, words: Wording) -> list[str]:
    """Plain sentences, one for each clause of the nearest rule that is known, or presumed, not to hold."""
    ruling = next((r for r in verdict.rulings if r.decisive and r.truth is False), None)
    if ruling is None:
        return []
    lines = [_line(step, vocabulary, words) for step in _clauses(ruling.trace)]
    return list(dict.fromkeys(line for line in lines if line))[:LINES]


def on_file(verdict: Verdict, vocabulary: Vocabulary, words: Wording) -> list[str]:
    """What is on file that made a rule refuse the order, such as the device that forbids an MRI."""
    refusing = (r for r in verdict.rulings if r.decisive and r.truth is True and r.kind in REFUSING)
    steps = (step for r in refusing for step in _telling(r.trace))
    return list(dict.fromkeys(said for step in steps for said in _found(step, vocabulary, words)))[:LINES]


def _telling(step: Step) -> Iterator[Step]:
    """The facts of the chart that make a clause true, outermost first; what the order itself says is on the card."""
    if step.truth is not True:
        return
    if step.found is not None and step.fact and not step.fact.startswith("order."):
        yield replace(step, children=())
    for child in step.children:
        yield from _telling(child)


def _clauses(step: Step) -> Iterator[Step]:
    """The outermost false clauses that have words of their own."""
    if step.truth is not False:
        return
    if step.children and (not step.says or step.says.startswith(PLAIN)):
        for child in step.children:
            yield from _clauses(child)
    else:
        yield _nearest(step)


def _nearest(step: Step) -> Step:
    """Of several ways to satisfy a clause, the only one that the chart speaks of; else the clause itself."""
    told = [c for c in step.children if c.truth is False and any(_recorded(c)) and not _presumed(c)]
    if len(told) == 1:
        inner = _nearest(told[0])
        if inner.fact is None and not inner.says.startswith(PLAIN):
            return inner
    return step


def _recorded(step: Step) -> Iterator[bool]:
    yield step.found is not None and step.truth is False
    for child in step.children:
        yield from _recorded(child)


def _line(step: Step, vocabulary: Vocabulary, words: Wording) -> str:
    clause = step.says.rstrip(".")
    found = list(dict.fromkeys(_found(step, vocabulary, words)))[:VALUES]
    if not words.quotes:  # the clause is a sentence of the rule: what its facts say stands for it
        return "; ".join(found) or next(_silent(step, vocabulary, words), "")
    if not clause or clause.startswith(PLAIN):
        return ""
    if found:
        return words.say("unmet-found", clause=clause, found="; ".join(found))
    return words.say("unmet-silent" if _presumed(step) else "unmet", clause=clause)


def _found(step: Step, vocabulary: Vocabulary, words: Wording) -> Iterator[str]:
    if step.found is not None and step.fact in vocabulary and step.truth is not None:
        said = _value(step.found, vocabulary[str(step.fact)], words)
        note = step.found.note if words.quotes else str(step.found.on or "")
        if said and note:
            said = words.say("found-note", found=said, note=note)
        if said:
            yield said
    for child in step.children:
        yield from _found(child, vocabulary, words)


def _value(fact: Fact, definition: FactDefinition, words: Wording) -> str:
    """What is on file, in words; '' for what only codes say."""
    means = words.quote(definition.means) if not words.quotes else _short(definition.means)
    if not means:
        question, answer = words.quote(definition.ask or ""), in_words(fact.value, definition, words)
        return words.say("answered", question=question, answer=answer) if question and answer else ""
    if isinstance(fact.value, bool):
        return words.say("found-yes" if fact.value else "found-no", means=means)
    if not isinstance(fact.value, int | float):
        return ""
    unit = "" if definition.unit in (None, "1", "{score}") else f" {definition.unit}"
    return words.say("found-value", means=means, value=f"{fact.value:g}{unit}")


def _silent(step: Step, vocabulary: Vocabulary, words: Wording) -> Iterator[str]:
    """The questions of a clause of which the chart says nothing."""
    if step.fact in vocabulary and (question := words.question(vocabulary[str(step.fact)])):
        yield words.say("answered-nothing", question=question)
    for child in step.children:
        yield from _silent(child, vocabulary, words)


def _short(means: str) -> str:
    """The fact in a few words: what stands before the first remark."""
    return re.split(r"[;,(]", means, maxsplit=1)[0].strip().rstrip(".")


def _presumed(step: Step) -> bool:
    return step.presumed or any(_presumed(c) for c in step.children)
