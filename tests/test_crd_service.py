"""Da Vinci CRD over HTTP: discovery, refusals as each version wants them, and our own trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

from criteria.errors import DataError
from service.clients import load_profiles
from service.decide import Decision
from tests.explain_examples import request_of
from tests.service_examples import SERVICE, call, make_app, parts_of
from tests.test_contracts import facts_of, insured

Json = dict[str, Any]


@pytest.fixture(params=["crd-2.0.1", "crd-2.2"])
def crd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, FlaskClient]]:
    """A version, and a service whose clients speak it."""
    app = make_app(tmp_path, default_profile=request.param)
    yield request.param, app.test_client()
    parts_of(app).journal.engine.dispose()


def test_discovery_names_versions_and_an_option_for_each_type_of_card(crd: tuple[str, FlaskClient]) -> None:
    for service in crd[1].get("/cds-services").get_json()["services"]:
        extension = service["extension"]
        assert extension["davinci-crd.version"] == ["2.0", "2.2"]
        options = extension["davinci-crd.configuration-options"]
        assert all(set(o) == {"code", "type", "name", "description", "default"} for o in options)
        assert {o["code"] for o in options} == {
            "coverage-info", "appropriate-use", "guideline", "off-guideline", "contraindication", "max-cards",
        }  # fmt: skip
        assert {type(o["default"]) for o in options if o["type"] == "boolean"} == {bool}


def test_what_is_no_json_is_a_400(crd: tuple[str, FlaskClient]) -> None:
    assert crd[1].post(SERVICE, data="{", content_type="application/json").status_code == 400


@pytest.mark.parametrize("changed", [{"hook": "patient-view"}, {"context": ...}, {"hookInstance": "x"}])
def test_json_that_breaks_the_rules_is_422_in_2_0_1_and_400_in_2_2(crd: tuple[str, FlaskClient], changed: Json) -> None:
    version, client = crd
    response = client.post(SERVICE, json={k: v for k, v in {**call(), **changed}.items() if v is not ...})
    assert response.status_code == (422 if version == "crd-2.0.1" else 400)
    assert response.mimetype == "application/fhir+json"
    assert response.get_json()["resourceType"] == "OperationOutcome"


def test_an_order_that_is_no_fhir_is_422_in_2_0_1_and_400_in_2_2(crd: tuple[str, FlaskClient]) -> None:
    version, client = crd
    body = call()
    body["context"]["draftOrders"]["entry"][0]["resource"]["intent"] = []
    del body["context"]["draftOrders"]["entry"][0]["resource"]["status"]
    assert client.post(SERVICE, json=body).status_code == (422 if version == "crd-2.0.1" else 400)


def covered(*payors: Json) -> Json:
    """A call whose chart holds one Coverage for each payor."""
    body = call()
    body["prefetch"]["coverages"]["entry"] = [
        {"resource": {"resourceType": "Coverage", "id": f"c{n}", "status": "active", "payor": [payor],
                      "beneficiary": {"reference": "Patient/p1"}}}
        for n, payor in enumerate(payors)
    ]  # fmt: skip
    return body


PAYOR = {"identifier": {"system": "https://example.org/payers", "value": "1"}}


@pytest.mark.parametrize(
    "body",
    [call(), covered(PAYOR, PAYOR), covered({"display": "Example Health"})],
    ids=["no Coverage", "several", "no identifier"],
)
def test_a_call_for_no_single_payer_is_a_400_in_2_2_and_answered_in_2_0_1(
    crd: tuple[str, FlaskClient], body: Json
) -> None:
    version, client = crd
    response = client.post(SERVICE, json=body)
    assert response.status_code == (200 if version == "crd-2.0.1" else 400)
    if version == "crd-2.2":
        assert response.get_json()["issue"][0]["expression"] == ["prefetch.coverages"]
        assert "Example" not in response.text


def test_a_coverage_that_could_not_be_had_is_a_412_in_2_2(crd: tuple[str, FlaskClient]) -> None:
    version, client = crd
    body = call()
    del body["prefetch"]["coverages"]
    assert client.post(SERVICE, json=body).status_code == (200 if version == "crd-2.0.1" else 412)


@pytest.mark.parametrize(
    ("payers", "status"), [("https://example.org/payers|1", 200), ("https://example.org/x|1", 400)]
)
def test_a_site_may_say_for_which_payers_it_answers(tmp_path: Path, payers: str, status: int) -> None:
    app = make_app(tmp_path, default_profile="crd-2.2", crd_payers=payers)
    response = app.test_client().post(SERVICE, json=covered(PAYOR))
    parts_of(app).journal.engine.dispose()
    assert response.status_code == status


OTHERS = ("Appointment", "DeviceRequest", "MedicationRequest", "NutritionOrder", "VisionPrescription")


@pytest.mark.parametrize("name", ["02", "08", "12"])
def test_nothing_but_service_requests_is_ever_written(crd: tuple[str, FlaskClient], name: str) -> None:
    """Other drafts are read for company; so no update of them, no Task and no Coverage can break its profile."""
    body = insured(request_of(name))
    patient = {"reference": f"Patient/{body['context']['patientId']}"}
    body["context"]["draftOrders"]["entry"] += [
        {"resource": {"resourceType": kind, "id": kind.lower(), "status": "draft", "subject": patient}}
        for kind in OTHERS
    ]
    answer = crd[1].post(SERVICE, json=body).get_json()
    offered = [a for card in answer["cards"] for s in card.get("suggestions", ()) for a in s["actions"]]
    assert answer["systemActions"]
    written = [a["resource"]["resourceType"] for a in (*answer["systemActions"], *offered) if "resource" in a]
    assert set(written) == {"ServiceRequest"}
    assert all(a["resourceId"].startswith("ServiceRequest/") for a in offered if a["type"] == "delete")


def test_without_the_patient_both_get_a_412(crd: tuple[str, FlaskClient]) -> None:
    body = call()
    del body["prefetch"]["patient"]
    assert crd[1].post(SERVICE, json=body).status_code == 412


def test_our_own_trouble_is_an_error_in_2_0_1_and_an_undetermined_coverage_in_2_2(
    crd: tuple[str, FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("trouble")

    monkeypatch.setattr(Decision, "decide", broken)
    version, client = crd
    response = client.post(SERVICE, json=request_of("02"))
    if version == "crd-2.0.1":
        assert response.status_code == 500
        return
    told = facts_of(response.get_json())
    assert (told["says"]["covered"], told["cards"]) == ("indeterminate", [])
    assert told["says"]["reason"]["coding"][0]["code"] == "technical"


def test_a_call_may_ask_for_another_version(crd: tuple[str, FlaskClient]) -> None:
    answers = {
        asked: crd[1]
        .post(SERVICE, json={**request_of("02"), "extension": {"davinci-crd.requestedVersion": asked}})
        .get_json()
        for asked in ("2.0", "2.2", "9.9", "", 2)
    }
    old, new = (facts_of(answers[v])["says"].get("info-needed") for v in ("2.0", "2.2"))
    assert (old, new) == (None, "OTH")
    usual = answers["2.0" if crd[0] == "crd-2.0.1" else "2.2"]
    assert all(answers[v] == usual for v in ("9.9", "", 2))


def test_a_sites_table_of_plans_is_read_at_start(tmp_path: Path) -> None:
    row = {"covered": "covered", "pa-needed": "auth-needed"}
    answers = ("appropriate", "appropriate-provisional", "not-appropriate", "no-criteria-apply", "unrated")
    rows = {**dict.fromkeys(answers, row), "needs-information": {**row, "doc-needed": ["admin"]}}
    file = tmp_path / "plans.yaml"
    reviewed = "reviewed: {by: a committee, date: 2026-01-01}\n"
    file.write_text(reviewed + yaml.dump({"plans": {"cigna-evicore": rows}}, Dumper=_Whole))
    app = make_app(tmp_path, default_profile="crd-2.2", plans_file=str(file))
    told = facts_of(app.test_client().post(SERVICE, json=request_of("02")).get_json())
    parts_of(app).journal.engine.dispose()
    assert {k: told["says"].get(k) for k in ("covered", "pa-needed", "doc-needed", "info-needed")} == {
        "covered": "covered", "pa-needed": "auth-needed", "doc-needed": "admin", "info-needed": None,
    }  # fmt: skip
    file.write_text(reviewed + "plans: {nobody: {}}\n")
    with pytest.raises(DataError, match="is no policy"):
        make_app(tmp_path, default_profile="crd-2.2", plans_file=str(file))


class _Whole(yaml.SafeDumper):
    """Writes every row out: the reader takes no anchors for granted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def test_a_profile_names_only_versions_and_scores_that_exist(tmp_path: Path) -> None:
    shipped = (Path(__file__).parent.parent / "service" / "clients.yaml").read_text()
    file = tmp_path / "clients.yaml"
    for old, new in (("crd: '2.2'", "crd: '3.0'"), ("scores: epic", "scores: epik")):
        file.write_text(shipped.replace(old, new))
        with pytest.raises(DataError, match="is empty or one of"):
            load_profiles(file)
