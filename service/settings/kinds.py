"""Kinds of values that several settings share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from limits import RateLimitItem, parse
from pydantic import BeforeValidator

Clock = Callable[[], dt.datetime]
"""The time, aware, in UTC; tests hand in their own."""


@cache
def read_rate(text: str) -> RateLimitItem | None:
    """`6000/minute`, `50 per second`; None for what is no rate."""
    try:
        return parse(text)
    except ValueError:
        return None


class SettingsError(Exception):
    """The service cannot start with these settings."""


def _listed(value: Any) -> Any:
    """`a, b` in the environment is a list of two."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]
