"""A way to PostgreSQL that can be made slow, silent or closed: a socket of our own before the server's."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

NAME = ".s.PGSQL.5432"


class Proxy:
    """``delay`` seconds before each piece goes on; ``silent``: nothing goes on; ``closed``: nobody is let in."""

    def __init__(self, folder: Path, to: Path) -> None:
        self.folder, self._to = folder, str(to / NAME)
        self.delay, self.silent, self.closed = 0.0, False, False
        folder.mkdir(parents=True, exist_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(folder / NAME))
        self._server.listen(64)
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self.closed:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._to)
            except OSError:
                client.close()
                server.close()
                continue
            self._open |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                time.sleep(self.delay)
                while self.silent:
                    time.sleep(0.01)
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End all connections."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.silent = False
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        time.sleep(0.05)
        for end in list(self._open):
            end.close()
