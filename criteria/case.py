"""One order before the criteria in force for its patient: what is true of it, whatever study is considered for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from criteria.criterion import Criterion
from criteria.evaluate import Circumstances, Memory, States
from criteria.facts import FactsFor
from criteria.logic import Node
from criteria.orders import Order
from criteria.ratings import Truth
from criteria.regions import overlap
from criteria.results import RESULT_FACTS, RESULTS
from criteria.select import Book, Path
from criteria.studies import Study

NOTHING: frozenset[str] = frozenset()


class _Memory(Memory):
    """Facts that are the same for all studies are looked up once for the order, results of rules each time."""

    def __init__(self, book: Book, common: States, study: States) -> None:
        super().__init__()
        self._book, self._common, self._study = book, common, study

    def of(self, name: str) -> States:
        reach = self._book.reach(name)
        return self._common if reach == "order" else self._study if reach == "study" else self._own


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
        self.safety = tuple(g for g in safety if g not in self.guidelines)
        self._here: dict[tuple[str, bool, frozenset[str]], Circumstances] = {}
        self._common: States = ({}, {})
        self._by_study: dict[str, States] = {}
        self._truths: dict[tuple[int, str, bool, frozenset[str]], Truth] = {}
        self._called: dict[str, bool | Literal["by study"]] = {}
        self._results: dict[tuple[str, str, bool, frozenset[str]], Truth] = {}

    def here(self, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING) -> Circumstances:
        key = (study.id, presume, unknown)
        if key not in self._here:
            library = self.book.library
            self._here[key] = Circumstances(
                self.facts_for(study),
                library.vocabulary,
                library.definitions,
                self.book.on,
                unknown=unknown,
                presume=presume,
                results=lambda name, assume: self._result(name, study, assume, unknown),
                result_facts=RESULT_FACTS,
                memory=_Memory(self.book, self._common, self._by_study.setdefault(study.id, ({}, {}))),
            )
        return self._here[key]

    def truth(self, node: Node, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING) -> Truth:
        """The truth of a condition of the library; what it does not name cannot change it."""
        if unknown:
            names = self.book.names(node)
            unknown = unknown if names & RESULT_FACTS else unknown & names
        key = (id(node), study.id, presume, unknown)
        if key not in self._truths:
            self._truths[key] = self.here(study, presume, unknown).truth(node)
        return self._truths[key]

    def _result(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        """A result fact: the same for all studies of a region, unless it is about the ordered study itself."""
        key = (name, study.id if RESULTS[name].own_study else study.region, presume, unknown)
        if key not in self._results:
            self._results[key] = None  # a rule that reads its own result finds it unknown
            self._results[key] = self._answer(name, study, presume, unknown)
        return self._results[key]

    def _answer(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        wanted = RESULTS[name]
        out: Truth = None if wanted.silence_is_unknown else False
        heard = False
        for other, path in self.book.providers(name, study.region):
            if (wanted.own_study and other.id != study.id) or not self.counts(path.criterion, other):
                continue
            if not heard:
                heard, out = True, False
            truth = True if wanted.listed else self.truth(self.node(path), other, presume, unknown)
            if truth is True:
                return True
            if truth is None:
                out = None
        return out

    def counts(self, criterion: Criterion, study: Study) -> bool:
        """The criterion is in force for this patient and policy, and a recorded indication or trigger calls it."""
        called = self._called.get(criterion.id)
        if called is None:
            called = self._called[criterion.id] = self._counts(criterion)
        if called != "by study":
            return called is True
        assert criterion.trigger is not None  # noqa: S101 - only a trigger can depend on the study
        return self.truth(criterion.trigger, study, False) is True

    def _counts(self, criterion: Criterion) -> bool | Literal["by study"]:
        if criterion.guideline not in self.guidelines or not self.book.admits(criterion, self.age):
            return False
        if not criterion.indications.isdisjoint(self.indications):
            return True
        if criterion.trigger is None:
            return False
        own = self.order.study
        if own is None or not self.book.same_for_all_studies(criterion.trigger):
            return "by study"
        return self.truth(criterion.trigger, own, False) is True

    def paths(self, study: Study) -> list[Path]:
        """The pathways for a recorded indication that list the study, guideline order."""
        found = [p for p in self.book.pathways.get(study.id, ()) if self.counts(p.criterion, study)]
        return sorted(found, key=lambda p: self.rank(p.criterion.guideline))

    def concerns(self, criterion: Criterion) -> bool:
        """A rule other than a pathway: in force for this patient and policy, and not limited to other indications."""
        if not self.hears(criterion) or not self.book.admits(criterion, self.age):
            return False
        return not criterion.indications or not criterion.indications.isdisjoint(self.indications)

    def hears(self, criterion: Criterion) -> bool:
        """The policy lets this rule speak."""
        speaks = criterion.guideline in self.guidelines
        return speaks or (criterion.kind == "safety" and criterion.guideline in self.safety)

    def rank(self, guideline: str) -> int:
        """The place of a guideline in the policy, the most specific first."""
        return (*self.guidelines, *self.safety).index(guideline)

    def node(self, path: Path) -> Node:
        """The pathway with the prerequisites that bind it under this policy, as one condition."""
        return self.book.node(path, self.guidelines)

    def paired(self, criterion: Criterion, study: Study) -> bool:
        """True unless the criterion refuses one of a pair and this order is not the one."""
        pair = criterion.pair
        if pair is None:
            return True
        for other in self.orders:
            if other.reference == self.order.reference or other.study is None or other.study.id not in pair.studies:
                continue
            if pair.same_region and not overlap(other.study.region, study.region):
                continue
            if pair.refuses == "this" or other.position < self.order.position:
                return True
        return False

    def pair_requirements(self, study: Study) -> list[Criterion]:
        """Prerequisites that bind only one of a pair: this order, where it is the one."""
        return [c for c in self.book.pairs.get(study.id, ()) if self.concerns(c) and self.paired(c, study)]
