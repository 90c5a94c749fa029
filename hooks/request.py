"""Read a hook request: who, which patient, which drafts, and which of them are to be advised on."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from hooks import errors
from hooks.body import DEFAULT
from hooks.contexts import CONTEXTS, FhirAuthorization, Lenient, OrderContext, OrderSelect
from hooks.validate import faults

DRAFTS = 200
"""Draft orders that one session may hold; they are all compared with each other."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call, read.

    ``drafts`` are the ServiceRequests of draftOrders as the client's own dictionaries, in order, never changed;
    ``other_drafts`` the rest. ``focus`` holds the references (``ServiceRequest/<id>``) that get advice.
    """

    hook: str
    hook_instance: str
    user_id: str
    patient_id: str
    drafts: tuple[Json, ...]
    focus: tuple[str, ...]
    other_drafts: tuple[Json, ...] = ()
    encounter_id: str | None = None
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None
    prefetch: Mapping[str, object] = field(default_factory=dict)
    extension: Mapping[str, object] = field(default_factory=dict)

    def draft(self, reference: str) -> Json | None:
        """The draft of a reference ``ServiceRequest/<id>``, compared whole."""
        return next((d for d in self.drafts if f"ServiceRequest/{d['id']}" == reference), None)


class _Envelope(Lenient):
    hook: str = Field(min_length=1)
    hookInstance: str
    fhirServer: Annotated[str | None, BeforeValidator(lambda v: v or None)] = None
    fhirAuthorization: FhirAuthorization | None = None
    context: dict[str, Any]
    prefetch: dict[str, Any] | None = None
    extension: dict[str, Any] | None = None

    @field_validator("hookInstance")
    @classmethod
    def _uuid(cls, value: str) -> str:
        uuid.UUID(value)  # ValueError when it is none
        return value

    @field_validator("fhirServer")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        odd = parts.query or parts.fragment or parts.username is not None or re.search(r"[\s\x00-\x1f\\]", value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or odd:
            raise ValueError("not an absolute http or https URL")
        return value.rstrip("/")


_EXPECTED = {
    "hook": "text, the name of the hook",
    "hookInstance": "a UUID, new for every call",
    "fhirServer": "an absolute http or https URL",
    "fhirAuthorization": "an object as CDS Hooks defines it (access_token, token_type Bearer, ...)",
    "fhirAuthorization.access_token": "the token's text",
    "fhirAuthorization.token_type": "Bearer",
    "context": "an object",
    "context.userId": "text, such as Practitioner/123",
    "context.patientId": "a FHIR id",
    "context.encounterId": "a FHIR id",
    "context.draftOrders": "a FHIR Bundle of draft orders",
    "context.selections": "a list with at least one reference to a draft order",
    "prefetch": "an object of prefetch keys",
    "extension": "an object",
}


def read_request(body: object, service_hook: Collection[str]) -> HookRequest:
    """The request in ``body`` (parsed JSON) for a service that answers the hooks in ``service_hook``.

    Raises an error of `hooks.errors` that names what is wrong; nothing of the caller's data is in it.
    """
    if not isinstance(body, dict):
        raise errors.UnreadableRequest("The request must be one JSON object, as CDS Hooks defines it.")
    DEFAULT.check(body)
    hook = body.get("hook")
    if isinstance(hook, str) and hook and (hook not in service_hook or hook not in CONTEXTS):
        raise errors.WrongHook(tuple(sorted(service_hook)))
    envelope = cast(_Envelope, _read(_Envelope, body, ""))
    context = cast(OrderContext, _read(CONTEXTS[envelope.hook], envelope.context, "context."))
    drafts, others, names = _drafts(context)
    focus = tuple(f"ServiceRequest/{d['id']}" for d in drafts)
    if isinstance(context, OrderSelect):
        focus = _selected(context.selections, names)
    return HookRequest(
        hook=envelope.hook,
        hook_instance=envelope.hookInstance,
        user_id=context.userId,
        patient_id=context.patientId,
        drafts=drafts,
        focus=focus,
        other_drafts=others,
        encounter_id=context.encounterId,
        fhir_server=envelope.fhirServer,
        fhir_authorization=envelope.fhirAuthorization,
        prefetch=envelope.prefetch or {},
        extension=envelope.extension or {},
    )


def _read(model: type[Lenient], value: Json, prefix: str) -> Lenient:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = prefix + ".".join(str(p) for p in first["loc"] if isinstance(p, str) and p.isidentifier())
        if first["type"] == "missing" or _lacks(value, first["loc"]):
            raise errors.MissingField(path) from None
        raise errors.WrongField(path, _EXPECTED.get(path, "of the type that CDS Hooks defines")) from None


def _lacks(value: Any, loc: tuple[int | str, ...]) -> bool:
    """Null and empty text count as missing."""
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return value is None or value == ""


def _drafts(context: OrderContext) -> tuple[tuple[Json, ...], tuple[Json, ...], dict[str, str]]:
    """ServiceRequests, other drafts, and every name that a selection may use -> ``Type/id``."""
    where = "context.draftOrders"
    bundle = context.draftOrders
    if bundle.get("resourceType") != "Bundle":
        raise errors.WrongField(where, _EXPECTED[where])
    entries = bundle.get("entry")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise errors.WrongField(f"{where}.entry", "a list")
    if len(entries) > DRAFTS:
        raise errors.TooManyOrders(DRAFTS)
    drafts: list[Json] = []
    others: list[Json] = []
    names: dict[str, str] = {}
    for n, entry in enumerate(entries):
        path = f"{where}.entry[{n}].resource"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise errors.WrongField(path, "a FHIR resource")
        is_order = resource["resourceType"] == "ServiceRequest"
        if is_order:
            _check_order(resource, path)
        _same_patient(resource, context.patientId, path)
        (drafts if is_order else others).append(resource)
        if not isinstance(resource.get("id"), str):
            continue
        reference = f"{resource['resourceType']}/{resource['id']}"
        if reference in names:
            raise errors.DuplicateOrder(f"{path}.id")
        names[reference] = names[f"urn:uuid:{resource['id']}"] = reference
        if isinstance(full := entry.get("fullUrl"), str):
            names.setdefault(full, reference)
    return tuple(drafts), tuple(others), names


def _check_order(resource: Json, path: str) -> None:
    if not resource.get("id"):
        message = "A draft order has no id. Give each draft one, so that it can be named."
        raise errors.MissingField(f"{path}.id", message)
    if not isinstance(resource["id"], str):  # `faults` leaves out what is empty, such as [null]
        raise errors.InvalidOrder(path, (("id", "has the wrong type or form"),))
    if found := faults(resource):
        raise errors.InvalidOrder(path, found)


def _same_patient(resource: Json, patient_id: str, path: str) -> None:
    for name in ("subject", "patient"):
        holder = resource.get(name)
        reference = holder.get("reference") if isinstance(holder, dict) else None
        if not isinstance(reference, str) or not reference:
            continue  # by identifier only: nothing to compare
        if relative(reference) not in (f"Patient/{patient_id}", f"urn:uuid:{patient_id}"):
            raise errors.WrongPatient(f"{path}.{name}")


def _selected(selections: list[str], names: Mapping[str, str]) -> tuple[str, ...]:
    found = []
    for n, selection in enumerate(selections):
        reference = names.get(selection) or names.get(relative(selection))
        if reference is None:
            raise errors.UnknownSelection(f"context.selections[{n}]")
        if reference.startswith("ServiceRequest/"):
            found.append(reference)
    return tuple(dict.fromkeys(found))


def relative(reference: str) -> str:
    """`https://ehr.example/fhir/Patient/1/_history/2` -> `Patient/1`; anything else as it is."""
    plain = reference.split("/_history/")[0]
    if not plain.startswith(("http://", "https://")):
        return plain
    return "/".join(plain.rsplit("/", 2)[-2:])
