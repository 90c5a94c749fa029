"""A listener that nobody may reach, a resolver that says what a test wants, and no way to any other machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

PUBLIC = "93.184.216.34"
"""A public address that no test gets to."""


@dataclass
class Trap:
    """``reached`` counts its connections, on 127.0.0.1 and on ::1 where this machine has that."""

    port: int
    reached: int = 0


@contextmanager
def trap() -> Iterator[Trap]:
    sockets = [socket.create_server(("127.0.0.1", 0))]
    port = sockets[0].getsockname()[1]
    with suppress(OSError):
        sockets.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    made = Trap(port)

    def wait(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            made.reached += 1
            connection.close()

    threads = [threading.Thread(target=wait, args=(s,), daemon=True) for s in sockets]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for listening in sockets:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        for thread in threads:
            thread.join(5)


@dataclass
class World:
    """``names``: host -> the addresses of each look-up in turn, the last again and again. ``tried``: where connections
    were tried beyond this machine; none gets there."""

    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def closed_world(monkeypatch: pytest.MonkeyPatch, names: Mapping[str, list[Sequence[str]]] | None = None) -> World:
    world = World({k: list(v) for k, v in (names or {}).items()})
    look_up: Callable[..., Any] = socket.getaddrinfo
    connect: Callable[..., Any] = socket.socket.connect

    def resolve(host: Any, port: Any, *given: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name not in world.names:
            numeric = name.replace(".", "").replace("x", "").replace(":", "")
            known = name.rstrip(".").lower() == "localhost" or all(c in "0123456789abcdefABCDEF" for c in numeric)
            if not known:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return look_up(host, port, *given, **more)
        world.asked.append(name)
        answers = world.names[name]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [info for address in found for info in look_up(address, port, type=socket.SOCK_STREAM)]

    def connected(self: socket.socket, address: Any) -> Any:
        here = not isinstance(address, tuple) or str(address[0]).startswith(("127.", "::1", "0.0.0.0"))  # noqa: S104 - it is asked for
        if not here:
            world.tried.append(str(address[0]))
            raise ConnectionRefusedError("beyond this machine")
        return connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connected)
    return world
