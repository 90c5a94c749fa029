"""Who may call, how the service is called, and what may be sent to it."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr

from hooks.body import DEPTH, ENTRIES
from service.settings.kinds import Listed


class Callers(BaseModel):
    # What the service is called by
    base_url: str = Field(
        "",
        description="Public URL of the service, such as https://cds.example.org. Tokens must be"
        " made out to it, so a service that asks for them needs it everywhere but on a loopback address.",
    )
    open: bool = Field(False, description="For trying out: no token needed, any web origin.")
    origins: Listed = Field((), description="Web origins that may call from a browser, comma-separated; * for any.")
    trust_file: str = Field("", description="YAML table of the clients that are trusted: issuer, tenant, keys.")
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="At least 32 characters. Makes ids and hashes that nobody"
        " else can make; changing it changes every id. Made up at start in open mode.",
    )
    secret_key_file: str = Field("", description="File that holds the secret key, instead of `secret_key`.")

    # What a proxy in front of us says of a call
    trusted_proxies: Listed = Field(
        (),
        description="Addresses or networks of the proxies in front of the service, comma-separated: what they say of"
        " the caller's address (X-Forwarded-For) and certificate is believed, what anybody else says is not.",
    )
    client_certificate_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]*$",
        description="Header in which a trusted proxy hands on the client's TLS certificate, which it must remove from"
        " what clients send: the certificate (PEM with URL escapes, or base64) or its SHA-256 fingerprint.",
    )

    # Limits on what is sent to us
    max_body_bytes: int = Field(5_000_000, ge=1_000, description="Largest request body, in bytes; above it HTTP 413.")
    max_json_depth: int = Field(DEPTH, ge=10, le=DEPTH, description="Deepest nesting of a request body, in levels.")
    max_entries: int = Field(ENTRIES, ge=1, description="Most entries that one Bundle in a request may hold.")
    token_leeway_seconds: int = Field(30, ge=0, le=300, description="How far a client's clock may be off.")
    token_max_seconds: int = Field(3600, ge=60, description="Longest time from a token's iat to its exp.")
    jwks_max_age_seconds: int = Field(3600, ge=60, description="How long a client's fetched keys are used.")
    tenant_rate: str = Field(
        "12000/minute",
        description="Calls that each trusted client may make, over all workers of one server; above it HTTP 429. Its"
        " row may say another; empty: any number. None in open mode.",
    )
    address_rate: str = Field(
        "1200/minute",
        description="Pages and launches that one address may open, over all workers; empty: any number. None in open"
        " mode. Clinicians behind one gateway share an address; name proxies of your own in `trusted_proxies`.",
    )
    jwks_timeout_seconds: float = Field(2.0, gt=0, le=30, description="Time to fetch a client's keys.")
