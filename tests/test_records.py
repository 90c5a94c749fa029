"""The chart's resources: whose they are, which count, and what is set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from criteria.errors import DataError
from mappings.queries import QUERIES, TOKEN, read_queries
from mappings.records import read_records, shapes

ME = {"reference": "Patient/p1"}


def condition(identity: str = "c1", **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": identity, "subject": ME, **fields}


def kept(*resources: Any) -> list[str]:
    records = read_records([{"resourceType": "Patient", "id": "p1"}, *resources], "p1", ())
    return [r["id"] for found in records.by_type.values() for r in found]


@pytest.mark.parametrize(
    "reference",
    ["Patient/p1", "https://ehr.example/fhir/Patient/p1", "Patient/p1/_history/3", "http://ehr.example/Patient/p1"],
)
def test_a_reference_to_the_patient_counts_relative_absolute_or_versioned(reference: str) -> None:
    assert kept({"resourceType": "Condition", "id": "c1", "subject": {"reference": reference}}) == ["c1"]


@pytest.mark.parametrize(
    "reference",
    ["Patient/p12", "Patient/p", "Patient/P1", "urn:uuid:p1", "#p1", "Group/p1", "p1", "xPatient/p1", "ehr/Patient/p1"],
)
def test_a_reference_to_anyone_else_never_counts(reference: str) -> None:
    records = read_records([{"resourceType": "Condition", "id": "c1", "subject": {"reference": reference}}], "p1", ())
    assert not records.of("Condition")
    assert [n.reference for n in records.set_aside] == ["Condition/c1"]


def test_a_logical_reference_counts_by_the_patients_own_identifier() -> None:
    held = {"system": "urn:mrn", "value": "77"}
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [held]}
    mine = {"resourceType": "Condition", "id": "c1", "subject": {"identifier": held}}
    other = {"resourceType": "Condition", "id": "c2", "subject": {"identifier": {**held, "value": "78"}}}
    records = read_records([patient, mine, other], "p1", ())
    assert [c["id"] for c in records.of("Condition")] == ["c1"]


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_refuted_or_mistaken_diagnosis_does_not_count(status: str) -> None:
    assert kept(condition(verificationStatus={"coding": [{"code": status}]})) == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Observation", "entered-in-error"),
        ("Observation", "cancelled"),
        ("Procedure", "not-done"),
        ("MedicationRequest", "cancelled"),
        ("MedicationStatement", "not-taken"),
        ("Encounter", "cancelled"),
        ("Communication", "not-done"),
        ("ServiceRequest", "revoked"),
    ],
)
def test_what_did_not_happen_does_not_count(kind: str, status: str) -> None:
    assert kept({"resourceType": kind, "id": "x", "subject": ME, "status": status}) == []


def test_the_same_resource_twice_counts_once_in_its_latest_version() -> None:
    old = condition(
        meta={"lastUpdated": "2026-01-01T00:00:00Z"}, verificationStatus={"coding": [{"code": "confirmed"}]}
    )
    new = condition(meta={"lastUpdated": "2026-02-01T00:00:00Z"}, verificationStatus={"coding": [{"code": "refuted"}]})
    assert kept(old, condition("c2"), condition("c2")) == ["c1", "c2"]
    assert kept(new, old) == kept(old, new) == []


@pytest.mark.parametrize(
    "broken",
    [None, 7, "Condition", [], {"id": "c1"}, {"resourceType": 3}, condition(code="M54.5"), condition(code=["x"])],
)
def test_a_broken_resource_is_set_aside_and_the_rest_still_counts(broken: Any) -> None:
    records = read_records([broken, condition("good")], "p1", ())
    assert [c["id"] for c in records.of("Condition")] == ["good"]
    assert len(records.set_aside) == 1


def test_the_reason_for_setting_aside_holds_nothing_from_the_chart() -> None:
    records = read_records([condition("Jane Doe!", code="secret diagnosis")], "p1", ())
    assert records.set_aside[0].reference == "Condition"
    assert "secret" not in records.set_aside[0].why


def test_missing_types_are_kept_for_what_they_leave_unknown() -> None:
    assert read_records([], "p1", ["Device"]).missing == frozenset({"Device"})


def test_every_query_uses_only_the_token_that_all_clients_support() -> None:
    assert [q.key for q in QUERIES.values() if q.required] == ["patient"]
    assert all(TOKEN in q.template for q in QUERIES.values())
    assert {q.type for q in QUERIES.values()} <= {*shapes(), "Patient"}


def test_a_template_with_another_token_is_refused_by_line(tmp_path: Path) -> None:
    table = tmp_path / "queries.yaml"
    table.write_text('x:\n  template: "Condition?patient={{userId}}"\n  type: Condition\n  required: false\n')
    with pytest.raises(DataError, match=r"queries\.yaml line 2"):
        read_queries(table)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(sorted(shapes())), data=st.data())
def test_any_json_in_any_field_never_stops_the_reading(kind: str, data: st.DataObject) -> None:
    fields = {name: data.draw(JSON) for name in [*shapes()[kind].fields, "subject", "patient", "meta", "id"]}
    read_records([{"resourceType": kind, **fields}], "p1", ())
