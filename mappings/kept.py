"""What codes and names mean is kept for the next charts, which repeat the same few hundred; nothing else ever is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")
MOST, LONG = 8192, 500
"""So many are kept of each sort, and none that has that many letters."""


class Kept(dict[Key, Made]):
    """By a code or name as it is written (text, bytes, None, or a tuple of these): what ``read`` makes of it.

    Looking up what is neither raises `TypeError`. When it is full it begins anew. What is not ``worth`` it is made anew
    each time.
    """

    def __init__(
        self, read: Callable[[Key], Made], most: int = MOST, worth: Callable[[Made], bool] = lambda _: True
    ) -> None:
        super().__init__()
        self.read, self.most, self.worth = read, most, worth

    def __missing__(self, key: Key) -> Made:
        letters = _letters(key)
        found = self.read(key)
        if letters < LONG and self.worth(found):
            if len(self) >= self.most:
                self.clear()
            self[key] = found
        return found


def _letters(key: Any) -> int:
    if isinstance(key, tuple):
        return sum(map(_letters, key))
    if key is None or isinstance(key, str | bytes):
        return len(key or "")
    raise TypeError("it is no text")
