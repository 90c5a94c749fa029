"""What stands in `context` for each hook, and the token that comes with a call.

Strict where an answer depends on it, lenient on everything else: unknown fields are ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

FHIR_ID = re.compile(r"(?!\.+$)[A-Za-z0-9\-._~]{1,128}")
"""A little wider than FHIR's own id, as some servers are; still safe inside a URL, and never `.` or `..`."""


def _nothing(value: Any) -> Any:
    return None if value == "" else value


def _bare(value: Any) -> Any:
    """`Patient/123` is taken for `123`."""
    return value.removeprefix("Patient/").removeprefix("Encounter/") if isinstance(value, str) else value


Id = Annotated[str, BeforeValidator(_bare), Field(pattern=rf"^{FHIR_ID.pattern}\Z")]


class Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, regex_engine="python-re")


class FhirAuthorization(Lenient):
    """The bearer token for the client's FHIR server. ``scope`` may hold SMART v1 and v2 scopes side by side."""

    access_token: str = Field(pattern=r"^[\x21-\x7e]+\Z", repr=False)
    token_type: str = "Bearer"  # noqa: S105 - the kind of token, not one
    expires_in: int | None = None
    scope: str = ""
    subject: str = ""
    patient: Annotated[str | None, BeforeValidator(_nothing)] = None

    @field_validator("token_type")
    @classmethod
    def _bearer(cls, value: str) -> str:
        if value.lower() != "bearer":
            raise ValueError("only Bearer tokens can be used")
        return "Bearer"

    @field_validator("scope", "subject", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return "" if value is None else value

    def may_search(self, resource_type: str) -> bool:
        """Whether the scopes let us search this type.

        v1: `patient/Observation.read`; v2: `patient/Observation.rs` (search needs `s`), narrowed by `?...` at will.
        No resource scope at all says nothing, so the call may be tried.
        """
        stated = [s for s in self.scope.split() if re.match(r"(patient|user|system)/", s)]
        return not stated or any(_grants(s, resource_type) for s in stated)


def _grants(scope: str, resource_type: str) -> bool:
    target, _, verbs = scope.partition("/")[2].partition("?")[0].partition(".")
    if target not in ("*", resource_type):
        return False
    return verbs in ("read", "*") or ("s" in verbs and set(verbs) <= set("cruds"))


class OrderContext(Lenient):
    """What order-select and order-sign share. ``draftOrders`` is looked at by hooks.request."""

    userId: str = Field(min_length=1)
    patientId: Id
    encounterId: Annotated[Id | None, BeforeValidator(_nothing)] = None
    draftOrders: dict[str, Any]


class OrderSign(OrderContext):
    """order-sign 1.1; `selections`, which some clients send here too, is ignored."""


class OrderSelect(OrderContext):
    """order-select 1.0."""

    selections: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)


CONTEXTS: dict[str, type[OrderContext]] = {"order-select": OrderSelect, "order-sign": OrderSign}
