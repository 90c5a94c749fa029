"""One call as a client of the trust table would make it, and what is in its way with the mend of each."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import orjson

from service.demo import JSON, MAX_BYTES, REQUESTS, told
from service.jwk import KeyUnavailable
from service.jwks import Keys
from service.key_files import algorithm_of
from service.outgoing import Outgoing, Unavailable
from service.placeholders import fill
from service.settings import Settings
from service.trust import Refusal, Trust
from service.trusted import TrustedClient
from service.urls import read_base

ANYWHERE = ("0.0.0.0/0", "::/0")
"""Our own service may stand inside: who runs this command says where it is."""
WAIT = 10.0
GOOD_FOR = 300
Json = dict[str, Any]

# reason -> how to mend it
CALL_MENDS = {
    "address": "The name leads to an address inside the site: name its network in IMAGING_CDS_OUTBOUND_NETWORKS.",
    "not-allowed": "The address is not on the allow-list: write it in full, https, without user name or dots.",
    "timeout": "No answer in time: is it reachable from this machine?",
    "unreachable": "No connection: check name, port, firewall and certificate (IMAGING_CDS_CA_BUNDLE).",
    "redirect": "It sends elsewhere, and redirects are not followed: write the last address.",
    "too-large": "The answer is larger than any such document.",
    "http-401": "It wants a token for that; the service has one only within a hook call.",
    "http-404": "Nothing there: check the path.",
    "not a JWKS": "The answer must be a JWK set: {\"keys\": [...]}.",
}  # fmt: skip
TOKEN_MENDS = {
    "unknown issuer": "The issuer is not in the trust table: `imaging-cds tenant add`.",
    "algorithm not allowed": "The key's algorithm is not among `algorithms` of the row.",
    "no key of that id": "The key's kid is neither in `keys` nor at a `jku` of the row: publish it there.",
    "signature does not fit": "Another key stands under that kid in `keys` or at the `jku`: publish this one.",
    "jku not on the allow-list": "The token's jku must stand in `jku` of the row, letter by letter.",
    "audience is not the URL called": "Tokens must be made out to the URL called, below IMAGING_CDS_BASE_URL, or to one"
    " of `audiences`.",
    "subject not allowed": "The row fixes `subject`; the token's sub is another.",
    "client certificate missing or another": "The row asks for a `certificate`: call through the proxy.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried: whether it went well, and what is to be read about it."""

    good: bool
    what: str
    more: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        yield f"{'ok' if self.good else 'failed':8}{self.what}"
        yield from (f"{'':8}{line}" for line in self.more)


def reach(row: TrustedClient, settings: Settings) -> Iterator[Step]:
    """Whether what the row points to can be reached, by the same client as the service's."""
    keys, calls = Keys(settings), Outgoing(settings)
    if row.keys:
        yield Step(True, f"{len(row.keys)} keys in the table")
    for address in row.jku:
        try:
            found = keys.fetch(address)
        except (Unavailable, KeyUnavailable) as error:
            yield _failed(f"keys at {address}", str(error))
        else:
            yield Step(bool(found), f"keys at {address}: {len(found)}")
    for base in row.bases:
        url = f"{base.url}/metadata"
        accept = {"Accept": "application/fhir+json"}
        try:
            body = calls.fetch(url, base, accept, WAIT, WAIT, settings.fhir_max_bytes)
            kind = orjson.loads(body).get("resourceType")
        except Unavailable as error:
            yield _failed(f"FHIR server {url}", error.reason)
        except (orjson.JSONDecodeError, AttributeError):
            yield Step(False, f"FHIR server {url}: no JSON", ("Is this the FHIR base URL?",))
        else:
            yield Step(kind == "CapabilityStatement", f"FHIR server {url}: {kind}")


def call(
    row: TrustedClient, table: Mapping[str, TrustedClient], key: Json, url: str, settings: Settings, file: Path | None
) -> Iterator[Step]:
    """Sign a hook call with this private key, ask the table here what it thinks of it, and send it to the service."""
    calls = Outgoing(settings.model_copy(update={"outbound_networks": ANYWHERE}))
    body = _request(file)
    below = read_base(url)
    try:
        offered = json.loads(calls.fetch(f"{url}/cds-services", below, {}, WAIT, WAIT, MAX_BYTES))["services"]
        service = next(s["id"] for s in offered if s["hook"] == body.get("hook"))
    except Unavailable as error:
        yield _failed(f"service at {url}/cds-services", error.reason)
        return
    except (ValueError, KeyError, TypeError, StopIteration):
        yield Step(False, f"service at {url}: no discovery of a service for this hook")
        return
    path = f"/cds-services/{service}"
    yield _looked_at(row, table, key, path, url, settings)
    began = time.perf_counter()
    headers = {**JSON, "Authorization": f"Bearer {signed(row, key, _audience(path, url, settings))}"}
    try:
        status, said = calls.post(f"{url}{path}", below, headers, json.dumps(body), WAIT, MAX_BYTES)
    except Unavailable as error:
        yield _failed(f"POST {url}{path}", error.reason)
        return
    what = f"POST {url}{path}: HTTP {status} in {(time.perf_counter() - began) * 1000:.0f} ms"
    yield Step(status == 200, what, tuple(_answered(status, said, body)))


def signed(row: TrustedClient, key: Json, audience: str) -> str:
    """A token as the client would make it."""
    now = int(dt.datetime.now(dt.UTC).timestamp())
    claims = {"iss": row.issuer, "aud": audience, "iat": now, "exp": now + GOOD_FOR, "jti": str(uuid.uuid4())}
    if row.subject:
        claims["sub"] = row.subject
    headers = {"kid": key.get("kid"), "jku": row.jku[0] if row.jku and not row.keys else None}
    algorithm = algorithm_of(key)
    given = {name: value for name, value in headers.items() if value}
    return jwt.encode(claims, jwt.PyJWK(key, algorithm).key, algorithm=algorithm, headers=given)


def _looked_at(
    row: TrustedClient, table: Mapping[str, TrustedClient], key: Json, path: str, url: str, settings: Settings
) -> Step:
    """What the service would say, with its reason: the 401 itself says none."""
    trust = Trust(settings, table, Keys(settings), lambda *_: False, lambda: dt.datetime.now(dt.UTC))
    audience = _audience(path, url, settings)
    if row.certificates:
        return Step(True, "a certificate is asked for, which only the proxy can show: not looked at here")
    try:
        trust.checked(signed(row, key, audience), (audience, path), lambda: None)
    except Refusal as refusal:
        return _failed("the token, by the table here", refusal.reason)
    return Step(True, f"the token, by the table here: {row.tenant}")


def _audience(path: str, url: str, settings: Settings) -> str:
    return f"{settings.base_url or url}{path}"


def _request(file: Path | None) -> Json:
    file = file or min(REQUESTS.glob("*.json"))
    body: Json = json.loads(fill(file.read_text(encoding="utf-8"), dt.datetime.now(dt.UTC).date()))
    return body


def _answered(status: int, said: bytes, body: Json) -> Iterator[str]:
    try:
        answer = json.loads(said)
        if status == 200:
            yield from told(body, answer)
            return
        yield str(answer["issue"][0]["details"]["text"])
    except (ValueError, KeyError, TypeError, IndexError):
        yield "The answer is not this service's."
    if status == 401:
        yield "Its log says why (token_refused). If the token passes here: is its table, base_url or clock another?"
    if status == 429:
        yield "The client is over its `rate`."


def _failed(what: str, reason: str) -> Step:
    mend = CALL_MENDS.get(reason) or TOKEN_MENDS.get(reason)
    return Step(False, f"{what}: {reason}", (mend,) if mend else ())


def passed(steps: Sequence[Step]) -> bool:
    return all(step.good for step in steps)
