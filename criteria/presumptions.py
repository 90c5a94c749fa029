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
    names = [n for n in presumed if falls is None or any(way.opens_to(n) for way in falls)]

    def stays() -> bool:
        """A less informed state gives the same rating, and so does every one in between."""
        return len(names) > 1 and weigh(case, study, presume=False).rating is weighing.rating

    if not names or (falls is None and stays()):
        return []
    found = [n for n in names if weigh(case, study, unknown=frozenset({n})).rating is not weighing.rating]
    if falls is not None and found and stays():  # few names are left to be looked at: it is asked only where it matters
        return []
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


def _ways_to_fall(case: Case, study: Study, weighing: Weighing) -> list[_Way] | None:
    """What would have to give way, together, for the rating to be another; each in turn. None: it cannot be told.

    To know less of a fact makes nothing true or false that was unknown before, but where `missing` waives a clause.
    """
    ready = case.book.conditions.ready
    waivers = [r.when for r in case.docket.refusals(study.id).rules if r.waives and r.criterion not in weighing.fired]
    new = [_Way([_Prop(case, study, [when], False)]) for when in waivers]
    bound = {id(c): (*c.clauses, *map(ready, weighing.extra)) for c in case.paths(study)}
    if weighing.rating is Rating.APPROPRIATE:
        props = [_Prop(case, study, bound[id(c)], True) for c in weighing.met]
        return [*(_Way([p]) for p in props), *new] if weighing.silenced else [_Way(props), *new]
    if weighing.rating is not Rating.NOT_APPROPRIATE:
        return None
    if weighing.fired:
        return [_Way([_Prop(case, study, [ready(c.when)], True) for c in weighing.fired])]
    # a substitute that was left out is among them: it may have a word again
    barred = (_bars(case, study, clauses) for clauses in bound.values())
    return [*(_Way([_Prop(case, study, conditions, False) for conditions in bars]) for bars in barred), *new]


class _Way:
    """Props that have to give way together. What all of them name is looked at first; where one asks for the results of
    other rules, more than its names may bear on it."""

    def __init__(self, props: Sequence[_Prop]) -> None:
        self._props = props
        self._named = [names for p in props if (names := p.names) is not None]

    def opens_to(self, name: str) -> bool:
        return all(name in names for names in self._named) and all(p.gives_way(name) for p in self._props)


class _Prop:
    """Conditions, joined by `all`, that a rating rests on: they are ``truth``."""

    def __init__(self, case: Case, study: Study, conditions: Sequence[Ready], truth: bool) -> None:
        self._case, self._study, self._conditions, self._truth = case, study, conditions, truth

    @property
    def names(self) -> frozenset[str] | None:
        """The only facts that bear on the conditions; None where results of other rules do."""
        if any(c.reads_results for c in self._conditions):
            return None
        return frozenset().union(*(c.names for c in self._conditions))

    def gives_way(self, name: str) -> bool:
        """True when the conditions are otherwise if the fact is unknown."""
        unknown = frozenset({name})
        touched = (c for c in self._conditions if self._case.docket.touches(unknown, c, self._study))
        return any(self._case.truth(c, self._study, unknown=unknown) is not self._truth for c in touched)


def _bars(case: Case, study: Study, clauses: Sequence[Ready]) -> list[list[Ready]]:
    """The parts of a pathway, joined by `all`, that are false, each a bar; where none is, any part may be one.

    Last those that read results of other rules, for which the most has to be found."""
    parts = [p for c in clauses for p in case.book.conditions.parts(c.node)]
    bars = sorted((p for p in parts if case.truth(p, study) is False), key=lambda p: p.reads_results)
    return [[p] for p in bars] or [parts]


def _parts(name: str, here: Circumstances) -> set[str]:
    """The facts from which a defined fact is made, at any depth."""
    logic = here.definitions.get(name)
    direct = {n.fact for n in leaves(logic)} if logic is not None else set()
    return direct | {p for n in direct for p in _parts(n, here)}
