"""Who called, where proxies stand in between: only what a trusted one says is believed."""

from __future__ import annotations

from flask import Request

from service.addresses import literal, within
from service.certificates import Certificate, read_certificate
from service.settings import Settings


def caller_address(request: Request, settings: Settings) -> str:
    """The nearest address that is none of our proxies."""
    address = request.remote_addr or ""
    if not settings.proxies:
        return address
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while hops and _trusted(address, settings):
        hop = hops.pop()
        if literal(hop) is None:
            break
        address = hop
    return address


def certificate_of(request: Request, settings: Settings) -> Certificate | None:
    """The caller's TLS certificate, where a trusted proxy hands one on."""
    name = settings.client_certificate_header
    if not name or not _trusted(request.remote_addr or "", settings):
        return None
    return read_certificate(request.headers.get(name, ""))


def _trusted(address: str, settings: Settings) -> bool:
    read = literal(address)
    return read is not None and within(read, settings.proxies)
