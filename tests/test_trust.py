"""Who is let in: the JSON Web Token of CDS Hooks."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, request

from criteria.errors import DataError
from hooks.errors import NotTrusted
from service.clients import Client
from service.journal import Journal
from service.jwks import AGAIN_AFTER, Keys
from service.settings import read_settings
from service.trust import Trust
from service.trusted import load_trust
from service.urls import read_base
from tests.fhir_double import Double, Reply, fhir_double

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
SECRET = "s" * 40
ISSUER = "https://ehr.example.org"
BASE = "https://cds.example.org"
URL = "https://cds.example.org/cds-services/imaging-appropriateness"

EC = ec.generate_private_key(ec.SECP384R1())
OTHER = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()

# The published key of the public CDS Hooks sandbox: its private half is public too, so it is good for tests only.
SANDBOX = {
    "kty": "EC", "crv": "P-384", "kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f",
    "x": "dw_JGR8nB2I6XveNxUOl2qk699ZPLM2nYI5STSdiEl9avAkrm3CkfYMbrrjr8laB",
    "y": "Sm3mLE-n1zYNla_aiE3cb3nZsL51RbC7ysw3q8aJLxGm-hx79RPMYpITDjp7kgzy",
}  # fmt: skip


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = {ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm, rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm}
    made = next((a for k, a in algorithm.items() if isinstance(key, k)), jwt.algorithms.OKPAlgorithm)
    return {**json.loads(made.to_jwk(key.public_key())), "kid": kid, **more}  # type: ignore[attr-defined]


def claims(**changed: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    stated = {"iss": ISSUER, "aud": URL, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4()), **changed}
    return {k: v for k, v in stated.items() if v is not ...}


def token(
    key: Any = EC, algorithm: str = "ES384", kid: str | None = "ec", jku: str | None = None, **changed: Any
) -> str:
    headers = {k: v for k, v in {"kid": kid, "jku": jku}.items() if v is not None}
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers)


class Site:
    """One installation that trusts one EHR."""

    def __init__(self, folder: Path, second: Any = None, **row: Any) -> None:
        keys = [public(EC, "ec"), public(RSA, "rsa"), public(ED, "ed")]
        entry = {"issuer": ISSUER, "tenant": "ehr", "keys": keys, **row}
        file = folder / "trust.yaml"
        first = {k: v for k, v in entry.items() if v is not None}
        file.write_text(yaml.safe_dump([first, *([second] if second else [])]))
        settings = read_settings({}, trust_file=str(file), secret_key=SECRET, data_dir=str(folder), base_url=BASE)
        self.journal = Journal(settings)
        self.journal.upgrade()
        self.seconds = 1000.0
        keys_of = Keys(settings, now=lambda: self.seconds)
        self.trust = Trust(settings, load_trust(file, settings), keys_of, self.journal.seen_before, lambda: NOW)

    def call(self, authorization: str | None, url: str = URL) -> Client:
        headers = {"Authorization": authorization} if authorization is not None else {}
        path = url.removeprefix("https://cds.example.org")
        with Flask("t").test_request_context(path, base_url="https://cds.example.org", headers=headers, method="POST"):
            return self.trust.client_of(request)

    def refuses(self, signed: str | None, url: str = URL) -> bool:
        try:
            self.call(f"Bearer {signed}" if signed is not None else None, url)
        except NotTrusted as error:
            assert error.message == NotTrusted().message, "the reason is for the log only"
            return True
        return False


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.journal.engine.dispose()


def test_a_good_token_says_whose_call_it_is(site: Site) -> None:
    client = site.call(f"Bearer {token()}")
    assert (client.tenant, client.profile.shows.name) == ("ehr", "full")


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(EC, "ES384", "ec"), (RSA, "RS256", "rsa"), (RSA, "RS384", "rsa"), (RSA, "RS512", "rsa"), (ED, "EdDSA", "ed")],
)
def test_asymmetric_algorithms_are_accepted(site: Site, key: Any, algorithm: str, kid: str) -> None:
    assert not site.refuses(token(key, algorithm, kid))


def test_an_audience_among_others_counts_and_so_does_a_query(site: Site) -> None:
    assert not site.refuses(token(aud=["https://other.example", URL]))
    assert not site.refuses(token(), f"{URL}?x=1")


def test_a_token_that_was_made_out_to_plain_http_is_refused(site: Site) -> None:
    assert site.refuses(token(aud=URL.replace("https:", "http:")))


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer " + "x" * 20_000, "Bearer .."]
)
def test_no_readable_token_is_refused(site: Site, authorization: str | None) -> None:
    with pytest.raises(NotTrusted):
        site.call(authorization)


def test_unsigned_and_shared_secret_tokens_are_refused(site: Site) -> None:
    assert site.refuses(jwt.encode(claims(), "", algorithm="none", headers={"kid": "ec"}))
    assert site.refuses(jwt.encode(claims(), "k" * 64, algorithm="HS256", headers={"kid": "ec"}))


def test_a_public_key_used_as_a_shared_secret_is_refused(site: Site) -> None:
    head, body, _ = jwt.encode(claims(), "k" * 64, algorithm="HS384", headers={"kid": "rsa"}).split(".")
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    mark = hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha384).digest()
    signed = f"{head}.{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
    assert site.refuses(signed)


def test_anothers_signature_is_refused(site: Site) -> None:
    assert site.refuses(token(OTHER))
    head, body, _ = token().split(".")
    assert site.refuses(f"{head}.{body}.{token(OTHER).split('.')[2]}")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"}, {"iss": ISSUER + "/"}, {"iss": ...}, {"aud": ...}, {"exp": ...}, {"iat": ...},
        {"jti": ...}, {"jti": ""}, {"jti": "x" * 600}, {"aud": URL + "/"}, {"aud": URL + "/feedback"},
        {"aud": "https://cds.example.org"}, {"aud": URL.upper()}, {"aud": []}, {"aud": {"a": 1}},
        {"exp": int(NOW.timestamp()) - 31}, {"iat": int(NOW.timestamp()) + 31}, {"nbf": int(NOW.timestamp()) + 31},
        {"exp": int(NOW.timestamp()) + 9999}, {"exp": "tomorrow"}, {"iat": True}, {"exp": 1e300}, {"nbf": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_that_is_missing_or_wrong_is_refused(site: Site, changed: dict[str, Any]) -> None:
    assert site.refuses(token(**changed))


def test_clocks_may_be_off_by_the_leeway(site: Site) -> None:
    now = int(NOW.timestamp())
    assert not site.refuses(token(exp=now - 29, iat=now - 300))
    assert not site.refuses(token(iat=now + 29, nbf=now + 29, exp=now + 300))


def test_a_token_counts_once(site: Site) -> None:
    signed = token()
    assert not site.refuses(signed)
    assert site.refuses(signed)


def test_a_token_counts_once_across_processes(site: Site, tmp_path: Path) -> None:
    signed = token()
    assert not site.refuses(signed)
    other = Site(tmp_path)  # the same database, another memory
    assert other.refuses(signed)
    other.journal.engine.dispose()


def test_a_token_still_counts_once_when_the_database_fails(site: Site) -> None:
    with site.journal.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE seen_tokens")
    signed = token()
    assert not site.refuses(signed)
    assert site.refuses(signed)
    assert site.journal.failures == 1


def test_a_refused_token_does_not_use_up_its_id(site: Site) -> None:
    assert site.refuses(token(OTHER, jti="one"))
    assert not site.refuses(token(jti="one"))


def test_the_host_header_does_not_make_a_token_for_another_service_good(site: Site) -> None:
    stolen = token(aud="https://other.example/cds-services/imaging-appropriateness")
    context = Flask("t").test_request_context(
        URL.removeprefix(BASE), base_url="https://other.example", headers={"Authorization": f"Bearer {stolen}"}
    )
    with context, pytest.raises(NotTrusted):
        site.trust.client_of(request)
    site.trust.settings = site.trust.settings.model_copy(update={"base_url": ""})
    with context, pytest.raises(NotTrusted):
        site.trust.client_of(request)


def test_on_this_machine_itself_the_url_called_is_the_audience(site: Site) -> None:
    site.trust.settings = site.trust.settings.model_copy(update={"base_url": ""})
    for base in ("http://127.0.0.1:8000", "http://localhost:8000"):
        headers = {"Authorization": f"Bearer {token(aud=f'{base}/cds-services/x')}"}
        with Flask("t").test_request_context("/cds-services/x", base_url=base, headers=headers):
            assert site.trust.client_of(request).tenant == "ehr"


def test_a_fixed_subject_and_fixed_algorithms_hold(tmp_path: Path) -> None:
    site = Site(tmp_path, subject="imaging", algorithms=["RS384"])
    assert site.refuses(token(sub="imaging"))
    assert site.refuses(token(RSA, "RS384", "rsa"))
    assert not site.refuses(token(RSA, "RS384", "rsa", sub="imaging"))
    site.journal.engine.dispose()


@pytest.fixture
def jwks() -> Iterator[Double]:
    with fhir_double("") as double:
        double.replies["/jwks"] = Reply({"keys": [public(EC, "ec")]})
        yield double


def test_keys_are_fetched_from_an_allowed_address_and_kept(tmp_path: Path, jwks: Double) -> None:
    address = f"{jwks.base}/jwks"
    site = Site(tmp_path, keys=None, jku=[address])
    assert not site.refuses(token(jku=address))
    assert not site.refuses(token())
    assert jwks.paths == ["/jwks"]
    site.seconds += 4000
    assert not site.refuses(token())
    assert len(jwks.calls) == 2, "keys grow old"
    site.journal.engine.dispose()


def test_an_address_outside_the_table_is_never_called(tmp_path: Path, jwks: Double) -> None:
    site = Site(tmp_path, keys=None, jku=[f"{jwks.base}/jwks"])
    for elsewhere in (f"{jwks.base}/jwks?x=1", f"{jwks.base}/jwks/", "http://169.254.169.254/latest"):
        assert site.refuses(token(jku=elsewhere))
    assert jwks.calls == []
    site.journal.engine.dispose()


def test_an_unknown_key_id_is_looked_up_anew_but_not_on_every_call(tmp_path: Path, jwks: Double) -> None:
    site = Site(tmp_path, keys=None, jku=[f"{jwks.base}/jwks"])
    for _ in range(5):
        assert site.refuses(token(OTHER, kid="new"))
    assert len(jwks.calls) == 1
    jwks.replies["/jwks"] = Reply({"keys": [public(OTHER, "new")]})
    site.seconds += AGAIN_AFTER
    assert not site.refuses(token(OTHER, kid="new"))
    site.journal.engine.dispose()


@pytest.mark.parametrize(
    "reply",
    [Reply(b"no json"), Reply([]), Reply({"keys": 7}), Reply({"keys": [7, {}]}), Reply({}, 500),
     Reply({}, 302, {"Location": "/jwks2"}), Reply(b" " * 300_000),
     Reply({"keys": [{"kty": "oct", "k": "a", "kid": "ec"}]})],
)  # fmt: skip
def test_unusable_keys_refuse_and_do_not_break(tmp_path: Path, jwks: Double, reply: Reply) -> None:
    jwks.replies["/jwks"] = reply
    site = Site(tmp_path, keys=None, jku=[f"{jwks.base}/jwks"])
    assert site.refuses(token())
    site.journal.engine.dispose()


def test_the_table_of_clients_is_checked_when_it_is_read(tmp_path: Path) -> None:
    good = {"issuer": ISSUER, "tenant": "ehr", "keys": [SANDBOX]}
    private = {**SANDBOX, "d": "secret"}
    slips: list[tuple[Any, str]] = [
        ({**good, "isuer": "x"}, "Did you mean `issuer`"),
        ({**good, "tenant": "open"}, "tenant"),
        ({**good, "tenant": "../x"}, "tenant"),
        ({**good, "keys": [private]}, "private"),
        ({**good, "keys": []}, "keys"),
        ({**good, "algorithms": ["HS256"]}, "algorithms"),
        ({**good, "jku": ["http://ehr.example.org/jwks"]}, "https"),
        ({**good, "profile": "ful"}, "Did you mean `full`"),
        ({**good, "fhir_bases": ["ehr.example.org"]}, "fhir_bases"),
        ("text", "issuer"),
    ]
    settings = read_settings({}, open=True)
    for entry, said in slips:
        file = tmp_path / "trust.yaml"
        file.write_text(yaml.safe_dump([entry]))
        with pytest.raises(DataError, match=r"trust\.yaml") as error:
            load_trust(file, settings)
        assert said in str(error.value)


@pytest.mark.parametrize(
    ("setting", "bases"),
    [("", ()), ("https://ehr.example/fhir", (read_base("https://ehr.example/fhir"),)), ("*", None)],
)
def test_in_open_mode_too_only_the_fhir_servers_of_the_setting_may_be_called(
    tmp_path: Path, setting: str, bases: Any
) -> None:
    settings = read_settings({"IMAGING_CDS_FHIR_BASES": setting}, open=True, data_dir=str(tmp_path))
    trust = Trust(settings, {}, Keys(settings), lambda *_: True, lambda: NOW)
    with Flask("t").test_request_context("/"):
        assert trust.client_of(request).bases == bases


def test_in_open_mode_the_profile_follows_what_the_token_says(tmp_path: Path) -> None:
    settings = read_settings({}, open=True, data_dir=str(tmp_path))
    trust = Trust(settings, {}, Keys(settings), lambda *_: True, lambda: NOW)

    def profile(authorization: str | None) -> tuple[str, str]:
        headers = {"Authorization": authorization} if authorization else {}
        with Flask("t").test_request_context("/", headers=headers):
            client = trust.client_of(request)
        return client.tenant, client.profile.shows.name

    assert profile(None) == ("open", "full")
    assert profile("Bearer rubbish") == ("open", "full")
    assert profile(f"Bearer {token()}") == ("open", "full")
    assert profile(f"Bearer {token(OTHER, iss='https://sandbox.cds-hooks.org')}") == ("open", "sandbox")
