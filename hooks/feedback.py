"""What clinicians did with our cards: the body of POST .../feedback.

The models check the shape; unknown fields and unknown ids are let be.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hooks import errors

Json = dict[str, Any]
ENTRIES = 1000
"""Entries that one call may hold."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Coding(_Shape):
    code: str = Field(min_length=1)
    system: str | None = None
    display: str | None = None


class _OverrideReason(_Shape):
    reason: _Coding | None = None
    userComment: str | None = None


class _Accepted(_Shape):
    id: str = Field(min_length=1)


class _Feedback(_Shape):
    card: str = Field(min_length=1)
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: list[_Accepted] | None = None
    overrideReason: _OverrideReason | None = None
    outcomeTimestamp: str

    @field_validator("outcomeTimestamp")
    @classmethod
    def _instant(cls, value: str) -> str:
        if "T" not in value.upper() or dt.datetime.fromisoformat(value.upper()).tzinfo is None:
            raise ValueError("no RFC 3339 date and time with a zone")
        return value

    @model_validator(mode="after")
    def _complete(self) -> _Feedback:
        if self.outcome == "accepted" and not self.acceptedSuggestions:
            raise ValueError("acceptedSuggestions is missing")
        return self


@dataclass(frozen=True, slots=True)
class Feedback:
    """One entry, without anybody's words; ``at`` is the moment with its zone."""

    card: str
    outcome: Literal["accepted", "overridden"]
    at: dt.datetime
    suggestions: tuple[str, ...]
    reason_code: str | None
    reason_system: str | None
    has_comment: bool


_EXPECTED = {
    "card": "the uuid of a card",
    "outcome": "`accepted` or `overridden`",
    "outcomeTimestamp": "a date and time with a zone, such as 2026-03-04T10:05:31Z",
    "acceptedSuggestions": "a list of objects with the `id` of a suggestion",
    "overrideReason": "an object with `reason` (a coding) or `userComment`",
}


def read_feedback(body: object) -> tuple[Feedback, ...]:
    """The entries of a feedback call. Raises an error of `hooks.errors` naming the field."""
    if not isinstance(body, dict):
        raise errors.UnreadableRequest("The feedback must be one JSON object with the list `feedback`.")
    if "feedback" not in body:
        raise errors.MissingField("feedback")
    entries = body["feedback"]
    if not isinstance(entries, list):
        raise errors.WrongField("feedback", "a list")
    if len(entries) > ENTRIES:
        raise errors.WrongField("feedback", f"a list of at most {ENTRIES} entries")
    return tuple(_entry(n, entry) for n, entry in enumerate(entries))


def _entry(n: int, entry: object) -> Feedback:
    where = f"feedback[{n}]"
    if not isinstance(entry, dict):
        raise errors.WrongField(where, "an object")
    try:
        read = _Feedback.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "acceptedSuggestions"
        if not first["loc"] or (first["type"] == "missing" and len(first["loc"]) == 1):
            raise errors.MissingField(f"{where}.{name}") from None
        raise errors.WrongField(f"{where}.{name}", _EXPECTED.get(name, "of the type CDS Hooks defines")) from None
    override = read.overrideReason or _OverrideReason()
    return Feedback(
        card=read.card,
        outcome=read.outcome,
        at=dt.datetime.fromisoformat(read.outcomeTimestamp.upper()),
        suggestions=tuple(s.id for s in read.acceptedSuggestions or ()),
        reason_code=override.reason.code if override.reason else None,
        reason_system=override.reason.system if override.reason else None,
        has_comment=bool(override.userComment),
    )
