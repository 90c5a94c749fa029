"""Attacks on the caller's token, each by name, all refused; and keys that change, accepted.

`python -m pytest -v tests/test_jwt_attacks.py` names them. After every attack the EHR's own next token is accepted, so
that nothing was locked or used up on the way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.jwks import AFTER_FAILURE, AGAIN_AFTER
from tests.conftest import ROOT
from tests.fhir_double import Double, Reply, fhir_double
from tests.test_trust import EC, ED, ISSUER, NOW, OTHER, RSA, URL, Site, claims, public, token
from tests.traps import closed_world

T = int(NOW.timestamp())
SECOND = "https://second.example.org"
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - too short on purpose
RSA_2 = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
Make = Callable[[], str]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: str | dict[str, Any], payload: str | dict[str, Any], key: Any = EC, algorithm: str = "ES384") -> str:
    """A token of these very bytes, with a true signature."""
    parts = (part if isinstance(part, str) else json.dumps(part) for part in (header, payload))
    text = ".".join(b64(part.encode()) for part in parts)
    return f"{text}.{b64(jwt.get_algorithm_by_name(algorithm).sign(text.encode(), key))}"


def header(**more: Any) -> dict[str, Any]:
    return {"alg": "ES384", "typ": "JWT", "kid": "ec", **more}


def by_secret(secret: bytes, algorithm: str = "HS256", kid: str = "rsa") -> str:
    text = f"{b64(json.dumps({'alg': algorithm, 'kid': kid}).encode())}.{b64(json.dumps(claims()).encode())}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def unsigned(algorithm: str, signature: str = "") -> str:
    return f"{b64(json.dumps(header(alg=algorithm)).encode())}.{b64(json.dumps(claims()).encode())}.{signature}"


def cut(keep: int) -> str:
    text, _, signature = token().rpartition(".")
    return f"{text}.{signature[:keep]}"


def swapped(**changed: Any) -> str:
    """A true token with other claims put in: the signature is of what it said before."""
    head, _, signature = token().split(".")
    return f"{head}.{b64(json.dumps(claims(**changed)).encode())}.{signature}"


def with_claims(text: str) -> str:
    """A truly signed token whose claims are written by hand: {..} stands for the good ones."""
    good = json.dumps(claims())[1:-1]
    return signed(header(), text.replace("{..}", good))


PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
DER = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

ATTACKS: dict[str, Make] = {
    # signature and algorithm
    "none": lambda: unsigned("none"),
    "None": lambda: unsigned("None"),
    "NONE with a signature": lambda: unsigned("NONE", b64(b"x" * 96)),
    "empty algorithm": lambda: unsigned("", b64(b"x" * 96)),
    "no signature under a good algorithm": lambda: unsigned("ES384"),
    "signature cut by half": lambda: cut(64),
    "signature cut by one character": lambda: cut(127),
    "signature of zeros": lambda: unsigned("ES384", b64(b"\0" * 96)),
    "signature in DER instead of JOSE form": lambda: unsigned("ES384", b64(EC.sign(b"x", ec.ECDSA(hashes.SHA384())))),
    "two parts": lambda: token().rpartition(".")[0],
    "four parts": lambda: f"{token()}.x",
    "HS256 with the public key in PEM as the secret": lambda: by_secret(PEM),
    "HS256 with the public key in DER as the secret": lambda: by_secret(DER),
    "HS256 with the key set's own text as the secret": lambda: by_secret(json.dumps(public(RSA, "rsa")).encode()),
    "HS256 with an empty secret": lambda: by_secret(b""),
    "algorithm in small letters": lambda: signed(header(alg="es384"), claims()),
    "rs256 in small letters": lambda: signed({"alg": "rs256", "kid": "rsa"}, claims(), RSA, "RS256"),
    "algorithm as a list": lambda: signed({"alg": ["ES384"], "kid": "ec"}, claims()),
    "algorithm of another kind than the key": lambda: signed(header(alg="RS384"), claims()),
    "PS256, which nobody agreed on": lambda: jwt.encode(claims(), RSA, "PS256", {"kid": "rsa"}),
    "another key under a known id": lambda: token(OTHER),
    "another curve under a known id": lambda: signed(header(alg="ES256"), claims(), P256, "ES256"),
    "key on another curve than the algorithm's": lambda: signed(header(kid="p256"), claims(), P256, "ES256"),
    "RSA key of 1024 bits": lambda: signed({"alg": "RS256", "kid": "rsa"}, claims(), SHORT, "RS256"),
    "claims changed under a true signature": lambda: swapped(sub="admin"),
    "signature of another token": lambda: f"{token().rpartition('.')[0]}.{token().rpartition('.')[2]}",
    "another tenant's key": lambda: token(ED, "EdDSA", "second"),
    "another tenant's issuer": lambda: token(iss=SECOND),
    # which key
    "unknown key id": lambda: token(kid="nobody"),
    "key id as a path": lambda: token(kid="../../../../dev/null"),
    "key id as a query": lambda: token(kid="ec' OR '1'='1"),
    "key id as a number": lambda: signed(header(kid=7), claims()),
    "key id null": lambda: signed(header(kid=None), claims()),
    "no key id where several fit": lambda: jwt.encode(claims(), RSA, "RS256"),
    "key in the token itself (jwk)": lambda: signed(header(kid="x", jwk=public(OTHER, "x")), claims(), OTHER),
    "key in the token itself, under a known id": lambda: signed(header(jwk=public(OTHER, "ec")), claims(), OTHER),
    "certificate in the token itself (x5c)": lambda: signed(header(kid="x", x5c=[b64(DER)]), claims(), OTHER),
    "certificate at an address (x5u)": lambda: signed(header(kid="x", x5u="https://evil.example/c"), claims(), OTHER),
    "jku off the list": lambda: token(OTHER, kid="x", jku="https://evil.example/jwks"),
    "jku with the listed host as user name": lambda: token(OTHER, kid="x", jku="https://ehr.example.org@evil.example/jwks"),
    "jku with the listed address as query": lambda: token(
        OTHER, kid="x", jku="https://evil.example/?https://ehr.example.org/jwks"
    ),
    "jku with the listed address and a fragment": lambda: token(OTHER, kid="x", jku="https://ehr.example.org/jwks#x"),
    "jku below the listed address": lambda: token(OTHER, kid="x", jku="https://ehr.example.org/jwks/../evil"),
    "jku in capitals": lambda: token(OTHER, kid="x", jku="HTTPS://EHR.EXAMPLE.ORG/jwks"),
    "jku by plain http": lambda: token(OTHER, kid="x", jku="http://ehr.example.org/jwks"),
    "jku of a file": lambda: token(OTHER, kid="x", jku="file:///etc/passwd"),
    "jku of the metadata service": lambda: token(OTHER, kid="x", jku="http://169.254.169.254/latest"),
    "jku as a list": lambda: signed(header(kid="x", jku=["https://ehr.example.org/jwks"]), claims(), OTHER),
    "critical header": lambda: signed(header(crit=["exp"]), claims()),
    "critical header that is empty": lambda: signed(header(crit=[]), claims()),
    "unencoded payload (b64)": lambda: signed(header(b64=False), claims()),
    "compressed (zip)": lambda: signed(header(zip="DEF"), claims()),
    # who and for whom
    "unknown issuer": lambda: token(iss="https://evil.example"),
    "issuer with a slash": lambda: token(iss=f"{ISSUER}/"),
    "issuer with a blank": lambda: token(iss=f" {ISSUER}"),
    "issuer with a line break": lambda: token(iss=f"{ISSUER}\n"),
    "issuer with an invisible character": lambda: token(iss=f"{ISSUER}\u200b"),
    "issuer in look-alike letters": lambda: token(iss="https://\u0435hr.example.org"),
    "issuer in capitals": lambda: token(iss=ISSUER.upper()),
    "issuer as a list": lambda: signed(header(), {**claims(), "iss": [ISSUER]}),
    "audience of another service": lambda: token(aud="https://other.example/cds-services/imaging-appropriateness"),
    "audience is a list of others": lambda: token(aud=["https://other.example", URL + "x"]),
    "audience is the host alone": lambda: token(aud="https://cds.example.org"),
    "audience is a part of the URL": lambda: token(aud=URL[:-1]),
    "audience with our URL inside": lambda: token(aud=f"https://evil.example/?{URL}"),
    "audience is an empty list": lambda: token(aud=[]),
    "audience is a nested list": lambda: signed(header(), claims(aud=[[URL]])),
    # when
    "expired": lambda: token(exp=T - 31, iat=T - 300),
    "expires in a year": lambda: token(exp=T + 31_536_000),
    "expires never": lambda: signed(header(), json.dumps(claims()).replace(str(T + 300), "1e308")),
    "issued in the future": lambda: token(iat=T + 3600, exp=T + 3700),
    "not before the future": lambda: token(nbf=T + 3600),
    "times as text": lambda: token(exp=str(T + 300)),
    "expiry true": lambda: token(exp=True),
    "expiry negative": lambda: token(exp=-1),
    "issued at a negative time": lambda: token(iat=-T),
    "expiry NaN": lambda: signed(header(), json.dumps(claims()).replace(str(T + 300), "NaN")),
    "expiry Infinity": lambda: signed(header(), json.dumps(claims()).replace(str(T + 300), "Infinity")),
    "expiry beyond all numbers": lambda: signed(header(), json.dumps(claims()).replace(str(T + 300), "1e999")),
    "expiry of ten thousand digits": lambda: signed(header(), json.dumps(claims()).replace(str(T + 300), "9" * 10_000)),
    "without iss": lambda: token(iss=...),
    "without aud": lambda: token(aud=...),
    "without exp": lambda: token(exp=...),
    "without iat": lambda: token(iat=...),
    "without jti": lambda: token(jti=...),
    "jti null": lambda: signed(header(), claims(jti=None)),
    "jti empty": lambda: token(jti=""),
    "jti a number": lambda: signed(header(), claims(jti=7)),
    "jti a list": lambda: signed(header(), claims(jti=["a"])),
    "jti endless": lambda: token(jti="x" * 600),
    # how it is written
    "huge": lambda: token(more="x" * 20_000),
    "a claim twice": lambda: with_claims('{{..}, "iss": "' + ISSUER + '"}'),
    "an audience twice, the good one last": lambda: with_claims('{"aud": "https://other.example", {..}}'),
    "a header member twice": lambda: signed('{"alg": "none", "alg": "ES384", "kid": "ec"}', claims()),
    "claims are a list": lambda: signed(header(), json.dumps([claims()])),
    "claims are nested deep": lambda: signed(header(), '{"a":' + "[" * 5000 + "]" * 5000 + "}"),
    "header is no JSON": lambda: signed("alg=ES384", claims()),
    "header is no UTF-8": lambda: f"{b64(bytes([0xFF, 0xFE]))}.{token().split('.', 1)[1]}",
    "padded base64": lambda: token().replace(".", "=.", 1),
    "plain base64": lambda: token().replace(".", "+/.", 1),
    "blanks inside": lambda: token().replace(".", ". ", 1),
    "JWE of five parts": lambda: ".".join([b64(json.dumps({"alg": "dir", "enc": "A128GCM"}).encode()), *["x"] * 4]),
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Two tenants; the first one's keys also at an address, which is not there. Nothing else may be asked for keys."""
    world = closed_world(monkeypatch)
    second = {"issuer": SECOND, "tenant": "second", "keys": [public(ED, "second")]}
    keys = [public(EC, "ec"), public(RSA, "rsa"), public(RSA_2, "rsa-2")]
    made = Site(tmp_path, second=second, jku=["https://ehr.example.org/jwks"], keys=keys)
    yield made
    assert world.tried == []
    made.journal.engine.dispose()


@pytest.fixture
def jwks(tmp_path: Path) -> Iterator[tuple[Site, Double]]:
    """A tenant whose keys are fetched."""
    with fhir_double("") as double:
        double.replies["/jwks"] = Reply({"keys": [public(EC, "ec")]})
        made = Site(tmp_path, keys=None, jku=[f"{double.base}/jwks"])
        yield made, double
        made.journal.engine.dispose()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_refused(site: Site, attack: Make) -> None:
    assert site.refuses(attack())
    assert not site.refuses(token())


def test_enough_is_tried() -> None:
    assert len(ATTACKS) >= 25


@pytest.mark.parametrize("key", [SHORT, P256], ids=["RSA of 1024 bits", "another curve"])
def test_refused_a_key_that_is_fetched_and_no_good(jwks: tuple[Site, Double], key: Any) -> None:
    site, double = jwks
    double.replies["/jwks"] = Reply({"keys": [public(key, "ec", **({"alg": "ES384"} if key is P256 else {}))]})
    assert site.refuses(signed(header(), claims(), key, "RS256" if key is SHORT else "ES256"))


def test_refused_a_shared_secret_among_fetched_keys(jwks: tuple[Site, Double]) -> None:
    site, double = jwks
    double.replies["/jwks"] = Reply({"keys": [{"kty": "oct", "k": b64(b"k" * 32), "kid": "ec", "alg": "HS256"}]})
    assert site.refuses(by_secret(b"k" * 32, kid="ec"))


# --- used twice


def test_refused_a_second_time(site: Site) -> None:
    once = token(RSA, "RS256", "rsa", jti="one")
    assert not site.refuses(once)
    assert site.refuses(once)
    same = [f"{once[:-1]}{c}" for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if _decoded(f"{once[:-1]}{c}") == _decoded(once)]
    assert all(site.refuses(text) for text in same), "other letters for the same signature are the same token"
    assert site.refuses(token(jti="one")), "signed anew, with the same id"


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.rpartition(".")[2] + "==")


class Worker:
    """A process of the service."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.token_process", str(folder)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def say(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Its next word; the log goes to the same place."""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.strip() in ("ready", "ehr", "refused"):
                return line.strip()
        raise AssertionError("the process is gone")

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)


def test_refused_a_second_time_by_another_process_and_after_a_restart(site: Site, tmp_path: Path) -> None:
    tokens = [token() for _ in range(30)]
    workers = [Worker(tmp_path), Worker(tmp_path)]
    try:
        assert [worker.hear() for worker in workers] == ["ready", "ready"]
        for text in tokens:  # both get it at once
            for worker in workers:
                worker.say(text)
            assert sorted(worker.hear() for worker in workers) == ["ehr", "refused"]
    finally:
        for worker in workers:
            worker.stop()
    again = Worker(tmp_path)
    try:
        assert again.hear() == "ready"
        for text in tokens:
            again.say(text)
        assert {again.hear() for _ in tokens} == {"refused"}
        again.say(token())
        assert again.hear() == "ehr"
    finally:
        again.stop()


# --- keys that change, with nobody restarting anything


def test_accepted_a_new_key_under_a_new_id(jwks: tuple[Site, Double]) -> None:
    site, double = jwks
    assert not site.refuses(token())
    double.replies["/jwks"] = Reply({"keys": [public(OTHER, "new")]})
    site.seconds += AGAIN_AFTER
    assert not site.refuses(token(OTHER, kid="new"))
    assert site.refuses(token()), "the old key is gone"


def test_accepted_a_new_key_under_the_old_id(jwks: tuple[Site, Double]) -> None:
    site, double = jwks
    assert not site.refuses(token())
    double.replies["/jwks"] = Reply({"keys": [public(OTHER, "ec")]})
    site.seconds += AGAIN_AFTER
    assert not site.refuses(token(OTHER))
    assert site.refuses(token())
    assert len(double.calls) == 2, "the second refusal is within a minute of the last look"


def test_accepted_the_old_key_for_as_long_as_it_is_listed(jwks: tuple[Site, Double]) -> None:
    site, double = jwks
    assert not site.refuses(token())
    double.replies["/jwks"] = Reply({"keys": [public(OTHER, "new"), public(EC, "ec")]})
    site.seconds += AGAIN_AFTER
    assert not site.refuses(token(OTHER, kid="new"))
    assert not site.refuses(token())
    site.seconds += 4000
    assert not site.refuses(token())


def test_accepted_keys_that_come_back_after_an_outage(jwks: tuple[Site, Double]) -> None:
    site, double = jwks
    double.replies["/jwks"] = Reply({}, 503)
    assert site.refuses(token())
    double.replies["/jwks"] = Reply({"keys": [public(EC, "ec")]})
    site.seconds += AFTER_FAILURE
    assert not site.refuses(token())


def test_forged_tokens_cannot_make_us_fetch_more_than_once_a_minute(jwks: tuple[Site, Double]) -> None:
    site, double = jwks
    for n in range(20):
        assert site.refuses(token(OTHER, kid="ec" if n % 2 else f"unknown-{n}"))
        site.seconds += 1
    assert len(double.calls) == 1


def test_keys_are_let_go_of_when_they_cannot_be_had_anew(jwks: tuple[Site, Double]) -> None:
    site, double = jwks
    assert not site.refuses(token())
    double.replies["/jwks"] = Reply({}, 500)
    site.seconds += 3600
    assert not site.refuses(token())
    site.seconds += 1
    assert site.refuses(token()), "a key that was withdrawn must not be good for ever"
