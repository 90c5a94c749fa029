"""Several criteria, one verdict: the rating, its reasons, what is missing, what it leans on, what would be better."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from criteria.alternatives import OFFERED, alternatives, lifting, questions
from criteria.ask import ways
from criteria.case import Case
from criteria.company import Company, FactsOf, levels
from criteria.confirm import confirmed, confirmed_first, to_confirm
from criteria.criterion import Criterion
from criteria.evaluate import Circumstances
from criteria.facts import Facts, FactsFor
from criteria.library import Library
from criteria.logic import Node, children, leaves
from criteria.orders import Kind, Order
from criteria.policies import Policy
from criteria.presumptions import presumed_facts
from criteria.proposed import Proposed
from criteria.ratings import Alternative, Apart, Because, Beside, Note, Rating, Ruling, Step, Support, Verdict
from criteria.results import RESULT_FACTS
from criteria.scope import silence
from criteria.select import Book, book
from criteria.studies import Study
from criteria.weigh import Weighing, support, weigh


def judge(
    orders: Sequence[Order],
    facts: FactsOf,
    library: Library,
    today: dt.date,
    *,
    policy: Policy,
    focus: Container[str] | None = None,
    told: Sequence[Apart] | None = None,
) -> list[Verdict]:
    """A verdict for each order in ``focus`` (references; None: all), with all orders of the session in view.

    ``facts(order, study)`` gives what is known for an order, seen as if it were for ``study``. ``told``: what an
    earlier verdict found of the other orders, where their facts are gone.
    """
    company = Company(orders, facts, book(library, today), policy, told)
    drafts = [o for o in orders if not o.standing]
    return [verdict_on(o, company) for o in drafts if focus is None or o.reference in focus]


def company_of(orders: Sequence[Order], facts: FactsOf, library: Library, today: dt.date, policy: Policy) -> Company:
    """For `verdict_on`, where orders are judged one by one."""
    return Company(orders, facts, book(library, today), policy)


def settle(order: Order, orders: Sequence[Order], facts: FactsOf, current: Book, policy: Policy) -> Verdict:
    """One order's verdict."""
    return verdict_on(order, Company(orders, facts, current, policy))


def verdict_on(order: Order, company: Company) -> Verdict:
    """One order's verdict, with what was found of the others."""
    verdict = _settle(order, company)
    return replace(verdict, apart=company.apart) if company.apart else verdict


def _settle(order: Order, company: Company) -> Verdict:
    if order.kind in (Kind.NOT_IMAGING, Kind.NO_CODE):
        return Verdict(order.reference, None)
    if order.study is None:
        return _unrecognised(order)
    study, facts, policy = order.study, company.facts, company.policy

    known = facts(order, study)

    def found(other: Study) -> Facts:
        return facts(order, other)

    case = company.case(order, study, found)
    silent = _judged(case, order, study, policy)
    names = to_confirm(known, company.book.conditions) if case is not None and known.said else []
    if case is None or not names:
        return silent

    def so(answers: Iterable[str]) -> Case:
        supposed = company.case(order, study, confirmed(found, answers)) if answers else case
        assert supposed is not None  # noqa: S101 - no words tell the age
        return supposed

    proposed = Proposed(so, silent, {n: frozenset((f.name, f.value) for f in known.said[n]) for n in names})

    def verdict_if(facts_for: FactsFor) -> Verdict:
        return _judged(company.case(order, study, facts_for), order, study, policy)

    return confirmed_first(silent, names, found, proposed, verdict_if)


def _judged(case: Case | None, order: Order, study: Study, policy: Policy) -> Verdict:
    if case is None:
        return Verdict(
            order.reference,
            Rating.NEEDS_INFORMATION,
            Because.FACTS_MISSING,
            asks=("patient.age_years",),
            guidelines=policy.guidelines_for(study.base),
        )
    return _unstated(case, study) or _settled(case, study)


def _settled(case: Case, study: Study) -> Verdict:
    weighing = weigh(case, study)
    if weighing.rating is Rating.NO_CRITERIA and weighing.because is Because.OUT_OF_SCOPE:
        return _out_of_scope(case, study, weighing)
    return _verdict(case, study, weighing)


def _unstated(case: Case, study: Study) -> Verdict | None:
    """An order that does not say whether contrast is wanted: each level is weighed.

    Where all come out alike the order has that verdict; else the clinician says which is meant, best first. None where
    the order leaves nothing open.
    """
    meant = levels(case.order)
    if study in meant:
        return None
    weighed = [(s, weigh(case, s)) for s in meant]
    if len({w.rating for _, w in weighed}) == 1:
        return _settled(case, meant[0])
    offers = [
        Alternative(s, w.rating, questions(w) if w.rating is Rating.NEEDS_INFORMATION else ())
        for s, w in weighed
        if w.rating in OFFERED
    ]
    return Verdict(
        case.order.reference,
        Rating.NEEDS_INFORMATION,
        Because.STUDY_UNRECOGNISED,
        alternatives=tuple(sorted(offers, key=lambda a: a.rating is not Rating.APPROPRIATE)),
        guidelines=case.guidelines,
    )


def _unrecognised(order: Order) -> Verdict:
    offers = tuple(Alternative(s, Rating.NEEDS_INFORMATION) for s in order.candidates)
    return Verdict(
        order.reference,
        Rating.NEEDS_INFORMATION,
        Because.STUDY_UNRECOGNISED,
        asks=("order.study",),
        alternatives=offers,
    )


def _out_of_scope(case: Case, study: Study, weighing: Weighing) -> Verdict:
    found, here = silence(case, study, weighing), weighing.here
    held, rulings = found.held_by, list[Ruling]()
    if held is not None:
        trace = partial(here.trace, case.book.requirement(held))
        rulings = [_ruling(held, None if found.asks else False, True, trace)]
    return Verdict(
        case.order.reference, found.rating, found.because, asks=found.asks, rulings=tuple(rulings),
        notes=_notes(case, study, weighing), guidelines=found.guidelines, message=held.message if held else "",
    )  # fmt: skip


def _verdict(case: Case, study: Study, weighing: Weighing) -> Verdict:
    leans_on = presumed_facts(case, study, weighing)
    presumes = list(leans_on)
    open_exceptions = [c for c in weighing.open_exceptions if c in weighing.fired]
    for criterion in open_exceptions:
        assert criterion.unless is not None  # noqa: S101 - only criteria with an exception are open
        presumes += [
            n.fact
            for n in leaves(criterion.unless)
            if weighing.here.presumed(n.fact) and n.fact not in presumes and n.fact not in RESULT_FACTS
        ]
    provisional = bool(presumes or open_exceptions)
    better = alternatives(case, study, weighing) if weighing.rating is not Rating.APPROPRIATE else ()
    decisive = _deciding(weighing)
    return Verdict(
        order=case.order.reference,
        rating=weighing.rating,
        because=weighing.because,
        provisional=provisional,
        asks=_asks(case, weighing, leans_on, better),
        presumes=tuple(presumes),
        rulings=_rulings(case, study, weighing, decisive),
        notes=_notes(case, study, weighing),
        alternatives=better,
        guidelines=case.guidelines,
        message=next((c.message for c in decisive if c.message), "")
        if weighing.because is not Because.NOT_LISTED
        else "",
        safety_critical=any(c.critical for c in weighing.fired),
        beside=_beside(case, study, weighing),
    )


def _beside(case: Case, study: Study, weighing: Weighing) -> Beside | None:
    """The order that stays where this one is one too many; not where a rule has another take the place of both."""
    rivals = (other for rule, other in weighing.gives_way if not rule.suggests(study.id))
    other = next(rivals, None)
    if other is None or other.study is None:
        return None
    if other.standing:
        return Beside(other.reference, other.study, "on-file")
    theirs, mine = case.company.support(other), support(case, study)
    if theirs is None or theirs is mine:
        return None if mine is Support.REFUSED else Beside(other.reference, other.study, "first")  # none stays
    return Beside(other.reference, other.study, "supported" if theirs is Support.MET else "open")


def _asks(case: Case, weighing: Weighing, presumes: Sequence[str], better: Sequence[Alternative]) -> tuple[str, ...]:
    """DESIGN section 4, questions. A provisional appropriate order asks nothing."""
    if weighing.rating is Rating.NEEDS_INFORMATION:
        return questions(weighing)
    if weighing.rating is not Rating.NOT_APPROPRIATE or not (presumes or weighing.open_exceptions):
        return ()
    found = dict.fromkeys(lifting(weighing))
    vocabulary = case.book.library.vocabulary
    found.update(dict.fromkeys(n for n in presumes if vocabulary[n].ask is not None))
    for name in presumes if not found else ():
        found.update(dict.fromkeys(_inner_questions(case, weighing, name)))
    best = next((a for a in better if a.study is not None), None)
    if best is not None:
        found.update(dict.fromkeys(best.asks))
    return tuple(found)


def _inner_questions(case: Case, weighing: Weighing, name: str) -> tuple[str, ...]:
    """The nearest facts with a question in the definition of a presumed fact that has none of its own."""
    logic = case.book.library.definitions.get(name)
    if logic is None:
        return ()
    found = ways(logic, weighing.here.off, True) or ways(logic, weighing.here.off, False)
    return found[0] if found else ()


def _deciding(weighing: Weighing) -> list[Criterion]:
    if weighing.because is Because.OTHER_GUIDELINE:
        return weighing.redirects
    if weighing.fired:
        return weighing.fired
    if weighing.met:
        return [c.criterion for c in weighing.met]
    if weighing.open:
        fewest = min(len(way) for _, way in weighing.open)
        return [c.criterion for c, way in weighing.open if len(way) == fewest]
    own = [c.criterion for c in weighing.failed if not c.criterion.for_any_complaint]
    near = [(_share_met(c, weighing.here), c) for c in own or [c.criterion for c in weighing.failed]]
    return [c for share, c in near if share == max(s for s, _ in near)]


def _share_met(criterion: Criterion, here: Circumstances) -> float:
    """How much of a failed pathway holds, clause by clause: the nearest miss is the one worth explaining."""
    clauses = children(criterion.when) or (criterion.when,)
    return sum(here.truth(c) is True for c in clauses) / len(clauses)


def _rulings(case: Case, study: Study, weighing: Weighing, decisive: Sequence[Criterion]) -> tuple[Ruling, ...]:
    here = weighing.here
    refusing = (*weighing.fired, *weighing.silenced, *weighing.redirects)
    out = [
        replace(_ruling(c, True, c in decisive, partial(_refusal, c, here)), names_another=bool(c.suggests(study.id)))
        for c in refusing
    ]
    failed = {id(c) for c in weighing.failed}
    for called, truth in weighing.truths:
        said = False if id(called) in failed else truth
        out.append(_ruling(called.criterion, said, called.criterion in decisive, partial(here.trace, called.node)))
    return tuple(out)


def _refusal(criterion: Criterion, here: Circumstances) -> Step:
    trace, exception = here.trace(criterion.when), criterion.unless
    if exception is None:
        return trace
    unless = Step("unless", None, below=lambda: (here.off.trace(exception),))
    return Step("all of", trace.truth, below=lambda: (trace, unless))


def _ruling(criterion: Criterion, truth: bool | None, decisive: bool, tell: Callable[[], Step]) -> Ruling:
    return Ruling(
        criterion.id, criterion.guideline, criterion.section, criterion.title, criterion.kind, truth, decisive, tell,
        criterion.rows, criterion.message, local=str(criterion.local or ""),
    )  # fmt: skip


def _notes(case: Case, study: Study, weighing: Weighing) -> tuple[Note, ...]:
    """Words that go with the rating: safety, documentation duties, remarks; and safety rules nobody could check."""
    here, out = weighing.here, []
    for rule in case.docket.remarks(study.id).concerned(here.touched):
        if case.truth(rule.when, study) is not True:
            continue
        if rule.unless is None or case.truth(rule.unless, study, False) is not True:
            kind = rule.criterion.kind
            out.append(_note(rule.criterion, kind if kind in ("safety", "document") else "remark"))
    for rule in case.docket.safety(study.id, not here.facts.unsearched).concerned(here.touched):
        truth = case.truth(rule.when, study)
        if truth is None and _unread(rule.criterion.when, here):
            out.append(_note(rule.criterion, "unchecked"))
        elif truth is True and not case.book.admits(rule.criterion, case.age):
            out.append(_note(rule.criterion, "safety"))
    return tuple(out)


def _unread(node: Node, here: Circumstances) -> bool:
    """True when a fact of the condition, or of its definition, stands in records that could not be had."""
    for leaf in leaves(node):
        logic = here.definitions.get(leaf.fact)
        if leaf.fact in here.facts.unsearched or (logic is not None and _unread(logic, here)):
            return True
    return False


def _note(criterion: Criterion, kind: Literal["safety", "unchecked", "document", "remark"]) -> Note:
    text = criterion.title if kind == "unchecked" else criterion.message or criterion.title
    return Note(kind, text, criterion.id, criterion.section, criterion.guideline, criterion.rows, criterion.critical)
