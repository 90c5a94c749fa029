"""Which network addresses may be called: public ones, and those that the site itself names.

A name is looked up once for a connection, every address that it has must pass, and the connection goes to one of them:
a name that means something else a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Sequence
from functools import cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out for the internet; what lies outside is mapped, translated, local or nobody's."""
RELAYS = tuple(map(ipaddress.ip_network, ("192.88.99.0/24", "2001::/23", "2002::/16", "64:ff9b::/96")))
"""6to4, Teredo and NAT64: they lead on to an IPv4 address that stands inside."""
LOOPBACK_NAMES = frozenset({"localhost"})
LOOPBACK = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128")))
LOOKUPS = 32
"""Names looked up at the same time; a resolver that hangs must not eat up threads."""


class Forbidden(Exception):
    """The host has an address that may not be called."""


class Unresolved(Exception):
    """The host has no address, or none that was found in time."""


@cache
def read_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """`10.0.0.0/8`, `fd00::/8`, `10.1.2.3`. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def literal(host: str) -> Address | None:
    """The address, where the host is one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def may_reach(address: Address, networks: Sequence[Network] = ()) -> bool:
    """Public, or in one of ``networks``; an IPv4 address inside an IPv6 one has to pass too."""
    inner = _inner(address)
    if inner is not None and not may_reach(inner, networks):
        return False
    return within(address, networks) or _public(address)


def within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or within(address, RELAYS):
        return False
    return address.version == 4 or address in UNICAST


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if within(address, RELAYS[-1:]):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def addresses_of(host: str, port: int, networks: Sequence[Network], ends: float) -> list[str]:
    """Where to connect to for a host, all checked. A host that is itself an address was checked by who named it.

    Raises `Forbidden`, also when only one of several addresses is; `Unresolved`.
    """
    if literal(host) is not None:
        return [host]
    found = _looked_up(host, port, ends)
    if host in LOOPBACK_NAMES:
        networks = LOOPBACK
    read = [literal(text) for text in found]
    if any(address is None or not may_reach(address, networks) for address in read):
        raise Forbidden()
    return found


def _looked_up(host: str, port: int, ends: float) -> list[str]:
    """In a thread of its own: the system's resolver takes no time limit."""
    if not _slots.acquire(blocking=False):
        raise Unresolved()
    found: list[str] = []
    done = threading.Event()

    def look() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError):
            pass
        finally:
            _slots.release()
            done.set()

    threading.Thread(target=look, name="lookup", daemon=True).start()
    if not done.wait(max(0.0, ends - time.monotonic())) or not found:
        raise Unresolved()
    return found


_slots = threading.BoundedSemaphore(LOOKUPS)
