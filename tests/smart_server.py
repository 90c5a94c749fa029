"""An EHR's SMART authorization server with a little FHIR behind it, on loopback: a double that keeps to the spec.

It signs its user in without asking. docs/app.md says how to try the app with it by hand.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from service.placeholders import fill

Json = dict[str, Any]
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
V1 = ("launch", "launch/patient", "openid", "fhirUser", "online_access", "patient/*.read", "user/*.read")
V2 = (*V1[:5], "patient/*.cruds", "user/*.cruds")
SIGNING = ec.generate_private_key(ec.SECP384R1())
KID = f"ehr-{secrets.token_hex(4)}"
"""Another one at each start, as the key is: who kept the old key asks for the new."""


class Refusal(Exception):
    """An OAuth error, by its code."""


@dataclass
class App:
    """One registered client: public, or with public keys (JWK set) to check its assertions with."""

    client_id: str = "imaging-cds"
    redirect_uris: tuple[str, ...] = ("https://cds.example.org/app/callback",)
    keys: Json | None = None


@dataclass
class Launch:
    """What the EHR knows when it launches the app."""

    patient: str = "p1"
    user: str = "Practitioner/1"
    more: Json = field(default_factory=dict)


@dataclass
class Code:
    app: App
    launch: Launch
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str
    expires: float
    used: bool = False


@dataclass
class SmartServer:
    """``configuration`` and ``token`` overlay what is answered; ``standalone`` is whom its sign-in page chooses."""

    url: str
    now: Callable[[], float] = time.time
    app: App = field(default_factory=App)
    scopes: tuple[str, ...] = V2
    configuration: Json = field(default_factory=dict)
    token: Json = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    standalone: Launch = field(default_factory=Launch)
    lasts: int = 300
    launches: dict[str, Launch] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Launch] = field(default_factory=dict)
    granted: dict[str, str] = field(default_factory=dict)
    """Access token -> its scopes."""
    refresh: dict[str, tuple[Launch, str]] = field(default_factory=dict)
    assertions: set[str] = field(default_factory=set)
    asked: list[Json] = field(default_factory=list)
    """What the authorize endpoint was asked."""
    secrets: list[str] = field(default_factory=list)
    """Everything given out that must be seen nowhere."""

    @property
    def iss(self) -> str:
        return f"{self.url}/fhir"

    def launch(self, patient: str = "p1", user: str = "Practitioner/1", **more: Any) -> str:
        """The EHR is about to launch the app: the launch parameter."""
        name = secrets.token_urlsafe(12)
        self.launches[name] = Launch(patient, user, more)
        return name

    def describe(self) -> Json:
        told = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            "grant_types_supported": ["authorization_code"],
            "scopes_supported": list(self.scopes),
            "response_types_supported": ["code"],
            "capabilities": [
                "launch-ehr", "launch-standalone", "client-public", "client-confidential-asymmetric",
                "context-ehr-patient", "sso-openid-connect",
                "permission-v2" if self.scopes is V2 else "permission-v1",
            ],
            "code_challenge_methods_supported": ["S256"],
            **self.configuration,
        }  # fmt: skip
        return {k: v for k, v in told.items() if v is not ...}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to. Raises `Refusal` where it may not be sent anywhere."""
        self.asked.append(query)
        if query.get("client_id") != self.app.client_id or query.get("redirect_uri") not in self.app.redirect_uris:
            raise Refusal("unauthorized_client")
        back, state = query["redirect_uri"], query.get("state", "")
        scope = query.get("scope", "").split()
        launch = self.launches.pop(query.get("launch", ""), None) if "launch" in scope else None
        if "launch/patient" in scope:
            launch = self.standalone
        wrong = (
            query.get("response_type") != "code" or query.get("aud", "").rstrip("/") != self.iss or len(state) < 22
            or query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43 or not launch
        )  # fmt: skip
        if wrong or launch is None:
            return f"{back}?{urlencode({'error': 'invalid_request', 'state': state})}"
        code = secrets.token_urlsafe(24)
        granted = " ".join(s for s in scope if self.scopes is V2 or not s.endswith((".r", ".rs", ".c", ".cruds")))
        self.codes[code] = Code(
            self.app, launch, back, query["code_challenge"], granted, query.get("nonce", ""), self.now() + 60
        )
        self.secrets.append(code)
        return f"{back}?{urlencode({'code': code, 'state': state})}"

    def grant(self, form: dict[str, str]) -> Json:
        """The token endpoint. Raises `Refusal`."""
        self._authenticate(form)
        if form.get("grant_type") == "refresh_token":
            held = self.refresh.pop(form.get("refresh_token", ""), None)
            if held is None:
                raise Refusal("invalid_grant")
            return self._tokens(*held, "")
        code = self.codes.get(form.get("code", ""))
        if form.get("grant_type") != "authorization_code" or code is None or code.used or code.expires < self.now():
            raise Refusal("invalid_grant")
        code.used = True
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
            raise Refusal("invalid_grant")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refusal("invalid_grant")
        return self._tokens(code.launch, code.scope, code.nonce)

    def _authenticate(self, form: dict[str, str]) -> None:
        if self.app.keys is None:
            if form.get("client_id") != self.app.client_id or "client_assertion" in form:
                raise Refusal("invalid_client")
            return
        if form.get("client_assertion_type") != ASSERTION:
            raise Refusal("invalid_client")
        signed = form.get("client_assertion", "")
        try:
            header = jwt.get_unverified_header(signed)
            [key] = [k for k in self.app.keys["keys"] if k["kid"] == header["kid"] and k["alg"] == header["alg"]]
            claims = jwt.decode(
                signed, jwt.PyJWK(key), algorithms=["RS384", "ES384"], audience=f"{self.url}/token",
                options={"require": ["iss", "sub", "aud", "exp", "jti"], "verify_exp": False, "verify_iat": False},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, KeyError):
            raise Refusal("invalid_client") from None
        fresh = self.now() < claims["exp"] <= self.now() + 300 and claims["jti"] not in self.assertions
        if claims["iss"] != self.app.client_id or claims["sub"] != self.app.client_id or not fresh:
            raise Refusal("invalid_client")
        self.assertions.add(claims["jti"])

    def _tokens(self, launch: Launch, scope: str, nonce: str) -> Json:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.access[access], self.granted[access] = launch, scope
        self.refresh[refresh] = (launch, scope)
        out: Json = {
            "access_token": access, "token_type": "Bearer", "expires_in": self.lasts, "scope": scope,
            "refresh_token": refresh, "patient": launch.patient, **launch.more, **self.token,
        }  # fmt: skip
        if "openid" in scope.split() and nonce:
            claims = {
                "iss": self.url, "sub": "u", "aud": self.app.client_id, "exp": int(self.now()) + 300,
                "iat": int(self.now()), "nonce": nonce, "fhirUser": f"{self.iss}/{launch.user}", **self.claims,
            }  # fmt: skip
            out["id_token"] = jwt.encode(claims, SIGNING, algorithm="ES384", headers={"kid": KID})
        self.secrets += [out[k] for k in ("access_token", "refresh_token", "id_token") if k in out]
        return {k: v for k, v in out.items() if v is not ...}

    def read(self, path: str, authorization: str) -> Json | None:
        """One resource for a token; None for who has none."""
        launch = self.access.get(authorization.removeprefix("Bearer "))
        if launch is None or path != f"/Patient/{launch.patient}":
            return None
        name = [{"given": ["Ada"], "family": "Example"}]
        return {"resourceType": "Patient", "id": launch.patient, "name": name, "birthDate": "1980-01-01"}

    def respond(self, method: str, path: str, sent: str) -> tuple[int, Json, str] | None:
        """Status, body and where to go for what is asked of the authorization server; None for anything else.

        ``path`` is what follows ``url``, ``sent`` the query of a GET or the form of a POST.
        """
        said = {k: v[0] for k, v in parse_qs(sent).items()}
        try:
            match method, path:
                case "GET", "/fhir/.well-known/smart-configuration":
                    return 200, self.describe(), ""
                case "GET", "/jwks":
                    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(SIGNING.public_key()))
                    return 200, {"keys": [{**key, "kid": KID, "alg": "ES384", "use": "sig"}]}, ""
                case "GET", "/authorize":
                    return 302, {}, self.authorize(said)
                case "POST", "/token":
                    return 200, self.grant(said), ""
        except Refusal as error:
            return 400, {"error": str(error), "error_description": "secret of the server"}, ""
        return None


def answering(double: SmartServer) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if answer := double.respond("GET", parts.path, parts.query):
                self.say(*answer)
            else:
                found = double.read(parts.path.removeprefix("/fhir"), self.headers.get("Authorization", ""))
                self.say(200 if found else 401, found or {})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self.say(*(double.respond("POST", urlsplit(self.path).path, sent) or (404, {}, "")))

        def say(self, status: int, body: Json, location: str = "") -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(text)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    return Answer


@contextmanager
def smart_server(port: int = 0, **more: Any) -> Iterator[SmartServer]:
    double = SmartServer("", **more)
    with serving(double, answering(double), port):
        yield double


@contextmanager
def serving(double: SmartServer, answer: type[BaseHTTPRequestHandler], port: int = 0) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), answer)
    server.daemon_threads = True
    server.block_on_close = False
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    """By hand: send the service a request, print where its card's app would be launched, and again for every Enter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("request", type=Path, help="a hook request, such as one of fixtures/requests")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--app", default="http://127.0.0.1:8000", help="where the service is")
    given = parser.parse_args()
    body = json.loads(fill(given.request.read_text(encoding="utf-8"), dt.datetime.now().astimezone().date()))
    patient, user = body["context"]["patientId"], body["context"]["userId"]
    app = App(redirect_uris=(f"{given.app}/app/callback",))
    with smart_server(given.port, app=app, standalone=Launch(patient, user)) as double:
        print(f"EHR: {double.iss}", flush=True)
        while True:
            url = f"{given.app}/cds-services/imaging-appropriateness"
            answer = requests.post(url, json=body, timeout=30).json()
            for action in answer.get("systemActions", ()):
                rated = [e for e in action["resource"]["extension"] if e["url"].endswith("/pama-rating")]
                print("Rated:", rated[0]["valueCodeableConcept"]["coding"][0]["code"])
            for card in answer["cards"]:
                print("Card:", card["summary"])
                for link in (link for link in card.get("links", ()) if link["type"] == "smart"):
                    launch = double.launch(patient, user, appContext=link["appContext"], need_patient_banner=True)
                    print(f"  {link['url']}?{urlencode({'iss': double.iss, 'launch': launch})}")
            try:
                input("Enter: send the order again. ")
            except (EOFError, KeyboardInterrupt):
                return


if __name__ == "__main__":
    main()
