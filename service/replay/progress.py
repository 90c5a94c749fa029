"""How far a run is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

EVERY = 15.0
"""Seconds between two lines where there is no terminal."""
Told = Callable[[int], None]


class Progress(Protocol):
    """Each gives a function that is told of every step: bytes read, orders judged. Warnings are said at once."""

    def warn(self, told: Iterable[str]) -> None: ...

    def reading(self) -> contextlib.AbstractContextManager[Told]: ...

    def judging(self, orders: int, done: int) -> contextlib.AbstractContextManager[Told]: ...


class Silent:
    def warn(self, told: Iterable[str]) -> None:
        pass

    @contextlib.contextmanager
    def reading(self) -> Iterator[Told]:
        yield lambda size: None

    @contextlib.contextmanager
    def judging(self, orders: int, done: int) -> Iterator[Told]:
        yield lambda more: None


class _Said:
    def warn(self, told: Iterable[str]) -> None:
        for line in told:
            print(f"WARNING: {line}", file=sys.stderr)


class Bar(_Said):
    """On a terminal, with tqdm where it is installed."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[Told]:
        with self._bar("reading", None, 0, "B", True) as told:
            yield told

    @contextlib.contextmanager
    def judging(self, orders: int, done: int) -> Iterator[Told]:
        with self._bar("judging", orders, done, " signed orders", False) as told:
            yield told

    @contextlib.contextmanager
    def _bar(self, what: str, total: int | None, done: int, unit: str, scaled: bool) -> Iterator[Told]:
        from tqdm import tqdm

        with tqdm(desc=what, total=total, initial=done, unit=unit, unit_scale=scaled, file=sys.stderr) as bar:
            yield lambda more: bar.update(more) and None


class Lines(_Said):
    """Where nobody watches: a line now and then, nothing that writes over itself."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[Told]:
        print("reading the input", file=sys.stderr)
        yield lambda size: None

    @contextlib.contextmanager
    def judging(self, orders: int, done: int) -> Iterator[Told]:
        began = last = time.monotonic()
        first = done

        def told(more: int) -> None:
            nonlocal done, last
            done += more
            now = time.monotonic()
            if now - last >= EVERY or done >= orders:
                last = now
                pace = (done - first) / max(now - began, 0.001)
                print(f"{done} of {orders} signed orders, {pace:.0f} a second", file=sys.stderr)

        yield told


def watched() -> Progress:
    return Bar() if sys.stderr.isatty() else Lines()
