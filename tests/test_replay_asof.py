"""What was known when an order was placed, and which orders were signed together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.records import shapes
from service.replay.asof import TABLE, Timeline, dates
from service.replay.moments import Moment, moment
from service.replay.sessions import Placed, is_signed, placed_on, sessions
from service.replay.tables import columns

Json = dict[str, Any]


def at(text: str) -> Moment:
    found = moment(text)
    assert found is not None
    return found


NOON = at("2024-05-10T12:00:00Z")
DAY = at("2024-05-10")


def made(kind: str, **fields: Any) -> Json:
    return {"resourceType": kind, "id": "x", **fields}


def known(resource: Json, then: Moment) -> list[Json]:
    return Timeline([resource]).at(then)


def put(path: tuple[str, ...], value: str) -> Json:
    out: Any = value
    for name in reversed(path):
        out = {name: out}
    return dict(out)


DATED = [(kind, path) for kind, entry in dates().items() for path in entry.known]


@pytest.mark.parametrize(("kind", "path"), DATED, ids=str)
def test_each_date_of_the_table_places_a_resource_before_or_after_an_order(kind: str, path: tuple[str, ...]) -> None:
    field = (*path, "start") if "eriod" in path[-1] else path
    assert known(made(kind, **put(field, "2024-05-09")), DAY)
    assert known(made(kind, **put(field, "2024-05-10")), DAY)
    assert not known(made(kind, **put(field, "2024-05-11")), DAY)
    assert not known(made(kind, **put(field, "2024-05-10T13:00:00Z")), NOON)
    assert known(made(kind, **put(field, "2024-05-10T12:30:00+02:00")), NOON)


def test_the_day_of_the_last_change_of_a_record_says_nothing() -> None:
    resource = made("Condition", recordedDate="2024-01-01", meta={"lastUpdated": "2026-01-01T00:00:00Z"})
    assert known(resource, DAY)


def test_a_result_counts_from_the_day_it_was_issued_not_from_the_day_it_was_taken() -> None:
    resource = made("Observation", effectiveDateTime="2024-05-08", issued="2024-05-12T08:00:00Z")
    assert not known(resource, DAY)
    assert known(resource, at("2024-05-12"))


def test_a_partial_date_counts_from_its_last_day() -> None:
    resource = made("Condition", recordedDate="2024-05")
    assert not known(resource, DAY)
    assert known(resource, at("2024-05-31"))


def test_without_a_date_an_implant_counts_and_a_procedure_does_not_and_both_are_counted() -> None:
    timeline = Timeline([made("Device"), made("Procedure"), made("Procedure", performedDateTime="soon")])
    assert [r["resourceType"] for r in timeline.at(DAY)] == ["Device"]
    assert timeline.undated == {"counts Device": 1, "left out Procedure": 2}


def test_what_ended_after_the_order_is_seen_as_still_going_on() -> None:
    over = {"coding": [{"code": "resolved"}]}
    condition = made("Condition", recordedDate="2024-01-01", abatementDateTime="2024-08-01", clinicalStatus=over)
    (then,) = known(condition, DAY)
    assert "abatementDateTime" not in then
    assert then["clinicalStatus"]["coding"][0]["code"] == "active"
    assert known(condition, at("2024-08-01")) == [condition]
    visit = made(
        "Encounter", status="finished", period={"start": "2024-05-10T11:00:00Z", "end": "2024-05-10T12:40:00Z"}
    )
    (then,) = known(visit, NOON)
    assert then == {**visit, "status": "in-progress", "period": {"start": "2024-05-10T11:00:00Z"}}
    assert visit["period"]["end"]


def test_a_patient_who_died_since_was_alive_when_the_order_was_placed() -> None:
    (then,) = known(made("Patient", deceasedDateTime="2025-01-01", birthDate="1950-01-01"), DAY)
    assert then == made("Patient", birthDate="1950-01-01")
    (then,) = known(made("Patient", deceasedBoolean=True), DAY)
    assert then == made("Patient")


def test_the_table_has_every_type_that_is_read_and_no_other() -> None:
    assert set(dates()) == {"Patient", *(kind for kind, shape in shapes().items() if shape.patient)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("Device:", "Devise:"), "`Devise` is no type that is read. Did you mean `Device`?"),
        (("undated: counts", "undated: sometimes"), "`undated` is one of"),
        (("known: [started]", "knows: [started]"), "`known` and `undated`"),
        (("  known: [started]", "  known: [started]\n  latr: [x]"), "`latr` is no key"),
        (("known: [started]", "known: started"), "`known` is a list of fields"),
        (("ImagingStudy:\n  known: [started]\n  undated: left_out\n", ""), "`ImagingStudy` is missing"),
    ],
)
def test_a_slip_in_the_table_is_named_with_its_mend(change: tuple[str, str], words: str, tmp_path: Path) -> None:
    text = TABLE.read_text()
    assert change[0] in text
    file = tmp_path / "asof.yaml"
    file.write_text(text.replace(change[0], change[1], 1))
    with pytest.raises(DataError) as error:
        dates(file)
    assert words in str(error.value) and "asof.yaml" in str(error.value)


def order(identity: str, authored: str, **fields: Any) -> Placed:
    resource = made("ServiceRequest", authoredOn=authored, intent="order", **fields) | {"id": identity}
    return Placed(resource, at(authored), (0, 0))


def together(*orders: Placed) -> list[list[str]]:
    return [[p.resource["id"] for p in session] for session in sessions(orders)]


def test_orders_of_one_moment_or_one_requisition_were_signed_together() -> None:
    group = {"requisition": {"system": "urn:x", "value": "7"}}
    assert together(
        order("a", "2024-05-10T09:00:00Z"), order("b", "2024-05-10T09:04:00Z"), order("c", "2024-05-10T09:30:00Z")
    ) == [["a", "b"], ["c"]]  # fmt: skip
    assert together(order("a", "2024-05-10T09:00:00Z", **group), order("b", "2024-05-10T15:00:00Z", **group)) == [
        ["a", "b"]
    ]
    assert together(order("a", "2024-05-10", **group), order("b", "2024-06-10", **group)) == [["a"], ["b"]]
    assert together(order("a", "2024-05-10"), order("b", "2024-05-10"), order("c", "2024-05-11")) == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("fields", "signed"),
    [
        ({"intent": "order", "status": "completed"}, True),
        ({"intent": "order", "status": "revoked"}, True),
        ({"intent": "original-order", "status": "active"}, True),
        ({"intent": "plan", "status": "active"}, False),
        ({"intent": "filler-order", "status": "active"}, False),
        ({"intent": "order", "status": "entered-in-error"}, False),
        ({"intent": "order", "status": "active", "doNotPerform": True}, False),
    ],
)
def test_an_order_is_what_a_clinician_signed(fields: Json, signed: bool) -> None:
    assert is_signed(made("ServiceRequest", **fields)) is signed


def test_an_order_without_a_whole_day_cannot_be_placed() -> None:
    assert placed_on(made("ServiceRequest", authoredOn="2024-05")) is None
    assert placed_on(made("ServiceRequest")) is None
    assert placed_on(made("ServiceRequest", authoredOn=["2024-05-10"])) is None


def test_the_documentation_holds_the_tables_as_they_are() -> None:
    text = (Path(__file__).parent.parent / "docs" / "replay.md").read_text()
    for table, held in columns().items():
        assert f"**{table}.parquet**" in text
        assert [c.name for c in held if f"| {c.name} | {c.type} | {c.means} |" not in text] == []
    for kind, entry in read_yaml(TABLE).items():
        known, later = ", ".join(entry["known"]) or "always", ", ".join(entry.get("later", []))
        assert f"| {kind} | {known} | {entry['undated'].replace('_', ' ')} | {later} |" in text
