"""What a rating rests on: which facts may come or go without the order being judged again."""

from __future__ import annotations

from criteria.case import Case
from criteria.conditions import ANYTHING, Ready
from criteria.docket import Called
from criteria.heard import Heard
from criteria.logic import All, Any_, Not, children
from criteria.ratings import Rating
from criteria.scope import INDICATION
from criteria.studies import Study
from criteria.weigh import Weighing

Names = frozenset[str]


class Footing:
    """Pathways that support an order, and the rules that would speak against it.

    Nothing is claimed that the rules do not show: where other orders have a say, or the results of other rules, it is
    not sure. ``most``: questions that a pathway may leave.
    """

    def __init__(self, case: Case, study: Study, weighing: Weighing, most: int) -> None:
        self._case, self._study, self._calling = case, study, _calling(case)
        rules = [*case.docket.refusals(study.id).rules, *case.docket.redirects(study.id).rules]
        pairs = [r.criterion for r in rules if r.criterion.pair]
        alone = not any(case.rivals(criterion, study) for criterion in (*case.docket.pairs(study.id), *pairs))
        good = weighing.rating in (Rating.APPROPRIATE, Rating.NEEDS_INFORMATION)
        self._supports: list[Called] = []
        if good and alone and not weighing.silenced:
            self._supports = weighing.met or [c for c, way in weighing.open if len(way) <= most]
        silent = (*weighing.redirects, *pairs)
        self._against = [r for r in rules if r.criterion not in silent]

    def stands(self, facts: Names) -> bool:
        """True when the order is surely supported as well, whatever becomes of these facts."""
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
        case, study, when, unless = self._case, self._study, rule.when, rule.unless
        if _is_apart(when, facts) and (unless is None or _is_apart(unless, facts)):
            return True
        parts = case.book.conditions.parts(when.node)
        if any(case.truth(p, study) is not True and self._is_same(p, facts) for p in parts):
            return True
        return unless is not None and case.truth(unless, study, False) is True and self._is_same(unless, facts, False)

    def _is_same(self, condition: Ready, facts: Names, presume: bool = True) -> bool:
        """The truth of a condition is plainly the same, as far as the truths of its parts settle it."""
        if _is_apart(condition, facts):
            return True
        node, truth = condition.node, self._truth(condition, presume)
        if node.turns or not isinstance(node, All | Any_ | Not):
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

    def _truth(self, condition: Ready, presume: bool) -> bool | None:
        return self._case.truth(condition, self._study, presume)


def _is_apart(condition: Ready, facts: Names) -> bool:
    """None of the facts bears on a condition."""
    return ANYTHING not in condition.depends and facts.isdisjoint(condition.depends)


def _calling(case: Case) -> Names:
    """The facts that may be an indication by themselves, were they answered."""
    every = case.book.library.indications.values()
    found = {INDICATION, *(n for i in every for n in i.suspected_as)}
    if not case.order.indications:
        found.update(n for i in every for n in i.asserts)
    return frozenset(found)
