"""From several criteria to one rating: DESIGN section 4, point by point."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from criteria.library import load_library
from criteria.ratings import Because, Rating
from criteria.select import book
from tests.rule_home import home, judge, library, rule

PATHWAY = rule(
    """
indications: [low_back_pain]
when:
  all:
    - pain.low_back
    - {fact: trial_of_treatment.duration_weeks, at_least: {2024-01-01: 6}, unit: wk}
"""
)
CONTRAST = rule(
    "indications: [low_back_pain]\nwhen: [pain.low_back, infection.spinal_suspected]\n",
    study="mri_lumbar_spine.without_and_with",
)
PREGNANCY = rule(
    "when: pregnancy.current\nunless: contrast.need_outweighs_fetal_risk\n",
    kind="safety",
    study="mri_lumbar_spine.without_and_with",
)


def test_a_met_pathway_for_the_recorded_indication_is_appropriate(tmp_path: Path) -> None:
    verdict = judge(library(tmp_path, {"p": PATHWAY}), {"trial_of_treatment.duration_weeks": 6})
    assert (verdict.rating, verdict.because) == (Rating.APPROPRIATE, Because.PATHWAY_MET)
    assert verdict.criteria == ("evicore-spine-2023/p",)
    assert verdict.asks == ()


def test_an_unknown_fact_that_may_be_asked_keeps_the_order_open_and_is_asked(tmp_path: Path) -> None:
    verdict = judge(library(tmp_path, {"p": PATHWAY}), {})
    assert verdict.rating is Rating.NEEDS_INFORMATION
    assert verdict.asks == ("trial_of_treatment.duration_weeks",)


def test_a_requirement_known_not_to_hold_is_not_appropriate(tmp_path: Path) -> None:
    verdict = judge(library(tmp_path, {"p": PATHWAY}), {"trial_of_treatment.duration_weeks": 5})
    assert (verdict.rating, verdict.because) == (Rating.NOT_APPROPRIATE, Because.REQUIREMENT_MISSING)


def test_a_study_of_the_domain_that_no_pathway_lists_is_not_appropriate_and_the_listed_one_is_offered(
    tmp_path: Path,
) -> None:
    verdict = judge(library(tmp_path, {"p": PATHWAY}), {}, "ct_lumbar_spine.without_and_with")
    assert (verdict.rating, verdict.because) == (Rating.NOT_APPROPRIATE, Because.NOT_LISTED)
    offer = verdict.alternatives[0]
    assert offer.study is not None
    assert (offer.study.id, offer.rating) == ("mri_lumbar_spine.without", Rating.NEEDS_INFORMATION)
    assert offer.asks == ("trial_of_treatment.duration_weeks",)


@pytest.mark.parametrize(
    ("day", "rating"),
    [
        (dt.date(2023, 12, 31), Rating.NO_CRITERIA),
        (dt.date(2024, 1, 1), Rating.NEEDS_INFORMATION),
        (dt.date(2025, 6, 30), Rating.NEEDS_INFORMATION),
        (dt.date(2025, 7, 1), Rating.NO_CRITERIA),
    ],
)
def test_a_guideline_speaks_from_its_first_day_to_its_last(tmp_path: Path, day: dt.date, rating: Rating) -> None:
    folder = home(tmp_path, {"p": PATHWAY})
    guideline = next(folder.glob("guidelines/*/guideline.yaml"))
    guideline.write_text(guideline.read_text().replace("from: 2024-01-01", "from: 2024-01-01\nto: 2025-06-30"))
    held = load_library(folder)
    assert judge(held, {}, on=day).rating is rating
    current = book(held, day)
    study = held.catalogue["ct_lumbar_spine.without"]
    in_force = rating is not Rating.NO_CRITERIA
    assert current.domain(("evicore-spine-2023",), study) is in_force
    assert current.speaks("evicore-spine-2023", study, ("low_back_pain",)) is in_force


def test_a_study_outside_every_domain_is_nobodys_business(tmp_path: Path) -> None:
    verdict = judge(library(tmp_path, {"p": PATHWAY}), {}, "mri_brain.without", status="unmapped", indications=())
    assert (verdict.rating, verdict.because) == (Rating.NO_CRITERIA, Because.OUT_OF_SCOPE)


@pytest.mark.parametrize(
    ("status", "rating", "because"),
    [
        ("other", Rating.NO_CRITERIA, Because.OUT_OF_SCOPE),
        ("unmapped", Rating.NEEDS_INFORMATION, Because.REASON_UNMAPPED),
        (None, Rating.NEEDS_INFORMATION, Because.REASON_MISSING),
    ],
)
def test_another_reason_is_no_criteria_but_one_we_cannot_read_or_none_is_a_question(
    tmp_path: Path, status: str | None, rating: Rating, because: Because
) -> None:
    verdict = judge(library(tmp_path, {"p": PATHWAY}), {}, indications=(), status=status)
    assert (verdict.rating, verdict.because) == (rating, because)
    assert verdict.asks == (("order.indication_category",) if rating is Rating.NEEDS_INFORMATION else ())


def test_a_fact_the_clinician_attested_can_be_the_reason_where_the_order_names_none(tmp_path: Path) -> None:
    books = library(tmp_path, {"p": PATHWAY})
    facts = {"pain.low_back": True, "trial_of_treatment.duration_weeks": 8}
    assert judge(books, facts, indications=(), status=None, attested=True).rating is Rating.APPROPRIATE
    assert judge(books, facts, indications=(), status=None, attested=False).rating is Rating.NEEDS_INFORMATION


def test_an_attested_suspicion_is_a_reason_beside_the_orders_own_and_an_inferred_one_is_not(tmp_path: Path) -> None:
    suspected = PATHWAY.replace("low_back_pain", "syringomyelia").replace(
        "pain.low_back", "condition.syringomyelia_suspected"
    )
    books = library(tmp_path, {"p": suspected})
    facts = {"condition.syringomyelia_suspected": True, "trial_of_treatment.duration_weeks": 8}
    assert judge(books, facts, attested=True).rating is Rating.APPROPRIATE
    assert judge(books, facts, attested=False).rating is Rating.NOT_APPROPRIATE
    denied = {**facts, "condition.syringomyelia_suspected": False}
    assert judge(books, denied, attested=True).rating is Rating.NOT_APPROPRIATE


def test_the_problem_list_speaks_once_the_clinician_names_the_field_and_the_field_is_not_asked_again(
    tmp_path: Path,
) -> None:
    books = library(tmp_path, {"p": PATHWAY})
    known = {"pain.low_back": True, "trial_of_treatment.duration_weeks": 8, "order.indication_category": "spine"}
    said = judge(books, known, indications=(), status="unmapped", attested=True)
    assert said.rating is Rating.APPROPRIATE
    nothing = judge(books, {"order.indication_category": "spine"}, indications=(), status=None, attested=True)
    assert (nothing.rating, nothing.asks) == (Rating.NEEDS_INFORMATION, ())
    elsewhere = judge(books, {"order.indication_category": "cardiac"}, indications=(), status=None, attested=True)
    assert elsewhere.rating is Rating.NO_CRITERIA


def test_a_rating_that_rests_on_a_presumption_says_so_and_asks_it(tmp_path: Path) -> None:
    verdict = judge(library(tmp_path, {"p": CONTRAST}), {}, "mri_lumbar_spine.without_and_with")
    assert verdict.rating is Rating.NOT_APPROPRIATE
    assert verdict.provisional
    assert verdict.presumes == ("infection.spinal_suspected",)
    assert verdict.asks == ("infection.spinal_suspected",)


def test_a_rating_that_a_recorded_fact_settles_leans_on_nothing(tmp_path: Path) -> None:
    facts = {"infection.spinal_suspected": False}
    verdict = judge(library(tmp_path, {"p": CONTRAST}), facts, "mri_lumbar_spine.without_and_with")
    assert (verdict.rating, verdict.provisional, verdict.presumes) == (Rating.NOT_APPROPRIATE, False, ())


def test_a_presumption_is_named_as_the_rule_names_it(tmp_path: Path) -> None:
    books = library(tmp_path, {"p": rule("indications: [low_back_pain]\nwhen: [pain.low_back, {not: red_flag.any}]\n")})
    assert judge(books, {}).presumes == ("red_flag.any",)


@pytest.mark.parametrize(
    ("answer", "rating", "provisional", "asks"),
    [
        (None, Rating.NOT_APPROPRIATE, True, ("contrast.need_outweighs_fetal_risk",)),
        (False, Rating.NOT_APPROPRIATE, False, ()),
        (True, Rating.APPROPRIATE, False, ()),
    ],
)
def test_an_exception_counts_only_when_it_is_known(
    tmp_path: Path, answer: bool | None, rating: Rating, provisional: bool, asks: tuple[str, ...]
) -> None:
    facts = {
        "pregnancy.current": True,
        "infection.spinal_suspected": True,
        "contrast.need_outweighs_fetal_risk": answer,
    }
    verdict = judge(library(tmp_path, {"p": CONTRAST, "s": PREGNANCY}), facts, "mri_lumbar_spine.without_and_with")
    assert (verdict.rating, verdict.provisional, verdict.asks) == (rating, provisional, asks)


def test_an_exclusion_fires_only_on_what_is_known_and_stands_while_a_pathway_is_open(tmp_path: Path) -> None:
    excluded = rule("when: {fact: symptom.course, is: resolved}\n", kind="exclusion")
    books = library(tmp_path, {"p": PATHWAY, "x": excluded})
    assert judge(books, {}).rating is Rating.NEEDS_INFORMATION
    assert judge(books, {"symptom.course": "resolved"}).because is Because.EXCLUSION


def test_a_prerequisite_binds_the_sections_it_names_and_spares_the_others(tmp_path: Path) -> None:
    seen = rule("binds: [T-1]\nwhen: clinical_evaluation.in_person_for_current_episode\n", kind="prerequisite")
    spared = seen.replace("binds: [T-1]", "binds: all\nspares: [p]")
    done = {"trial_of_treatment.duration_weeks": 6}
    bound = judge(library(tmp_path, {"p": PATHWAY, "r": seen}), done)
    assert (bound.rating, bound.asks) == (
        Rating.NEEDS_INFORMATION,
        ("clinical_evaluation.in_person_for_current_episode",),
    )
    (tmp_path / "other").mkdir()
    assert judge(library(tmp_path / "other", {"p": PATHWAY, "r": spared}), done).rating is Rating.APPROPRIATE


def test_a_redirect_to_a_guideline_that_is_not_loaded_is_no_criteria_and_names_it(tmp_path: Path) -> None:
    away = rule(
        "when: condition.lumbosacral_plexopathy\nmessage: See the peripheral nerve guideline.\n", kind="redirect"
    )
    verdict = judge(library(tmp_path, {"p": PATHWAY, "r": away}), {"condition.lumbosacral_plexopathy": True})
    assert (verdict.rating, verdict.because) == (Rating.NO_CRITERIA, Because.OTHER_GUIDELINE)
    assert "peripheral nerve" in verdict.message


@pytest.mark.parametrize(("age", "because"), [(17, Because.PEDIATRIC), (18, Because.FACTS_MISSING)])
def test_an_adult_guideline_does_not_speak_for_a_child(tmp_path: Path, age: int, because: Because) -> None:
    assert judge(library(tmp_path, {"p": PATHWAY}), {"patient.age_years": age}).because is because


def test_without_an_age_nothing_is_guessed(tmp_path: Path) -> None:
    verdict = judge(library(tmp_path, {"p": PATHWAY}), {"patient.age_years": None})
    assert (verdict.rating, verdict.asks) == (Rating.NEEDS_INFORMATION, ("patient.age_years",))


def test_a_code_that_is_one_too_many_is_withdrawn_and_no_study_stands_in_for_it(tmp_path: Path) -> None:
    extra = rule("when: pain.low_back\n", kind="coding", study="rendering_3d")
    verdict = judge(library(tmp_path, {"p": PATHWAY, "extra": extra}), {"pain.low_back": True}, "rendering_3d")
    assert (verdict.rating, verdict.because) == (Rating.NOT_APPROPRIATE, Because.CODING)
    assert [(a.action, a.study) for a in verdict.alternatives] == [("delete", None)]


def test_what_defined_facts_are_made_of_is_told_only_to_who_reads_so_far(tmp_path: Path) -> None:
    when = "indications: [low_back_pain]\nwhen: [pain.low_back, red_flag.any]\n"
    (ruling,) = judge(library(tmp_path, {"p": rule(when)}), {}).rulings
    (_, red_flag) = ruling.trace.children
    assert (red_flag.fact, red_flag.truth, red_flag.presumed) == ("red_flag.any", False, True)
    assert "children" not in vars(red_flag)
    assert red_flag.children
    assert red_flag.children is red_flag.children
