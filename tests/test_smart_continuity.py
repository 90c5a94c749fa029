"""What is answered in the app counts at the next hook for the same order, and for nobody else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from criteria.ratings import Because, Rating
from criteria.vocabulary import load_vocabulary
from hooks import Profile
from hooks.actions import CONSULT
from mappings import read_records
from mappings.attested import read_attested
from service.smart.answers import observation, read_answer
from service.smart.consults import same_user
from service.smart.models import AppAnswer, AppConsult
from tests.explain_examples import request_of
from tests.hook_examples import answer, only_card, verdict
from tests.service_examples import parts_of
from tests.smart_examples import (
    UNTREATED,
    Clock,
    Site,
    app_link,
    card_of,
    clock,
    context_of,
    ehr,
    form_of,
    make_site,
    mark_of,
    site,
)
from tests.smart_server import SmartServer

__all__ = ["clock", "ehr", "site"]

TRAN = {"patient": "patient-tran", "user": "Practitioner/practitioner-1"}
VISIT = "clinical_evaluation.in_person_days_ago"
TREATED = {
    VISIT: "3",
    "trial_of_treatment.provider_directed": "yes",
    "trial_of_treatment.duration_weeks": "7",
    "trial_of_treatment.ended_days_ago": "2",
    "trial_of_treatment.significant_improvement": "no",
    "reevaluation.after_treatment": "yes",
}


def opened(site: Site, **hook: Any) -> str:
    """The app, launched from the card of a hook."""
    return site.launched(context_of(site.hook(**hook)), **TRAN)


def answered(site: Site, path: str) -> list[str]:
    """Every open question answered as the treated patient's clinician would; which they were."""
    asked = []
    while '<input type="hidden" name="fact"' in (page := site.page(path)) and "/answer" in page:
        fact = form_of(page, "/answer")["fact"]
        asked.append(fact)
        assert site.answer(path, TREATED[fact]).status_code == 303
        assert len(asked) <= len(TREATED)
    return asked


# --- the same order


def test_answers_make_the_verdict_and_the_next_hook_rates_without_asking_again(site: Site) -> None:
    first = site.hook()
    assert mark_of(first)["rating"] == "needs-information"
    path = site.launched(context_of(first), **TRAN)
    assert set(answered(site, path)) <= set(mark_of(first)["asks"])
    assert '<p class="rating">Appropriate</p>' in site.page(path)
    again = site.hook()
    assert again["cards"] == []
    [action] = again["systemActions"]
    [rating] = [e for e in action["resource"]["extension"] if e["url"].endswith("/pama-rating")]
    assert rating["valueCodeableConcept"]["coding"][0]["code"] == "appropriate"


def test_a_card_that_is_still_due_says_what_was_told_and_does_not_ask_it(site: Site) -> None:
    first = site.hook()
    path = site.launched(context_of(first), **TRAN)
    site.answer(path, "3")
    card = card_of(site.hook())
    assert "**You told us**\n- When was the last in-person visit for this problem? **3 days**" in card["detail"]
    assert VISIT in mark_of(first)["asks"] and VISIT not in mark_of({"cards": [card]})["asks"]
    assert card["uuid"] != card_of(first)["uuid"]


def test_the_explanation_names_who_said_it(site: Site) -> None:
    path = opened(site)
    site.answer(path, "3")
    [found] = [link["url"] for link in card_of(site.hook())["links"] if "/explain/" in link["url"]]
    page = site.page(found.removeprefix("https://cds.example.org"))
    assert "told by the clinician" in page


def test_in_the_app_the_verdict_is_that_of_the_next_hook(site: Site) -> None:
    path = opened(site)
    for said, wanted in (("3", "Needs information"), ("no", "Not appropriate")):
        site.answer(path, said)
        assert f'<p class="rating">{wanted}</p>' in site.page(path)
        rating = mark_of(site.hook())["rating"].replace("-", " ")
        assert rating == wanted.lower()


def test_an_answer_can_be_taken_back_and_changed(site: Site) -> None:
    path = opened(site)
    site.answer(path, "3")
    form = form_of(site.page(path), "/take-back")
    assert form["fact"] == VISIT
    site.post(f"{path}/take-back", form)
    assert "You told us" not in site.page(path)
    assert VISIT in mark_of(site.hook())["asks"]
    site.answer(path, "90")
    assert "90 days" in card_of(site.hook())["detail"]


def test_a_new_card_of_the_same_order_knows_what_was_told(site: Site) -> None:
    site.answer(opened(site), "3")
    assert "You told us" in site.page(opened(site))


def test_a_question_may_be_passed_over(site: Site) -> None:
    path = opened(site)
    page = site.page(f"{path}?skip={VISIT}")
    assert form_of(page, "/answer")["fact"] != VISIT
    everything = "&".join(f"skip={fact}" for fact in TREATED)
    assert "passed over all questions" in site.page(f"{path}?{everything}")


@pytest.mark.parametrize("said", ["", "soon", "-1", "1e99", "nan", "3.5", "<script>"])
def test_what_is_no_answer_is_asked_again_and_not_kept(site: Site, said: str) -> None:
    path = opened(site)
    response = site.answer(path, said)
    page = response.get_data(as_text=True)
    assert response.status_code == 400
    assert 'role="alert"' in page and form_of(page, "/answer")["fact"] == VISIT and "<script>" not in page
    assert "You told us" not in site.page(path)


@pytest.mark.parametrize("fact", ["none.such", "patient.age_years", "order.study", "guideline.supports_mri", ""])
def test_only_what_a_clinician_can_be_asked_is_taken(site: Site, fact: str) -> None:
    path = opened(site)
    form = form_of(site.page(path), "/answer")
    assert site.post(f"{path}/answer", {**form, "fact": fact, "answer": "yes"}).status_code == 400


@pytest.mark.parametrize(("language", "said"), [("en", "**You told us**"), ("es", "**Usted nos dijo**")])
def test_a_card_says_what_was_told_in_its_own_language(language: str, said: str) -> None:
    asks: Any = {"because": Because.FACTS_MISSING, "asks": ("care.weeks",)}
    open_verdict, profile = verdict(Rating.NEEDS_INFORMATION, **asks), Profile(language=language)
    told = {open_verdict.order: {"care.seen": True}}
    card, plain = (only_card(answer(open_verdict, profile=profile, told=t)) for t in (told, {}))
    assert said in card["detail"] and said not in plain["detail"]
    assert card["uuid"] != plain["uuid"]


# --- by its consult id, where the order has another id by now


def test_an_order_under_another_id_is_known_by_the_consult_that_counted_the_answers(site: Site) -> None:
    path = opened(site)
    answered(site, path)
    [action] = site.hook()["systemActions"]
    [consult] = [e for e in action["resource"]["extension"] if e["url"] == CONSULT]
    signed = site.hook(order="signed-789", extension=[consult])
    assert signed["cards"] == [] and signed["systemActions"]
    assert mark_of(site.hook(order="signed-790"))["rating"] == "needs-information"


def test_a_consult_id_that_is_nobodys_brings_nothing(site: Site) -> None:
    answered(site, opened(site))
    odd = [{"url": CONSULT, "valueUri": "urn:uuid:0"}, {"url": CONSULT, "valueUri": "urn:uuid:1"}]
    assert mark_of(site.hook(order="other", extension=odd))["rating"] == "needs-information"


# --- and nobody else


@pytest.mark.parametrize(
    "other",
    [{"order": "order-2"}, {"userId": "Practitioner/other"}, {"patientId": "patient-other"}],
)
def test_another_order_user_or_patient_is_asked_anew(site: Site, other: dict[str, str]) -> None:
    first = site.hook()
    answered(site, site.launched(context_of(first), **TRAN))
    assert mark_of(site.hook(**other))["asks"] == mark_of(first)["asks"]


def test_another_tenant_is_asked_anew_and_its_ehr_opens_no_link_of_ours(
    tmp_path: Path, ehr: SmartServer, clock: Clock
) -> None:
    site = make_site(tmp_path, ehr, clock)
    context = context_of(site.hook())
    answered(site, site.launched(context, **TRAN))
    other = make_site(tmp_path, ehr, clock, {"tenant": "other-hospital"})
    assert "cannot be shown" in other.page(other.launched(context, **TRAN), 404)
    with Session(parts_of(site.app).journal.engine) as database:
        kept = database.scalars(select(AppAnswer)).all()
    assert len(kept) == len(TREATED) and {a.tenant for a in kept} == {"hospital"}
    for each in (site, other):
        parts_of(each.app).journal.engine.dispose()


def test_one_order_id_used_again_for_another_region_is_another_order(site: Site) -> None:
    answered(site, opened(site))
    neck = site.hook("09", patientId=TRAN["patient"], userId=TRAN["user"], order="order-1")
    assert "You told us" not in str(neck)


@pytest.mark.parametrize(
    "whom",
    [
        {"patient": "patient-other", "user": TRAN["user"]},
        {"patient": TRAN["patient"], "user": "Practitioner/other"},
        {"patient": TRAN["patient"], "user": "Patient/patient-tran"},
    ],
)
def test_a_link_opens_for_its_own_patient_and_user_only(site: Site, whom: dict[str, str]) -> None:
    path = site.launched(context_of(site.hook()), **whom)
    page = site.page(path, 404)
    assert "cannot be shown" in page and "lumbar" not in page


@pytest.mark.parametrize("change", [lambda c: c[:-1] + "x", lambda c: c.upper(), lambda c: "x" * 5000, lambda c: "'--"])
def test_a_tampered_app_context_opens_nothing(site: Site, change: Any) -> None:
    context = context_of(site.hook())
    path = site.launched(change(context), **TRAN)
    page = site.get(path).get_data(as_text=True)
    assert "cannot be shown" in page and "lumbar" not in page


def test_a_link_has_an_end_on_the_server(site: Site, clock: Clock) -> None:
    context = context_of(site.hook())
    clock.later(hours=23)
    site.page(site.launched(context, **TRAN))
    clock.later(hours=2)
    site.page(site.launched(context, **TRAN), 404)


def test_an_order_cannot_be_chosen_beside_the_one_that_was_handed_over(site: Site) -> None:
    path = opened(site)
    with Session(parts_of(site.app).journal.engine) as database:
        mark = database.scalars(select(AppConsult.mark)).one()
    stranger = site.launched(
        context_of(site.hook(order="order-9", userId="Practitioner/b")), **{**TRAN, "user": "Practitioner/b"}
    )
    assert "lumbar" in site.page(f"{stranger}?order={mark}"), "its own order, whatever the address says"
    site.answer(path, "3")
    assert "You told us" not in site.page(f"{stranger}?order={mark}")


def test_a_user_named_otherwise_is_compared_where_that_can_be_done() -> None:
    assert same_user("Practitioner/1", "Practitioner/1")
    assert same_user("PractitionerRole/7", "Practitioner/1"), "no way to tell: the link itself has to do"
    assert same_user("Practitioner/1", "")
    for other in (
        "Practitioner/2",
        "Practitioner/1/_history/2",
        "Patient/1",
        "https://elsewhere.example/fhir/Practitioner/1",
    ):
        assert not same_user("Practitioner/1", other)


def test_two_users_shown_the_same_card_have_two_links(site: Site) -> None:
    assert context_of(site.hook()) != context_of(site.hook(userId="Practitioner/other"))
    assert context_of(site.hook()) == context_of(site.hook())


# --- time, trouble, and what is kept


def test_answers_count_for_as_long_as_the_site_says(site: Site, clock: Clock) -> None:
    site.answer(opened(site), "3")
    clock.later(days=6)
    assert "You told us" in str(site.hook())
    clock.later(days=2)
    assert "You told us" not in str(site.hook())
    parts_of(site.app).journal.sweep(site.clock())
    with Session(parts_of(site.app).journal.engine) as database:
        assert not database.scalars(select(AppAnswer)).all(), "and the rows go"


def test_a_failing_database_never_stops_an_answer(site: Site) -> None:
    with parts_of(site.app).journal.engine.begin() as connection:
        for table in ("app_answers", "app_consults"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    with structlog.testing.capture_logs() as logged:
        assert mark_of(site.hook())["rating"] == "needs-information"
    assert {e["event"] for e in logged if e["log_level"] == "error"} == {"answers_not_read"}
    assert "Answers given earlier in the app could not be read" in card_of(site.hook())["detail"]
    assert parts_of(site.app).journal.pending.size, "what the card links to waits"
    parts_of(site.app).journal.close()


def test_the_draft_is_kept_encrypted_and_given_back_as_it_was_sent(site: Site) -> None:
    path = opened(site)
    files = site.files()
    assert b"order-1" not in files and b"patient-tran" not in files
    parts = parts_of(site.app)
    secret = site.browser.get_cookie(f"__Host-imaging-cds-{path.rpartition('/')[2]}", domain="cds.example.org")
    assert secret is not None
    launched = parts.smart.sessions.find(path.rpartition("/")[2], secret.value)
    assert launched is not None
    consult = parts.smart.consults.of_link(launched, parts.decision.library, site.clock())
    assert consult is not None
    assert consult.reference == "ServiceRequest/order-1" and consult.draft["resourceType"] == "ServiceRequest"


def test_without_the_app_nothing_is_kept_for_it_and_no_card_leads_there(
    tmp_path: Path, ehr: SmartServer, clock: Clock
) -> None:
    site = make_site(tmp_path, ehr, clock, app_launch="")
    assert not [link for link in card_of(site.hook())["links"] if link["type"] == "smart"]
    with Session(parts_of(site.app).journal.engine) as database:
        assert not database.scalars(select(AppConsult)).all()
    parts_of(site.app).journal.engine.dispose()


def test_the_card_leads_to_our_own_launch_page(site: Site) -> None:
    link = app_link(card_of(site.hook(UNTREATED)))
    assert link["url"] == "https://cds.example.org/app/launch"


# --- staff


def test_staff_see_the_order_and_cannot_answer(site: Site) -> None:
    body = request_of(UNTREATED)
    assistant = {"coding": [{"system": "http://snomed.info/sct", "code": "22515006"}]}
    body["prefetch"]["user"] = {"resourceType": "PractitionerRole", "id": "r1", "code": [assistant]}
    context = context_of(site.send(body, userId="PractitionerRole/r1"))
    path = site.launched(context, **{**TRAN, "user": "PractitionerRole/r1"})
    page = site.page(path)
    assert "Only the ordering clinician can answer" in page and "/answer" not in page
    form = {**form_of(page, "/close"), "fact": VISIT, "answer": "3"}
    assert site.post(f"{path}/answer", form).status_code == 403


# --- every question


def test_every_question_can_be_answered_and_is_read_back_the_same() -> None:
    """From the form through FHIR to the fact that the criteria judge."""
    vocabulary, now = load_vocabulary(), dt.datetime(2026, 6, 2, 3, tzinfo=dt.UTC)
    said = {"boolean": "yes", "integer": "4", "quantity": "4"}
    for name, fact in vocabulary.facts.items():
        if not fact.ask:
            continue
        value = read_answer(fact, said.get(fact.type) or (fact.values or ("",))[0], now.date())
        row = AppAnswer(mark="0" * 64, fact=name, value=value, answered=now)
        sent = observation(row, fact, "ServiceRequest/o", "p1", "Practitioner/1")
        records = read_records([{"resourceType": "Patient", "id": "p1"}, sent], "p1")
        read = read_attested(records, now.date())
        assert [(a.fact.name, a.fact.value, a.orders) for a in read.answers] == [
            (name, value, frozenset({"ServiceRequest/o"}))
        ], read.set_aside
