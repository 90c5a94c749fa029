"""The app's screens as the server makes them: what is asked and how, what is suggested, and what is chosen."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from criteria import load_library
from criteria.facts import Basis, Fact
from criteria.orders import Proposal
from criteria.vocabulary import load_vocabulary
from hooks.wording import wording
from service.clients import load_profiles
from service.smart.answers import NotAnAnswer, askable, bounds, is_day, read_answer
from service.smart.models import AppAnswer
from service.smart.questions import Days, Known, control_of, question, unit_of
from service.smart.words import languages, value_names, words
from tests.explain_examples import plain, request_of
from tests.service_examples import parts_of
from tests.smart_examples import BASE, Clock, Site, app_link, clock, ehr, form_of, make_site, site
from tests.smart_server import SmartServer
from tests.test_guideline_pages import faults_of
from tests.test_page_weight import HEAVIEST, weights

__all__ = ["clock", "ehr", "site"]

TRAN = {"patient": "patient-tran", "user": "Practitioner/practitioner-1"}
VISIT = "clinical_evaluation.in_person_days_ago"
TREATMENT = "trial_of_treatment.provider_directed"
WEEKS = "trial_of_treatment.duration_weeks"
FACTS = load_vocabulary().facts
ASKED = sorted(name for name, fact in FACTS.items() if askable(fact))
TODAY = dt.date(2026, 6, 1)
DAYS = Days(TODAY, TODAY, TODAY)


def opened(site: Site, name: str = "02", **changes: Any) -> str:
    """The app, launched from the first card of a fixture request that leads there."""
    body = request_of(name, site.clock.now.date())
    body["context"]["draftOrders"]["entry"][0]["resource"] |= changes
    card = next(c for c in site.send(body)["cards"] if any(link["type"] == "smart" for link in c["links"]))
    context = body["context"]
    return site.launched(
        app_link(card)["appContext"], patient=context["patientId"], user=context["userId"]
    )  # fmt: skip


def seen(site: Site, path: str, status: int = 200) -> str:
    """A page, of which nothing may be ill-made; the scripts of a session are its own."""
    text = site.page(path, status)
    faults = [f for f in faults_of(text) if f not in ("<script>", "one <header> is needed")]
    assert [f for f in faults if not f.startswith(("input  has no label", "leads outside: https://cds."))] == []
    return text


# --- the verdict, before and after


def test_after_each_answer_the_verdict_is_shown_before_and_after(site: Site) -> None:
    path = opened(site)
    assert "Before:" not in seen(site, path)
    first = site.answer(path, "2026-05-30").headers["Location"]
    assert "Your answer counts. The rating stays: Needs information." in plain(seen(site, first))
    then = site.answer(first, "no").headers["Location"]
    page = seen(site, then)
    assert "Before: Needs information. Now: Not appropriate." in plain(page)
    assert 'role="status"' in page and "<title>Not appropriate: MRI lumbar spine" in page


def test_a_rating_before_that_is_none_is_not_shown(site: Site) -> None:
    page = site.page(f"{opened(site)}?was=<b>wonderful</b>")
    assert "wonderful" not in page and "Before:" not in page


def test_the_verdict_says_why_and_by_which_rules(site: Site) -> None:
    page = plain(seen(site, opened(site)))
    assert "for low back pain without neurological features that six weeks of treatment did not improve" in page
    assert "eviCore Spine Imaging Guidelines V1.0.2023, section SP-5.1. Policy: cigna-evicore." in page


# --- one question


def test_it_says_how_many_questions_are_open_at_most(site: Site) -> None:
    path = opened(site)
    assert "0 answered, at most 6 still open" in seen(site, path)
    site.answer(path, "2026-05-30")
    assert "1 answered, at most 5 still open" in seen(site, path)


def test_passing_over_leaves_it_unknown_and_goes_to_the_next(site: Site) -> None:
    path = opened(site)
    onward = re.search(r'class="button pass"[^>]*href="([^"]+)"', seen(site, path))
    assert onward is not None
    page = seen(site, onward[1])
    form = form_of(page, "/answer")
    assert form["fact"] == TREATMENT and form["skip"] == VISIT
    answered = site.post(f"{path}/answer", {**form, "answer": "yes"}).headers["Location"]
    assert form_of(seen(site, answered), "/answer")["fact"] == WEEKS, "what was passed over does not come back at once"
    assert "0 answered" not in site.page(path)


@pytest.mark.parametrize(
    ("fact", "said", "says"),
    [
        (VISIT, "2027-01-01", "still to come"),
        (VISIT, "30/5/2026", "year-month-day"),
        (VISIT, "1880-01-01", "too far away"),
        (WEEKS, "six", "Please write a number from 0"),
        (WEEKS, "-2", "from 0 to 5218"),
        (TREATMENT, "perhaps", "choose one of the answers"),
        ("exam.glasgow_coma_scale_score", "2", "from 3 to 15"),
        ("exam.glasgow_coma_scale_score", "7.5", "whole number"),
        ("pain.radiation", "nowhere", "choose one of the answers"),
    ],
)
def test_what_cannot_be_read_is_asked_again_with_help_and_keeps_what_was_typed(
    site: Site, fact: str, said: str, says: str
) -> None:
    path = opened(site)
    form = {**form_of(seen(site, f"{path}?ask={fact}"), "/answer"), "answer": said}
    response = site.post(f"{path}/answer", form)
    page = response.get_data(as_text=True)
    alert = re.search(r'<p id="problem"[^>]*role="alert">([^<]+)</p>', page)
    assert response.status_code == 400 and alert is not None and says in alert[1]
    assert form_of(page, "/answer")["fact"] == fact
    if control_of(FACTS[fact]) in ("day", "number"):
        assert f'value="{said}"' in page and 'aria-invalid="true"' in page
        assert re.search('aria-describedby="problem help"', page)
    assert "Your answer counts" not in page and "<title>Please check" in page
    assert "You told us" not in site.page(path)


def test_a_day_counts_from_the_day_where_the_site_is(site: Site) -> None:
    path = opened(site)  # 2 June in UTC, 1 June in Chicago
    site.answer(path, "2026-06-01")
    assert "<strong>1 June 2026 (0 days ago)</strong>" in site.page(path)
    assert site.post(
        f"{path}/answer", {**form_of(site.page(f"{path}?ask={VISIT}"), "/answer"), "answer": "2026-06-02"}
    ).status_code == 400  # fmt: skip


@pytest.mark.parametrize("language", languages())
def test_every_question_has_a_control_bounds_and_words_in_every_language(language: str) -> None:
    say, said = wording(language), words(language)
    for name in ASKED:
        fact = FACTS[name]
        asked = question(fact, Known(), DAYS, say)
        assert asked.text and asked.value == "" and not asked.origins
        if asked.control == "number":
            least, most = bounds(fact)
            assert asked.least == str(least) and least < most
            assert unit_of(fact) in said["units"], name
        elif asked.control == "day":
            assert is_day(fact) and asked.least < asked.most
        else:
            assert asked.control == "yes-no" or len(asked.choices) > 1


def test_every_value_of_a_list_has_a_name_in_every_language_and_none_is_nobodys() -> None:
    wanted = {value for name in ASKED for value in FACTS[name].values or ()}
    assert set(value_names()) == wanted
    assert {frozenset(row) for row in value_names().values()} == {frozenset(languages())}
    assert [v for v, row in value_names().items() if not all(row.values())] == []
    for name in ASKED:
        for language in languages():
            named = [value_names()[v][language] for v in FACTS[name].values or ()]
            assert len(named) == len(set(named)), (name, language)


@pytest.mark.parametrize(
    ("fact", "value", "field", "spoken"),
    [
        (TREATMENT, True, "yes", "yes"),
        (WEEKS, 7, "7", "7 weeks"),
        (VISIT, 3, "2026-05-29", "29 May 2026 (3 days ago)"),
        ("treatment_plan.surgery_in_days", 2, "2026-06-03", "3 June 2026"),
        ("prior_imaging.modality", "us", "us", "ultrasound"),
    ],
)
def test_a_suggestion_stands_in_the_field_and_says_where_it_comes_from(
    fact: str, value: Any, field: str, spoken: str
) -> None:
    definition, say = FACTS[fact], wording("en")
    told = AppAnswer(mark="0" * 64, fact=fact, value=value, answered=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    chart = Fact(fact, value, Basis.RECORDED, ("Observation/42",), TODAY, "note of 2026-05-30")
    words_of = Proposal("fact", fact, value, "as they <say>")
    for known, says in (
        (Known(told=told), f"You told us: {spoken}."),
        (Known(chart=chart), f"On file: {spoken}, note of 2026-05-30."),
        (Known(proposal=words_of), f"The order says “as they <say>”. Please confirm: {spoken}."),
    ):
        asked = question(definition, known, DAYS, say)
        assert asked.value == field
        assert [o.text for o in asked.origins] == [says]
    assert asked.control != "yes-no" or asked.value == "yes"
    assert question(definition, Known(chart=chart), DAYS, say).origins[0].sources == ("Observation/42",)


def test_the_orders_own_words_come_first_and_are_confirmed_not_believed(site: Site) -> None:
    path = opened(site, note=[{"text": "8 weeks of physical therapy without relief <i>"}])
    page = seen(site, path)
    assert form_of(page, "/answer")["fact"] == TREATMENT, "not the visit, of which the order says nothing"
    assert "The order says “physical therapy”. Please confirm: yes." in plain(page)
    assert 'class="suggested" aria-describedby="origin">Yes' in page and "0 answered" in page
    number = seen(site, f"{path}?ask={WEEKS}")
    assert "The order says “8 weeks of physical therapy”." in plain(number) and 'value="8"' in number
    site.post(f"{path}/answer", {**form_of(number, "/answer"), "answer": "7"})
    assert "<strong>7 weeks</strong>" in seen(site, path)


def test_an_earlier_answer_can_be_changed(site: Site) -> None:
    path = opened(site)
    site.answer(path, "2026-05-30")
    page = seen(site, f"{path}?ask={VISIT}")
    assert 'value="2026-05-30"' in page and "You told us: 30 May 2026 (2 days ago)." in page
    site.post(f"{path}/answer", {**form_of(page, "/answer"), "answer": "2026-05-01"})
    page = seen(site, path)
    assert "1 May 2026 (31 days ago)" in page and "30 May" not in page


def test_what_was_presumed_is_offered_for_correction(site: Site) -> None:
    path = opened(site, "07")
    page = seen(site, path)
    assert "taken as no" in page
    fact = re.search(r'href="([^"]+\?ask=[^"]+)"[^>]*aria-label="correct: The scanner', page)
    assert fact is not None
    again = seen(site, fact[1])
    assert "Taken as “no”, because nothing is recorded." in again
    site.post(f"{path}/answer", {**form_of(again, "/answer"), "answer": "yes"})
    assert "Not appropriate</p>" not in site.page(path)


def test_what_is_on_file_can_be_corrected_too(site: Site) -> None:
    path = opened(site, "07")
    page = seen(site, path)
    assert re.search(r"<li>[^<]*pacemaker[^<]*<strong>On file: yes", page, re.IGNORECASE)
    asked = seen(site, f"{path}?ask=implant.pacemaker")
    assert re.search(r'class="suggested"[^>]*>Yes', asked)
    site.post(f"{path}/answer", {**form_of(asked, "/answer"), "answer": "no"})
    assert "Implant that forbids MRI" not in site.page(path)


# --- the criteria


def test_the_rules_that_decide_are_drawn_and_told_in_words(site: Site) -> None:
    page = seen(site, opened(site))
    assert page.count('class="picture"') == 1
    assert 'role="img" aria-label="Picture: MRI lumbar spine for low back pain' in page
    assert '<ul class="tree">' in page and "Seen in person within 60 days" in plain(page)
    assert '/guidelines/evicore-spine-2023/low_back_pain_mri"' in page


def test_an_answer_turns_its_clause(site: Site) -> None:
    path = opened(site)
    box = '<span class="box {}"><b>'
    assert "Seen in person within 60 days" in seen(site, path).split(box.format("unknown"), 1)[1]
    site.answer(path, "2026-05-30")
    met = re.findall(r'<span class="box met"><b>.</b> ([^<]+)', seen(site, path))
    assert "Seen in person within 60 days" in met


def test_the_full_explanation_supposes_what_was_answered(site: Site) -> None:
    path = opened(site)
    site.answer(path, "2026-05-30")
    link = re.search(r'href="https://cds\.example\.org(/explain/[^"]+)"', seen(site, path))
    assert link is not None
    page = plain(site.page(link[1].replace("&amp;", "&")))
    assert "You suppose" in page and "Needs information" in page


# --- alternatives, and the end


def test_alternatives_stand_beside_the_order_with_what_tells_them_apart(site: Site) -> None:
    page = seen(site, f"{opened(site, '07')}/alternatives")
    columns = page.split("<h2>")[1:]
    assert len(columns) > 2 and "As ordered" in columns[0] and "Not appropriate" in columns[0]
    told = plain(columns[1])
    for said in ("Offered first", "CT lumbar spine without contrast", "Appropriate", "Still asks nothing"):
        assert said in told
    for said in ("Ionizing radiation Yes", "Contrast without", "CT of the spine in place of a supported MRI"):
        assert said in told


def test_a_chosen_alternative_is_the_finished_order(site: Site) -> None:
    path = opened(site, "07")
    chosen = re.findall(r'href="([^"]+/done\?choice=[^"]+)"', seen(site, f"{path}/alternatives"))
    page = plain(seen(site, chosen[1]))
    assert "The order is changed to this study. MRI lumbar spine without contrast CT lumbar spine without" in page
    assert "✓ Appropriate" in page
    kept = plain(seen(site, chosen[0]))
    assert "The order stays as it is." in kept and "✕ Not appropriate" in kept


@pytest.mark.parametrize("choice", ["update:mri_brain.without", "update:", "delete", "<script>"])
def test_only_what_is_offered_can_be_chosen(site: Site, choice: str) -> None:
    response = site.browser.get(f"{opened(site, '07')}/done", query_string={"choice": choice}, base_url=BASE)
    text = response.get_data(as_text=True)
    assert response.status_code == 404 and "no longer offered" in text and "<script>" not in text


def test_the_end_sums_up_order_rating_and_answers(site: Site) -> None:
    path = opened(site)
    site.answer(path, "2026-05-30")
    page = plain(seen(site, f"{path}/done"))
    for said in ("MRI lumbar spine without contrast", "Needs information", "last in-person visit",
                 "30 May 2026 (2 days ago)", "Has the patient had provider-directed treatment"):  # fmt: skip
        assert said in page


def test_staff_see_the_criteria_and_the_alternatives_and_can_end_nothing(site: Site) -> None:
    body = request_of("07")
    assistant = {"coding": [{"system": "http://snomed.info/sct", "code": "22515006"}]}
    body["prefetch"]["user"] = {"resourceType": "PractitionerRole", "id": "r1", "code": [assistant]}
    card = site.send(body, userId="PractitionerRole/r1")["cards"][0]
    patient = body["context"]["patientId"]
    path = site.launched(app_link(card)["appContext"], patient=patient, user="PractitionerRole/r1")
    page, beside = seen(site, path), seen(site, f"{path}/alternatives")
    assert "Questions for the ordering clinician" in page and 'class="picture"' in page
    for text in (page, beside):
        assert "/answer" not in text and "/take-back" not in text and "/done" not in text and "?ask=" not in text
    assert "Only the clinician can answer" in site.page(f"{path}/done", 403)
    form = {**form_of(page, "/close"), "fact": VISIT}
    assert site.post(f"{path}/take-back", form).status_code == 403


@pytest.mark.parametrize("step", ["", "/alternatives", "/done"])
def test_another_browser_sees_no_step_of_an_order(site: Site, step: str) -> None:
    path = opened(site)
    assert site.another_browser().get(path + step, base_url=BASE).status_code == 401


@pytest.mark.parametrize("name", ["02", "03", "07"])
def test_no_screen_weighs_more_than_sixty_kilobytes_with_all_that_it_loads(site: Site, name: str) -> None:
    path, gzip = opened(site, name), {"Accept-Encoding": "gzip"}
    steps = ("", "?ask=tumor.type", "?ask=pain.radiation", "/alternatives", "/done")
    found = weights(lambda address: site.browser.get(address, base_url=BASE, headers=gzip), [path + s for s in steps])
    assert all(5_000 < weight < HEAVIEST for weight in found.values()), found


# --- languages


def test_where_no_order_says_which_the_browsers_language_counts(site: Site) -> None:
    for header, heading in (("es-MX,es;q=0.9,en;q=0.5", "Probar la aplicación"), ("de", "Try the app by hand")):
        response = site.app.test_client().get("/app", headers={"Accept-Language": header})
        assert heading in response.get_data(as_text=True)


def test_a_spanish_screen_marks_what_is_english(
    tmp_path: Path, ehr: SmartServer, clock: Clock, monkeypatch: Any
) -> None:
    full = load_profiles()["full"]
    spanish = {**load_profiles(), "full": replace(full, shows=replace(full.shows, language="es"))}
    monkeypatch.setattr("service.trust.load_profiles", lambda: spanish)
    site = make_site(tmp_path, ehr, clock)
    path = opened(site, "07")
    titles = {g.title for g in load_library().guidelines.values()}
    for step in ("", "?ask=prior_imaging.modality", "/alternatives", "/done"):
        page = seen(site, path + step)
        assert page.startswith('<!doctype html>\n<html lang="es">')
        own = re.sub(r'<(\w+)[^>]* lang="en"[^>]*>.*?</\1>', " ", page, flags=re.DOTALL)
        told = plain(re.sub(r"<(title|header|code)\b.*?</\1>", " ", own, flags=re.DOTALL))
        for title in titles:
            told = told.replace(title, "")
        assert not re.search(r"\b(the|of|and|with|is|yes|was|you)\b", told), told
    parts_of(site.app).journal.engine.dispose()


# --- reading an answer


@pytest.mark.parametrize(("said", "value"), [(" 6,5 ", 6.5), ("6.0", 6), ("0", 0)])
def test_numbers_may_be_written_as_people_write_them(said: str, value: float) -> None:
    assert read_answer(FACTS[WEEKS], said, TODAY) == value


@pytest.mark.parametrize("said", ["", "soon", "nan", "inf", "1e99", "²", "6 weeks"])
def test_what_is_no_number_is_none(said: str) -> None:
    with pytest.raises(NotAnAnswer):
        read_answer(FACTS[WEEKS], said, TODAY)


def test_an_operation_to_come_is_a_day_ahead() -> None:
    fact = FACTS["treatment_plan.surgery_in_days"]
    assert read_answer(fact, "2026-06-11", TODAY) == 10
    with pytest.raises(NotAnAnswer, match="day-over"):
        read_answer(fact, "2026-05-31", TODAY)
