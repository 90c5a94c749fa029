"""What is kept so that an answer can be explained, and for how long."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from criteria.facts import Basis, Fact, Facts
from criteria.orders import Kind, Order
from criteria.ratings import Because, Rating, Verdict
from service.app import create_app
from service.journal import Judged
from service.journal.explained import to_row
from service.journal.fields import stored_fields
from service.journal.models import Explanation
from service.settings import read_settings
from tests.explain_examples import (
    BASE,
    NAMES,
    TREATED_WITH_PACEMAKER,
    UNTREATED,
    address,
    answered,
    explained_at,
    explaining,
    page,
    plain,
    request_of,
    rows,
    told,
)
from tests.response_rules import faults
from tests.service_examples import NOW, SERVICE, Json, call, order, parts_of


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with explaining(tmp_path) as made:
        yield made


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
    assert row["facts"] == [{"study": study.id, "facts": []}]
    assert row["unsearched"] == ["order.purpose"]


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


def test_an_appropriate_order_without_a_card_leaves_no_explanation(app: Flask) -> None:
    assert answered(app, request_of("01")) == []
    assert rows(app) == []


def silent() -> Json:
    """CT for a treated patient with a pacemaker of which nobody recorded whether it allows MRI: appropriate, as long as
    it does not."""
    body = request_of(TREATED_WITH_PACEMAKER)
    draft = body["context"]["draftOrders"]["entry"][0]["resource"]
    draft["code"] = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72131"}]}
    return body


def test_an_appropriate_order_that_leans_on_a_presumption_says_beside_its_rating_where_that_is_told(app: Flask) -> None:
    answer = app.test_client().post(SERVICE, json=silent()).get_json()
    assert answer["cards"] == []
    [action] = answer["systemActions"]
    assert answer["extension"]["systemActions"] == [action]
    url = action["extension"]["io.github.imaging-cds"]["explained"]
    assert "/explain/" not in json.dumps(action["resource"]), "who gets the order later does not get the address"
    document = told(app, url.removeprefix(BASE))
    assert document["verdict"]["rating"] == "appropriate" and document["verdict"]["provisional"]
    assert "mri.contraindicated" in {p["fact"] for p in document["presumed"]}
    assert faults(answer, [entry["resource"] for entry in silent()["context"]["draftOrders"]["entry"]]) == []


def test_where_nothing_can_be_explained_there_is_no_address_beside_the_rating(tmp_path: Path) -> None:
    with explaining(tmp_path, consult_pages="none") as app:
        [action] = app.test_client().post(SERVICE, json=silent()).get_json()["systemActions"]
        assert "extension" not in action
        assert rows(app) == []


def test_old_explanations_go(tmp_path: Path) -> None:
    clock = [NOW]
    settings = read_settings({}, open=True, data_dir=str(tmp_path), base_url=BASE, explanation_days=7)
    app = create_app(settings, lambda: clock[0])
    first = address(app, UNTREATED)
    clock[0] = NOW + dt.timedelta(days=6, hours=23)
    page(app, first)
    clock[0] = NOW + dt.timedelta(days=7, hours=1)
    page(app, first, status=404)
    answered(app, request_of("08"))
    parts_of(app).journal.sweep(clock[0])
    assert {r.created for r in rows(app)} == {clock[0]}
    parts_of(app).journal.engine.dispose()


def test_a_site_may_keep_nothing_and_then_no_card_links_to_it(tmp_path: Path) -> None:
    with explaining(tmp_path, explanation_days=0) as app:
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
