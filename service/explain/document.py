"""One answer explained: the document of which the page and its JSON are two views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import criteria
from criteria.criterion import Criterion
from criteria.logic import Leaf
from criteria.ratings import Alternative, Note, Ruling, Verdict
from hooks.site import Edition
from hooks.wording import Wording, wording
from service.explain.clauses import Clauses, Json, truth_of
from service.explain.suppose import UNKNOWN, Supposed, open_to, values, with_supposed, written
from service.explain.words import known, words
from service.guidelines.clauses import Conditions
from service.guidelines.shelf import shelf_of
from service.journal import Kept

FEW = 6
"""Values that are tried out one by one, for a question that is not yes or no."""
SPELLED_OUT = 3
"""Deciding rules whose clauses are spelled out; of the others the result is told, unless a reader asks."""


@dataclass(frozen=True)
class Answer:
    """What was kept of an answer, judged again: as it is on file, and with what a reader supposes.

    ``criteria_now`` is the version that judges now; ``rules`` are those a reader wants spelled out.
    """

    kept: Kept
    supposed: Supposed
    criteria_now: str
    rules: Set[str] = frozenset()

    @property
    def language(self) -> str:
        return known(self.kept.row.language)

    @property
    def words(self) -> Mapping[str, Mapping[Any, Any]]:
        return words(self.language)

    @cached_property
    def say(self) -> Wording:
        """The sentences of the cards."""
        return wording(self.language)

    def yes(self, truth: bool) -> str:
        return str(self.words["page"]["yes" if truth else "no"])

    @cached_property
    def on_file(self) -> Verdict:
        return self.judged({})

    @cached_property
    def verdict(self) -> Verdict:
        """With the suppositions; as it is on file where there are none."""
        return self.judged(self.supposed) if self.supposed else self.on_file

    def judged(self, supposed: Supposed) -> Verdict:
        kept = self.kept
        facts = with_supposed(kept.facts, supposed, kept.row.day)
        [verdict] = criteria.judge(
            kept.orders, facts, kept.library, kept.row.day, policy=kept.policy, focus={kept.order.reference},
            told=kept.apart,
        )  # fmt: skip
        return verdict

    @property
    def changed(self) -> bool:
        return self.kept.row.version != self.criteria_now

    @property
    def differs(self) -> bool:
        """Judged today, the same facts give another answer than the one that was given."""
        row, now = self.kept.row, self.on_file
        return (row.rating, row.because) != (str(now.rating), str(now.because) if now.because else None)


def document(answer: Answer) -> Json:
    """Everything that there is to say. Names of guidelines, rules and facts are ids of our own pages."""
    kept, verdict, say = answer.kept, answer.verdict, answer.say
    shelf = shelf_of(kept.library)
    clauses = Clauses(shelf.conditions, kept.row.day, answer.supposed, frozenset(kept.row.unsearched))
    out: Json = {
        "order": _order(answer),
        "judged": {
            "for": kept.row.day.isoformat(),
            "at": kept.row.created.isoformat(timespec="seconds"),
            "policy": kept.policy.id,
            "version": kept.row.version,
            "criteria_changed": answer.changed,
        },
        "verdict": _verdict(answer.on_file, answer),
        "all_records_read": not kept.row.unsearched,
    }
    if kept.set_aside:
        out["set_aside"] = kept.set_aside
    if answer.differs:
        out["judged"]["answered_then"] = _rating(kept.row.rating, answer)
    if answer.supposed:
        facts = [_supposed(n, v, clauses, answer) for n, v in answer.supposed.items()]
        out["supposed"] = {"facts": facts, "verdict": _verdict(verdict, answer)}
    if f"notice.{kept.policy.notice}" in say:
        out["notice"] = say.say(f"notice.{kept.policy.notice}")
    rulings = sorted(verdict.rulings, key=lambda r: (not r.decisive, r.truth is False))
    lists = {
        "presumed": [_presumed(answer, n) for n in verdict.presumes if n in kept.library.vocabulary],
        "missing": [_missing(answer, n, shelf.conditions) for n in verdict.asks if n in kept.library.vocabulary],
        "alternatives": list(_alternatives(answer)),
        "rules": [_rule(r, kept, clauses if _spelled_out(r, n, answer) else None) for n, r in enumerate(rulings)],
        "notes": [_note(n, answer) for n in verdict.notes],
        "guidelines": list(_guidelines(verdict, kept)),
    }
    return out | {name: held for name, held in lists.items() if held}


def _order(answer: Answer) -> Json:
    kept, say = answer.kept, answer.say
    order, indications = kept.order, kept.library.indications
    out: Json = {"study": say.study(order.study) if order.study else ""}
    if order.study:
        out["id"] = order.study.id
    elif order.candidates:
        out["may_be"] = [say.study(s) for s in order.candidates]
    out["reasons"] = [
        ", ".join(_said(say, indications[i].name) for i in r.indications if i in indications)
        or answer.words["reasons"][r.status]
        for r in order.reasons
    ]
    others = [o for o in kept.orders[1:] if o.study]
    if others:
        out["beside"] = [{"study": say.study(o.study), "open_in_chart": o.standing} for o in others if o.study]
    return out


def _said(say: Wording, text: str) -> str:
    """A text of the rules in the page's language; as it is where nobody has translated it."""
    return say.quote(text) or text


def _rating(rating: str, answer: Answer) -> Json:
    return {"rating": rating, "means": answer.words["ratings"].get(rating, "")}


def _verdict(verdict: Verdict, answer: Answer) -> Json:
    say = answer.say
    out = _rating(str(verdict.rating), answer)
    if verdict.because:
        out["because"] = verdict.because.value
    message = say.quote(verdict.message) if verdict.message else ""
    out["why"] = message or (say.say(f"because.{verdict.because.value}") if verdict.because else "")
    decided = next((r for r in verdict.rulings if r.decisive), None)
    if decided is not None:
        out["rule"] = decided.criterion
    return out | {"provisional": verdict.provisional}


def _supposed(name: str, value: Any, clauses: Clauses, answer: Answer) -> Json:
    fact = clauses.library.vocabulary[name]
    means = answer.say.quote(fact.means).rstrip(".") or answer.say.question(fact) or fact.means
    shown = answer.yes(value) if isinstance(value, bool) else clauses.value(name, value)
    shown = answer.words["page"]["unknown"] if value == UNKNOWN else shown
    return {"fact": name, "means": means, "value": shown, "suppose": written(name, value)}


def _presumed(answer: Answer, name: str) -> Json:
    """What was presumed, and what the rating is if it is the other way."""
    fact, say = answer.kept.library.vocabulary[name], answer.say
    taken = fact.absence == "presumed_true"
    means = say.presumed.get(name) or say.quote(fact.means).split(";")[0].rstrip(".") or say.question(fact)
    out: Json = {
        "fact": name,
        "means": means or fact.means,
        "taken": taken,
    }
    if fact.type == "boolean" and open_to(fact):
        out["if"] = [_if(answer, name, not taken, answer.yes(not taken))]
    return out


def _missing(answer: Answer, name: str, conditions: Conditions) -> Json:
    """A question that is open, and what each answer would make of the rating, where the answers are few."""
    fact = answer.kept.library.vocabulary[name]
    out: Json = {"fact": name, "question": answer.say.question(fact) or fact.means}
    if not open_to(fact):
        return out
    choices: Sequence[Any] = ()
    if fact.type == "boolean":
        choices = (True, False)
    elif fact.type == "code":
        choices = fact.values if fact.values and len(fact.values) <= FEW else ()
    else:
        leaves = _leaves(answer.verdict, name)
        near = sorted({v for leaf in leaves for v in values(leaf, fact, answer.kept.row.day).values()})
        choices = near if len(near) <= FEW else (near[0], *near[1 - FEW :])
    unit = answer.words["units"].get(fact.unit, fact.unit) if fact.unit else ""
    shown = [answer.yes(v) if isinstance(v, bool) else f"{conditions.value(fact, v)} {unit}".strip()
             for v in choices]  # fmt: skip
    found = [_if(answer, name, v, text) for v, text in zip(choices, shown, strict=True)]
    if any(f["rating"] != str(answer.verdict.rating) for f in found):
        out["if"] = found
    elif any(name in a.asks for a in answer.verdict.alternatives):
        out["for"] = "an alternative"
    return out


def _leaves(verdict: Verdict, name: str) -> Iterator[Leaf]:
    """The comparisons of a fact in the rules that decide."""
    steps = [r.trace for r in verdict.rulings if r.decisive]
    while steps:
        step = steps.pop()
        if isinstance(step.node, Leaf) and step.fact == name:
            yield step.node
        steps += step.children


def _if(answer: Answer, name: str, value: Any, shown: str) -> Json:
    verdict = answer.judged({**answer.supposed, name: value})
    return {"value": shown, "suppose": written(name, value), **_rating(str(verdict.rating), answer)}


def _alternatives(answer: Answer) -> Iterator[Json]:
    kept = answer.kept
    for offer in answer.verdict.alternatives:
        same = offer.study is not None and kept.order.study is not None and offer.study.id == kept.order.study.id
        if not (same and offer.action == "update"):
            yield _alternative(offer, answer)


def _alternative(offer: Alternative, answer: Answer) -> Json:
    kept, say = answer.kept, answer.say
    vocabulary = kept.library.vocabulary
    out: Json = {"action": offer.action, "does": answer.words["actions"][offer.action]}
    if offer.study is not None:
        out |= {"study": say.study(offer.study), "id": offer.study.id}
    if offer.action != "delete":
        out |= _rating(str(offer.rating), answer)
    if offer.asks:
        out["asks"] = [say.question(vocabulary[f]) or vocabulary[f].means for f in offer.asks if f in vocabulary]
    if offer.criterion:
        out |= {"rule": offer.criterion, "why": offer.why}
        criterion = _criterion(offer.criterion, kept)
        if criterion is not None and criterion.local:
            out["local"] = str(criterion.local)
    return out


def _spelled_out(ruling: Ruling, place: int, answer: Answer) -> bool:
    return (ruling.decisive and place < SPELLED_OUT) or ruling.criterion in answer.rules


def _rule(ruling: Ruling, kept: Kept, clauses: Clauses | None) -> Json:
    criterion = _criterion(ruling.criterion, kept)
    guideline = kept.library.guidelines.get(ruling.guideline)
    out: Json = {
        "rule": ruling.criterion,
        "title": ruling.title,
        "kind": ruling.kind,
        "guideline": ruling.guideline,
        "section": ruling.section,
        "edition": Edition(guideline.title, guideline.edition).name if guideline else ruling.guideline,
        "truth": truth_of(ruling.truth),
        "decides": ruling.decisive,
        "rows": list(ruling.rows),
    }
    if criterion is not None:
        out["from"] = criterion.start.isoformat()
        if criterion.end:
            out["to"] = criterion.end.isoformat()
    if ruling.local:
        out["local"] = ruling.local
    if clauses is not None:
        out["clause"] = clauses.read(ruling.trace)
        if out["clause"]["truth"] == f"presumed-{out['truth']}":
            out["truth"] = out["clause"]["truth"]
    return out


def _criterion(name: str, kept: Kept) -> Criterion | None:
    guideline, _, rule = name.partition("/")
    return shelf_of(kept.library).rules.get((guideline, rule))


def _note(note: Note, answer: Answer) -> Json:
    means = answer.words["notes"][note.kind]
    out = {"kind": note.kind, "means": means, "text": _said(answer.say, note.text), "rule": note.criterion}
    return out | ({"section": note.section, "guideline": note.guideline} if note.section else {})


def _guidelines(verdict: Verdict, kept: Kept) -> Iterator[Json]:
    """The guidelines that spoke, with the sections that decided."""
    sections: dict[str, list[str]] = {g: [] for g in verdict.guidelines}
    for ruling in verdict.rulings:
        if ruling.decisive and ruling.section not in sections.setdefault(ruling.guideline, []):
            sections[ruling.guideline].append(ruling.section)
    for name, cited in sections.items():
        known = kept.library.guidelines.get(name)
        if known is None:
            continue
        out: Json = {"id": name, "title": known.title, "edition": known.edition, "publisher": known.publisher}
        out["from"] = known.start.isoformat()
        if known.end:
            out["to"] = known.end.isoformat()
        yield out | ({"sections": cited} if cited else {})
