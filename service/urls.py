"""URLs that we may call: compared by scheme, host, port and whole path segments, never as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Base:
    """A server's base URL, taken apart."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]

    @property
    def url(self) -> str:
        """Written out, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return "/".join((f"{self.scheme}://{host}{port}", *self.path))

    def holds(self, other: Base) -> bool:
        """True when ``other`` is this base or lies below it."""
        same_server = (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
        return same_server and other.path[: len(self.path)] == self.path


def read_base(url: str, *, query: bool = False) -> Base | None:
    """The parts of an absolute http(s) URL; None when it is none, or could be read in two ways.

    Refused: user names, fragments, blanks and control characters, backslashes, hosts in other than plain letters, and
    dot or empty segments (also when escaped), since servers differ in what they make of them.
    """
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return None
    if not HOST.fullmatch(parts.hostname):
        return None
    if parts.query and not query:
        return None
    path = tuple(parts.path.strip("/").split("/")) if parts.path.strip("/") else ()
    if any(re.search(r"^\.{0,2}$|[/\\]", unquote(unquote(segment))) for segment in path):
        return None
    return Base(parts.scheme, parts.hostname.lower(), port or PORTS[parts.scheme], path)


def within(base: Base, current: str, url: str) -> str | None:
    """``url`` (perhaps relative to ``current``) in full when it lies within ``base``, else None."""
    full = urljoin(current, url)
    target = read_base(full, query=True)
    return full if target is not None and base.holds(target) else None
