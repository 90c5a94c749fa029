"""One order before the criteria in force for its patient: what is true of it, whatever study is considered for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import cached_property
from typing import TYPE_CHECKING

from criteria.conditions import Reach, Ready
from criteria.criterion import Criterion
from criteria.docket import Answering, Called
from criteria.evaluate import Circumstances, Memory
from criteria.facts import Basis, FactsFor
from criteria.heard import SESSION
from criteria.orders import Order
from criteria.policies import Policy
from criteria.ratings import Support, Truth
from criteria.regions import overlap
from criteria.results import RESULTS, result_place
from criteria.select import Book
from criteria.studies import Study
from criteria.triggers import OF_CATALOGUE

if TYPE_CHECKING:
    from criteria.company import Company

NOTHING: frozenset[str] = frozenset()
Place = tuple[tuple[int, ...], bool, str]
"""A pathway by its key, with presumptions or without, and for which study or region."""


class Case:
    """``indications`` are the recorded ones; ``guidelines`` those of the policy that speak, most specific first;
    ``age`` in years."""

    def __init__(
        self,
        order: Order,
        orders: Sequence[Order],
        facts_for: FactsFor,
        book: Book,
        policy: Policy,
        guidelines: Sequence[str],
        age: int,
        indications: Sequence[str],
        company: Company,
    ) -> None:
        self.order, self.orders, self.facts_for, self.book, self.policy = order, orders, facts_for, book, policy
        self.guidelines, self.age, self.indications = tuple(guidelines), age, tuple(indications)
        self.company = company
        self.docket = book.docket(
            self.guidelines, tuple(g for g in policy.safety if g not in self.guidelines), age, self.indications
        )
        self._others = [o for o in orders if o.reference != order.reference and o.study is not None]
        self._common = Memory()
        self._early: tuple[dict[int, bool], dict[int, bool]] = ({}, {})
        self._regions: dict[str, Memory] = {}
        self._here: dict[str, Circumstances] = {}
        self._first: Study | None = None
        self._first_of: dict[str, Study] = {}
        self._without: dict[tuple[str, bool, frozenset[str]], Circumstances] = {}
        self._triggers: dict[tuple[str, str], bool] = {}
        self._found: dict[tuple[tuple[int, ...], bool, str, frozenset[str]], Truth] = {}
        self._bars: dict[Place, list[frozenset[str]]] = {}
        self._answers: dict[tuple[str, str], tuple[Answering, ...]] = {}
        self._paths: dict[str, list[Called]] = {}
        self._results: dict[tuple[str, str, bool, frozenset[str]], Truth] = {}
        self.supports: dict[str, Support] = {}
        """How far each study would be supported by itself, as far as that was asked (`criteria.weigh.support`)."""

    def voices(self) -> list[Case]:
        """This case, and the same before the other guidelines that the policy lets speak to other studies."""
        same = (self.order, self.orders, self.facts_for, self.book, self.policy)
        others = (g for g in self.policy.choirs() if g != self.guidelines)
        return [self, *(Case(*same, g, self.age, self.indications, self.company) for g in others)]

    def speaks_to(self, study: Study) -> bool:
        """True when the policy has just these guidelines speak to a study."""
        return self.policy.guidelines_for(study.base) == self.guidelines

    def here(self, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING) -> Circumstances:
        """What the order is judged on if it were for ``study``."""
        found = self._here.get(study.id)
        if found is None:
            self._first = self._first or study
            self._first_of.setdefault(study.region, study)
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
        if unknown and self.docket.touches(unknown, ready, study):
            named = unknown if ready.reads_results else unknown & ready.names
            return self.here(self._stand_in(ready.reach, study), presume, named).told(ready)
        memory: Memory | None = self._common
        if ready.reach is not Reach.ORDER:
            if ready.early and self._settled_early(ready, study, presume):
                return False
            memory = self._regions.get(study.region) if ready.reach is Reach.REGION else None
        found = memory.found[presume] if memory is not None else None
        if found is not None and ready.key in found.kept:
            return found.kept[ready.key]
        return self.here(self._stand_in(ready.reach, study), presume).told(ready)

    def _stand_in(self, reach: Reach, study: Study) -> Study:
        """A study of which the same is true, that far: one looked at already, so that no facts are gathered."""
        if reach is Reach.ORDER:
            return self._first or study
        return self._first_of.get(study.region, study) if reach is Reach.REGION else study

    def _settled_early(self, ready: Ready, study: Study, presume: bool) -> bool:
        """True when a part that the order alone settles makes the condition false, whatever the study."""
        known = self._early[presume]
        if ready.key not in known:
            known[ready.key] = any(self.truth(part, study, presume) is False for part in ready.early)
        return known[ready.key]

    def path_truth(
        self, called: Called, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING
    ) -> Truth:
        """The truth of a pathway with the prerequisites that bind it."""
        if unknown and (
            any(map(unknown.isdisjoint, self.bars(called, study, presume)))
            or not self.docket.touches(unknown, called, study)
        ):
            unknown = NOTHING
        key = (*self._place(called, study, presume), unknown)
        if key not in self._found:
            self._found[key] = self._all_of(called, study, presume, unknown)
        return self._found[key]

    def bars(self, called: Called, study: Study, presume: bool = True) -> list[frozenset[str]]:
        """The parts of a pathway that are false, by the facts they name; those that read results of others left out."""
        place = self._place(called, study, presume)
        if place not in self._bars:
            parts = self.book.conditions.parts
            barred = self.path_truth(called, study, presume) is False
            found = (p for c in called.clauses for p in parts(c.node) if not p.reads_results) if barred else ()
            self._bars[place] = [p.names for p in found if self.truth(p, study, presume) is False]
        return self._bars[place]

    def _place(self, called: Called, study: Study, presume: bool) -> Place:
        return called.key, presume, study.region if called.reach <= Reach.REGION else study.id

    def _all_of(self, called: Called, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        out: Truth = True
        for clause in called.clauses:
            truth = self.truth(clause, study, presume, unknown)
            if truth is False:
                return False
            if truth is None:
                out = None
        return out

    def _result(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        """A result fact, found for all studies that have it in common."""
        key = (*result_place(name, study), presume, unknown)
        if key not in self._results:
            self._results[key] = None  # a rule that reads its own result finds it unknown
            self._results[key] = self._answer(name, study, presume, unknown)
        return self._results[key]

    def _answer(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        wanted, silent = RESULTS[name], True
        out: Truth = False
        answering = self._all_answering if unknown else self._answering
        for other, called in answering(name, study):
            truth = wanted.listed or self.path_truth(called, other, presume, unknown)
            if truth is True:
                return True
            silent, out = False, None if truth is None else out
        return None if silent and wanted.silence_is_unknown else out

    def _all_answering(self, name: str, study: Study) -> tuple[Answering, ...]:
        """`_answering`, for those who ask again and again."""
        key = result_place(name, study)
        if key not in self._answers:
            self._answers[key] = tuple(self._answering(name, study))
        return self._answers[key]

    def _answering(self, name: str, study: Study) -> Iterator[Answering]:
        """The pathways that count for this order and answer a result fact, first those that an indication calls."""
        certain, triggered = self.docket.providers(name, study)
        for other, called in certain:
            if called.certain or self.counts(called, other):
                yield other, called
        for criterion in triggered.keys() & self._may_count if triggered else ():
            for other, called in triggered[criterion]:
                if self._triggered(called, other):
                    yield other, called

    def may_recommend(self, study: Study) -> bool:
        """False where no pathway that may count has the study offered in place of another."""
        called = (c for c in self.docket.paths(study.id) if c.by_indication or c.criterion.id in self._may_count)
        return any(c.criterion.offers is None or study.id in c.criterion.offers for c in called)

    def counts(self, called: Called, study: Study) -> bool:
        """A recorded indication calls the pathway, or its trigger is recorded."""
        if called.by_indication:
            return called.once is None or self.truth(called.once, study, False) is not False
        return called.criterion.id in self._may_count and self._triggered(called, study)

    @cached_property
    def _may_count(self) -> Set[str]:
        """The pathways without an indication whose trigger nothing on file rules out for every study."""
        own = self.order.study
        assert own is not None  # noqa: S101 - an order without a study is not judged
        here = self.here(own)
        session = here.facts.get(SESSION)
        held = session.value if session is not None and isinstance(session.value, tuple) else ()
        alone = session is not None and own.session_names.issuperset(held)
        return {
            rule.criterion.id
            for rule in self.docket.triggers.concerned(here.touched)
            if not (alone and rule.company.difference(held))  # nor has it company, whatever it were for
            and not self._settled_early(rule.when, own, False)
            and (rule.when.reach is not Reach.ORDER or self.truth(rule.when, own, False) is True)
        }

    @cached_property
    def _says_otherwise(self) -> bool:
        """True where the kind of study is stated, not taken from the catalogue."""
        own = self.order.study
        stated = [] if own is None else [self.here(own).facts.get(name) for name in OF_CATALOGUE]
        return any(fact is not None and fact.basis is not Basis.DERIVED for fact in stated)

    def _triggered(self, called: Called, study: Study) -> bool:
        assert called.trigger is not None and called.settled is not None  # noqa: S101 - no indication calls it
        settled = called.settled is not called.trigger and not self._says_otherwise
        if settled and self.truth(called.settled, study, False) is not True:  # told before facts are gathered for it
            return False
        key = (called.criterion.id, study.region if called.trigger.reach <= Reach.REGION else study.id)
        known = self._triggers.get(key)
        if known is None:
            known = self._triggers[key] = self.truth(called.trigger, study, False) is True
        return known

    def paths(self, study: Study) -> list[Called]:
        """The pathways for a recorded indication that list the study, guideline order."""
        if study.id not in self._paths:
            self._paths[study.id] = [c for c in self.docket.paths(study.id) if c.certain or self.counts(c, study)]
        return self._paths[study.id]

    def rank(self, guideline: str) -> int:
        """The place of a guideline in the policy, the most specific first."""
        return self.docket.ranks[guideline]

    def rivals(self, criterion: Criterion, study: Study) -> list[Order]:
        """The other orders that make the pair of a criterion with this one."""
        pair = criterion.pair
        return [
            o
            for o in (self._others if pair else ())
            if pair and o.study and o.study.id in pair.studies
            if not pair.same_region or overlap(o.study.region, study.region)
        ]
