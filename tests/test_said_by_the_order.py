"""What the order's own words say and the chart does not: asked about first, and no rating rests on its silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from criteria.vocabulary import FACT_SYSTEM
from tests.answers import OURS, cards, faults, rating
from tests.explain_examples import plain, request_of
from tests.service_examples import SERVICE, Json, call, make_app
from tests.service_examples import order as draft
from tests.smart_examples import Site, app_link, clock, ehr, site

__all__ = ["clock", "ehr", "site"]

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
WEEKS = "trial_of_treatment.duration_weeks"
TREATED: dict[str, Any] = {
    "clinical_evaluation.initial_performed": True,
    "clinical_evaluation.in_person_days_ago": 0,
    "trial_of_treatment.provider_directed": True,
    WEEKS: 7,
    "trial_of_treatment.ended_days_ago": 7,
    "trial_of_treatment.significant_improvement": False,
    "reevaluation.after_treatment": True,
}
BRIEFLY = {**TREATED, WEEKS: 4}
CONFIRM = "Your note says “{}”: confirm yes."
DOUBT = "Your note names “{}” as suspected or to be ruled out: answer as you judge it."
RED_FLAGS = [
    ("new foot drop", ["exam.foot_drop_new"], CONFIRM.format("new foot drop")),
    (
        "saddle numbness and urinary retention since yesterday",
        ["exam.saddle_anesthesia"],
        CONFIRM.format("saddle numbness"),
    ),
    (
        "fever, IVDU, r/o epidural abscess",
        ["history.iv_drug_use", "infection.spinal_suspected"],
        DOUBT.format("epidural abscess"),
    ),
    ("rule out cauda equina", ["red_flag.any"], DOUBT.format("cauda equina")),
    ("LBP x 8 weeks failed PT, new foot drop", ["exam.foot_drop_new"], CONFIRM.format("new foot drop")),
    ("r/o mets, hx breast ca", ["red_flag.any"], DOUBT.format("mets")),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("said")
    yield make_app(folder)


def answer(app: Flask, text: str = "", chart: Json | None = None, hook: str = "order-sign", **more: Any) -> Json:
    """The answer for an MRI of the lumbar spine for low back pain, with these words in its reason."""
    reason: Json = {"coding": [{"system": ICD, "code": "M54.50"}], **({"text": text} if text else {})}
    body = call(draft(code="72148", **{"reasonCode": [reason], **more}), hook=hook)
    found = [{"resource": _observation(name, value)} for name, value in (chart or {}).items()]
    body["prefetch"]["observations"] = {"resourceType": "Bundle", "type": "searchset", "entry": found}
    response = app.test_client().post(SERVICE, json=body)
    assert response.status_code == 200
    told: Json = response.get_json()
    assert faults(told) == []
    return told


def _observation(name: str, value: Any) -> Json:
    typed = {"valueBoolean": value} if isinstance(value, bool) else {"valueInteger": value}
    return {
        "resourceType": "Observation", "id": name.replace("_", "-"), "status": "final",
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-06-01",
        "code": {"coding": [{"system": FACT_SYSTEM, "code": name}]}, **typed,
    }  # fmt: skip


def asks(told: Json) -> list[str]:
    [card] = cards(told, "order-1")
    found: list[str] = card["extension"][OURS].get("asks", [])
    return found


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize(("text", "wanted", "said"), RED_FLAGS, ids=[r[0] for r in RED_FLAGS])
def test_a_red_flag_of_the_words_is_asked_about_before_the_order_is_refused(
    app: Flask, hook: str, text: str, wanted: list[str], said: str
) -> None:
    assert rating(answer(app, "", BRIEFLY, hook), "order-1") == "not-appropriate"
    told = answer(app, text, BRIEFLY, hook)
    assert (rating(told, "order-1"), asks(told)) == (None, wanted)
    assert said in told["cards"][0]["detail"]


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize(("text", "wanted", "said"), RED_FLAGS, ids=[r[0] for r in RED_FLAGS])
def test_it_is_asked_instead_of_a_treatment_that_a_red_flag_needs_none_of(
    app: Flask, hook: str, text: str, wanted: list[str], said: str
) -> None:
    told = answer(app, text, {}, hook)
    assert rating(told, "order-1") is None
    assert asks(told) == [*wanted, "clinical_evaluation.in_person_days_ago"]
    assert said in told["cards"][0]["detail"]


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_an_implant_of_the_words_is_asked_about_before_the_order_is_supported(app: Flask, hook: str) -> None:
    assert answer(app, "", TREATED, hook)["cards"] == []
    told = answer(app, "", TREATED, hook, note=[{"text": "Pt has a pacemaker"}])
    assert (rating(told, "order-1"), asks(told)) == (None, ["implant.pacemaker"])
    assert "Your note says “pacemaker”: confirm yes." in told["cards"][0]["detail"]
    assert asks(answer(app, "has a pacemaker", {}, hook))[0] == "implant.pacemaker"


@pytest.mark.parametrize(
    ("fact", "value", "expected"),
    [("exam.foot_drop_new", True, "appropriate"), ("exam.foot_drop_new", False, "not-appropriate"),
     ("red_flag.any", False, "not-appropriate"), ("red_flag.any", True, "appropriate")],
)  # fmt: skip
def test_what_was_answered_is_asked_no_more(app: Flask, fact: str, value: bool, expected: str) -> None:
    told = answer(app, "new foot drop", {**BRIEFLY, fact: value})
    assert rating(told, "order-1") == expected
    assert all("exam.foot_drop_new" not in c["extension"][OURS].get("asks", ()) for c in told["cards"])


def test_a_cancer_of_the_past_that_sends_to_another_guideline_is_asked_about_before_the_order_is_refused(
    app: Flask,
) -> None:
    name = "malignancy.current_or_past"
    assert rating(answer(app, "", {**BRIEFLY, name: True}), "order-1") == "no-criteria-apply"
    told = answer(app, "hx breast ca", BRIEFLY)
    assert (rating(told, "order-1"), asks(told)) == (None, [name])
    assert rating(answer(app, "hx breast ca", {**BRIEFLY, name: False}), "order-1") == "not-appropriate"


@pytest.mark.parametrize(("value", "expected"), [(True, "not-appropriate"), (False, "appropriate")])
def test_an_implant_that_was_answered_is_asked_about_no_more(app: Flask, value: bool, expected: str) -> None:
    told = answer(app, "has a pacemaker", {**TREATED, "implant.pacemaker": value})
    assert rating(told, "order-1") == expected


@pytest.mark.parametrize(
    "text",
    ["no foot drop", "denies saddle numbness", "mother has a pacemaker", "no cauda equina syndrome", "chronic LBP",
     "8 weeks of PT, still numb in the left foot", "return if new foot drop"],
)  # fmt: skip
@pytest.mark.parametrize("chart", [TREATED, BRIEFLY, {}], ids=["treated", "briefly", "empty"])
def test_words_that_say_nothing_new_change_no_rating_and_add_no_question(app: Flask, text: str, chart: Json) -> None:
    plainly, told = answer(app, "", chart), answer(app, text, chart)
    assert rating(told, "order-1") == rating(plainly, "order-1")
    assert [set(c["extension"][OURS].get("asks", ())) for c in told["cards"]] == [
        set(c["extension"][OURS].get("asks", ())) for c in plainly["cards"]
    ]


@pytest.mark.parametrize("text", ["?new foot drop", "possible saddle anesthesia", "c/f cauda equina", "r/o malignancy"])
def test_what_the_words_only_doubt_is_asked_without_an_answer_to_confirm(app: Flask, text: str) -> None:
    told = answer(app, text, BRIEFLY)["cards"][0]["detail"]
    assert "as suspected or to be ruled out: answer as you judge it." in told
    assert "confirm yes" not in told


@pytest.mark.parametrize("text", [r[0] for r in RED_FLAGS])
def test_an_order_that_is_appropriate_either_way_asks_nothing(app: Flask, text: str) -> None:
    told = answer(app, text, TREATED)
    assert (rating(told, "order-1"), told["cards"]) == ("appropriate", [])


def test_the_words_never_rate(app: Flask) -> None:
    for text, _, _ in RED_FLAGS:
        assert rating(answer(app, text, BRIEFLY), "order-1") is None


def test_what_the_code_of_a_reason_states_is_not_asked_again(app: Flask) -> None:
    reason = {"coding": [{"system": ICD, "code": "G83.4"}]}
    plainly, told = (answer(app, reasonCode=[held]) for held in (reason, {**reason, "text": "cauda equina syndrome"}))
    assert rating(told, "order-1") == rating(plainly, "order-1")
    assert [asks(a) for a in (told, plainly) if a["cards"]] == [asks(plainly)] * (2 * len(told["cards"]))


# --- the app


def opened(site: Site, name: str, **changes: Any) -> str:
    body = request_of(name, site.clock.now.date())
    body["context"]["draftOrders"]["entry"][0]["resource"] |= changes
    card = next(c for c in site.send(body)["cards"] if any(link["type"] == "smart" for link in c["links"]))
    context = body["context"]
    return site.launched(app_link(card)["appContext"], patient=context["patientId"], user=context["userId"])


def test_the_app_asks_first_for_what_the_words_say_and_shows_them(site: Site) -> None:
    path = opened(site, "02", note=[{"text": "new foot drop"}])
    page = plain(site.page(path))
    assert "Is there a new foot drop?" in page and "new foot drop”" in page
    then = plain(site.page(site.answer(path, "no").headers["Location"]))
    assert (
        "Is there a new foot drop?" not in then.split("What you answered")[0].split("Next")[-1] or "in-person" in then
    )


@pytest.mark.parametrize(("text", "chosen"), [("new foot drop", True), ("?new foot drop", False)])
def test_the_app_suggests_no_answer_to_what_the_words_only_doubt(site: Site, text: str, chosen: bool) -> None:
    page = site.page(opened(site, "02", note=[{"text": text}]))
    assert "Is there a new foot drop?" in plain(page)
    assert ('class="suggested"' in page) is chosen
    assert ("as suspected or to be ruled out" in plain(page)) is not chosen


def test_the_app_holds_a_rating_back_until_the_implant_is_answered(site: Site) -> None:
    path = opened(site, "01", note=[{"text": "Pt has a pacemaker"}])
    page = plain(site.page(path))
    assert "Does the patient have a permanent cardiac pacemaker?" in page and "Needs information" in page
    assert "Now: Appropriate." in plain(site.page(site.answer(path, "no").headers["Location"]))
