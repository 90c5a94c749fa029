"""Who may look at figures of the whole service: whoever holds the token, and in open mode everybody."""

from __future__ import annotations

import hmac
import ipaddress

from flask import Request, Response, abort

from service import counts
from service.errors import Refused, answer
from service.settings import Settings

ALL = "all"
"""The user name that stands for every tenant."""


def may_scrape(request: Request, settings: Settings) -> Response | None:
    """None for a caller who may read the metrics, else the refusal; 404 where nobody may."""
    token, networks = settings.metrics_token.get_secret_value(), settings.metrics_networks
    if settings.open or _from(request, networks):
        return None
    if not token and not networks:
        abort(404)
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and _same(sent.strip(), token):
        return None
    return _refused("Bearer")


def tenant_of(request: Request, settings: Settings) -> str | Response:
    """The tenant whose figures the reader may see, `ALL` for those of all tenants; else the refusal."""
    if settings.open:
        return ALL
    held = settings.dashboards
    if not held:
        abort(404)
    sent = request.authorization
    if sent is not None and sent.type == "basic" and _same(sent.password or "", held.get(sent.username or "", "")):
        return sent.username or ""
    return _refused('Basic realm="imaging-cds", charset="UTF-8"')


def _same(sent: str, token: str) -> bool:
    """Takes as long whatever was sent; nothing equals a token that is not set."""
    return hmac.compare_digest(sent.encode(), token.encode()) and bool(token)


def _from(request: Request, networks: tuple[str, ...]) -> bool:
    """Whether the connection itself comes from one of them: what a proxy writes into a header is not believed."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in networks)


def _refused(scheme: str) -> Response:
    counts.add("figures_refused")
    response = answer(Refused(401))
    response.headers["WWW-Authenticate"] = scheme
    return response
