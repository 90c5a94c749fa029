"""How an answer came about: what the page says, who may see it, what if, and what is kept for it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from criteria.facts import Basis, Fact, Facts
from criteria.orders import Kind, Order
from criteria.ratings import Because, Rating, Verdict
from hooks.ids import explain_handle
from hooks.site import Keys
from service.app import create_app
from service.explain.suppose import UNKNOWN, read
from service.explain.words import words
from service.journal import Judged, from_row
from service.journal.explained import to_row
from service.journal.fields import stored_fields
from service.journal.models import Explanation
from service.settings import read_settings
from tests.explain_examples import BASE, HTML, NAMES, address, answered, clauses, explained_at, request_of, told
from tests.service_examples import NOW, call, make_app, order, parts_of
from tests.test_guideline_pages import faults_of

TREATED = ("trial_of_treatment.provider_directed~yes", "trial_of_treatment.duration_weeks~6",
           "trial_of_treatment.ended_days_ago~0", "trial_of_treatment.significant_improvement~no",
           "reevaluation.after_treatment~yes", "clinical_evaluation.in_person_days_ago~5")  # fmt: skip
NONSENSE = (
    "", "~", "none~yes", "patient.age_years~90", "order.study~x", "pain.night~perhaps", "pain.severity_vas~nan",
    "pain.severity_vas~1e99", "guideline.supports_mri~yes", "pain.night", "x" * 5000, "\x00~\x00",
    "management.change_expected~unknown",
)  # fmt: skip
UNTREATED = "02"
TREATED_WITH_PACEMAKER = "07"
OVERSIZE = 60_000
OVERLAY = """- change: evicore-spine-2023/low_back_pain_mri
  author: spine-clinic-lead
  date: 2026-05-01
  reason: Our clinic sees them sooner.
  thresholds: [{fact: trial_of_treatment.duration_weeks, at_least: {2026-05-01: 4}, unit: wk}]
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    apps = []

    def made(**settings: Any) -> Flask:
        apps.append(make_app(tmp_path, **{"base_url": BASE, **settings}))
        return apps[-1]

    yield made
    for each in apps:
        parts_of(each).journal.engine.dispose()


@pytest.fixture
def app(make: Callable[..., Flask]) -> Flask:
    return make()


def page(app: Flask, found: str, *suppose: str, status: int = 200) -> str:
    response = app.test_client().get(found, query_string=[("suppose", s) for s in suppose], headers=HTML)
    assert response.status_code == status
    return response.get_data(as_text=True)


def plain(text: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", text)).split())


def rows(app: Flask) -> list[Explanation]:
    with Session(parts_of(app).journal.engine) as session:
        return list(session.scalars(select(Explanation)))


# --- what it says


def test_every_card_leads_to_its_explanation_with_the_same_rating(app: Flask) -> None:
    for card in (card for name in NAMES for card in answered(app, request_of(name))):
        [found] = explained_at(card)
        document = told(app, found)
        mark = card["extension"]["io.github.imaging-cds"]
        assert document["verdict"]["rating"] == mark["rating"]
        assert document["verdict"]["provisional"] == mark["provisional"]
        assert {r["rule"] for r in document["rules"] if r["decides"]} == set(mark["criteria"])
        assert {m["fact"] for m in document.get("missing", ())} == set(mark.get("asks", ()))
        assert {p["fact"] for p in document.get("presumed", ())} == set(mark.get("presumes", ()))
        assert faults_of(page(app, found)) == []


@pytest.mark.parametrize("name", [UNTREATED, TREATED_WITH_PACEMAKER, "12"])
def test_the_page_and_its_json_say_the_same(app: Flask, name: str) -> None:
    [found] = explained_at(answered(app, request_of(name))[0])
    document, text = told(app, found), plain(page(app, found))
    for clause in clauses(document):
        assert words()["truths"][clause["truth"]][1] in text
        for key in ("says", "means", "joint"):
            assert clause.get(key, "") in text
        for said in (clause.get("found", {}).get("value", ""), *clause.get("found", {}).get("sources", ())[:4]):
            assert said in text
    for rule in document["rules"]:
        assert rule["title"] in text
    for asked in document.get("missing", ()):
        assert asked["question"] in text
    for offer in document.get("alternatives", ()):
        assert offer.get("study", "") in text
    trees = re.findall('<ul class="tree">.*?</section>', page(app, found), re.DOTALL)
    assert len(list(clauses(document))) == sum(tree.count('<b class="state') for tree in trees)


def test_a_clause_shows_the_fact_with_its_value_basis_source_and_day(app: Flask) -> None:
    found = address(app, UNTREATED)
    [pain] = [c for c in clauses(told(app, found)) if c.get("fact") == "pain.low_back" and "found" in c][:1]
    assert pain["truth"] == "met"
    assert pain["found"]["basis"] == "recorded"
    assert pain["found"]["sources"] == ["Condition/condition-1"]
    assert pain["found"]["on"].startswith("2026-")
    assert "Condition/condition-1" in page(app, found)


def test_presumed_unknown_and_not_met_are_told_apart_by_word_and_sign(app: Flask) -> None:
    found = address(app, UNTREATED)
    truths = {c["truth"] for c in clauses(told(app, found))}
    assert {"met", "unknown", "not-met", "presumed-met", "presumed-not-met"} <= truths
    text = page(app, found)
    for truth in truths:
        sign, word = words()["truths"][truth]
        assert f'<b class="state {truth}"><span aria-hidden="true">{sign}</span> {word}</b>' in text


def test_a_recorded_fact_is_never_called_presumed(app: Flask) -> None:
    """Foot drop is on file: the red flag that it makes rests on that, whatever else is presumed to be absent."""
    document = told(app, address(app, "05"))
    [flag] = [c for c in clauses(document) if c.get("fact") == "red_flag.motor_weakness" and "parts" in c]
    assert flag["truth"] == "met"


def test_presumptions_say_what_would_change_the_answer(app: Flask) -> None:
    [found] = explained_at(answered(app, request_of("08"))[0])
    presumed = told(app, found)["presumed"]
    assert presumed
    assert any(i["rating"] != "not-appropriate" for p in presumed for i in p.get("if", ()))


def test_guidelines_come_with_edition_days_and_links_to_the_rule(app: Flask) -> None:
    found = address(app, UNTREATED)
    first = told(app, found)["guidelines"][0]
    assert first["id"] == "evicore-spine-2023"
    assert first["edition"] and first["from"] == "2023-01-01" and first["sections"]
    text = page(app, found)
    assert 'href="/guidelines/evicore-spine-2023/low_back_pain_mri"' in text
    assert "from 1 January 2023" in text


def test_another_rule_is_spelled_out_on_request(app: Flask) -> None:
    found = address(app, UNTREATED)
    closed = next(r for r in told(app, found)["rules"] if not r["decides"])
    assert "clause" not in closed
    again = told(app, found, rule=closed["rule"])
    assert "clause" in next(r for r in again["rules"] if r["rule"] == closed["rule"])


def test_rules_of_the_site_are_marked_as_local(tmp_path: Path, make: Callable[..., Flask]) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(OVERLAY, encoding="utf-8")
    app = make(overlay_file=str(overlay))
    found = address(app, UNTREATED)
    rule = next(r for r in told(app, found)["rules"] if r["decides"])
    assert "at this site" in rule["local"]
    assert "Local rule" in page(app, found)


def test_no_page_weighs_more_than_sixty_kilobytes(app: Flask) -> None:
    client = app.test_client()

    def size(path: str) -> int:
        with client.get(path, headers={**HTML, "Accept-Encoding": "gzip"}) as response:
            return len(response.get_data())

    styles = size("/guidelines/static/pages.css") + size("/explain/static/explain.css")
    for card in (card for name in NAMES for card in answered(app, request_of(name))):
        [found] = explained_at(card)
        assert size(found) + styles < OVERSIZE


# --- who may see it


def test_headers_keep_the_page_to_its_reader(app: Flask) -> None:
    found = address(app, UNTREATED)
    for path, accept in ((found, "text/html"), (found, "application/json"), ("/explain/none", "text/html")):
        headers = app.test_client().get(path, headers={"Accept": accept}).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "noindex" in headers["X-Robots-Tag"]
    policy = app.test_client().get(found, headers=HTML).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


def test_the_consult_id_on_the_order_opens_nothing(app: Flask) -> None:
    [card] = answered(app, request_of(UNTREATED))
    consult = card["extension"]["io.github.imaging-cds"]["consult"].removeprefix("urn:uuid:")
    page(app, f"/explain/{consult}", status=404)


def test_a_wrong_a_tampered_and_an_expired_handle_are_told_the_same(app: Flask) -> None:
    found = address(app, UNTREATED)
    tampered = found[:-1] + ("0" if found[-1] != "0" else "1")
    never = [page(app, path, status=404) for path in (tampered, "/explain/none")]
    with Session(parts_of(app).journal.engine) as session, session.begin():
        session.scalars(select(Explanation)).one().created = NOW - dt.timedelta(days=31)
    assert {page(app, found, status=404), *never} == {never[0]}
    assert "No explanation is kept here" in never[0]
    for path in (found, tampered):
        response = app.test_client().get(path, headers={"Accept": "application/json"})
        assert (response.status_code, response.mimetype) == (404, "application/fhir+json")


def test_the_handle_is_made_of_tenant_consult_and_the_server_key() -> None:
    key, consult = b"k" * 32, "urn:uuid:1"
    made = (("a", key, consult), ("b", key, consult), ("a", b"x" * 32, consult), ("a", key, "urn:uuid:2"))
    handles = {explain_handle(Keys(tenant, secret), of) for tenant, secret, of in made}
    assert len(handles) == 4


def test_the_same_order_of_another_tenant_has_a_page_of_its_own(app: Flask) -> None:
    found = address(app, UNTREATED)
    journal = parts_of(app).journal
    [row] = rows(app)
    theirs = explain_handle(Keys("other", b"k" * 32), "urn:uuid:1")
    with Session(journal.engine) as session, session.begin():
        copy = {c.name: getattr(row, c.name) for c in Explanation.__table__.columns}
        mark = journal.hashed("", "explain", theirs)
        session.add(Explanation(**{**copy, "mark": mark, "tenant": "other", "policy": "medicare"}))
    assert told(app, found)["judged"]["policy"] == row.policy
    assert told(app, f"/explain/{theirs}")["judged"]["policy"] == "medicare"
    with Session(journal.engine) as session, session.begin():
        session.delete(session.scalars(select(Explanation).where(Explanation.tenant == "other")).one())
    page(app, f"/explain/{theirs}", status=404)
    page(app, found)


def test_where_the_page_cannot_be_stored_the_card_stays_and_the_page_says_so(app: Flask) -> None:
    journal = parts_of(app).journal
    with journal.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE explanations")
    found = address(app, UNTREATED)
    assert journal.failures == 1
    page(app, found, status=404)


# --- what if


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
    for clause in list(clauses(told(app, found)))[::9]:
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


# --- what is kept


def test_nothing_that_names_a_patient_is_kept_or_shown(app: Flask, tmp_path: Path) -> None:
    body = call(order("secret-order-id", note=[{"text": "secret note"}]))
    body["context"]["patientId"] = body["prefetch"]["patient"]["id"] = "secret-patient-id"
    body["context"]["draftOrders"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/secret-patient-id"}
    body["context"]["userId"] = "Practitioner/secret-user"
    body["prefetch"]["patient"] |= {"name": [{"family": "secret-name"}], "birthDate": "1980-02-03"}
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {
        "resourceType": "Condition", "id": "c9", "subject": {"reference": "Patient/secret-patient-id"},
        "code": {"text": "secret words", "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C79.51",
                                                     "display": "secret display"}]}}}]}  # fmt: skip
    [found] = [a for card in answered(app, body) for a in explained_at(card)]
    text = page(app, found) + json.dumps(told(app, found))
    assert "Condition/c9" in json.dumps([r.facts for r in rows(app)])
    assert "secret" not in text and "1980-02-03" not in text
    parts_of(app).journal.engine.dispose()
    for file in tmp_path.glob("journal.sqlite*"):
        held = file.read_bytes()
        assert b"secret" not in held and b"1980-02-03" not in held


def test_a_value_that_may_be_words_is_not_kept_and_counts_as_not_searched(app: Flask) -> None:
    library = parts_of(app).decision.library
    study = library.catalogue["mri_lumbar_spine.without"]
    draft = Order("ServiceRequest/o", Kind.STUDY, study)
    facts = Facts({"order.purpose": Fact("order.purpose", "Ann Example, pain", Basis.RECORDED, ("ServiceRequest/o",))})
    judged = Judged("h", Verdict(draft.reference, Rating.NO_CRITERIA, Because.OUT_OF_SCOPE), draft, [draft],
                    {study.id: facts}, "default", NOW.date())  # fmt: skip
    row = to_row(judged, "m", "t", NOW, "1")
    assert row.facts == [{"study": study.id, "facts": []}]
    assert row.unsearched == ["order.purpose"]


def test_only_listed_keys_stand_in_a_row(app: Flask) -> None:
    for name in NAMES:
        answered(app, request_of(name))
    allowed = stored_fields()["explanations"]

    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    for row in rows(app):
        for column in ("orders", "facts"):
            assert keys(getattr(row, column)) <= set(allowed[column].holds)


def test_the_same_answer_again_takes_the_place_of_the_first(app: Flask) -> None:
    assert address(app, UNTREATED) == address(app, UNTREATED)
    assert len(rows(app)) == 1


def test_an_order_without_a_card_leaves_no_explanation(app: Flask) -> None:
    assert answered(app, request_of("01")) == []
    assert rows(app) == []


def test_old_explanations_go_when_new_ones_come(tmp_path: Path) -> None:
    clock = [NOW]
    settings = read_settings({}, open=True, data_dir=str(tmp_path), base_url=BASE, explanation_days=7)
    app = create_app(settings, lambda: clock[0])
    first = address(app, UNTREATED)
    clock[0] = NOW + dt.timedelta(days=6, hours=23)
    page(app, first)
    clock[0] = NOW + dt.timedelta(days=7, hours=1)
    page(app, first, status=404)
    answered(app, request_of("08"))
    assert {r.created for r in rows(app)} == {clock[0]}
    parts_of(app).journal.engine.dispose()


def test_a_site_may_keep_nothing_and_then_no_card_links_to_it(make: Callable[..., Flask]) -> None:
    app = make(explanation_days=0)
    cards = answered(app, request_of(UNTREATED))
    assert cards and not any(explained_at(card) for card in cards)
    assert rows(app) == []


def test_criteria_that_changed_since_are_said_to_have(app: Flask) -> None:
    found = address(app, UNTREATED)
    assert not told(app, found)["judged"]["criteria_changed"]
    assert "have changed" not in page(app, found)
    with Session(parts_of(app).journal.engine) as session, session.begin():
        row = session.scalars(select(Explanation)).one()
        row.version, row.rating, row.because = "0.0.9+0123456789ab", "appropriate", "pathway-met"
    document = told(app, found)
    assert document["judged"]["criteria_changed"]
    assert document["judged"]["answered_then"]["rating"] == "appropriate"
    assert "The answer then was: Appropriate" in plain(page(app, found))


def test_where_explanations_are_linked_is_the_sites_choice() -> None:
    def read_pages(**given: Any) -> str:
        return read_settings({}, open=True, **given).served_at("http://127.0.0.1:8000").explain_pages

    assert read_pages() == "http://127.0.0.1:8000/explain"
    assert read_pages(base_url=BASE) == f"{BASE}/explain"
    assert read_pages(consult_pages="https://portal.example/why") == "https://portal.example/why"
    assert read_pages(consult_pages="none") == ""
    assert read_pages(explanation_days=0) == ""
