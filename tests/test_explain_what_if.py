"""How an answer came about, with what a reader supposes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from service.explain.suppose import UNKNOWN, read
from service.journal import from_row
from tests.explain_examples import (
    TREATED_WITH_PACEMAKER,
    UNTREATED,
    address,
    clauses,
    explaining,
    page,
    plain,
    rows,
    told,
)
from tests.service_examples import parts_of

TREATED = ("trial_of_treatment.provider_directed~yes", "trial_of_treatment.duration_weeks~6",
           "trial_of_treatment.ended_days_ago~0", "trial_of_treatment.significant_improvement~no",
           "reevaluation.after_treatment~yes", "clinical_evaluation.in_person_days_ago~5")  # fmt: skip
NONSENSE = (
    "", "~", "none~yes", "patient.age_years~90", "order.study~x", "pain.night~perhaps", "pain.severity_vas~nan",
    "pain.severity_vas~1e99", "guideline.supports_mri~yes", "pain.night", "x" * 5000, "\x00~\x00",
    "management.change_expected~unknown",
)  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with explaining(tmp_path) as made:
        yield made


def test_supposing_the_missing_facts_makes_the_order_appropriate(app: Flask) -> None:
    found = address(app, UNTREATED)
    document = told(app, found, *TREATED)
    assert document["verdict"]["rating"] == "needs-information"
    assert document["supposed"]["verdict"]["rating"] == "appropriate"
    text = plain(page(app, found, *TREATED))
    assert "As it is on file ? Needs information" in text
    assert "As you suppose ✓ Appropriate" in text


def test_supposing_a_failing_fact_makes_it_not_appropriate(app: Flask) -> None:
    found = address(app, UNTREATED)
    changed = (*TREATED[:3], "trial_of_treatment.significant_improvement~yes", *TREATED[4:])
    assert told(app, found, *changed)["supposed"]["verdict"]["rating"] == "not-appropriate"


def test_supposing_that_nobody_knows_takes_a_recorded_fact_away(app: Flask) -> None:
    found = address(app, TREATED_WITH_PACEMAKER)
    cleared = "implant.mr_conditional_or_safe~yes"
    assert told(app, found, cleared)["supposed"]["verdict"]["rating"] == "appropriate"
    unknown = told(app, found, cleared, "reevaluation.after_treatment~unknown")
    assert unknown["supposed"]["verdict"]["rating"] == "needs-information"


def test_each_button_of_a_clause_makes_it_what_it_says(app: Flask) -> None:
    found = address(app, UNTREATED)
    tried = 0
    for clause in list(clauses(told(app, found)))[::7]:
        for truth, suppose in clause.get("suppose", {}).items():
            if f'value="{suppose}"' not in page(app, found):
                continue
            again = told(app, found, suppose)
            same = [
                c for c in clauses(again) if (c.get("fact"), c.get("compared")) == (clause["fact"], clause["compared"])
            ]
            assert not same or truth in {c["truth"] for c in same}, (clause["fact"], truth)
            tried += 1
    assert tried >= 10


def test_suppositions_are_never_stored(app: Flask) -> None:
    found = address(app, UNTREATED)
    before = [(r.facts, r.rating, r.created) for r in rows(app)]
    page(app, found, *TREATED)
    assert [(r.facts, r.rating, r.created) for r in rows(app)] == before
    assert "supposed" not in told(app, found)


def test_a_supposition_is_taken_back(app: Flask) -> None:
    found = address(app, UNTREATED)
    assert "supposed" not in told(app, found, "pain.night~yes", "pain.night~as-recorded")


def test_what_makes_no_sense_is_passed_over(app: Flask) -> None:
    assert "supposed" not in told(app, address(app, UNTREATED), *NONSENSE)


def test_the_later_of_two_suppositions_counts(app: Flask) -> None:
    library = parts_of(app).decision.library
    supposed = read(["pain.night~yes", "pain.severity_vas~9", "pain.night~no", "pain.neck~unknown"], library)
    assert supposed == {"pain.severity_vas": 9, "pain.night": False, "pain.neck": UNKNOWN}


def test_what_depends_on_a_study_is_unknown_for_one_that_was_not_considered(app: Flask) -> None:
    address(app, UNTREATED)
    [row] = rows(app)
    library = parts_of(app).decision.library
    kept = from_row(row, library)
    assert kept is not None
    far = library.catalogue["mri_brain.without"]
    assert far.id not in kept.held
    facts = kept.facts(kept.order, far)
    assert "patient.age_years" in facts.recorded
    assert not any(name.startswith("prior_imaging.") for name in facts.recorded)
    assert "prior_imaging.same_or_similar_performed" in facts.unsearched
