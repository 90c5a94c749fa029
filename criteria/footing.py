"""What a rating rests on: which facts may come or go without the order being judged again."""

from __future__ import annotations

from criteria.case import Case
from criteria.conditions import ANYTHING, Ready
from criteria.docket import Called
from criteria.heard import Heard
from criteria.logic import All, Any_, Leaf, Not, children
from criteria.ratings import Rating
from criteria.scope import INDICATION
from criteria.studies import Study
from criteria.weigh import Weighing

Names = frozenset[str]


class Footing:
    """Pathways that support an order, and the rules that would speak against it.

    Nothing is claimed that the rules do not show: where other orders have a say, or the results of other rules, it is
    not sure. ``most``: questions that a pathway may leave; ``every``: all facts that are ever asked about.
    """

    def __init__(self, case: Case, study: Study, weighing: Weighing, most: int, every: Names) -> None:
        self._case, self._study, self._calling = case, study, _calling(case)
        self._facts = weighing.here.facts
        rules = [*case.docket.refusals(study.id).rules, *case.docket.redirects(study.id).rules]
        pairs = [r.criterion for r in rules if r.criterion.pair]
        alone = not any(case.rivals(criterion, study) for criterion in (*case.docket.pairs(study.id), *pairs))
        good = weighing.rating in (Rating.APPROPRIATE, Rating.NEEDS_INFORMATION)
        self._supports: list[Called] = []
        if good and alone and not weighing.silenced:
            self._supports = weighing.met or [c for c, way in weighing.open if len(way) <= most]
        silent = (*weighing.redirects, *pairs)
        self._against = [r for r in rules if r.criterion not in silent and not _speaks_of_others(r, every)]
        self._same: dict[tuple[int, bool], bool] = {}
        """What was found of conditions for the facts that are asked about now."""

    def stands(self, facts: Names) -> bool:
        """True when the order is surely supported as well, whatever becomes of these facts."""
        self._same.clear()
        if not facts.isdisjoint(self._calling) or not any(self._stays(c, facts) for c in self._supports):
            return False
        return all(self._is_silent(rule, facts) for rule in self._against)

    def _stays(self, called: Called, facts: Names) -> bool:
        """A pathway stays met, or as open as it is, and counts."""
        counts = [c for c in (called.once, None if called.by_indication else called.trigger) if c is not None]
        if not all(self._is_same(c, facts, presume=False) for c in counts):
            return False
        parts = (p for c in called.clauses for p in self._case.book.conditions.parts(c.node))
        return all(_is_apart(p, facts) or (self._truth(p, True) is True and self._is_same(p, facts)) for p in parts)

    def _is_silent(self, rule: Heard, facts: Names) -> bool:
        """A rule that has nothing to say has nothing to say then."""
        if _speaks_of_others(rule, facts):
            return True
        case, study, when, unless = self._case, self._study, rule.when, rule.unless
        parts = case.book.conditions.parts(when.node)
        if any(case.truth(p, study) is not True and self._is_same(p, facts) for p in parts):
            return True
        return unless is not None and case.truth(unless, study, False) is True and self._is_same(unless, facts, False)

    def _is_same(self, condition: Ready, facts: Names, presume: bool = True) -> bool:
        """The truth of a condition is plainly the same, as far as the truths of its parts settle it."""
        if _is_apart(condition, facts):
            return True
        key = condition.key, presume
        if key not in self._same:
            self._same[key] = self._is_told_alike(condition, facts, presume)
        return self._same[key]

    def _is_told_alike(self, condition: Ready, facts: Names, presume: bool) -> bool:
        node, truth = condition.node, self._truth(condition, presume)
        presume = presume and not node.turns
        if isinstance(node, Leaf):
            return self._is_same_fact(node.fact, facts, presume)
        if not isinstance(node, All | Any_ | Not):
            return False
        parts = list(map(self._case.book.conditions.ready, children(node)))
        if node.missing is not None:  # only what is true by itself, not for want of somebody to ask
            parts = [p for p in parts if self._truth(p, presume) is True] if isinstance(node, Any_) else parts
            if truth is not True or isinstance(node, Not) or any(self._truth(p, presume) is not True for p in parts):
                return False
        settles = isinstance(node, Any_)
        if not isinstance(node, Not) and truth is settles:
            return any(self._truth(p, presume) is settles and self._is_same(p, facts, presume) for p in parts)
        return all(self._is_same(p, facts, presume) for p in parts)

    def _is_same_fact(self, name: str, facts: Names, presume: bool) -> bool:
        """The value of a fact is plainly the same: it is defined, and what it is made of settles it as before."""
        logic = self._case.book.library.definitions.get(name)
        if logic is None or name in facts:
            return False
        known, made_of = self._facts.get(name), self._case.book.conditions.ready(logic)
        if known is not None and known.value is True:
            return True
        certain = self._is_same(made_of, facts, presume=False)
        if known is not None or not presume or self._truth(made_of, False) is True:
            return certain
        return certain and self._is_same(made_of, facts)

    def _truth(self, condition: Ready, presume: bool) -> bool | None:
        return self._case.truth(condition, self._study, presume)


def _is_apart(condition: Ready, facts: Names) -> bool:
    """None of the facts bears on a condition."""
    return ANYTHING not in condition.depends and facts.isdisjoint(condition.depends)


def _speaks_of_others(rule: Heard, facts: Names) -> bool:
    return _is_apart(rule.when, facts) and (rule.unless is None or _is_apart(rule.unless, facts))


def _calling(case: Case) -> Names:
    """The facts that may be an indication by themselves, were they answered."""
    every = case.book.library.indications.values()
    found = {INDICATION, *(n for i in every for n in i.suspected_as)}
    if not case.order.indications:
        found.update(n for i in every for n in i.asserts)
    return frozenset(found)
