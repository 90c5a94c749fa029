"""One order before the criteria in force for its patient: what is true of it, whatever study is considered for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from criteria.conditions import Reach, Ready
from criteria.criterion import Criterion
from criteria.docket import Answering, Called
from criteria.evaluate import Circumstances, Memory
from criteria.facts import FactsFor
from criteria.orders import Order
from criteria.ratings import Truth
from criteria.regions import overlap
from criteria.results import RESULT_FACTS, RESULTS
from criteria.select import Book
from criteria.studies import Study

NOTHING: frozenset[str] = frozenset()


class Case:
    """``indications`` are the recorded ones; ``guidelines`` those that speak, most specific first;
    ``safety`` those of which only the safety rules do; ``age`` in years."""

    def __init__(
        self,
        order: Order,
        orders: Sequence[Order],
        facts_for: FactsFor,
        book: Book,
        guidelines: Sequence[str],
        age: int,
        indications: Sequence[str],
        safety: Sequence[str] = (),
    ) -> None:
        self.order, self.orders, self.facts_for, self.book = order, orders, facts_for, book
        self.guidelines, self.age, self.indications = tuple(guidelines), age, tuple(indications)
        self.docket = book.docket(
            self.guidelines, tuple(g for g in safety if g not in self.guidelines), age, self.indications
        )
        self._others = [o for o in orders if o.reference != order.reference and o.study is not None]
        self._common = Memory()
        self._regions: dict[str, Memory] = {}
        self._here: dict[str, Circumstances] = {}
        self._without: dict[tuple[str, bool, frozenset[str]], Circumstances] = {}
        self._called: dict[str, bool | Literal["by study"]] = {}
        self._paths: dict[str, list[Called]] = {}
        self._providers: dict[tuple[str, str], list[Answering]] = {}
        self._results: dict[tuple[str, str, bool, frozenset[str]], Truth] = {}

    def here(self, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING) -> Circumstances:
        """What the order is judged on if it were for ``study``."""
        found = self._here.get(study.id)
        if found is None:
            found = self._here[study.id] = Circumstances(
                self.facts_for(study),
                self.book.conditions,
                results=lambda name, assume: self._result(name, study, assume, NOTHING),
                order=self._common,
                region=self._regions.setdefault(study.region, Memory()),
            )
        if not presume:
            found = found.off
        if not unknown:
            return found
        key = (study.id, presume, unknown)
        if key not in self._without:
            self._without[key] = found.without(unknown, lambda name, assume: self._result(name, study, assume, unknown))
        return self._without[key]

    def truth(self, ready: Ready, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING) -> Truth:
        """The truth of a condition of the library; what it does not name cannot change it."""
        if unknown:
            names = self.book.conditions.names(ready.node)
            if names.isdisjoint(RESULT_FACTS):
                unknown = frozenset(n for n in unknown if n in names)
            if unknown:
                return self.here(study, presume, unknown).told(ready)
        if ready.reach > Reach.REGION:
            for part in ready.early:
                if self.truth(part, study, presume) is False:
                    return False
            return self.here(study, presume).told(ready)
        memory = self._common if ready.reach is Reach.ORDER else self._regions.get(study.region)
        if memory is None:
            return self.here(study, presume).told(ready)
        kept = memory.kept[presume]
        if ready.key not in kept:
            kept[ready.key] = ready.test(self.here(study, presume))
        return kept[ready.key]

    def path_truth(
        self, called: Called, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING
    ) -> Truth:
        """The truth of a pathway with the prerequisites that bind it."""
        out: Truth = True
        for clause in called.clauses:
            truth = self.truth(clause, study, presume, unknown)
            if truth is False:
                return False
            if truth is None:
                out = None
        return out

    def _result(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        """A result fact: the same for all studies of a region, unless it is about the ordered study itself."""
        key = (name, study.id if RESULTS[name].own_study else study.region, presume, unknown)
        if key not in self._results:
            self._results[key] = None  # a rule that reads its own result finds it unknown
            self._results[key] = self._answer(name, study, presume, unknown)
        return self._results[key]

    def _answer(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        wanted = RESULTS[name]
        answering = self._answering(name, study)
        out: Truth = None if wanted.silence_is_unknown and not answering else False
        if wanted.listed:
            return bool(answering) or out
        for other, called in answering:
            truth = self.path_truth(called, other, presume, unknown)
            if truth is True:
                return True
            if truth is None:
                out = None
        return out

    def _answering(self, name: str, study: Study) -> list[Answering]:
        """The pathways that count for this order and answer a result fact."""
        own = RESULTS[name].own_study
        key = (name, study.id if own else study.region)
        if key not in self._providers:
            certain, triggered = self.docket.providers(name, study.region)
            found = [*certain, *((s, c) for s, c in triggered if (not own or s is study) and self.counts(c, s))]
            self._providers[key] = [(s, c) for s, c in found if s is study] if own else found
        return self._providers[key]

    def counts(self, called: Called, study: Study) -> bool:
        """A recorded indication calls the pathway, or its trigger is recorded."""
        if called.by_indication:
            return True
        criterion = called.criterion
        known = self._called.get(criterion.id)
        if known is None:
            known = self._called[criterion.id] = self._triggered(criterion)
        if known != "by study":
            return known is True
        assert criterion.trigger is not None  # noqa: S101 - only a trigger can depend on the study
        return self.truth(self.book.conditions.ready(criterion.trigger), study, False) is True

    def _triggered(self, criterion: Criterion) -> bool | Literal["by study"]:
        assert criterion.trigger is not None  # noqa: S101 - what no indication calls has a trigger
        own, trigger = self.order.study, self.book.conditions.ready(criterion.trigger)
        if own is None or trigger.reach is not Reach.ORDER:
            return "by study"
        return self.truth(trigger, own, False) is True

    def paths(self, study: Study) -> list[Called]:
        """The pathways for a recorded indication that list the study, guideline order."""
        if study.id not in self._paths:
            self._paths[study.id] = [c for c in self.docket.paths(study.id) if self.counts(c, study)]
        return self._paths[study.id]

    def rank(self, guideline: str) -> int:
        """The place of a guideline in the policy, the most specific first."""
        return self.docket.ranks[guideline]

    def paired(self, criterion: Criterion, study: Study) -> bool:
        """True unless the criterion refuses one of a pair and this order is not the one."""
        pair = criterion.pair
        if pair is None:
            return True
        for other in self._others:
            if other.study is None or other.study.id not in pair.studies:
                continue
            if pair.same_region and not overlap(other.study.region, study.region):
                continue
            if pair.refuses == "this" or other.position < self.order.position:
                return True
        return False

    def pair_requirements(self, study: Study) -> list[Criterion]:
        """Prerequisites that bind only one of a pair: this order, where it is the one."""
        return [c for c in self.docket.pairs(study.id) if self.paired(c, study)]
