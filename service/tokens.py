"""A caller's token taken apart, strictly: what two readers could read in two ways is refused by both."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

MAX_TOKEN = 16_384
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class Unreadable(ValueError):
    """It is no signed JSON Web Token."""


@dataclass(frozen=True, slots=True)
class Token:
    """Nothing of it is checked yet."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]


def read_token(text: str) -> Token:
    """Raises `Unreadable`: for what has no three parts of base64url, names one member twice, or holds NaN."""
    found = _FORM.fullmatch(text) if len(text) <= MAX_TOKEN else None
    if found is None:
        raise Unreadable()
    return Token(text, _object(found[1]), _object(found[2]))


def _object(part: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        value = _decoder.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unreadable() from None
    if not isinstance(value, dict):
        raise Unreadable()
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unreadable()
    return value


def _no_number(_: str) -> Any:
    raise Unreadable()


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
