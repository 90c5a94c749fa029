"""Careful calls: no redirects, no cookies, no credentials from the environment, bounded in time and size."""

from __future__ import annotations

import http.cookiejar
import threading
import time
from collections.abc import Mapping

import requests
import urllib3
from requests.adapters import HTTPAdapter

CHUNK = 65_536


class Unavailable(Exception):
    """The address gave nothing usable; ``reason`` is one word for the log and the statistics.

    timeout, unreachable, too-large, redirect, or the HTTP status as ``http-404``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_local = threading.local()


def _session() -> requests.Session:
    """One per thread: sessions are not safe to share."""
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = requests.Session()
        session.trust_env = False  # .netrc and proxy variables could send a token elsewhere, or replace it
        session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        session.mount("http://", HTTPAdapter(pool_maxsize=4, max_retries=0))
        session.mount("https://", HTTPAdapter(pool_maxsize=4, max_retries=0))
        _local.session = session
    return session


def fetch(
    url: str, headers: Mapping[str, str], timeout: float, budget: float, max_bytes: int, ca_bundle: str = ""
) -> bytes:
    """The body of a 200 answer to a GET. Raises `Unavailable`.

    ``timeout`` seconds for the call, never more than ``budget``, the time that is left altogether. The time holds for
    the whole answer: a server that drips byte by byte does not keep us.
    """
    status, body = _exchange("GET", url, headers, None, min(timeout, budget), max_bytes, ca_bundle)
    if status != 200:
        raise Unavailable(f"http-{status}")
    return body


def post(
    url: str, headers: Mapping[str, str], body: str, timeout: float, max_bytes: int, ca_bundle: str = ""
) -> tuple[int, bytes]:
    """Status and body of the answer to a POST, as careful as `fetch`. Raises `Unavailable`, also for a redirect."""
    return _exchange("POST", url, headers, body.encode(), timeout, max_bytes, ca_bundle)


def _exchange(
    method: str, url: str, headers: Mapping[str, str], data: bytes | None, left: float, max_bytes: int, ca_bundle: str
) -> tuple[int, bytes]:
    ends = time.monotonic() + left
    if left <= 0:
        raise Unavailable("timeout")
    try:
        with _session().request(
            method,
            url,
            headers=dict(headers),
            data=data,
            timeout=(left, left),
            allow_redirects=False,
            stream=True,
            verify=ca_bundle or True,
        ) as response:
            if 300 <= response.status_code < 400:
                raise Unavailable("redirect")
            if data is None and response.status_code != 200:
                return response.status_code, b""
            body = bytearray()
            while chunk := response.raw.read1(CHUNK, decode_content=True):  # what is there now, so that time is kept
                body += chunk
                if len(body) > max_bytes:
                    raise Unavailable("too-large")
                if time.monotonic() > ends:
                    raise Unavailable("timeout")
            return response.status_code, bytes(body)
    except requests.Timeout:
        raise Unavailable("timeout") from None
    except urllib3.exceptions.TimeoutError:
        raise Unavailable("timeout") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        raise Unavailable("unreachable") from None
