"""As whom the app comes to an EHR: the table of EHRs, the app's keys, the scopes, and what an EHR says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from flask.testing import FlaskClient

from criteria.errors import DataError
from service.cli import main
from service.jwk import PRIVATE
from service.settings import SettingsError, read_settings
from service.smart.configuration import Unusable, read_configuration
from service.smart.ehrs import FIELDS, SCOPES, Ehrs, load_ehrs
from service.smart.keys import load_keys, new_keys
from service.smart.scopes import asked, may_read
from service.smart.sealed import Seal
from service.smart.words import words
from tests.service_examples import make_app, parts_of
from tests.smart_examples import Clock, clock, context_of, ehr, make_site
from tests.smart_server import SmartServer

__all__ = ["clock", "ehr"]

ROW = {"iss": "https://ehr.example.org/fhir", "tenant": "hospital", "client_id": "imaging-cds"}
ENDPOINTS = {"authorization_endpoint": "https://ehr.example/a?tenant=1", "token_endpoint": "https://ehr.example/t"}


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return new_keys()


@pytest.fixture
def keys_file(keys: dict[str, Any], tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(keys))
    return file


# --- keys


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_confidential_client_signs_for_its_tokens_and_their_renewal(
    tmp_path: Path, ehr: SmartServer, clock: Clock, keys_file: Path, algorithm: str
) -> None:
    site = make_site(tmp_path, ehr, clock, {"key": algorithm}, smart_keys_file=str(keys_file))
    ehr.app.keys = site.get("/.well-known/jwks.json").get_json()
    told = {"patient": "patient-tran", "user": "Practitioner/practitioner-1"}
    path = site.launched(context_of(site.hook()), **told)
    clock.later(minutes=10)
    assert "Ada Example" in site.page(path)
    assert len(ehr.assertions) == 2, "each of its words is good once"
    assert not [a for a in ehr.asked if "client_assertion" in a]
    parts_of(site.app).journal.engine.dispose()


def test_a_client_that_is_not_registered_as_public_gets_nothing_without_its_key(
    tmp_path: Path, ehr: SmartServer, clock: Clock
) -> None:
    ehr.app.keys = {"keys": []}
    site = make_site(tmp_path, ehr, clock)
    assert site.get(site.signed_in(site.to_ehr(launch=ehr.launch()))).status_code == 403
    parts_of(site.app).journal.engine.dispose()


def test_the_published_keys_are_the_public_halves_only(tmp_path: Path, keys_file: Path) -> None:
    app = make_app(tmp_path, smart_keys_file=str(keys_file))
    published = app.test_client().get("/.well-known/jwks.json").get_json()["keys"]
    assert {k["alg"] for k in published} == {"ES384", "RS384"}
    assert all(k["kid"] and k["use"] == "sig" and not PRIVATE & k.keys() for k in published)
    parts_of(app).journal.engine.dispose()


def test_without_keys_the_set_is_empty(client: FlaskClient) -> None:
    assert client.get("/.well-known/jwks.json").get_json() == {"keys": []}


def test_the_command_makes_keys_that_the_service_reads(tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    file.write_text(CliRunner().invoke(main, ["app-keys"]).output)
    assert load_keys(read_settings({}, open=True, smart_keys_file=str(file))).algorithms == {"ES384", "RS384"}


@pytest.mark.parametrize(
    "change",
    [
        lambda keys: "no json",
        lambda keys: json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0LW9mLXRoZS1maWxl", "kid": "a"}]}),
        lambda keys: json.dumps({"keys": [{k: v for k, v in keys["keys"][0].items() if k != "d"}]}),
        lambda keys: json.dumps({"keys": [{"kty": "EC", "crv": "P-256"}]}),
        lambda keys: json.dumps([]),
    ],
)
def test_keys_that_cannot_be_used_stop_the_start_and_are_not_quoted(
    tmp_path: Path, keys: dict[str, Any], change: Any
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(change(keys))
    with pytest.raises(SettingsError) as error:
        load_keys(read_settings({}, open=True, smart_keys_file=str(file)))
    assert "SMART_KEYS_FILE" in str(error.value)
    assert "c2VjcmV0" not in str(error.value) and keys["keys"][0]["d"] not in str(error.value)


# --- the table of EHRs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"isss": "x"}, "Did you mean `iss`"),
        ({"iss": "ftp://ehr.example.org"}, "FHIR base URL"),
        ({"iss": "http://ehr.example.org/fhir"}, "https"),
        ({"tenant": "another"}, "trust table"),
        ({"client_id": ""}, "registered"),
        ({"client_id": "a b"}, "registered"),
        ({"key": "HS256"}, "ES384, RS384"),
        ({"key": "RS384"}, "app-keys"),
        ({"scopes": ["patient/Patient.read"]}, "patient/Patient.r"),
        ({"ancestors": ["*"]}, "web origins"),
        ({"ancestors": ["https://ehr.example.org/frame"]}, "web origins"),
        ({"ancestors": ["https://ehr.example.org; script-src *"]}, "web origins"),
        ({"ancestors": ["http://ehr.example.org"]}, "web origins"),
    ],
)
def test_a_slip_in_the_table_is_named_with_file_line_and_mend(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file = tmp_path / "ehrs.yaml"
    file.write_text(yaml.safe_dump([{**ROW, **change}], sort_keys=False))
    with pytest.raises(DataError) as error:
        load_ehrs(file, {"hospital"}, {"ES384"})
    assert said in str(error.value) and "ehrs.yaml" in str(error.value) and "line" in str(error.value)


def test_one_ehr_stands_in_the_table_once(tmp_path: Path) -> None:
    file = tmp_path / "ehrs.yaml"
    file.write_text(yaml.safe_dump([ROW, {**ROW, "iss": f"{ROW['iss']}/"}]))
    with pytest.raises(DataError, match="twice"):
        load_ehrs(file, {"hospital"}, ())


def test_the_documentation_holds_a_table_that_can_be_read_and_names_every_address(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "app.md").read_text(encoding="utf-8")
    file = tmp_path / "ehrs.yaml"
    file.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    [ehr] = load_ehrs(file, {"example-hospital"}, {"ES384"})
    assert all(f"  {field}: " in page or f"- {field}: " in page for field in FIELDS)
    assert ehr.scopes == SCOPES, "what it shows is the default"
    assert f"`{asked(SCOPES, from_ehr=True, version_2=True)}`".replace("launch ", "launch launch/patient ", 1) in page
    for address in ("/app/launch", "/app/callback", "/.well-known/jwks.json"):
        assert f"https://cds.example.org{address}`" in page


def test_in_open_mode_the_servers_that_may_be_called_may_launch() -> None:
    ehrs = Ehrs((), read_settings({}, open=True, fhir_bases="http://127.0.0.1:9000/fhir"))
    assert [e.iss for e in ehrs] == ["http://127.0.0.1:9000/fhir"] and not ehrs.any
    assert ehrs.find("https://ehr.example.org/fhir") is None
    found = Ehrs((), read_settings({}, open=True, fhir_bases="*")).find("https://ehr.example.org/fhir")
    assert found is not None and found.tenant == "open"


def test_without_a_table_nobody_may_launch(client: FlaskClient) -> None:
    response = client.get("/app/launch?iss=https://ehr.example.org/fhir&launch=x")
    assert response.status_code == 403
    assert "No EHR may launch" in client.get("/app").get_data(as_text=True)


# --- what an EHR says of itself


@pytest.mark.parametrize(
    ("said", "version_2"),
    [
        ({}, False),
        ({"capabilities": ["permission-v1", "permission-patient"]}, False),
        ({"capabilities": ["permission-v2"]}, True),
        ({"capabilities": ["permission-v1", "permission-v2"]}, True),
        ({"scopes_supported": ["patient/*.read", "openid"]}, False),
        ({"scopes_supported": ["patient/*.rs"]}, True),
        ({"scopes_supported": ["patient/Observation.rs?category=laboratory"]}, True),
        ({"scopes_supported": "patient/*.rs", "capabilities": 7}, False),
    ],
)
def test_scopes_are_asked_for_in_the_newest_spelling_that_an_ehr_lists(said: dict[str, Any], version_2: bool) -> None:
    assert read_configuration({**ENDPOINTS, **said}).version_2 is version_2


@pytest.mark.parametrize(
    "said",
    [[], "x", {}, {**ENDPOINTS, "token_endpoint": "http://ehr.example/t"}, {**ENDPOINTS, "token_endpoint": 7},
     {**ENDPOINTS, "authorization_endpoint": "https://u@ehr.example/a"},
     {**ENDPOINTS, "code_challenge_methods_supported": "S25"},
     {**ENDPOINTS, "code_challenge_methods_supported": []}],
)  # fmt: skip
def test_a_configuration_that_lacks_what_a_safe_launch_needs_is_refused(said: Any) -> None:
    with pytest.raises(Unusable):
        read_configuration(said)


def test_the_older_scopes_say_the_same() -> None:
    new = ("patient/Patient.r", "patient/Observation.c", "user/ServiceRequest.cruds", "patient/Observation.u")
    assert asked(new, from_ehr=False, version_2=True).split()[4:] == list(new)
    assert asked(new, from_ehr=True, version_2=False).split()[4:] == [
        "patient/Patient.read", "patient/Observation.write", "user/ServiceRequest.read", "user/ServiceRequest.write",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("granted", "may"),
    [("patient/Patient.r", True), ("patient/Patient.rs", True), ("patient/*.read", True), ("user/*.*", True),
     ("patient/Patient.cruds", True), ("patient/Patient.s", False), ("patient/Patient.write", False),
     ("patient/Observation.r", False), ("openid fhirUser", False), ("", False), ("patient/Patient.c", False)],
)  # fmt: skip
def test_only_what_was_granted_is_read(granted: str, may: bool) -> None:
    assert may_read(granted, "Patient") is may


# --- the rest


def test_what_is_sealed_opens_for_its_purpose_and_unchanged_only() -> None:
    seal = Seal(b"s" * 32)
    closed = seal.close({"a": 1}, "session", "one")
    assert seal.open(closed, "session", "one") == {"a": 1}
    assert seal.open(closed, "session", "two") is None
    assert Seal(b"t" * 32).open(closed, "session", "one") is None
    for n in range(len(closed)):
        assert seal.open(closed[:n] + bytes([closed[n] ^ 1]) + closed[n + 1 :], "session", "one") is None
    assert seal.open(b"", "session", "one") is None
    assert b'"a"' not in closed


def test_the_app_speaks_every_language_of_the_cards() -> None:
    assert words("es")["language"] == "es" and words("en")["language"] == "en"
    assert words("tlh")["language"] == "en"


@pytest.mark.parametrize(
    ("given", "page"),
    [
        ({"app_launch": "own", "base_url": "https://cds.example.org/x"}, "https://cds.example.org/x/app/launch"),
        ({"app_launch": "own"}, ""),
        ({"app_launch": "https://other.example/launch"}, "https://other.example/launch"),
        ({"app_launch": "own", "base_url": "https://cds.example.org", "explanation_days": 0}, ""),
        ({}, ""),
    ],
)
def test_cards_lead_to_the_app_where_it_can_be_reached_and_knows_the_order(given: dict[str, Any], page: str) -> None:
    assert read_settings({}, open=True, **given).launch_page == page


def test_in_open_mode_the_app_is_where_the_service_is() -> None:
    settings = read_settings({}, open=True, app_launch="own").served_at("http://127.0.0.1:8000")
    assert settings.launch_page == "http://127.0.0.1:8000/app/launch"
