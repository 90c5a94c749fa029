"""What a rating leans on: presumed facts without which it would be another (DESIGN section 4, absence)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from criteria.ask import ways_to_all
from criteria.case import NOTHING, Case
from criteria.conditions import Ready
from criteria.docket import Called
from criteria.evaluate import Circumstances
from criteria.logic import leaves
from criteria.ratings import Rating
from criteria.studies import Study
from criteria.weigh import Weighing, weigh


def presumed_facts(case: Case, study: Study, weighing: Weighing) -> list[str]:
    """Presumed facts, by the names the rules use, without which the rating would be another."""
    if _stands_alone(case, study, weighing):
        return []
    here, presumable = weighing.here, case.book.conditions.presumable
    names = [n for n in _named(case, study) if n in presumable and here.presumed(n)]
    if weighing.rating is Rating.NOT_APPROPRIATE and not (weighing.fired or weighing.extra):
        return _outermost(_barring(case, study, weighing, names), here)
    falls = _ways_to_fall(case, study, weighing)
    if falls is not None:
        names = [n for n in names if any(way.opens_to(n) for way in falls)]

    def stays() -> bool:
        """A less informed state gives the same rating, and so does every one in between."""
        return len(names) > 1 and weigh(case, study, presume=False).rating is weighing.rating

    if not names or (falls is None and stays()):
        return []
    found = [n for n in names if weigh(case, study, unknown=frozenset({n})).rating is not weighing.rating]
    if falls is not None and found and stays():  # few names are left to be looked at: it is asked only where it matters
        return []
    return _outermost(found, here)


def _stands_alone(case: Case, study: Study, weighing: Weighing) -> bool:
    """True where the rating plainly needs no presumption: what is open stays open, what decides is recorded."""
    if weighing.rating is Rating.NEEDS_INFORMATION:
        return True
    if weighing.rating is Rating.APPROPRIATE:
        return any(case.path_truth(c, study, presume=False) is True for c in weighing.met)
    return any(weighing.here.off.truth(c.when) is True for c in weighing.fired)


def _barring(case: Case, study: Study, weighing: Weighing, names: Sequence[str]) -> list[str]:
    """Where no pathway can be met: the facts without which one could be.

    What is unknown is asked; a fact without a question of its own opens nothing, but where `missing` waives a clause
    about which nobody can be asked.
    """
    questions, docket = case.book.library.vocabulary, case.docket
    paths = sorted(case.paths(study), key=lambda c: c.reads_results)  # last those for which the most has to be found
    refuses = any(r.waives for r in docket.refusals(study.id).rules)

    def otherwise(those: Iterable[Called], presume: bool = True, unknown: frozenset[str] = NOTHING) -> bool:
        if not any(_may_be_met(case, study, called, presume, unknown) for called in those):
            return False
        return not refuses or weigh(case, study, presume, unknown).rating is not weighing.rating

    found = set[str]()
    for called in paths:
        bars = case.bars(called, study)
        for name in names:
            if name not in found and all(name in bar for bar in bars):
                unknown = frozenset({name})
                bears = docket.touches if questions[name].ask is not None else docket.waives
                if bears(unknown, called, study) and otherwise([called], unknown=unknown):
                    found.add(name)
    if found and not otherwise(paths, presume=False):
        return []  # with nothing presumed the rating is the same
    return [n for n in names if n in found]


def _may_be_met(case: Case, study: Study, called: Called, presume: bool, unknown: frozenset[str]) -> bool:
    """True when a pathway is met, or can be by answers to questions."""
    truth = case.path_truth(called, study, presume, unknown)
    if truth is None:
        here = case.here(study, presume, unknown)
        return any(ways_to_all((c.node for c in called.clauses), here)[:1])
    return truth is True


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
    if weighing.rating is Rating.APPROPRIATE:
        extra = tuple(map(ready, weighing.extra))
        props = [_Prop(case, study, (*c.clauses, *extra), True) for c in weighing.met]
        return [*(_Way([p]) for p in props), *new] if weighing.silenced else [_Way(props), *new]
    if weighing.fired:
        return [_Way([_Prop(case, study, [ready(c.when)], True) for c in weighing.fired])]
    return None


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


def _outermost(names: Sequence[str], here: Circumstances) -> list[str]:
    """Without the facts of which others among them are made."""
    inner = {part for name in names for part in _parts(name, here)}
    return [n for n in names if n not in inner]


def _parts(name: str, here: Circumstances) -> set[str]:
    """The facts from which a defined fact is made, at any depth."""
    logic = here.definitions.get(name)
    direct = {n.fact for n in leaves(logic)} if logic is not None else set()
    return direct | {p for n in direct for p in _parts(n, here)}
