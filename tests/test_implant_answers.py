"""What is said about implants: that there is none, that one is not MR safe, whatever else could not be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from criteria.errors import DataError
from mappings.searched import places, settled
from tests.answers import Json, asked, cards, offered, rating
from tests.service_examples import SERVICE, call, make_app, order

SYSTEM = "https://imaging-cds.github.io/fhir/CodeSystem/guideline-fact"
SAFE, ANY, UNSAFE = "implant.mr_conditional_or_safe", "implant.any", "evicore-preface-2021/unsafe_metal"
TREATED = {
    "clinical_evaluation.initial_performed": True, "trial_of_treatment.provider_directed": True,
    "trial_of_treatment.duration_weeks": 7, "trial_of_treatment.ended_days_ago": 7,
    "trial_of_treatment.significant_improvement": False, "reevaluation.after_treatment": True,
    "clinical_evaluation.in_person_days_ago": 0,
}  # fmt: skip
"""A finished trial of treatment for low back pain, after which MRI is appropriate."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return make_app(tmp_path_factory.mktemp("implants")).test_client()


def said(fact: str, value: bool | int) -> Json:
    kind = "valueBoolean" if isinstance(value, bool) else "valueInteger"
    return {
        "resourceType": "Observation", "id": fact.replace(".", "-").replace("_", "-"), "status": "final",
        "code": {"coding": [{"system": SYSTEM, "code": fact}]}, "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-06-01", kind: value,
    }  # fmt: skip


def chart(*more: Json, without: tuple[str, ...] = ()) -> Json:
    """An MRI of the lumbar spine that is appropriate but for what is said here; ``without`` keys of the prefetch."""
    body = call(order(code="72148"))
    stated = [said(name, value) for name, value in TREATED.items()] + [r for r in more if "code" in r]
    for key, held in {"observations": stated, "devices": [r for r in more if "code" not in r]}.items():
        body["prefetch"][key] = {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": r} for r in held],
        }
    body["prefetch"] = {k: v for k, v in body["prefetch"].items() if k not in without}
    return body


def answer(client: FlaskClient, body: Json) -> Json:
    response = client.post(SERVICE, json=body)
    assert response.status_code == 200
    found: Json = response.get_json()
    return found


UNKNOWN = {
    "resourceType": "Device", "id": "d", "status": "active", "patient": {"reference": "Patient/p1"},
    "type": {"text": "Frobnicator"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "without"), [((), ("devices",)), ((), ()), ((UNKNOWN,), ()), ((UNKNOWN,), ("conditions",))]
)
def test_an_implant_that_is_said_not_to_be_safe_forbids_mri(
    client: FlaskClient, more: tuple[Json, ...], without: tuple[str, ...]
) -> None:
    found = answer(client, chart(*more, said(SAFE, False), without=without))
    assert rating(found, "order-1") == "not-appropriate"
    (card,) = cards(found, "order-1")
    assert card["indicator"] == "critical"
    assert UNSAFE in card["extension"]["io.github.imaging-cds"]["criteria"]


@pytest.mark.parametrize("without", [(), ("devices",)])
def test_ct_stands_in_for_the_mri_that_an_unsafe_implant_forbids(client: FlaskClient, without: tuple[str, ...]) -> None:
    assert "72131" in offered(answer(client, chart(said(SAFE, False), without=without)), "order-1")


def test_where_devices_could_not_be_read_the_first_question_is_whether_there_is_an_implant(client: FlaskClient) -> None:
    found = answer(client, chart(without=("devices",)))
    assert rating(found, "order-1") is None
    assert asked(found, "order-1") == {ANY}


def test_that_there_is_none_settles_it(client: FlaskClient) -> None:
    found = answer(client, chart(said(ANY, False), without=("devices",)))
    assert rating(found, "order-1") == "appropriate"
    assert "could not be checked" not in str(cards(found, "order-1")).casefold()


@pytest.mark.parametrize(("day", "open_now"), [("2026-05-02", set()), ("2026-05-01", {ANY})])
def test_that_there_was_none_over_a_month_ago_does_not_settle_it(
    client: FlaskClient, day: str, open_now: set[str]
) -> None:
    stated = {**said(ANY, False), "effectiveDateTime": day}
    assert asked(answer(client, chart(stated, without=("devices",))), "order-1") == open_now


@pytest.mark.parametrize("without", [(), ("devices",)])
def test_that_there_is_one_asks_for_its_safety(client: FlaskClient, without: tuple[str, ...]) -> None:
    found = answer(client, chart(said(ANY, True), without=without))
    assert rating(found, "order-1") is None
    assert asked(found, "order-1") == {SAFE}


@pytest.mark.parametrize("without", [(), ("devices",)])
def test_one_that_is_safe_does_not_stand_in_the_way(client: FlaskClient, without: tuple[str, ...]) -> None:
    found = answer(client, chart(said(ANY, True), said(SAFE, True), without=without))
    assert rating(found, "order-1") == "appropriate"


def test_nobodys_no_speaks_against_an_implant_on_file(client: FlaskClient) -> None:
    pacemaker = {**UNKNOWN, "type": {"coding": [{"system": "http://snomed.info/sct", "code": "14106009"}]}}
    found = answer(client, chart(pacemaker, said(ANY, False)))
    assert rating(found, "order-1") == "not-appropriate"


@pytest.mark.parametrize(
    "line", ["implant.anything: [implant.*]", "implant.any: [implants.*]", "pain.severity_vas: [pain.*]"]
)
def test_what_settles_what_names_facts(tmp_path: Path, line: str) -> None:
    table = tmp_path / "searched.yaml"
    table.write_text(f"settled:\n  {line}\nimplant.*: [Device]\n")
    with pytest.raises(DataError, match=r"searched\.yaml line 2"):
        settled(table)
    assert places(table)["implant.pacemaker"] == {"Device"}
