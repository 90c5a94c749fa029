"""What a rating leans on: presumed facts without which it would be another (DESIGN section 4, absence)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from criteria.case import Case
from criteria.conditions import Ready
from criteria.evaluate import Circumstances
from criteria.logic import leaves
from criteria.ratings import Rating
from criteria.studies import Study
from criteria.weigh import Weighing, weigh


def presumed_facts(case: Case, study: Study, weighing: Weighing) -> list[str]:
    """Presumed facts, by the names the rules use, without which the rating would be another."""
    if _stands_alone(case, study, weighing):
        return []
    here, falls = weighing.here, _ways_to_fall(case, study, weighing)
    presumable = case.book.conditions.presumable
    presumed = (n for n in _named(case, study) if n in presumable and here.presumed(n))
    names = [n for n in presumed if falls is None or any(all(prop.gives_way(n) for prop in way) for way in falls)]
    if not names or (len(names) > 1 and weigh(case, study, presume=False).rating is weighing.rating):
        return []  # a less informed state in between gives the same rating too
    found = [n for n in names if weigh(case, study, unknown=frozenset({n})).rating is not weighing.rating]
    inner = {n for name in found for n in _parts(name, here)}
    return [n for n in found if n not in inner]


def _stands_alone(case: Case, study: Study, weighing: Weighing) -> bool:
    """True where the rating plainly needs no presumption: what is open stays open, what decides is recorded."""
    if weighing.rating is Rating.NEEDS_INFORMATION:
        return True
    if weighing.rating is Rating.APPROPRIATE:
        return any(case.path_truth(c, study, presume=False) is True for c in weighing.met)
    return any(weighing.here.off.truth(c.when) is True for c in weighing.fired)


def _named(case: Case, study: Study) -> Iterable[str]:
    """The facts that the pathways and refusals for a study name, in their order."""
    names: dict[str, None] = {}
    named = case.book.conditions.names
    for called in case.paths(study):
        names.update(dict.fromkeys(n for clause in called.clauses for n in named(clause.node)))
    for criterion in case.book.refusals.get(study.id, ()):
        names.update(dict.fromkeys(named(criterion.when)))
    return names


def _ways_to_fall(case: Case, study: Study, weighing: Weighing) -> list[list[_Prop]] | None:
    """What would have to give way, together, for the rating to be another; each in turn. None: it cannot be told.

    To know less of a fact makes nothing true or false that was unknown before, but where `missing` waives a clause.
    """
    ready = case.book.conditions.ready
    waivers = [r.when for r in case.docket.refusals(study.id).rules if r.waives and r.criterion not in weighing.fired]
    new = [[_Prop(case, study, [when], False)] for when in waivers]
    bound = {id(c): (*c.clauses, *map(ready, weighing.extra)) for c in case.paths(study)}
    if weighing.rating is Rating.APPROPRIATE:
        props = [_Prop(case, study, bound[id(c)], True) for c in weighing.met]
        return [*([p] for p in props), *new] if weighing.silenced else [props, *new]
    if weighing.rating is not Rating.NOT_APPROPRIATE:
        return None
    if weighing.fired:
        return [[_Prop(case, study, [ready(c.when)], True) for c in weighing.fired]]
    if len(weighing.truths) < len(bound):
        return None  # a substitute that was left out may have a word again
    return [[_Prop(case, study, r, False) for r in _bars(case, study, bound[id(c)])] for c, _ in weighing.truths] + new


class _Prop:
    """Conditions, joined by `all`, that a rating rests on: they are ``truth``."""

    def __init__(self, case: Case, study: Study, conditions: Sequence[Ready], truth: bool) -> None:
        self._case, self._study, self._conditions, self._truth = case, study, conditions, truth

    def gives_way(self, name: str) -> bool:
        """True when the conditions are otherwise if the fact is unknown."""
        unknown = frozenset({name})
        touched = [c for c in self._conditions if c.reads_results or name in c.names]
        return any(self._case.truth(c, self._study, unknown=unknown) is not self._truth for c in touched)


def _bars(case: Case, study: Study, clauses: Sequence[Ready]) -> list[list[Ready]]:
    """The parts of a pathway, joined by `all`, that are false, each a bar; where none is, any part may be one."""
    parts = [p for c in clauses for p in case.book.conditions.parts(c.node)]
    return [[p] for p in parts if case.truth(p, study) is False] or [parts]


def _parts(name: str, here: Circumstances) -> set[str]:
    """The facts from which a defined fact is made, at any depth."""
    logic = here.definitions.get(name)
    direct = {n.fact for n in leaves(logic)} if logic is not None else set()
    return direct | {p for n in direct for p in _parts(n, here)}
