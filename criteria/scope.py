"""Why no rule spoke to an order, and what is asked of it all the same (DESIGN section 4, reasons)."""

from __future__ import annotations

from dataclasses import dataclass

from criteria.ask import ways
from criteria.case import Case
from criteria.criterion import Criterion
from criteria.facts import Basis
from criteria.ratings import Because, Rating
from criteria.studies import Study
from criteria.weigh import Weighing

INDICATION = "order.indication_category"
WITHDRAWN = {"refuted": Because.REASON_REFUTED, "entered-in-error": Because.REASON_MISTAKEN}


@dataclass(frozen=True, slots=True)
class Silence:
    """``held_by``: the safety requirement that holds the order, whatever its reason."""

    rating: Rating
    because: Because
    asks: tuple[str, ...] = ()
    guidelines: tuple[str, ...] = ()
    held_by: Criterion | None = None


def silence(case: Case, study: Study, weighing: Weighing) -> Silence:
    """Nothing spoke: because of the patient's age, because the reason says nothing to us, or because of the matter."""
    current = case.book
    if current.domain(case.guidelines, study):
        speaking = [g for g in case.guidelines if current.speaks(g, study, case.indications)]
        if case.age < 18 and any(not current.library.guidelines[g].ages.hold(case.age) for g in speaking):
            return Silence(Rating.NO_CRITERIA, Because.PEDIATRIC, guidelines=tuple(speaking))
        statuses = [r.status for r in case.order.reasons]
        if not speaking and not case.indications and (not statuses or "unmapped" in statuses):
            silent = WITHDRAWN.get(case.order.withdrawn, Because.REASON_MISSING)
            because = Because.REASON_UNMAPPED if statuses else silent
            field = weighing.here.facts.get(INDICATION)
            said = str(field.value) if field is not None and field.basis is Basis.ATTESTED else None
            if said is None or _covers_field(case, said):
                asks = (INDICATION,) if said is None else ()
                return Silence(Rating.NEEDS_INFORMATION, because, asks, case.guidelines)
    return _held_back(case, study, weighing) or Silence(
        Rating.NO_CRITERIA, Because.OUT_OF_SCOPE, guidelines=case.guidelines
    )


def _held_back(case: Case, study: Study, weighing: Weighing) -> Silence | None:
    """A safety requirement holds every order of its study: to be answered first, or known not to be met."""
    here = weighing.here
    for criterion in case.book.standing.get(study.id, ()):
        if criterion.guideline not in case.guidelines or not case.book.admits(criterion, case.age):
            continue
        node = case.book.requirement(criterion)
        truth = here.truth(node)
        if truth is False:
            return Silence(Rating.NOT_APPROPRIATE, Because.SAFETY, (), case.guidelines, criterion)
        if truth is None and (found := ways(node, here)):
            return Silence(Rating.NEEDS_INFORMATION, Because.FACTS_MISSING, found[0], case.guidelines, criterion)
    return None


def _covers_field(case: Case, category: str) -> bool:
    """True when some guideline in force covers an indication of this clinical field."""
    indications = case.book.library.indications.values()
    return any(i.category == category and set(i.guidelines) & set(case.guidelines) for i in indications)
