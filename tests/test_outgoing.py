"""How the service calls others: to whom a certificate must belong, what never goes along, how long it takes."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service.outgoing import Outgoing, Unavailable
from service.settings import read_settings
from service.urls import read_base
from tests.fhir_double import Double, Reply, fhir_double
from tests.traps import Trap, closed_world, trap

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.fixture
def fhir() -> Iterator[Double]:
    with fhir_double() as double:
        yield double


@pytest.fixture
def listener() -> Iterator[Trap]:
    with trap() as made:
        yield made


def call(
    url: str, timeout: float = 2.0, calls: Outgoing | None = None, max_bytes: int = 1000, **settings: str
) -> bytes:
    calls = calls or Outgoing(read_settings({}, open=True, **settings))
    return calls.fetch(url, read_base(url, query=True), {"Authorization": "Bearer secret"}, timeout, 9.0, 1000)


# --- TLS


def certificate(folder: Path, name: str, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
                days: int = 1) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, Path]:  # fmt: skip
    """A certificate for a host name; without a signer one of an authority. The file holds certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    host: x509.GeneralName = (
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name.replace(" ", "-"))
    )
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=3)).not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(signer is None, None), True)
        .add_extension(x509.SubjectAlternativeName([host]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((signer[1] if signer else key).public_key()), False
        )
    )  # fmt: skip
    if signer is None:
        builder = builder.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), True
        )  # fmt: skip
    made = builder.sign(signer[1] if signer else key, hashes.SHA256())
    file = folder / f"{name}.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return made, key, file


@dataclass
class Secure:
    port: int
    names: list[str | None] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)


@contextmanager
def secure_server(file: Path) -> Iterator[Secure]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listening = socket.create_server(("127.0.0.1", 0))
    made = Secure(listening.getsockname()[1])

    def named(_socket: object, name: str | None, _context: object) -> None:
        made.names.append(name)

    context.sni_callback = named

    def wait() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            with plain:
                try:
                    with context.wrap_socket(plain, server_side=True) as secured:
                        made.heads.append(secured.recv(65536))
                        secured.sendall(OK)
                except OSError:
                    continue  # the client would not talk to us

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def test_a_certificate_must_be_of_the_name_that_was_called_and_of_a_known_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to the address that was checked, and the certificate still has to be the name's."""
    (tmp_path / "other").mkdir()
    authority, key, _ = certificate(tmp_path, "our authority")
    (tmp_path / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    signer = (authority, key)
    world = closed_world(monkeypatch, {"ehr.example.org": [["127.0.0.1"]]})
    inside: dict[str, Any] = {"outbound_networks": "127.0.0.0/8", "ca_bundle": str(tmp_path / "ca.pem")}
    _, _, good = certificate(tmp_path, "ehr.example.org", signer)
    with secure_server(good) as server:
        url = f"https://ehr.example.org:{server.port}/fhir"
        assert call(url, **inside) == b"{}"
        assert server.names == ["ehr.example.org"]
        assert f"Host: ehr.example.org:{server.port}".encode() in server.heads[0]
        with pytest.raises(Unavailable, match="unreachable"):
            call(url, outbound_networks="127.0.0.0/8")  # the system's authorities do not know it
        with pytest.raises(Unavailable, match="unreachable"):
            call(f"https://127.0.0.1:{server.port}/fhir", **inside)  # the certificate is the name's
    _, _, other = certificate(tmp_path / "other", "evil.example.org", signer)
    _, _, late = certificate(tmp_path / "other", "ehr.example.org", signer, days=-1)
    for file in (other, late):
        with secure_server(file) as server:
            with pytest.raises(Unavailable, match="unreachable"):
                call(f"https://ehr.example.org:{server.port}/fhir", **inside)
            assert server.heads == [], "the token was not sent"
    assert world.tried == []


# --- what never goes along


def test_nothing_of_the_environment_has_a_say(
    fhir: Double, listener: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    fhir.replies["/x"] = Reply({}, headers={"Set-Cookie": "a=b; Path=/"})
    calls = Outgoing(read_settings({}, open=True))
    for _ in range(2):
        assert call(f"{fhir.base}/x", calls=calls) == b"{}"
    assert listener.reached == 0
    for _, headers in fhir.calls:
        assert headers["authorization"] == "Bearer secret" and "cookie" not in headers
        assert headers["user-agent"].startswith("imaging-cds/")


def test_a_proxy_is_used_where_a_setting_names_one_for_https_alone(fhir: Double, listener: Trap) -> None:
    proxied: dict[str, Any] = {"outbound_proxy": f"http://127.0.0.1:{listener.port}"}
    fhir.replies["/x"] = Reply({})
    assert call(f"{fhir.base}/x", **proxied) == b"{}" and listener.reached == 0
    with pytest.raises(Unavailable, match="unreachable"):
        call("https://ehr.example.org/fhir", **proxied)
    assert listener.reached == 1


def test_a_proxy_learns_the_host_and_nothing_of_the_token() -> None:
    refusal = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    with raw_server(refusal) as (port, heads), pytest.raises(Unavailable, match="unreachable"):
        call("https://ehr.example.org/fhir/Patient/1", outbound_proxy=f"http://127.0.0.1:{port}")
    assert heads[0].startswith(b"CONNECT ehr.example.org:443 ")
    assert b"secret" not in heads[0] and b"Patient" not in heads[0]


def test_connections_are_kept_for_the_next_call(fhir: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up for a new connection alone."""
    fhir.replies["/x"] = Reply({})
    calls = Outgoing(read_settings({}, open=True))
    world = closed_world(monkeypatch, {"localhost": [["127.0.0.1"]]})
    for _ in range(5):
        assert call(f"{fhir.base.replace('127.0.0.1', 'localhost')}/x", calls=calls) == b"{}"
    assert world.asked == ["localhost"]


# --- time and size


@contextmanager
def raw_server(answer: bytes, every: float = 0.0) -> Iterator[tuple[int, list[bytes]]]:
    """Answers each connection with these bytes, one by one where ``every`` says so."""
    listening = socket.create_server(("127.0.0.1", 0))
    heads: list[bytes] = []

    def wait() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    heads.append(connection.recv(65536))
                    for n in range(len(answer)) if every else ():
                        connection.sendall(answer[n : n + 1])
                        time.sleep(every)
                    if not every:
                        connection.sendall(answer)
                except OSError:
                    continue

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], heads
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


@pytest.mark.parametrize("answer", [OK, OK.replace(b"Content-Length: 2\r\n", b"") + b" " * 20], ids=["head", "body"])
def test_an_answer_that_drips_is_given_up_when_its_time_is_over(answer: bytes) -> None:
    """It would be whole in two seconds, without ever pausing for longer than a tenth."""
    with raw_server(answer, every=0.03) as (port, _), pytest.raises(Unavailable, match="timeout"):
        call(f"http://127.0.0.1:{port}/x", timeout=0.3)


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage\r\n\r\n", OK.replace(b"200", b"2OO"), b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n{}",
     b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n{}", OK.replace(b": 2", b": 900"),
     OK.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")],
    ids=["nothing", "garbage", "no status", "500 headers", "a long header", "half an answer", "no chunks"],
)  # fmt: skip
def test_what_is_no_answer_is_none(answer: bytes) -> None:
    with raw_server(answer) as (port, _), pytest.raises(Unavailable, match="unreachable"):
        call(f"http://127.0.0.1:{port}/x")


def test_an_answer_that_is_too_large_is_not_read(fhir: Double) -> None:
    fhir.replies["/x"] = Reply(b" " * 5000)
    with pytest.raises(Unavailable, match="too-large"):
        call(f"{fhir.base}/x")
