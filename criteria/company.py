"""The orders of one session, each judged by itself: of two that may not stand together, the better supported stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from criteria.case import Case
from criteria.facts import Basis, Facts, FactsFor
from criteria.indications import Indication
from criteria.library import Library
from criteria.orders import Order
from criteria.policies import Policy
from criteria.ratings import Apart, Support
from criteria.scope import INDICATION
from criteria.select import Book
from criteria.studies import Study
from criteria.weigh import support, weigh

FactsOf = Callable[[Order, Study], Facts]


class Company:
    """Looked up only where a rule about a pair is in question: most orders are judged without the others' facts.

    ``told``: what was found when the session was judged, where only one order's facts are at hand now.
    """

    def __init__(
        self,
        orders: Sequence[Order],
        facts: FactsOf,
        book: Book,
        policy: Policy,
        told: Sequence[Apart] | None = None,
    ) -> None:
        self.orders, self.facts, self.book, self.policy = orders, facts, book, policy
        self._told = told is not None
        self._cases: dict[str, Case | None] = {}
        self._support = {a.order: a.support for a in told or ()}
        self._stays = {a.order: a.stays for a in told or ()}

    @property
    def apart(self) -> tuple[Apart, ...]:
        """What was found so far."""
        return tuple(Apart(order, held, self._stays.get(order, True)) for order, held in self._support.items())

    def case(self, order: Order, study: Study, facts_for: FactsFor) -> Case | None:
        """None where the age is not known."""
        known = facts_for(study)
        age = known.get("patient.age_years")
        if age is None:
            return None
        indications = recorded_indications(order, known, self.book.library)
        years = int(age.value)  # type: ignore[arg-type]
        guidelines = self.policy.guidelines_for(study.base)
        return Case(order, self.orders, facts_for, self.book, self.policy, guidelines, years, indications, self)

    def support(self, order: Order) -> Support | None:
        """How far an order is supported by itself; one that leaves its contrast open may have to be asked about it.
        None where that was not found when it could be."""
        if self._told:
            return self._support.get(order.reference)
        if order.reference not in self._support:
            case = self._case_of(order)
            found = {support(case, s) for s in levels(order)} if case else {Support.OPEN}
            alike = len(found) == 1
            self._support[order.reference] = max(found) if alike else min(Support.OPEN, max(found))
        return self._support[order.reference]

    def stays(self, order: Order) -> bool:
        """False where it has to give way itself."""
        if self._told:
            return self._stays.get(order.reference, True)
        if order.reference not in self._stays:
            case = self._case_of(order)
            self._stays[order.reference] = case is None or not weigh(case, levels(order)[0]).gives_way
        return self._stays[order.reference]

    def _case_of(self, order: Order) -> Case | None:
        if order.reference not in self._cases:
            study = order.study
            assert study is not None  # noqa: S101 - an order without a study makes no pair
            self._cases[order.reference] = self.case(order, study, lambda s: self.facts(order, s))
        return self._cases[order.reference]


def levels(order: Order) -> list[Study]:
    """The studies that an order may mean which does not say whether contrast is wanted; else its own."""
    study = order.study
    if study is None:
        return []
    if study.contrast != "not_stated":
        return [study]
    return [s for s in order.candidates if s.base == study.base and s.contrast != "not_stated" and s.cpt] or [study]


def recorded_indications(order: Order, known: Facts, library: Library) -> tuple[str, ...]:
    """Why the study is wanted: the order's own reasons and what the clinician attests to suspect.

    Where there is no reason, attested facts that make up an indication are that indication; an attested clinical field
    (``order.indication_category``) lets the problem list speak for what it holds in that field.
    """
    own = order.indications
    attested = {name for name, fact in known.recorded.items() if fact.basis is Basis.ATTESTED}
    if not attested:
        return own
    every = library.indications.values()
    stated = {name for name in attested if known.recorded[name].value is True}
    suspected = [i.id for i in every if not stated.isdisjoint(i.suspected_as)]
    if own:
        return tuple(dict.fromkeys((*own, *suspected)))
    field = known.get(INDICATION)
    said = field.value if field is not None and field.basis is Basis.ATTESTED else None

    def stands(name: str, value: object, least: Basis) -> bool:
        fact = known.get(name)
        return fact is not None and fact.basis >= least and fact.value == value

    def holds(indication: Indication) -> bool:
        if not indication.asserts or not indication.asserts.keys() <= known.recorded.keys():
            return False
        least = Basis.RECORDED if indication.category == said else Basis.ATTESTED
        return all(stands(n, v, least) for n, v in indication.asserts.items())

    return tuple(i.id for i in every if i.id in suspected or holds(i))
