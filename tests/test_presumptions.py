"""What a rating leans on is found without looking at every fact in turn, and it is the same."""

from __future__ import annotations

import pytest

from criteria import load_library
from criteria.case import Case
from criteria.cases import Posed, cases_of
from criteria.presumptions import presumed_facts
from criteria.select import book
from criteria.weigh import weigh

LIBRARY = load_library()
POSED = [p for c in LIBRARY.criteria[::60] for k in cases_of(c, LIBRARY)[:2] if (p := Posed(k, LIBRARY)).order.study]


def case_of(posed: Posed) -> Case:
    """The case of an order, of which nothing was found yet."""
    return posed.weighed(book(LIBRARY, posed.case.on))


@pytest.mark.parametrize("posed", POSED, ids=lambda p: f"{p.case.criterion.id}: {p.case.name}")
def test_every_presumed_fact_that_a_rating_leans_on_changes_it_when_it_is_unknown_and_no_other_does(
    posed: Posed,
) -> None:
    case, study = case_of(posed), posed.study
    weighing = weigh(case, study)
    leans_on = presumed_facts(case, study, weighing)
    presumed = [n for n in case.book.conditions.presumable if case_of(posed).here(study).presumed(n)]
    told = {n for n in presumed if weigh(case_of(posed), study, unknown=frozenset({n})).rating is not weighing.rating}
    assert set(leans_on) <= told
    if len(told) > 1 and weigh(case_of(posed), study, presume=False).rating is weighing.rating:
        assert leans_on == []  # with nothing presumed the rating is the same
    else:
        assert bool(leans_on) == bool(told)
