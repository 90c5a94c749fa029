"""What a row of the trust table says of its client beyond its keys: and how often it may call."""

from __future__ import annotations

import base64
import datetime as dt
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask import Flask, request
from werkzeug.test import TestResponse

from criteria.errors import DataError
from hooks.errors import NotTrusted
from service import counts
from service.app import create_app
from service.certificates import read_certificate
from service.jwks import Keys
from service.proxies import caller_address
from service.rates import Rates, TooManyCalls
from service.settings import Settings, SettingsError, read_settings
from service.trust import Trust
from service.trust_file import LOOK_EVERY, TrustFile
from service.trusted import load_trust
from tests.service_examples import call, make_app, parts_of
from tests.smart_examples import Clock, clock, ehr, make_site
from tests.smart_server import SmartServer
from tests.test_trust import BASE, EC, ISSUER, NOW, OTHER, SECRET, URL, public, token

__all__ = ["clock", "ehr"]

ROW: dict[str, Any] = {"issuer": ISSUER, "tenant": "ehr", "keys": [public(EC, "ec")]}
PATH = URL.removeprefix(BASE)


def settings_of(folder: Path, **more: Any) -> Settings:
    values = {"trust_file": str(folder / "trust.yaml"), "secret_key": SECRET, "data_dir": str(folder), "base_url": BASE}
    return read_settings({}, **{**values, **more})


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "trust.yaml"
    file.write_text(yaml.safe_dump(list(rows)))
    return file


def trust_of(folder: Path, row: dict[str, Any], **more: Any) -> Trust:
    settings = settings_of(folder, **more)
    table = load_trust(write(folder, {**ROW, **row}), settings)
    return Trust(settings, table, Keys(settings), lambda *_: False, lambda: NOW)


def accepts(trust: Trust, signed: str, peer: str = "203.0.113.9", url: str = URL, **headers: str) -> bool:
    sent = {"Authorization": f"Bearer {signed}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    context = Flask("t").test_request_context(
        url.removeprefix(BASE), base_url=BASE, headers=sent, environ_base={"REMOTE_ADDR": peer}
    )
    with context:
        try:
            trust.client_of(request)
        except NotTrusted:
            return False
    return True


# --- audience, clock, policy


def test_a_client_may_know_the_service_by_another_name(tmp_path: Path) -> None:
    trust = trust_of(tmp_path, {"audiences": ["https://cds.hospital.local", "https://gateway.example/cds/v1"]})
    assert accepts(trust, token())
    assert accepts(trust, token(aud=f"https://cds.hospital.local{PATH}"))
    assert accepts(trust, token(aud="https://gateway.example/cds/v1"))
    assert not accepts(trust, token(aud="https://gateway.example/cds/v2"))
    assert not accepts(trust, token(aud="https://cds.hospital.local/cds-services/other"))


def test_a_client_may_have_a_clock_of_its_own(tmp_path: Path) -> None:
    late: dict[str, Any] = {"exp": int(NOW.timestamp()) - 50, "iat": int(NOW.timestamp()) - 300}
    assert not accepts(trust_of(tmp_path, {}), token(**late))
    assert accepts(trust_of(tmp_path, {"leeway_seconds": 60}), token(**late))
    assert not accepts(trust_of(tmp_path, {"leeway_seconds": 0}), token(exp=int(NOW.timestamp())))


def test_a_clients_policy_speaks_where_the_payer_is_unknown(tmp_path: Path) -> None:
    """Cervical MRI for neck pain: HealthHelp's guideline answers for its client, eviCore's for the other."""
    write(tmp_path, {**ROW, "policy": "healthhelp"}, {**ROW, "issuer": "https://other", "tenant": "other"})
    app = create_app(settings_of(tmp_path), lambda: NOW)
    parts = parts_of(app)
    policies = {row.tenant: row.policy for row in parts.trust.table.values()}
    assert policies == {"ehr": "healthhelp", "other": ""}
    seen = []
    original = parts.decision.view

    def view(policy: Any) -> Any:
        seen.append(policy.id)
        return original(policy)

    object.__setattr__(parts.decision, "view", view)
    insured = {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": {"reference": "Patient/p1"},
               "payor": [{"identifier": {"system": "https://imaging-cds.github.io/fhir/NamingSystem/policy",
                                         "value": "medicare"}}]}  # fmt: skip
    known = call()
    known["prefetch"]["coverages"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": insured}]}
    for issuer, body in ((ISSUER, call()), ("https://other", call()), (ISSUER, known)):
        response = posted(app, body, iss=issuer)
        assert response.status_code == 200, response.get_data(as_text=True)
    assert seen == ["healthhelp", "default", "medicare"]
    parts.journal.engine.dispose()


def posted(app: Flask, body: Any = None, **claims: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token(**claims)}"}
    return app.test_client().post(PATH, json=body or {}, base_url=BASE, headers=headers)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"policy": "helthhelp"}, "Did you mean `healthhelp`"), ({"leeway_seconds": 301}, "leeway_seconds"),
        ({"leeway_seconds": True}, "leeway_seconds"), ({"audiences": ["cds.example.org"]}, "audiences"),
        ({"rate": "often"}, "rate"), ({"rate": 100}, "rate"), ({"certificate": ["AB:12"]}, "certificate"),
        ({"certificate": ["CN=ehr"]}, "client_certificate_header"), ({"subject": 7}, "subject"),
        ({"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}]}, "cannot be read"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "private or shared"),
    ],
    ids=str,
)  # fmt: skip
def test_slips_in_a_row_stop_the_start_and_are_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    write(tmp_path, {**ROW, **row})
    with pytest.raises(DataError, match=r"trust\.yaml line \d+: ") as error:
        load_trust(tmp_path / "trust.yaml", settings_of(tmp_path), {"default", "healthhelp"})
    assert said in str(error.value)


# --- the file changes while the service runs


def test_a_change_of_the_table_counts_without_a_restart_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    seconds = [0.0]
    file = write(tmp_path, ROW)
    settings = settings_of(tmp_path)
    table = TrustFile(file, settings, {"default"}, lambda: seconds[0])
    trust = Trust(settings, table, Keys(settings), lambda *_: False, lambda: NOW)
    faults = counts.read().get("trust_file_faults", 0)

    def changed(text: str, tick: int) -> None:
        file.write_text(text)
        os.utime(file, ns=(tick, tick))  # two writes within one tick of the file system's clock

    new = yaml.safe_dump([ROW, {**ROW, "issuer": "https://new.example", "keys": [public(OTHER, "new")]}])
    changed(new, 1)
    by_new: dict[str, Any] = {"key": OTHER, "kid": "new", "iss": "https://new.example"}
    assert not accepts(trust, token(**by_new)), "looked at every few seconds only"
    seconds[0] += LOOK_EVERY
    assert accepts(trust, token(**by_new)) and accepts(trust, token())
    for n, broken in enumerate(("- issuer: [", "", yaml.safe_dump([{**ROW, "policy": "none"}]), "\x00")):
        changed(broken, 2 + n)
        seconds[0] += LOOK_EVERY
        assert accepts(trust, token(**by_new)) and accepts(trust, token()), "the table stays as it was"
    file.unlink()
    seconds[0] += LOOK_EVERY
    assert accepts(trust, token())
    assert counts.read()["trust_file_faults"] == faults + 5
    changed(yaml.safe_dump([{**ROW, "issuer": "https://new.example", "keys": [public(OTHER, "new")]}]), 9)
    seconds[0] += LOOK_EVERY
    assert accepts(trust, token(**by_new)) and not accepts(trust, token()), "who was taken out is out"


# --- mutual TLS, ended by a proxy


def certificate(name: str = "ehr") -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Hospital"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(dt.datetime(2026, 1, 1)).not_valid_after(dt.datetime(2027, 1, 1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip


CERTIFICATE, ANOTHER = certificate(), certificate("other")
PEM = CERTIFICATE.public_bytes(Encoding.PEM).decode()
DER64 = base64.b64encode(CERTIFICATE.public_bytes(Encoding.DER)).decode()
DIGITS = CERTIFICATE.fingerprint(hashes.SHA256()).hex()
MTLS = {"client_certificate_header": "X-Client-Cert", "trusted_proxies": "10.0.0.0/24, 192.0.2.1"}
FORMS = {
    "PEM with URL escapes (nginx)": quote(PEM),
    "PEM body with URL escapes (Traefik)": quote(DER64),
    "base64 between colons (RFC 9440)": f":{DER64}:",
    "base64 (HAProxy)": DER64,
    "fingerprint": DIGITS,
    "fingerprint in capitals with colons": ":".join(DIGITS[n : n + 2] for n in range(0, 64, 2)).upper(),
    "Envoy": f'By=spiffe://x;Hash={DIGITS};Subject="CN=ehr,O=Hospital"',
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_client_with_a_certificate_is_known_by_what_the_proxy_hands_on(tmp_path: Path, form: str) -> None:
    trust = trust_of(tmp_path, {"certificate": [f"sha256:{DIGITS}"]}, **MTLS)
    assert accepts(trust, token(), "10.0.0.7", X_Client_Cert=form)
    assert not accepts(trust, token(), "10.0.0.7"), "no certificate"
    assert not accepts(trust, token(), "10.0.1.7", X_Client_Cert=form), "not from a listed proxy"
    assert not accepts(trust, token(), "203.0.113.9", X_Client_Cert=form, X_Forwarded_For="10.0.0.7")
    assert not accepts(trust, token(OTHER), "10.0.0.7", X_Client_Cert=form), "a certificate is no token"


@pytest.mark.parametrize(
    "form",
    ["", "x", "-----BEGIN CERTIFICATE-----", "0" * 64, quote(ANOTHER.public_bytes(Encoding.PEM).decode()),
     quote(PEM + PEM), f"{DIGITS},{DIGITS}", f"Hash={DIGITS},Hash={'0' * 64}", DER64[:-40], "A" * 20_000,
     f"Hash={DIGITS[:-1]}", f'Subject="Hash={DIGITS}"'],
    ids=["empty", "x", "begin", "zeros", "another", "two in one", "two", "two hashes", "cut", "long", "short hash",
         "in the subject"],
)  # fmt: skip
def test_another_or_an_unreadable_certificate_is_refused(tmp_path: Path, form: str) -> None:
    trust = trust_of(tmp_path, {"certificate": [DIGITS]}, **MTLS)
    assert not accepts(trust, token(), "10.0.0.7", X_Client_Cert=form)


def test_a_certificate_may_be_known_by_its_subject(tmp_path: Path) -> None:
    trust = trust_of(tmp_path, {"certificate": ["CN=ehr,O=Hospital"]}, **MTLS)
    assert accepts(trust, token(), "192.0.2.1", X_Client_Cert=quote(PEM))
    assert not accepts(trust, token(), "192.0.2.1", X_Client_Cert=DIGITS), "a fingerprint says no subject"
    assert not accepts(trust, token(), "192.0.2.1", X_Client_Cert=quote(ANOTHER.public_bytes(Encoding.PEM).decode()))
    assert read_certificate(quote(PEM)) == read_certificate(DER64)


def test_a_refused_certificate_does_not_use_up_the_token(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, **MTLS)
    table = load_trust(write(tmp_path, {**ROW, "certificate": [DIGITS]}), settings)
    seen: set[str] = set()

    def seen_before(_: str, mark: str, __: object) -> bool:
        used = mark in seen
        seen.add(mark)
        return used

    trust = Trust(settings, table, Keys(settings), seen_before, lambda: NOW)
    once = token()
    assert not accepts(trust, once, "10.0.0.7")
    assert accepts(trust, once, "10.0.0.7", X_Client_Cert=DIGITS)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"), ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"), ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"), ("10.0.0.1", "nonsense", "10.0.0.1"), ("10.0.0.1", "1.1.1.1, x", "10.0.0.1"),
    ],
)  # fmt: skip
def test_whose_address_it_is(tmp_path: Path, peer: str, forwarded: str, address: str) -> None:
    settings = settings_of(tmp_path, trusted_proxies="10.0.0.0/24")
    headers = {"X-Forwarded-For": forwarded}
    with Flask("t").test_request_context("/", headers=headers, environ_base={"REMOTE_ADDR": peer}):
        assert caller_address(request, settings) == address


# --- how often


def test_each_client_has_its_rate_and_is_told_when_to_come_again(tmp_path: Path) -> None:
    write(tmp_path, {**ROW, "rate": "3/minute"}, {**ROW, "issuer": "https://other", "tenant": "other"})
    app = create_app(settings_of(tmp_path, tenant_rate="5/minute"), lambda: NOW)
    limited = counts.read().get("rate_limited_tenant", 0)
    statuses = [posted(app).status_code for _ in range(5)]
    assert statuses == [400, 400, 400, 429, 429]
    refused = posted(app)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.get_json()["issue"][0]["code"] == "throttled"
    assert counts.read()["rate_limited_tenant"] == limited + 3
    assert [posted(app, iss="https://other").status_code for _ in range(6)] == [400] * 5 + [429], "nobody else's"
    parts_of(app).journal.engine.dispose()


def test_windows_end_by_a_clock_that_nobody_sets_and_workers_share_a_rate(tmp_path: Path) -> None:
    seconds = [100.0]
    rates = Rates(settings_of(tmp_path, tenant_rate="10/minute"), lambda: seconds[0])
    rates.processes = 4

    def until_refused() -> int:
        for n in range(100):
            try:
                rates.count_tenant("ehr")
            except TooManyCalls as error:
                assert error.retry_after == 60
                return n
        raise AssertionError

    assert until_refused() == 2, "a quarter of ten, rounded down"
    seconds[0] += 60
    assert until_refused() == 2
    rates.processes = 100
    seconds[0] += 60
    assert until_refused() == 1, "never less than one"


def test_counted_callers_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.rates.MOST", 50)
    seconds = [0.0]
    rates = Rates(settings_of(tmp_path), lambda: seconds[0])
    for n in range(500):
        rates.count_page(f"10.1.{n // 250}.{n % 250}")
        seconds[0] += 2
    assert len(rates._windows._held) <= 51


def test_pages_that_ask_for_no_token_are_counted_by_address(tmp_path: Path, ehr: SmartServer, clock: Clock) -> None:
    site = make_site(tmp_path, ehr, clock, address_rate="4/minute")
    statuses = [site.to_ehr(launch="x").status_code for _ in range(6)]
    assert statuses == [302, 302, 302, 302, 429, 429]
    assert site.get("/health/live").status_code == 200
    assert site.get("/cds-services").status_code == 200
    script = site.get("/app/static/app.js")
    assert script.status_code == 200
    script.close()
    assert site.get("/guidelines").status_code == 429
    for n in range(6):  # whoever has one IPv6 address has all of its network
        page = site.browser.get("/guidelines", base_url=BASE, environ_base={"REMOTE_ADDR": f"2001:db8::{n}"})
    assert page.status_code == 429
    parts_of(site.app).journal.engine.dispose()


def test_open_mode_counts_nobody(tmp_path: Path) -> None:
    app = make_app(tmp_path, tenant_rate="1/minute", address_rate="1/minute")
    assert {app.test_client().post(PATH, json={}).status_code for _ in range(3)} == {400}
    assert {app.test_client().get("/guidelines").status_code for _ in range(3)} == {200}
    parts_of(app).journal.engine.dispose()


@pytest.mark.parametrize("name", ["tenant_rate", "address_rate"])
def test_a_rate_that_is_none_stops_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        read_settings({}, open=True, **{name: "a lot"})


# --- an EHR that keeps the id of a key it changed, at the launch of the app


def test_a_launch_works_on_when_the_ehr_changes_its_key_under_the_old_id(
    tmp_path: Path, ehr: SmartServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(tmp_path, ehr, clock)
    assert site.launched()
    monkeypatch.setattr("tests.smart_server.SIGNING", ec.generate_private_key(ec.SECP384R1()))
    keys = parts_of(site.app).smart.identity._keys
    began = keys.now
    monkeypatch.setattr(keys, "now", lambda: began() + 60)
    assert site.launched()
    parts_of(site.app).journal.engine.dispose()
