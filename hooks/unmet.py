"""Which clauses of a rule do not hold, and what is on file: the answer to "why not?"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from criteria.facts import Fact, FactDefinition, Value, Vocabulary
from criteria.logic import Not
from criteria.ratings import Step, Verdict
from hooks.spoken import in_words
from hooks.wording import Wording

PLAIN = ("all of", "any of", "not", "at least", "with its exception")
"""What a clause without words of its own is called in a trace."""
REFUSING = frozenset({"exclusion", "safety", "combination"})
LINES = 4
VALUES = 3


def unmet(verdict: Verdict, vocabulary: Vocabulary, words: Wording) -> list[str]:
    """Plain sentences, one for each clause of the nearest rule that is known, or presumed, not to hold.

    A clause that fails only by what the card asks, or lists as presumed, is left to that list.
    """
    ruling = next((r for r in verdict.rulings if r.decisive and r.truth is False), None)
    if ruling is None:
        return []
    told = {*verdict.asks, *verdict.presumes}
    steps = [s for s in _clauses(ruling.trace) if list(_causes(s)) or not told.intersection(_silent_facts(s))]
    return list(dict.fromkeys(line for step in steps if (line := _line(step, vocabulary, words))))[:LINES]


def on_file(verdict: Verdict, vocabulary: Vocabulary, words: Wording, stated: Mapping[str, Value]) -> list[str]:
    """What is on file that made a rule refuse the order, such as the device that forbids an MRI; without what the
    order's own reason states (``stated``)."""
    refusing = (r for r in verdict.rulings if r.decisive and r.truth is True and r.kind in REFUSING)
    steps = [step for r in refusing for step in _telling(r.trace)]
    news = [s for s in steps if s.found is not None and stated.get(s.found.name) != s.found.value]
    return list(dict.fromkeys(_found(news, vocabulary, words)))[:LINES]


def _telling(step: Step) -> Iterator[Step]:
    """The facts of the chart that make a clause true, outermost first; what the order itself says is on the card."""
    if step.truth is not True:
        return
    if step.found is not None and step.fact and not step.fact.startswith("order."):
        yield msgspec.structs.replace(step, below=tuple)
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
    yield step.found is not None and step.truth is not None
    for child in step.children:
        yield from _recorded(child)


def _causes(step: Step) -> Iterator[Step]:
    """The recorded facts that make a clause what it is; what was only presumed stands aside for them."""
    if step.found is not None and step.truth is not None:
        yield step
    turned = step.says == "not" or isinstance(step.node, Not)
    alike = [c for c in step.children if turned or c.truth is step.truth]
    recorded = [c for c in alike if any(_recorded(c)) and not _presumed(c)]
    for child in recorded or alike:
        yield from _causes(child)


def _line(step: Step, vocabulary: Vocabulary, words: Wording) -> str:
    clause = step.says[:1].upper() + step.says[1:].rstrip(".")
    found = _found(list(_causes(step))[:VALUES], vocabulary, words)
    if not words.quotes:  # the clause is a sentence of the rule: what its facts say stands for it
        return "; ".join(found) or next(_silent(step, vocabulary, words), "")
    if not clause or step.says.startswith(PLAIN):
        return ""
    if found:
        return words.say("unmet-found", clause=clause, found="; ".join(found))
    return words.say("unmet-silent" if _presumed(step) else "unmet", clause=clause)


def _found(steps: Iterable[Step], vocabulary: Vocabulary, words: Wording) -> list[str]:
    """What is on file; facts of one piece of evidence together, and it once."""
    told: dict[str, list[str]] = {}
    for step in steps:
        if step.found is not None and step.fact in vocabulary:
            note = step.found.note if words.quotes else str(step.found.on or "")
            if said := _value(step.found, vocabulary[str(step.fact)], words):
                told.setdefault(note, []).append(said)
    bare = told.pop("", [])
    noted = [words.say("found-note", found="; ".join(dict.fromkeys(said)), note=note) for note, said in told.items()]
    return [*dict.fromkeys(bare), *noted]


def _value(fact: Fact, definition: FactDefinition, words: Wording) -> str:
    """What is on file, in words; '' for what only codes say."""
    means = words.named.get(fact.name) or words.quote(definition.means)
    means = _short(means) if words.quotes else means
    if not means:
        question, answer = words.quote(definition.ask or ""), in_words(fact.value, definition, words)
        return words.say("answered", question=question, answer=answer) if question and answer else ""
    if isinstance(fact.value, bool):
        return words.say("found-yes" if fact.value else "found-no", means=means)
    if not isinstance(fact.value, int | float):
        return ""
    return words.say("found-value", means=means, value=words.measure(fact.value, definition.unit))


def _silent(step: Step, vocabulary: Vocabulary, words: Wording) -> Iterator[str]:
    """The questions of a clause of which the chart says nothing."""
    if step.fact in vocabulary and (question := words.question(vocabulary[str(step.fact)])):
        yield words.say("answered-nothing", question=question)
    for child in step.children:
        yield from _silent(child, vocabulary, words)


def _silent_facts(step: Step) -> Iterator[str]:
    if step.presumed and step.fact:
        yield step.fact
    for child in step.children:
        yield from _silent_facts(child)


def _short(means: str) -> str:
    """The fact in a few words: what stands before the first remark."""
    return re.split(r"[;,(]", means, maxsplit=1)[0].strip().rstrip(".")


def _presumed(step: Step) -> bool:
    return step.presumed or any(_presumed(c) for c in step.children)
