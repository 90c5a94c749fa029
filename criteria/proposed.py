"""An order judged as if some of what its own words propose had been answered so; each set of answers once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from criteria.alternatives import questions
from criteria.case import Case
from criteria.company import levels
from criteria.facts import Value
from criteria.footing import Footing
from criteria.ratings import Because, Rating, Verdict
from criteria.scope import silence
from criteria.studies import Study
from criteria.weigh import Weighing, weigh

Outcome = tuple[Rating | None, tuple[str, ...]]
"""A rating, and what is asked before there is one."""
Names = frozenset[str]
Told = frozenset[tuple[str, Value]]
ANY = 1000
"""As many questions as there are."""


class Proposed:
    """``case_if`` is the order with some of the answers; ``silent`` the verdict without any; ``told``: by the name of
    each answer, all facts that it tells, with their values."""

    def __init__(self, case_if: Callable[[Names], Case], silent: Verdict, told: Mapping[str, Told]) -> None:
        self._case_if, self._told = case_if, told
        self._every = frozenset(name for facts in told.values() for name, _ in facts) | told.keys()
        asks = silent.asks if silent.rating is Rating.NEEDS_INFORMATION else ()
        self._outcomes: dict[Names, Outcome] = {frozenset(): (silent.rating, asks)}
        self._weighed: dict[Names, tuple[Case, Study, Weighing]] = {}
        self._footings: dict[tuple[Names, int], Footing] = {}

    def outcome(self, answers: Iterable[str]) -> Outcome:
        """The rating and the questions of the verdict, which are found much faster than all of it."""
        given = frozenset(answers)
        if given not in self._outcomes:
            self._outcomes[given] = self._find(given)
        return self._outcomes[given]

    def surely(self, answers: Iterable[str], then: Iterable[str], most: int = ANY) -> bool:
        """True when it is plain from what comes of some answers that with others ``then`` the order is supported too,
        with so many questions left at the most."""
        given, others = frozenset(answers), frozenset(then)
        if given not in self._weighed:
            self._find(given)
        if given not in self._weighed:
            return False
        key = given, most
        if key not in self._footings:
            self._footings[key] = Footing(*self._weighed[given], most, self._every)
        changed = {name for name, _ in self._tell(given) ^ self._tell(others)}
        return self._footings[key].stands(given ^ others | changed)

    def _tell(self, answers: Names) -> Told:
        return frozenset().union(*(self._told[n] for n in answers))

    def _find(self, given: Names) -> Outcome:
        case = self._case_if(given)
        meant = levels(case.order)
        weighed = [weigh(case, study) for study in meant]
        study, weighing = meant[0], weighed[0]
        if len(meant) == 1:
            self._weighed[given] = case, study, weighing
        elif len({w.rating for w in weighed}) > 1:  # which study is meant is asked first
            return Rating.NEEDS_INFORMATION, ()
        if weighing.rating is Rating.NO_CRITERIA and weighing.because is Because.OUT_OF_SCOPE:
            quiet = silence(case, study, weighing)
            return quiet.rating, quiet.asks
        return weighing.rating, questions(weighing) if weighing.rating is Rating.NEEDS_INFORMATION else ()
