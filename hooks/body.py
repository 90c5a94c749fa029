"""The body of a hook request: parsed at once but for the chart, which stays as it was sent until it is read.

A chart is most of the bytes, and most of a chart is read by nobody: making objects of all of it costs more than the
answer. So what stands under a prefetch key comes as `msgspec.Raw`, and `hooks.prefetch` reads from it what is wanted.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Raw

from hooks.errors import TooManyEntries, UnreadableRequest

DEPTH = 100
"""Levels of nesting that a request may have; FHIR needs about thirty."""
ENTRIES = 20_000
"""Entries that one Bundle may have."""
FIELDS = ("hook", "hookInstance", "fhirServer", "fhirAuthorization", "context", "extension")
NO_JSON = "The request is not JSON (UTF-8, no comments, no NaN, not nested too deep)."


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may hold."""

    depth: int = DEPTH
    entries: int = ENTRIES

    def check(self, value: Any) -> None:
        """Refuse what is nested too deep, for whatever reads it may recurse, or lists too many Bundle entries.

        Level by level, so that the check itself cannot overflow. Raises `UnreadableRequest` or `TooManyEntries`.
        """
        level: list[Any] = [value]
        for _ in range(self.depth + 1):
            following: list[Any] = []
            for node in level:
                if isinstance(node, dict):
                    entries = node.get("entry")
                    if isinstance(entries, list) and len(entries) > self.entries:
                        raise TooManyEntries(self.entries)
                    following += [child for child in node.values() if isinstance(child, dict | list)]
                else:
                    following += [child for child in node if isinstance(child, dict | list)]
            if not following:
                return
            level = following
        raise UnreadableRequest(f"The request is nested deeper than {self.depth} levels.")

    def parse(self, text: bytes | Raw) -> Any:
        """JSON that keeps the limits. Raises `UnreadableRequest` or `TooManyEntries`."""
        try:
            value = orjson.loads(memoryview(text))
        except orjson.JSONDecodeError:
            raise UnreadableRequest(NO_JSON) from None
        if isinstance(value, dict | list):
            self.check(value)
        return value


DEFAULT = Limits()
_PARTS: list[tuple[str, Any, Any]] = [(name, Raw | msgspec.UnsetType, UNSET) for name in FIELDS]
_SENT = msgspec.json.Decoder(msgspec.defstruct("Sent", [*_PARTS, ("prefetch", dict[str, Raw])], kw_only=True))


def read_body(text: bytes, unread: Container[str], limits: Limits = DEFAULT) -> Any:
    """The request as JSON; the prefetch keys in ``unread`` hold `msgspec.Raw`.

    What is no request with a prefetch object is parsed whole, for its faults to be named. Raises `UnreadableRequest`
    or `TooManyEntries`.
    """
    try:
        sent = _SENT.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return limits.parse(text)
    body = {name: limits.parse(held) for name in FIELDS if isinstance(held := getattr(sent, name), Raw)}
    prefetch = sent.prefetch  # type: ignore[attr-defined]
    body["prefetch"] = {key: held if key in unread else limits.parse(held) for key, held in prefetch.items()}
    return body
