"""A card says each fact once, in the place where it is of most use, and nothing that cannot help."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from criteria.facts import Basis, Fact
from criteria.ratings import Alternative, Because, Note, Rating, Ruling, Step, Verdict
from hooks import Profile
from tests.hook_examples import CT, MRI, VIEW, XRAY, answer, only_card, ruling, verdict

FEVER = "Is there a fever?"
DUTY = Note("document", "Chart the examination.", "spine/record", "SP-1.0", "spine")


def found(fact: str, value: bool | int, note: str = "") -> Fact:
    return Fact(fact, value, Basis.RECORDED, ("Observation/1",), note=note)


def barred(*steps: Step, **more: object) -> Verdict:
    """Refused because a clause of the nearest rule does not hold."""
    trace = Step("all of", False, below=lambda: steps)
    rule = Ruling("spine/x", "spine", "SP-5.1", "Pain", "pathway", False, True, lambda: trace, ())
    fields = {"because": Because.REQUIREMENT_MISSING, "rulings": (rule,), "alternatives": (), **more}
    return verdict(**fields)  # type: ignore[arg-type]


def detail(told: Verdict, **more: Any) -> str:
    return str(only_card(answer(told, **more))["detail"])


def test_what_is_presumed_and_asked_stands_once_as_the_question() -> None:
    silent = Step("there is a fever", False, fact="flag.fever", presumed=True)
    told = barred(silent, provisional=True, asks=("flag.fever",), presumes=("flag.fever",))
    said = detail(told)
    assert said.count("fever") == 1
    assert f"- {FEVER} (taken as “no”" in said
    assert "Not met" not in said and "Taken as" not in said


def test_a_number_that_is_presumed_low_is_not_said_to_be_taken_as_no() -> None:
    said = detail(verdict(provisional=True, asks=("care.weeks",), presumes=("care.weeks",)))
    assert "- How many weeks of treatment? (nothing recorded)" in said


def test_what_is_presumed_and_not_asked_stands_once_among_what_was_taken_as_no() -> None:
    silent = Step("there is a fever", False, fact="flag.fever", presumed=True)
    said = detail(barred(silent, provisional=True, presumes=("flag.fever",)))
    assert said.count("fever") == 1 and "Taken as “no”" in said


def test_a_clause_that_is_known_not_to_hold_stays_beside_an_open_question() -> None:
    short = Step("six weeks of treatment", False, fact="care.weeks", found=found("care.weeks", 2, "6 visits"))
    said = detail(barred(short, provisional=True, asks=("flag.fever",), presumes=("flag.fever",)))
    assert "- Six weeks of treatment (on file: Weeks of treatment: 2" in said and said.count("fever") == 1


def test_only_what_makes_a_clause_fail_is_quoted_and_its_evidence_once() -> None:
    seen = Step("Seen again.", True, fact="care.seen", found=found("care.seen", True, "6 visits"))
    weeks = Step("Weeks of treatment.", False, fact="care.weeks", found=found("care.weeks", 2, "6 visits"))
    clause = Step("treated for six weeks and seen again", False, below=lambda: (seen, weeks))
    said = detail(barred(clause))
    assert "(on file: Weeks of treatment: 2, 6 visits)" in said


def test_a_clause_that_fails_by_the_chart_stays_where_a_presumption_could_lift_it() -> None:
    weeks = Step("Weeks of treatment.", False, fact="care.weeks", found=found("care.weeks", 2))
    fever = Step("The patient has a fever.", False, fact="flag.fever", presumed=True)
    clause = Step("a wait of twelve weeks, or a fever", False, below=lambda: (weeks, fever))
    said = detail(barred(clause, provisional=True, asks=("flag.fever",), presumes=("flag.fever",)))
    assert "- A wait of twelve weeks, or a fever (on file: Weeks of treatment: 2)" in said and FEVER in said


def test_a_reason_that_is_missing_is_said_and_not_asked_for_again_below() -> None:
    asks = ("order.indication_category",)
    said = detail(verdict(Rating.NEEDS_INFORMATION, because=Because.REASON_MISSING, asks=asks, alternatives=()))
    assert "gives no reason" in said and "Still needed" not in said


def test_a_card_that_asks_for_a_reason_names_no_guideline_as_its_source() -> None:
    silent = verdict(
        Rating.NEEDS_INFORMATION, because=Because.REASON_MISSING, rulings=(), guidelines=("preface", "spine")
    )
    assert "Source" not in detail(silent)


def test_several_facts_of_one_record_name_it_once() -> None:
    seen = Step("Seen again.", False, fact="care.seen", found=found("care.seen", False, "6 visits"))
    weeks = Step("Weeks of treatment.", False, fact="care.weeks", found=found("care.weeks", 2, "6 visits"))
    said = detail(barred(Step("treated and seen again", False, below=lambda: (seen, weeks))))
    assert said.count("6 visits") == 1


@pytest.mark.parametrize("of_the_order", [True, False])
def test_what_the_orders_own_reason_says_is_not_quoted_as_found(of_the_order: bool) -> None:
    trace = Step("there is a fever", True, fact="flag.fever", found=found("flag.fever", True))
    rule = replace(ruling("No study for a fever.", kind="exclusion"), tell=lambda: trace)
    told = verdict(because=Because.EXCLUSION, rulings=(rule,), message="No study for a fever.")
    view = replace(VIEW, states={"lbp": {"flag.fever": True}} if of_the_order else {})
    assert ("On file" in detail(told, library_view=view)) is not of_the_order


def test_a_fact_on_file_is_a_statement_and_not_a_form() -> None:
    trace = Step("there is a fever", True, fact="flag.fever", found=found("flag.fever", True))
    rule = replace(ruling("No study for a fever.", kind="exclusion"), tell=lambda: trace)
    said = detail(verdict(because=Because.EXCLUSION, rulings=(rule,), message="No study for a fever."))
    assert "- The patient has a fever\n" in f"{said}\n" and ": yes" not in said


def test_a_removal_is_said_in_the_summary_and_on_the_button_alone() -> None:
    told = verdict(
        because=Because.COMBINATION,
        message="The same study twice.",
        alternatives=(Alternative(None, Rating.APPROPRIATE, action="delete", why="Twice"),),
    )
    card = only_card(answer(told))
    assert card["summary"].startswith("Remove CT") and card["suggestions"][0]["label"].startswith("Remove CT")
    assert "Remove" not in card["detail"] and "Twice" not in card["detail"]


def test_studies_offered_on_the_same_terms_stand_on_one_line() -> None:
    offers = tuple(Alternative(s, Rating.APPROPRIATE, why="In place of it") for s in (MRI, XRAY))
    said = detail(verdict(alternatives=offers))
    assert f"- **{MRI.name}**, **{XRAY.name}**: supported as the chart stands (In place of it)" in said


def test_a_pathway_whose_title_only_repeats_study_and_reason_is_not_named() -> None:
    said = detail(
        verdict(alternatives=(Alternative(MRI, Rating.APPROPRIATE, why="MRI lumbar spine for low back pain"),))
    )
    assert said.count("low back pain") == 1


def test_a_study_that_needs_answers_names_those_that_the_card_does_not_ask_anyway() -> None:
    offer = Alternative(MRI, Rating.NEEDS_INFORMATION, ("care.seen", "flag.fever"))
    said = detail(verdict(asks=("flag.fever",), alternatives=(offer,)))
    assert f"**{MRI.name}**: may be supported, once answered: Was the patient seen again?" in said
    assert said.count(FEVER) == 1
    open_ = detail(verdict(Rating.NEEDS_INFORMATION, asks=("flag.fever",), alternatives=(offer,)))
    assert "once its own questions are answered" in open_ and "seen again" not in open_
    same = detail(verdict(asks=("flag.fever",), alternatives=(replace(offer, asks=("flag.fever",)),)))
    assert "once the open questions are answered" in same and same.count(FEVER) == 1


@pytest.mark.parametrize(
    ("rating", "because", "helps"),
    [
        (Rating.NEEDS_INFORMATION, Because.FACTS_MISSING, True),
        (Rating.NOT_APPROPRIATE, Because.REQUIREMENT_MISSING, True),
        (Rating.NEEDS_INFORMATION, Because.REASON_MISSING, False),
        (Rating.NEEDS_INFORMATION, Because.REASON_UNMAPPED, False),
        (Rating.NEEDS_INFORMATION, Because.STUDY_UNRECOGNISED, False),
        (Rating.NOT_APPROPRIATE, Because.EXCLUSION, False),
        (Rating.NOT_APPROPRIATE, Because.SAFETY, False),
    ],
)
def test_a_duty_to_chart_stands_only_where_the_study_as_ordered_may_still_go_ahead(
    rating: Rating, because: Because, helps: bool
) -> None:
    told = verdict(rating, because=because, notes=(DUTY,), alternatives=())
    assert ("Chart the examination" in detail(told)) is helps


def test_a_duty_to_chart_is_left_out_where_another_study_is_supported_already() -> None:
    told = verdict(because=Because.REQUIREMENT_MISSING, notes=(DUTY,))
    assert "Chart the examination" not in detail(told)


def test_questions_come_before_other_studies_while_the_order_may_still_be_right() -> None:
    offer = Alternative(MRI, Rating.NEEDS_INFORMATION, ("care.seen",))
    asking = detail(
        verdict(Rating.NEEDS_INFORMATION, because=Because.FACTS_MISSING, asks=("care.seen",), alternatives=(offer,))
    )
    assert asking.index("seen again") < asking.index(MRI.name)
    refused = detail(verdict(asks=("flag.fever",)))
    assert refused.index(MRI.name) < refused.index(FEVER)


def test_another_study_that_needs_answers_too_is_not_recommended_over_an_open_order() -> None:
    offer = Alternative(MRI, Rating.NEEDS_INFORMATION, ("care.seen",))
    told = verdict(Rating.NEEDS_INFORMATION, because=Because.FACTS_MISSING, asks=("care.seen",), alternatives=(offer,))
    first = only_card(answer(told, profile=Profile(attestations=False)))["suggestions"][0]
    assert "isRecommended" not in first
    assert only_card(answer(verdict()))["suggestions"][0]["isRecommended"]


def test_an_answer_that_could_change_names_what_would_change_it_and_says_so_once() -> None:
    said = detail(verdict(provisional=True, asks=("flag.fever",)))
    assert "**What could change this**" in said and "nobody has recorded" not in said
    assert "nobody has recorded" in detail(verdict(provisional=True))


def test_sources_name_the_guideline_once() -> None:
    said = detail(verdict(message="Not for this.", rulings=(ruling("Not for this."),)))
    assert "Not for this (SP-5.1)." in said
    assert said.count("Example Spine Guideline") == 1 and CT.name in said
