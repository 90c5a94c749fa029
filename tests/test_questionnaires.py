"""The questions of a criterion as a FHIR form: it is valid, asks what its rule asks, and its answers count."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from criteria import Library
from criteria.facts import Basis, FactDefinition
from hooks.validate import faults
from mappings.attested import read_attested
from mappings.records import read_records
from tests.service_examples import NOW, make_app, parts_of

Json = dict[str, Any]
LOW_BACK = "/fhir/Questionnaire/evicore-spine-2023/low_back_pain_mri"
BASE = "https://cds.example.org"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = make_app(Path(tmp_path_factory.mktemp("forms")), base_url=BASE)
    yield made
    parts_of(made).journal.engine.dispose()


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def library(app: Flask) -> Library:
    return parts_of(app).decision.library


@pytest.fixture(scope="module")
def forms(client: FlaskClient, library: Library) -> dict[str, Json]:
    return {c.id: client.get(f"/fhir/Questionnaire/{c.id}").get_json() for c in library.criteria}


def items(form: Json) -> dict[str, Json]:
    return {item["linkId"]: item for item in form.get("item", ())}


def test_the_form_of_every_criterion_is_valid_fhir(forms: dict[str, Json]) -> None:
    assert {name: wrong for name, form in forms.items() if (wrong := faults(form))} == {}
    assert len({form["id"] for form in forms.values()}) == len(forms)
    assert len({form["name"] for form in forms.values()}) == len(forms)


def test_every_item_asks_a_fact_once_and_is_enabled_by_items_of_the_form(
    forms: dict[str, Json], library: Library
) -> None:
    for form in forms.values():
        asked = items(form)
        assert len(asked) == len(form.get("item", ()))
        for name, item in asked.items():
            assert item["text"] == library.vocabulary[name].ask
            for condition in item.get("enableWhen", ()):
                assert condition["question"] in asked
                assert condition["question"] != name


def test_no_item_waits_for_itself_by_way_of_others(forms: dict[str, Json]) -> None:
    for name, form in forms.items():
        waits = {n: {w["question"] for w in i.get("enableWhen", ())} for n, i in items(form).items()}
        while free := [n for n, held in waits.items() if not held & waits.keys()]:
            waits = {n: held for n, held in waits.items() if n not in free}
        assert not waits, (name, waits)


def test_a_form_asks_what_its_rule_and_its_prerequisites_need(forms: dict[str, Json]) -> None:
    asked = items(forms["evicore-spine-2023/low_back_pain_mri"])
    assert asked["trial_of_treatment.duration_weeks"]["type"] in ("quantity", "integer")
    assert asked["trial_of_treatment.provider_directed"]["type"] == "boolean"
    [when] = [
        w
        for w in asked["trial_of_treatment.duration_weeks"]["enableWhen"]
        if w["question"] == "trial_of_treatment.provider_directed"
    ]
    assert (when["operator"], when["answerBoolean"]) == ("=", True)


def test_a_form_is_found_by_rule_by_id_and_by_canonical(client: FlaskClient) -> None:
    form = client.get(LOW_BACK).get_json()
    assert form["url"] == BASE + LOW_BACK
    assert client.get(f"/fhir/Questionnaire/{form['id']}").get_json() == form
    for wanted in (form["url"], f"{form['url']}|{form['version']}"):
        bundle = client.get("/fhir/Questionnaire", query_string={"url": wanted}).get_json()
        assert [e["resource"] for e in bundle["entry"]] == [form]
        assert faults(bundle) == ()


@pytest.mark.parametrize("wanted", [f"{BASE}/fhir/Questionnaire/none/such", "https://elsewhere.example/form"])
def test_a_canonical_that_is_not_ours_finds_nothing(client: FlaskClient, wanted: str) -> None:
    bundle = client.get("/fhir/Questionnaire", query_string={"url": wanted}).get_json()
    assert (bundle["total"], bundle.get("entry")) == (0, None)
    assert faults(bundle) == ()


@pytest.mark.parametrize(("address", "status"), [("/none", 404), ("/evicore-spine-2023/none", 404), ("", 400)])
def test_what_is_not_a_form_is_an_outcome_that_says_what_to_do(client: FlaskClient, address: str, status: int) -> None:
    response = client.get(f"/fhir/Questionnaire{address}")
    assert (response.status_code, response.mimetype) == (status, "application/fhir+json")
    assert "/guidelines" in response.text or "?url=" in response.text


def test_the_questions_come_in_spanish_for_those_who_ask_for_it(client: FlaskClient, forms: dict[str, Json]) -> None:
    form = client.get(LOW_BACK, headers={"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}).get_json()
    assert form["language"] == "es"
    english = items(forms["evicore-spine-2023/low_back_pain_mri"])
    assert all(item["text"] != english[name]["text"] for name, item in items(form).items())


def answer_to(fact: FactDefinition, item: Json) -> Json:
    """Some answer of the item's own type."""
    match item["type"]:
        case "boolean":
            return {"valueBoolean": True}
        case "integer":
            return {"valueInteger": 3}
        case "quantity":
            [unit] = [e["valueCoding"] for e in item["extension"] if e["url"].endswith("questionnaire-unit")]
            return {"valueQuantity": {"value": 3, "system": unit["system"], "code": unit["code"]}}
    return {"valueCoding": item["answerOption"][0]["valueCoding"]}


def test_an_answer_to_any_item_counts_as_the_clinicians_statement(forms: dict[str, Json], library: Library) -> None:
    all_items = {name: item for form in forms.values() for name, item in items(form).items()}
    vocabulary = library.vocabulary
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "r",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "authored": NOW.isoformat(),
        "item": [{"linkId": n, "answer": [answer_to(vocabulary[n], i)]} for n, i in all_items.items()],
    }
    assert faults(response) == ()
    today: dt.date = NOW.date()
    records = read_records([{"resourceType": "Patient", "id": "p"}, response], "p")
    read = read_attested(records, today)
    assert [aside.why for aside in read.set_aside] == []
    facts = read.facts(None)
    assert facts.keys() == all_items.keys()
    assert {fact.basis for fact in facts.values()} == {Basis.ATTESTED}
