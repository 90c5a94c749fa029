"""Where the service must not be sent: every door through which somebody could name an address, and every disguise.

A listener on this machine counts connections; each case must leave it at none, and nothing beyond may be tried either.
`python -m pytest -v tests/test_ssrf.py` names the cases.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks.contexts import FhirAuthorization
from hooks.request import HookRequest
from mappings.queries import QUERIES
from service.addresses import may_reach, read_networks
from service.clients import Client, load_profiles
from service.fhir import FhirClient
from service.jwk import KeyUnavailable
from service.jwks import Keys
from service.outgoing import Outgoing, Unavailable
from service.settings import SettingsError, read_settings
from service.smart.configuration import Configurations, Unusable
from service.smart.ehrs import Ehr, Ehrs
from service.terminology_server import TerminologyServer
from service.trusted import TrustedClient
from service.urls import read_base
from tests.fhir_double import Double, Reply, bundle, fhir_double
from tests.service_examples import SERVICE, call, make_app, parts_of
from tests.traps import PUBLIC, Trap, World, closed_world, trap

PATIENT = {"resourceType": "Patient", "id": "p1"}
ALLOWED = "https://fhir.example.org/r4"

# name -> the address; {port} is where the listener waits
TARGETS = {
    "loopback": "http://127.0.0.1:{port}/fhir",
    "loopback, another of its addresses": "http://127.8.9.10:{port}/fhir",
    "loopback, short": "http://127.1:{port}/fhir",
    "loopback, decimal": "http://2130706433:{port}/fhir",
    "loopback, octal": "http://0177.0.0.1:{port}/fhir",
    "loopback, hexadecimal": "http://0x7f000001:{port}/fhir",
    "loopback, hexadecimal parts": "http://0x7f.0x0.0x0.0x1:{port}/fhir",
    "loopback, leading zeros": "http://127.000.000.001:{port}/fhir",
    "loopback, wide digits": "http://\uff11\uff12\uff17.0.0.1:{port}/fhir",
    "loopback, ideographic stops": "http://127\u30020\u30020\u30021:{port}/fhir",
    "loopback, escaped": "http://%31%32%37.0.0.1:{port}/fhir",
    "loopback, NUL": "http://127.0.0.1%00.example.org:{port}/fhir",
    "loopback, IPv6": "http://[::1]:{port}/fhir",
    "loopback, IPv6 in full": "http://[0:0:0:0:0:0:0:1]:{port}/fhir",
    "loopback, mapped into IPv6": "http://[::ffff:127.0.0.1]:{port}/fhir",
    "loopback, mapped, hexadecimal": "http://[::ffff:7f00:1]:{port}/fhir",
    "loopback, IPv4-compatible": "http://[::127.0.0.1]:{port}/fhir",
    "loopback, NAT64": "http://[64:ff9b::7f00:1]:{port}/fhir",
    "loopback, 6to4": "http://[2002:7f00:1::]:{port}/fhir",
    "loopback, Teredo": "http://[2001:0:7f00:1::80ff:fffe]:{port}/fhir",
    "any address": "http://0.0.0.0:{port}/fhir",
    "any address, short": "http://0:{port}/fhir",
    "any address, IPv6": "http://[::]:{port}/fhir",
    "localhost": "http://localhost:{port}/fhir",
    "localhost, capitals": "http://LOCALHOST:{port}/fhir",
    "localhost, with a dot": "http://localhost.:{port}/fhir",
    "localhost, round letters": "http://ⓛocalhost:{port}/fhir",
    "link-local: metadata of a cloud": "http://169.254.169.254/latest/meta-data",
    "link-local, mapped": "http://[::ffff:169.254.169.254]/latest/meta-data",
    "link-local, IPv6": "http://[fe80::1]/fhir",
    "link-local with a zone": "http://[fe80::1%25eth0]/fhir",
    "private 10/8": "http://10.0.0.1/fhir",
    "private 172.16/12": "http://172.16.0.1/fhir",
    "private 192.168/16": "https://192.168.1.1/fhir",
    "private, IPv6": "http://[fd00::1]/fhir",
    "carrier's NAT": "http://100.64.0.1/fhir",
    "benchmark network": "http://198.18.0.1/fhir",
    "documentation network": "http://192.0.2.1/fhir",
    "multicast": "http://224.0.0.1/fhir",
    "multicast, IPv6": "http://[ff02::1]/fhir",
    "reserved": "http://240.0.0.1/fhir",
    "broadcast": "http://255.255.255.255/fhir",
    "name of a loopback address": "http://inside.example:{port}/fhir",
    "name of a loopback address, IPv6": "http://inside6.example:{port}/fhir",
    "name of the metadata service": "http://metadata.example/fhir",
    "name of a public and a loopback address": "http://mixed.example:{port}/fhir",
    "user name that looks like a host": "http://fhir.example.org@127.0.0.1:{port}/fhir",
    "user name and password": "http://fhir.example.org:443@127.0.0.1:{port}/fhir",
    "fragment that looks like a host": "http://127.0.0.1:{port}#@fhir.example.org/r4",
    "backslash": "http://127.0.0.1:{port}\\@fhir.example.org/r4",
    "backslashes for slashes": "http:\\\\127.0.0.1:{port}\\fhir",
    "blank in the host": "http://127.0.0.1 fhir.example.org:{port}/fhir",
    "line break": "http://fhir.example.org\r\nHost: 127.0.0.1:{port}/fhir",
    "scheme file": "file:///etc/passwd",
    "scheme gopher": "gopher://127.0.0.1:{port}/_GET",
    "scheme ftp": "ftp://127.0.0.1:{port}/",
    "scheme dict": "dict://127.0.0.1:{port}/d",
    "scheme data": "data:application/json,%7B%7D",
    "no scheme": "//127.0.0.1:{port}/fhir",
}  # fmt: skip
TOKEN = {"access_token": "secret-token", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read",
         "subject": "cds"}  # fmt: skip
NAMES: dict[str, list[Any]] = {
    "inside.example": [["127.0.0.1"]],
    "inside6.example": [["::1"]],
    "metadata.example": [["169.254.169.254"]],
    "mixed.example": [[PUBLIC, "127.0.0.1"]],
}


@pytest.fixture(scope="module")
def trapped() -> Iterator[Trap]:
    with trap() as made:
        yield made


@pytest.fixture
def listener(trapped: Trap) -> Iterator[Trap]:
    yield trapped
    assert trapped.reached == 0, "somebody was let in"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = closed_world(monkeypatch, NAMES)
    yield made
    inside = [a for a in made.tried if a != PUBLIC]
    assert inside == [], "an inner address was tried"


@pytest.fixture
def fhir() -> Iterator[Double]:
    with fhir_double() as double:
        yield double


def chart_of(server: str, *allowed: str, **settings: Any) -> dict[str, str]:
    """Why each search of a hook that names this FHIR server brought nothing. Without ``allowed`` any server may be."""
    request = HookRequest(
        hook="order-sign", hook_instance="d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", user_id="Practitioner/1",
        patient_id="p1", drafts=(), focus=(), fhir_server=server,
        fhir_authorization=FhirAuthorization(access_token="secret-token", scope="patient/*.read"),
        prefetch={"patient": PATIENT},
    )  # fmt: skip
    bases = tuple(base for url in allowed if (base := read_base(url))) if allowed else None
    client = Client("t", load_profiles()["full"], bases)
    read = read_settings({}, open=True, fhir_bases="*", fhir_budget_seconds=2.0, **settings)
    return dict(FhirClient(read).complete(request, QUERIES, client).why)


def fetched(url: str, below: str = "", named: bool = False, **settings: Any) -> str:
    """What became of a call, in a word."""
    calls = Outgoing(read_settings({}, open=True, **settings))
    try:
        calls.fetch(url, read_base(below or url, query=True), {}, 1.0, 1.0, 10_000, named)
    except Unavailable as error:
        return error.reason
    return "reached"


# --- the doors: any FHIR server may be named (*), which is as open as the service can be set


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_hook_cannot_send_us_there(target: str, listener: Trap, world: World) -> None:
    why = chart_of(target.format(port=listener.port))
    assert set(why.values()) <= {"not-allowed", "address"} and len(why) == len(QUERIES) - 1


def test_over_http_too_a_hook_is_answered_and_nobody_called(listener: Trap, world: World, tmp_path: Path) -> None:
    """The whole service: what was not fetched is unknown, and the answer comes all the same."""
    app = make_app(tmp_path, fhir_bases="*")
    for target in [*TARGETS.values()][::6]:
        body = call(fhirServer=target.format(port=listener.port), fhirAuthorization=TOKEN)
        del body["prefetch"]["conditions"]
        response = app.test_client().post(SERVICE, json=body)
        assert response.status_code in (200, 400), response.get_data(as_text=True)
        assert response.status_code == 200 or response.get_json()["issue"][0]["expression"] == ["fhirServer"]
    parts_of(app).journal.engine.dispose()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_an_allow_list_of_one_server_does_not_hold_it(target: str, listener: Trap, world: World) -> None:
    assert set(chart_of(target.format(port=listener.port), ALLOWED).values()) == {"not-allowed"}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_launch_cannot_send_us_there(target: str, listener: Trap, world: World) -> None:
    settings = read_settings({}, open=True, fhir_bases="*")
    ehr = Ehrs((), settings).find(target.format(port=listener.port))
    if ehr is not None:
        with pytest.raises(Unusable, match="address"):
            Configurations(settings).of(ehr)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_token_cannot_send_us_there(target: str, listener: Trap, world: World) -> None:
    row = TrustedClient("https://ehr.example.org", "ehr", jku=("https://ehr.example.org/jwks",))
    with pytest.raises(KeyUnavailable, match="allow-list"):
        Keys(read_settings({}, open=True)).verified(row, "k", target.format(port=listener.port), "ES384", lambda _: 1)


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "authorization_endpoint"])
def test_what_an_ehr_says_of_itself_cannot_send_us_there(
    endpoint: str, listener: Trap, world: World, fhir: Double
) -> None:
    settings = read_settings({}, open=True)
    for target in TARGETS.values():
        there = target.format(port=listener.port)
        said = {"authorization_endpoint": f"{fhir.base}/a", "token_endpoint": f"{fhir.base}/t", endpoint: there}
        fhir.replies["/.well-known/smart-configuration"] = Reply(said)
        try:
            at = Configurations(settings).of(Ehr(fhir.base, "t"))
        except Unusable:
            continue
        assert (endpoint, at.jwks) == ("jwks_uri", ""), "an address that is none is left out"


# --- what an allow-listed server could do


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/fhir/x", "//127.0.0.1:{port}/fhir/x", "{base}@127.0.0.1:{port}/", "{base}/../x",
     "{base}/%2e%2e/x", "{base}/..%2fx", "{base}/%252e%252e/x", "{base}/a/..;/../x", "{base}x", "{base}\\..\\x", "../x",
     "/elsewhere", "{base}/./../x", "{base}//127.0.0.1:{port}/", "{base}/x#@127.0.0.1:{port}/",
     "{base}.example.org/", "file:///etc/passwd"],
)  # fmt: skip
def test_a_next_link_leads_nowhere_else(url: str, listener: Trap, world: World, fhir: Double) -> None:
    following = url.format(port=listener.port, base=fhir.base)
    fhir.replies["/Condition"] = Reply(bundle(following=following))
    why = chart_of(fhir.base, fhir.base)
    assert why["conditions"] == "next-elsewhere"
    assert all(path.startswith("/fhir/") and ".." not in path for path in fhir.paths)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/x", "https://other.example/x", "{base}/Condition2"])
def test_a_redirect_is_not_followed(code: int, where: str, listener: Trap, world: World, fhir: Double) -> None:
    there = where.format(port=listener.port, base=fhir.base)
    fhir.replies["/Condition"] = Reply({}, code, {"Location": there})
    fhir.replies["/jwks"] = fhir.replies["/.well-known/smart-configuration"] = fhir.replies["/Condition"]
    assert chart_of(fhir.base, fhir.base)["conditions"] == "redirect"
    row = TrustedClient("i", "t", jku=(f"{fhir.base}/jwks",))
    with pytest.raises(KeyUnavailable):
        Keys(read_settings({}, open=True)).verified(row, "k", None, "ES384", lambda _: 1)
    with pytest.raises(Unusable, match="redirect"):
        Configurations(read_settings({}, open=True)).of(Ehr(fhir.base, "t"))
    assert "/fhir/Condition2" not in fhir.paths


def test_no_token_and_no_patients_id_gets_into_a_log(
    fhir: Double, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, and however much is logged."""
    caplog.set_level(1)
    broken = [Reply({}, 302, {"Location": "/x"}), Reply({}, 401), Reply(b"x"), Reply({}, 200, {"Bad Header : x": "y"})]
    for reply in broken:
        fhir.replies["/Condition"] = reply
        chart_of(fhir.base, fhir.base)
    chart_of("http://127.0.0.1:9/fhir", "http://127.0.0.1:9/fhir")
    assert {h["authorization"] for _, h in fhir.calls} == {"Bearer secret-token"}
    written = "".join((*capfd.readouterr(), caplog.text))
    assert "not_had" in written
    assert "secret-token" not in written and "p1" not in written and "Condition?" not in written


def test_another_port_scheme_or_folder_of_an_allowed_host_is_another_server(listener: Trap, world: World) -> None:
    allowed = f"https://127.0.0.1:{listener.port}/fhir/r4"
    for url in (
        f"http://127.0.0.1:{listener.port}/fhir/r4", "https://127.0.0.1:1/fhir/r4", "https://127.0.0.1/fhir/r4",
        f"https://127.0.0.1:{listener.port}/fhir", f"https://127.0.0.1:{listener.port}/fhir/r4x",
        f"https://127.0.0.1:{listener.port}/fhir/r4/../admin", f"https://127.0.0.1.evil.example:{listener.port}/fhir/r4",
    ):  # fmt: skip
        assert set(chart_of(url, allowed).values()) == {"not-allowed"}
        assert fetched(url, allowed, named=True) == "not-allowed"


# --- names


@pytest.mark.parametrize("name", ["inside.example", "inside6.example", "metadata.example", "mixed.example"])
def test_an_allowed_name_that_leads_inside_is_not_called_by_any_door(name: str, listener: Trap, world: World) -> None:
    """The name is on the allow-list; whoever answers for it says an address of ours."""
    url = f"http://{name}:{listener.port}/fhir"
    settings = read_settings({}, open=True, terminology_url=url)
    assert set(chart_of(url, url).values()) == {"address"}
    with pytest.raises(Unusable, match="address"):
        Configurations(settings).of(Ehr(url, "t"))
    with pytest.raises(Unavailable, match="address"):
        TerminologyServer(settings, ["1"]).holding("73211009")
    with pytest.raises(KeyUnavailable):
        Keys(settings).verified(TrustedClient("i", "t", jku=(url,)), "k", url, "ES384", lambda _: 1)
    with pytest.raises(Unavailable, match="address"):
        Outgoing(settings).post(f"{url}/token", read_base(url), {}, "code=secret", 1.0, 1000)


def test_a_name_that_changes_its_mind_changes_nothing(listener: Trap, world: World) -> None:
    """Rebinding: public when it is checked, loopback a moment later. The connection goes where the check was made."""
    world.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
    url = f"http://rebinding.example:{listener.port}/fhir"
    assert fetched(url) == "unreachable"
    assert (world.tried, world.asked) == ([PUBLIC], ["rebinding.example"])
    assert fetched(url) == "address"


def test_a_resolver_that_hangs_or_knows_nothing_costs_no_more_than_the_calls_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetched("https://nobody.example/fhir") == "unreachable"
    gate = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [][: gate.wait(20)])
    calls = Outgoing(read_settings({}, open=True))
    with pytest.raises(Unavailable, match="timeout"):
        calls.fetch("https://slow.example/", read_base("https://slow.example/"), {}, 0.1, 0.1, 100)
    gate.set()


def test_a_site_may_name_its_own_networks_and_only_those(fhir: Double, world: World, listener: Trap) -> None:
    world.names["fhir.hospital.local"] = [["127.0.0.1"]]
    port = fhir.base.split(":")[2].split("/")[0]
    url = f"http://fhir.hospital.local:{port}/fhir"
    fhir.replies["/metadata"] = Reply({"resourceType": "CapabilityStatement"})
    assert fetched(f"{url}/metadata", url, named=True) == "address"
    assert fetched(f"{url}/metadata", url, named=True, outbound_networks="10.0.0.0/8") == "address"
    assert fetched(f"{url}/metadata", url, named=True, outbound_networks="127.0.0.1, 10.0.0.0/8") == "reached"
    assert fhir.calls[0][1]["host"] == f"fhir.hospital.local:{port}"
    with pytest.raises(SettingsError, match="OUTBOUND_NETWORKS"):
        read_settings({}, open=True, outbound_networks="10.0.0.1/8")


def test_an_address_that_the_site_wrote_itself_may_be_called(fhir: Double, world: World) -> None:
    """Open mode with the base listed is how the service is tried out."""
    fhir.replies["/metadata"] = Reply({})
    assert fetched(f"{fhir.base}/metadata", fhir.base, named=True) == "reached"
    assert fetched(f"{fhir.base}/metadata", fhir.base, named=False) == "address"
    by_name = fhir.base.replace("127.0.0.1", "localhost")
    assert fetched(f"{by_name}/metadata", by_name, named=True) == "reached"
    world.names["localhost"] = [["10.0.0.7"]]
    assert fetched(f"{by_name}/metadata", by_name, named=True) == "address", "localhost is this machine or nothing"


@pytest.mark.parametrize(
    ("address", "networks", "may"),
    [
        (PUBLIC, (), True), ("2606:2800:220:1::1", (), True), ("10.1.2.3", (), False),
        ("10.1.2.3", ("10.1.0.0/16",), True), ("10.2.2.3", ("10.1.0.0/16",), False), ("fd00::1", ("fd00::/8",), True),
        ("::ffff:10.1.2.3", ("10.1.0.0/16",), False), ("::ffff:10.1.2.3", ("::/0",), False),
        ("64:ff9b::5db8:d822", ("64:ff9b::/96",), True), ("64:ff9b::7f00:1", ("64:ff9b::/96",), False),
        ("2002:7f00:1::", ("2002::/16",), False), ("192.88.99.1", (), False), ("fec0::1", (), False),
    ],
)  # fmt: skip
def test_addresses_inside_addresses_count_too(address: str, networks: tuple[str, ...], may: bool) -> None:
    assert may_reach(ipaddress.ip_address(address), read_networks(networks)) is may


def test_enough_is_tried() -> None:
    assert len(TARGETS) >= 20
