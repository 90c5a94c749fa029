"""Reading a hook call: what is understood, and what is refused with which words."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hooks import discovery, errors, outcome, read_request
from hooks.contexts import FhirAuthorization
from hooks.services import hooks_of
from hooks.validate import faults
from tests.hook_examples import BOTH, CPT, body, draft, request


def test_order_sign_puts_every_service_request_in_focus_and_keeps_the_clients_own_json() -> None:
    first, second = draft("a", note=[{"text": "x"}]), draft("b")
    read = request(first, second)
    assert read.focus == ("ServiceRequest/a", "ServiceRequest/b")
    assert read.drafts[0] is first
    assert read.draft("ServiceRequest/b") is second


def test_order_select_puts_only_the_selected_orders_in_focus() -> None:
    read = request(draft("order-1"), draft("order-10"), hook="order-select", selections=["ServiceRequest/order-10"])
    assert read.focus == ("ServiceRequest/order-10",)
    assert len(read.drafts) == 2


def test_ids_that_are_parts_of_one_another_are_told_apart() -> None:
    with pytest.raises(errors.UnknownSelection):
        request(draft("order-10"), hook="order-select", selections=["ServiceRequest/order-1"])


@pytest.mark.parametrize(
    "selection",
    [
        "ServiceRequest/4e0a3a1e-3283-4575-ab82-028d55fe2710",
        "https://ehr.example/fhir/ServiceRequest/4e0a3a1e-3283-4575-ab82-028d55fe2710",
        "https://ehr.example/fhir/ServiceRequest/4e0a3a1e-3283-4575-ab82-028d55fe2710/_history/2",
        "urn:uuid:4e0a3a1e-3283-4575-ab82-028d55fe2710",
    ],
)
def test_a_selection_may_be_relative_absolute_or_a_urn(selection: str) -> None:
    read = request(draft("4e0a3a1e-3283-4575-ab82-028d55fe2710"), hook="order-select", selections=[selection])
    assert len(read.focus) == 1


def test_a_selection_may_be_the_full_url_of_its_entry() -> None:
    sent = body(draft("a"), hook="order-select", selections=["urn:example:1"])
    sent["context"]["draftOrders"]["entry"][0]["fullUrl"] = "urn:example:1"
    assert read_request(sent, BOTH).focus == ("ServiceRequest/a",)


def test_order_sign_ignores_selections() -> None:
    assert request(draft("a"), selections=["nothing"]).focus == ("ServiceRequest/a",)


def test_a_selected_medication_is_nothing_to_advise_on() -> None:
    drug = {"resourceType": "MedicationRequest", "id": "m", "subject": {"reference": "Patient/pat-1"}}
    read = request(drug, hook="order-select", selections=["MedicationRequest/m"])
    assert (read.focus, read.drafts, read.other_drafts) == ((), (), (drug,))


def test_the_public_sandboxs_first_call_is_understood() -> None:
    empty = {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "code": {"coding": [{}]},
        "subject": {"reference": "Patient/pat-1"},
        "reasonCode": [],
    }
    before = copy.deepcopy(empty)
    read = request(empty, hook="order-select", selections=["ServiceRequest/example-request-id"])
    assert read.focus == ("ServiceRequest/example-request-id",)
    assert read.drafts[0] == before


def test_unknown_fields_are_ignored_everywhere() -> None:
    sent = body(flavour="odd")
    sent |= {"colour": 1, "extension": {"org.example": {"a": 1}}}
    assert read_request(sent, BOTH).extension == {"org.example": {"a": 1}}


def _change(path: str, value: Any) -> dict[str, Any]:
    sent = body(hook="order-select")
    *parents, last = path.split(".")
    place: Any = sent
    for name in parents:
        place = place[int(name)] if name.isdigit() else place[name]
    if value is ...:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return sent


FIRST = "context.draftOrders.entry.0.resource"


@pytest.mark.parametrize(
    ("path", "value", "error", "expression"),
    [
        ("hook", ..., errors.MissingField, "hook"),
        ("hook", "", errors.MissingField, "hook"),
        ("hook", 7, errors.WrongField, "hook"),
        ("hook", "patient-view", errors.WrongHook, "hook"),
        ("hookInstance", ..., errors.MissingField, "hookInstance"),
        ("hookInstance", "not a uuid", errors.WrongField, "hookInstance"),
        ("context", ..., errors.MissingField, "context"),
        ("context", [], errors.WrongField, "context"),
        ("context.userId", ..., errors.MissingField, "context.userId"),
        ("context.patientId", None, errors.MissingField, "context.patientId"),
        ("context.patientId", "../Observation", errors.WrongField, "context.patientId"),
        ("context.patientId", "..", errors.WrongField, "context.patientId"),
        ("context.draftOrders", ..., errors.MissingField, "context.draftOrders"),
        ("context.draftOrders", [], errors.WrongField, "context.draftOrders"),
        ("context.draftOrders.resourceType", "List", errors.WrongField, "context.draftOrders"),
        ("context.draftOrders.entry", {}, errors.WrongField, "context.draftOrders.entry"),
        ("context.draftOrders.entry.0", "x", errors.WrongField, "context.draftOrders.entry[0].resource"),
        ("context.selections", ..., errors.MissingField, "context.selections"),
        ("context.selections", [], errors.WrongField, "context.selections"),
        ("context.selections", ["ServiceRequest/other"], errors.UnknownSelection, "context.selections[0]"),
        (f"{FIRST}.id", ..., errors.MissingField, "context.draftOrders.entry[0].resource.id"),
        (f"{FIRST}.id", [None], errors.InvalidOrder, "context.draftOrders.entry[0].resource.id"),
        (f"{FIRST}.id", {"x": {}}, errors.InvalidOrder, "context.draftOrders.entry[0].resource.id"),
        (f"{FIRST}.subject", {"reference": "Patient/pat-10"}, errors.WrongPatient,
         "context.draftOrders.entry[0].resource.subject"),
        (f"{FIRST}.subject", {"reference": "Group/pat-1"}, errors.WrongPatient,
         "context.draftOrders.entry[0].resource.subject"),
        (f"{FIRST}.code", {"coding": [{"system": 7}]}, errors.InvalidOrder,
         "context.draftOrders.entry[0].resource.code.coding[0].system"),
        (f"{FIRST}.status", ..., errors.InvalidOrder, "context.draftOrders.entry[0].resource.status"),
        ("fhirServer", "/fhir", errors.WrongField, "fhirServer"),
        ("fhirServer", "file:///etc/hosts", errors.WrongField, "fhirServer"),
        ("fhirServer", "https://ehr.example/fhir?x=", errors.WrongField, "fhirServer"),
        ("fhirServer", "https://ehr.example@evil.example/fhir", errors.WrongField, "fhirServer"),
        ("fhirServer", "https://ehr.example:port/fhir", errors.WrongField, "fhirServer"),
        ("context.patientId", "pat-1\n", errors.WrongField, "context.patientId"),
        ("fhirAuthorization", {"access_token": "a\n"}, errors.WrongField, "fhirAuthorization.access_token"),
        ("fhirAuthorization", "token", errors.WrongField, "fhirAuthorization"),
        ("fhirAuthorization", {}, errors.MissingField, "fhirAuthorization.access_token"),
        ("fhirAuthorization", {"access_token": "a\r\nHost: b"}, errors.WrongField, "fhirAuthorization.access_token"),
        ("fhirAuthorization", {"access_token": "a", "token_type": "MAC"}, errors.WrongField,
         "fhirAuthorization.token_type"),
        ("prefetch", [], errors.WrongField, "prefetch"),
    ],
)  # fmt: skip
def test_each_fault_is_refused_by_name(path: str, value: Any, error: type[errors.HooksError], expression: str) -> None:
    with pytest.raises(error) as caught:
        read_request(_change(path, value), BOTH)
    assert caught.value.expression == expression
    assert 400 <= caught.value.status < 500


@pytest.mark.parametrize("sent", [None, [], "x", 4, True])
def test_a_body_that_is_no_object_is_refused(sent: object) -> None:
    with pytest.raises(errors.UnreadableRequest):
        read_request(sent, BOTH)


def test_a_body_nested_too_deep_is_refused() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(errors.UnreadableRequest):
        read_request({**body(), "prefetch": {"patient": deep}}, BOTH)


def test_two_drafts_with_one_id_are_refused() -> None:
    with pytest.raises(errors.DuplicateOrder):
        request(draft("a"), draft("a"))


def test_more_drafts_than_a_session_can_have_are_refused() -> None:
    with pytest.raises(errors.TooManyOrders):
        request(*(draft(f"o{n}") for n in range(201)))


def test_a_refusal_quotes_nothing_that_the_caller_sent() -> None:
    secret = "Jane-Roe-1970"
    for path in ("hook", "hookInstance", "context.patientId", "fhirServer", f"{FIRST}.authoredOn", f"{FIRST}.intent"):
        with pytest.raises(errors.HooksError) as caught:
            read_request(_change(path, secret if path != f"{FIRST}.intent" else {"a": secret}), BOTH)
        told = outcome(caught.value)
        assert secret not in json.dumps(told)
        assert told["resourceType"] == "OperationOutcome"
        assert not faults(told)


def test_every_refusal_makes_a_valid_operation_outcome() -> None:
    for error in (
        errors.WrongContentType(), errors.TooLarge(5), errors.UnknownService(), errors.PatientMissing(),
        errors.NotTrusted(), errors.Failed(), errors.UnreadableRequest("Not JSON."),
    ):  # fmt: skip
        assert not faults(outcome(error))
    assert "patient" in outcome(errors.PatientMissing())["issue"][0]["expression"][0]
    assert errors.PatientMissing.status == 412


@pytest.mark.parametrize(
    ("scope", "searchable"),
    [
        ("", True),
        ("openid launch", True),
        ("patient/Observation.read", True),
        ("patient/*.read", True),
        ("user/Observation.*", True),
        ("patient/Observation.rs", True),
        ("patient/Observation.cruds?category=laboratory", True),
        ("system/*.s", True),
        ("patient/Observation.r", False),
        ("patient/Observation.write", False),
        ("patient/Condition.rs", False),
        ("patient/ObservationX.rs", False),
    ],
)
def test_scopes_of_smart_v1_and_v2_are_understood(scope: str, searchable: bool) -> None:
    assert FhirAuthorization(access_token="t", scope=scope).may_search("Observation") is searchable


def test_the_token_never_shows_in_a_repr() -> None:
    assert "hush" not in repr(FhirAuthorization(access_token="hush"))


def test_discovery_lists_one_id_for_both_hooks_with_their_versions() -> None:
    listed = discovery({"patient": "Patient/{{context.patientId}}"})["services"]
    assert {s["hook"]: s["hookVersion"] for s in listed} == {"order-select": "1.0", "order-sign": "1.1"}
    assert {s["id"] for s in listed} == {"imaging-appropriateness"}
    assert all(s["version"] == "3.0.0" and s["title"] and s["usageRequirements"] and s["prefetch"] for s in listed)
    assert hooks_of("imaging-appropriateness") == BOTH
    assert hooks_of("imaging") == frozenset()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    "hook", "hookInstance", "fhirServer", "fhirAuthorization", "prefetch", "extension", "context", "context.userId",
    "context.patientId", "context.encounterId", "context.selections", "context.draftOrders",
    "context.draftOrders.entry", "context.draftOrders.entry.0", "context.draftOrders.entry.0.fullUrl", FIRST,
    *(f"{FIRST}.{name}" for name in (
        "resourceType", "id", "code", "subject", "status", "reasonCode", "extension", "contained", "meta",
        "occurrenceDateTime", "bodySite", "_status")),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(PLACES), value=anything)
def test_any_json_in_any_field_is_read_or_refused_and_never_crashes(place: str, value: Any) -> None:
    try:
        read = read_request(_change(place, value), BOTH)
    except errors.HooksError as error:
        assert 400 <= error.status < 500
        assert not faults(outcome(error))
    else:
        assert set(read.focus) <= {f"ServiceRequest/{d['id']}" for d in read.drafts}


def test_an_order_with_a_contained_reason_is_valid_and_one_with_an_unknown_kind_is_not() -> None:
    reason = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/pat-1"}}
    assert request(draft(contained=[reason], reasonReference=[{"reference": "#c"}])).drafts
    with pytest.raises(errors.InvalidOrder):
        request(draft(contained=[{"resourceType": "Nothing"}]))


def test_local_codes_with_text_are_valid_orders() -> None:
    assert request(draft(code={"coding": [{"system": "urn:oid:1.2", "code": "X1"}], "text": "CT L spine"})).drafts
    assert request(draft(code={"text": "CT L spine"})).drafts
    assert request(draft(code={"coding": [{"system": CPT, "code": "72131"}, {}]})).drafts
