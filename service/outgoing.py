"""The one client for every call that the service makes itself.

Only below the base URL that the caller's allow-list holds; only to addresses that may be reached (addresses.py), with
the connection going to the very address that was checked; no redirects, no cookies, no credentials or proxies from the
environment; TLS verified; bounded in time, headers and bytes that drip included, and in size.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as CallTimeout
from urllib3.util.connection import create_connection

from service.addresses import (
    LOOPBACK_NAMES,
    Forbidden,
    Network,
    Unresolved,
    addresses_of,
    literal,
    may_reach,
)
from service.settings import Settings
from service.urls import Base, read_base
from service.version import version

logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)  # its lines hold addresses, and those hold patients' ids

CHUNK = 65_536
HOSTS = 64
"""Hosts whose connections are kept open."""


class Unavailable(Exception):
    """The address gave nothing usable; ``reason`` is one word for the log and the statistics.

    not-allowed, address, timeout, unreachable, too-large, redirect, or the HTTP status as ``http-404``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Outgoing:
    """Connections are kept per host, for all threads; the first call opens one, so make it before or after forking."""

    def __init__(self, settings: Settings) -> None:
        self._networks: tuple[Network, ...] = settings.networks
        self._ca_bundle, self._proxy = settings.ca_bundle, settings.outbound_proxy
        self._connections = settings.fhir_connections
        self._lock = threading.Lock()
        self._managers: dict[str, urllib3.PoolManager] = {}

    def fetch(
        self,
        url: str,
        below: Base | None,
        headers: Mapping[str, str],
        timeout: float,
        budget: float,
        max_bytes: int,
        named: bool = True,
    ) -> bytes:
        """The body of a 200 answer to a GET. Raises `Unavailable`.

        ``below`` is the base URL on the allow-list that the call is made under. ``named`` says that the site itself
        wrote that host; only then an address that is not public may stand in it. ``timeout`` seconds for the call,
        never more than ``budget``, the time that is left altogether.
        """
        left = min(timeout, budget)
        status, body = self._exchange("GET", url, below, headers, None, left, max_bytes, named)
        if status != 200:
            raise Unavailable(f"http-{status}")
        return body

    def post(
        self,
        url: str,
        below: Base | None,
        headers: Mapping[str, str],
        body: str,
        timeout: float,
        max_bytes: int,
        named: bool = True,
    ) -> tuple[int, bytes]:
        """Status and body of the answer to a POST, as careful as `fetch`. Raises `Unavailable`."""
        return self._exchange("POST", url, below, headers, body.encode(), timeout, max_bytes, named)

    def _exchange(
        self,
        method: str,
        url: str,
        below: Base | None,
        headers: Mapping[str, str],
        data: bytes | None,
        left: float,
        max_bytes: int,
        named: bool,
    ) -> tuple[int, bytes]:
        target = read_base(url, query=True)
        if target is None or below is None or not below.holds(target):
            raise Unavailable("not-allowed")
        self._check_host(target.host, named)
        if left <= 0:
            raise Unavailable("timeout")
        _call.ends, _call.networks = time.monotonic() + left, self._networks
        sent = {"User-Agent": f"imaging-cds/{version()}", "Accept-Encoding": "gzip, deflate", **headers}
        response: urllib3.BaseHTTPResponse | None = None
        try:
            response = self._manager(target).request(
                method, url, body=data, headers=sent, redirect=False, retries=False, preload_content=False,
                timeout=urllib3.Timeout(connect=left, read=left),
            )  # fmt: skip
            return _read(response, data is None, max_bytes)
        except Unavailable:
            raise
        except Forbidden:
            raise Unavailable("address") from None
        except (Unresolved, HTTPError, OSError, ValueError) as error:
            raise Unavailable(_reason(error)) from None
        finally:
            if response is not None:
                response.close()  # what was read to its end is back among the kept connections already

    def _check_host(self, host: str, named: bool) -> None:
        """A host that is itself an address, or means this machine: the site must have written it, unless public."""
        address = literal(host)
        if named or (address is None and host not in LOOPBACK_NAMES):
            return
        if address is None or not may_reach(address, self._networks):
            raise Unavailable("address")

    def _manager(self, target: Base) -> urllib3.PoolManager:
        near = target.host in LOOPBACK_NAMES or literal(target.host) is not None
        way = self._proxy if target.scheme == "https" and not near else ""
        with self._lock:
            if way not in self._managers:
                made = (
                    urllib3.ProxyManager(way, num_pools=HOSTS, ssl_context=_context(self._ca_bundle))
                    if way
                    else urllib3.PoolManager(
                        num_pools=HOSTS, maxsize=self._connections, ssl_context=_context(self._ca_bundle)
                    )
                )
                made.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
                self._managers[way] = made
            return self._managers[way]


def _read(response: urllib3.BaseHTTPResponse, only_200: bool, max_bytes: int) -> tuple[int, bytes]:
    if 300 <= response.status < 400:
        raise Unavailable("redirect")
    if only_200 and response.status != 200:
        return response.status, b""
    body = bytearray()
    while chunk := response.read1(CHUNK, decode_content=True):  # what is there now, so that time and size are kept
        body += chunk
        if len(body) > max_bytes:
            raise Unavailable("too-large")
        if time.monotonic() > _call.ends:
            raise Unavailable("timeout")
    return response.status, bytes(body)


def _reason(error: BaseException) -> str:
    late = isinstance(error, CallTimeout | TimeoutError) and not isinstance(error, NewConnectionError)
    late |= time.monotonic() >= _call.ends
    return "timeout" if late else "unreachable"


@cache
def _context(ca_bundle: str) -> ssl.SSLContext:
    """Certificates and host names are checked against the system's authorities, or the site's own file."""
    return ssl.create_default_context(cafile=ca_bundle or None)


class _Call(threading.local):
    """What holds for the call that this thread is making."""

    ends: float = 0.0
    networks: tuple[Network, ...] = ()


_call = _Call()


class _InTime(io.RawIOBase):
    """What arrives on a socket, waited for no longer than until the call's end, however slowly it drips."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket, self._raw = sock, sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _call.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's time is over")
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *given: Any, **more: Any) -> None:
        super().__init__(sock, *given, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_InTime(sock))


class _Checked:
    """A connection to an address that was checked; to the site's own proxy as it is."""

    def _new_conn(self) -> socket.socket:
        connection: Any = self
        if connection.proxy is not None:
            return super()._new_conn()  # type: ignore[misc,no-any-return]
        host = str(connection.host).strip("[]")
        found = addresses_of(host, connection.port, _call.networks, _call.ends)
        trouble: OSError | None = None
        for address in found:
            left = _call.ends - time.monotonic()
            if left <= 0:
                break
            try:
                return create_connection((address, connection.port), left, socket_options=connection.socket_options)
            except OSError as error:
                trouble = error
        raise trouble or TimeoutError()


class _Connection(_Checked, HTTPConnection):
    response_class = _Response


class _SecureConnection(_Checked, HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
