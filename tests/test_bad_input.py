"""What an EHR should not send: it is refused in words or answered rightly; never a 500, never silence."""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import read_settings
from tests.answers import Json, asked, cards, rating, said, silent
from tests.conftest import SERVICE
from tests.requests_loader import FIXTURES, good_requests, load, refused, today

URL = f"/cds-services/{SERVICE}"
REFUSED = refused()
GOOD = good_requests()
MUTATIONS = 20
"""Per good request, with one fault each, and half as many with three."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = create_app(read_settings({}, open=True, data_dir=str(tmp_path_factory.mktemp("service"))))
    yield made
    made.extensions["imaging_cds"].journal.engine.dispose()


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def is_refusal(response: TestResponse, status: int) -> str:
    """The words of the OperationOutcome."""
    assert response.status_code == status, response.get_data(as_text=True)[:300]
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    issue = outcome["issue"][0]
    assert issue["severity"] == "error"
    return f"{issue['diagnostics']} {' '.join(issue.get('expression', ()))}"


def answered(client: FlaskClient, body: Json) -> Json:
    response = client.post(URL, json=body)
    assert response.status_code == 200, response.get_data(as_text=True)[:300]
    answer: Json = response.get_json()
    return answer


# --- what is refused


def test_every_refused_request_is_in_the_index() -> None:
    files = {f.name for f in (FIXTURES / "refused").iterdir()} - {"README.yaml"}
    assert files == {entry["file"] for entry in REFUSED}


@pytest.mark.parametrize("entry", REFUSED, ids=lambda e: e["file"].rsplit(".", 1)[0])
def test_refused(client: FlaskClient, entry: Json) -> None:
    body = (FIXTURES / "refused" / entry["file"]).read_bytes()
    kind = entry.get("content_type", "application/json")
    path = f"/cds-services/{entry.get('path', SERVICE)}"
    response = client.post(path, data=body, content_type=kind or None)
    words = is_refusal(response, entry["status"])
    for expected in entry["words"]:
        assert expected in words


def test_the_good_form_of_what_is_refused_is_answered(client: FlaskClient) -> None:
    """Otherwise all the refusals above could have another reason."""
    answer = answered(client, json.loads((FIXTURES / "refused" / "text_content_type.json").read_bytes()))
    assert silent(answer, ["order-1"]) == []


def test_no_refusal_holds_what_the_caller_sent(client: FlaskClient) -> None:
    """Every text of a request is replaced by a secret in turn; no refusal gives it away."""
    good = GOOD["05_new_foot_drop"]
    envelope = {k: v for k, v in good.items() if k != "prefetch"}
    for path in paths_of(envelope):
        body = copy.deepcopy(good)
        put(body, path, "Zebra7731 <b>")
        response = client.post(URL, json=body)
        if response.status_code != 200:
            assert "Zebra7731" not in response.get_data(as_text=True), path


@pytest.mark.parametrize("depth", [101, 1_000, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
def test_a_body_nested_too_deep_is_refused(client: FlaskClient, depth: int, opens: str, closes: str) -> None:
    nested = opens * depth + "1" + closes * depth
    text = json.dumps(GOOD["05_new_foot_drop"])[:-1] + f', "extension": {{"deep": {nested}}}}}'
    is_refusal(client.post(URL, data=text, content_type="application/json"), 400)


def test_nesting_as_deep_as_fhir_ever_is_is_read(client: FlaskClient) -> None:
    body = copy.deepcopy(GOOD["05_new_foot_drop"])
    deep: Any = 1
    for _ in range(60):
        deep = {"a": deep}
    body["extension"] = {"deep": deep}
    assert rating(answered(client, body), "order-1") == "appropriate"


def test_ten_thousand_observations_are_read(client: FlaskClient) -> None:
    body = load("requests/01_lumbar_mri_after_treatment.json")
    one = body["prefetch"]["observations"]["entry"][0]
    many = [{"resource": {**one["resource"], "id": f"w{n}", "code": {"text": "weight"}}} for n in range(10_000)]
    body["prefetch"]["observations"]["entry"] += many
    body["prefetch"]["observations"]["total"] += len(many)
    assert rating(answered(client, body), "order-1") == "appropriate"


def test_ten_thousand_drafts_are_too_many(client: FlaskClient) -> None:
    body = load("requests/05_new_foot_drop.json")
    entries = body["context"]["draftOrders"]["entry"]
    one = entries[0]["resource"]
    entries += [{"resource": {**one, "id": f"copy-{n}"}} for n in range(10_000)]
    is_refusal(client.post(URL, json=body), 413)


def test_a_bundle_without_end_is_too_large(client: FlaskClient) -> None:
    body = load("requests/05_new_foot_drop.json")
    body["prefetch"]["conditions"]["entry"] = [{}] * 30_000
    is_refusal(client.post(URL, json=body), 413)


def test_more_than_five_megabytes_are_too_large(client: FlaskClient) -> None:
    body = {**GOOD["05_new_foot_drop"], "extension": {"padding": "x" * 5_000_001}}
    is_refusal(client.post(URL, json=body), 413)


# --- what is answered, rightly


def test_selections_are_whole_references(client: FlaskClient) -> None:
    """order-1 is the beginning of order-12, and the other way round order-12 holds order-1."""
    body = load("requests/13_one_of_two_drafts_selected.json")
    for chosen, other in (("order-1", "order-12"), ("order-12", "order-1")):
        body["context"]["selections"] = [f"ServiceRequest/{chosen}"]
        answer = answered(client, body)
        assert silent(answer, [chosen]) == []
        assert (rating(answer, other), cards(answer, other)) == (None, [])


def test_facts_about_one_order_do_not_count_for_one_that_begins_like_it(client: FlaskClient) -> None:
    """All answers about treatment are tied to order-1; order-12, the same study in other words, has none."""
    body = load("requests/13_one_of_two_drafts_selected.json")
    entries = body["context"]["draftOrders"]["entry"]
    entries[1]["resource"] = {**entries[0]["resource"], "id": "order-12"}
    for entry in body["prefetch"]["observations"]["entry"]:
        entry["resource"]["basedOn"] = [{"reference": "ServiceRequest/order-1"}]
    for key in ("procedures", "medication_requests", "encounters"):
        body["prefetch"][key] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    body["context"]["selections"] = ["ServiceRequest/order-12"]
    assert rating(answered(client, body), "order-12") != "appropriate"


def test_a_chart_of_a_patient_whose_id_begins_alike_does_not_count(client: FlaskClient) -> None:
    body = load("requests/01_lumbar_mri_after_treatment.json")
    text = json.dumps(body["prefetch"]["observations"]).replace("Patient/patient-rowe", "Patient/patient-rowe2")
    body["prefetch"]["observations"] = json.loads(text)
    assert rating(answered(client, body), "order-1") is None


DATES = ["2026", "2026-03", "2026-13-45", "1900-01-01", "9999-12-31", "0001-01-01", "0000", "yesterday", "",
         "2026-03-10T10:00:00", "2026-03-10T25:61:00Z", "2026-03-10T10:00:00+14:00", "-2026-01-01"]  # fmt: skip


@pytest.mark.parametrize("date", DATES)
def test_any_date_anywhere_in_the_chart_gets_an_answer(client: FlaskClient, date: str) -> None:
    keys = {"birthDate", "onsetDateTime", "recordedDate", "effectiveDateTime", "authoredOn", "start", "end"}
    for name in ("01_lumbar_mri_after_treatment", "10_neck_injury_in_a_rollover"):
        body = copy.deepcopy(GOOD[name])
        for path in list(paths_of(body["prefetch"])):
            if path[-1] in keys:
                put(body["prefetch"], path, date)
        assert silent(answered(client, body), ["order-1"]) == []


def test_answers_dated_in_the_future_are_no_answers_yet(client: FlaskClient) -> None:
    body = load("requests/01_lumbar_mri_after_treatment.json")
    body["prefetch"]["observations"] = load_later()["prefetch"]["observations"]
    assert rating(answered(client, body), "order-1") is None


def load_later() -> Json:
    """The same request as it will be in two months."""
    return load("requests/01_lumbar_mri_after_treatment.json", today() + dt.timedelta(days=60))


def test_treatment_that_is_only_planned_is_no_treatment(client: FlaskClient) -> None:
    body = load("requests/02_lumbar_mri_no_word_on_treatment.json")
    body["prefetch"]["procedures"] = load_later()["prefetch"]["procedures"]
    answer = answered(client, body)
    assert rating(answer, "order-1") is None
    assert "trial_of_treatment.duration_weeks" in asked(answer, "order-1")


@pytest.mark.parametrize(
    "unit", [{"unit": "furlong"}, {"unit": "mol", "code": "mol", "system": "http://unitsofmeasure.org"}]
)
def test_a_value_in_an_unknown_unit_is_not_read_as_if_it_were_in_ours(client: FlaskClient, unit: Json) -> None:
    """A filtration rate of 22 furlongs says nothing about the kidneys."""
    body = load("requests/06_discitis_with_low_egfr.json")
    for entry in body["prefetch"]["observations"]["entry"]:
        if entry["resource"]["code"].get("text") in ("eGFR", "Creatinine"):
            entry["resource"]["valueQuantity"] = {"value": 22, **unit}
    answer = answered(client, body)
    assert silent(answer, ["order-1"]) == []
    assert "nephrogenic" not in said(answer)


def test_a_number_without_a_unit_is_read_in_the_facts_own(client: FlaskClient) -> None:
    body = load("requests/01_lumbar_mri_after_treatment.json")
    body["prefetch"]["procedures"] = body["prefetch"]["medication_requests"] = {
        "resourceType": "Bundle", "type": "searchset", "total": 0}  # fmt: skip
    weeks = next(e["resource"] for e in body["prefetch"]["observations"]["entry"]
                 if e["resource"]["code"]["coding"][0]["code"] == "trial_of_treatment.duration_weeks")  # fmt: skip
    weeks.pop("valueQuantity", None)
    weeks.pop("valueInteger", None)
    for value, expected in (({"valueQuantity": {"value": 7}}, "appropriate"), ({"valueInteger": 7}, "appropriate"),
                            ({"valueQuantity": {"value": 49, "code": "d"}}, "appropriate"),
                            ({"valueQuantity": {"value": 7, "code": "d"}}, "not-appropriate"),
                            ({"valueQuantity": {"value": 7, "unit": "moons", "code": "moons"}}, None)):  # fmt: skip
        one = {**weeks, **value}
        copied = copy.deepcopy(body)
        entries = copied["prefetch"]["observations"]["entry"]
        copied["prefetch"]["observations"]["entry"] = [
            {"resource": one} if e["resource"]["id"] == weeks["id"] else e for e in entries
        ]
        assert rating(answered(client, copied), "order-1") == expected, value


# --- anything anywhere

WRONG: list[Any] = [None, True, False, 0, -1, 1.5, 10**18, "", "x", "\u0000", "2026-02-30", "ServiceRequest/order-1",
                    [], {}, [[]], [None], [{}], {"x": {}}, {"coding": 7}, {"coding": [7]}, {"reference": 7},
                    {"value": "many"}, "\U0001f9b4" * 300, {"resourceType": "Bundle"}]  # fmt: skip
Path = tuple[Any, ...]


def paths_of(value: Any, at: Path = ()) -> Iterator[Path]:
    """Where there is something in a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*at, key)
        yield from paths_of(child, (*at, key))


def put(value: Any, path: Path, new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


def mutate(body: Json, chance: random.Random) -> Path:
    """One node replaced by something of another type, or taken away. Half of the time in the drafts."""
    paths = list(paths_of(body))
    drafts = [p for p in paths if p[:2] == ("context", "draftOrders") and len(p) > 2]
    path = chance.choice(drafts if drafts and chance.random() < 0.5 else paths)
    if chance.random() < 0.15:
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]
    else:
        put(body, path, copy.deepcopy(chance.choice(WRONG)))
    return path


def imaging_in_focus(body: Json, good: Json) -> list[str]:
    """Ids of the drafts in focus whose code is still as it was, so that they are surely imaging."""
    codes = [e["resource"]["code"] for e in good["context"]["draftOrders"]["entry"]]
    drafts = [e["resource"] for e in body["context"]["draftOrders"].get("entry") or ()]
    held = [d for d in drafts if d.get("resourceType") == "ServiceRequest" and d.get("code") in codes]
    chosen = body["context"].get("selections") if body["hook"] == "order-select" else None
    return [d["id"] for d in held if chosen is None or f"ServiceRequest/{d['id']}" in chosen]


@pytest.mark.parametrize("faults", [1, 3])
@pytest.mark.parametrize("name", GOOD)
def test_whatever_is_wrong_inside_it_is_refused_or_answered(client: FlaskClient, name: str, faults: int) -> None:
    chance = random.Random(f"{name}-{faults}")
    for _ in range(MUTATIONS if faults == 1 else MUTATIONS // 2):
        body = copy.deepcopy(GOOD[name])
        where = [mutate(body, chance) for _ in range(faults)]
        response = client.post(URL, json=body)
        if response.status_code != 200:
            assert 400 <= response.status_code < 500, where
            assert response.get_json()["resourceType"] == "OperationOutcome", where
            continue
        answer = response.get_json()
        assert silent(answer, imaging_in_focus(body, GOOD[name])) == [], where
