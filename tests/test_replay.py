"""Replay: every past order judged as of its day, from every kind of input."""

from __future__ import annotations

import datetime as dt
import gzip
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from hooks import read_request
from mappings import QUERIES
from service.replay.asof import Timeline
from service.replay.moments import moment
from service.report.walk import Walk
from service.settings import read_settings
from tests.replay_runs import (
    TABLES,
    Json,
    mri,
    ndjson,
    once,
    pacemaker,
    patient,
    population,
    replayed,
    results,
    small,
    summary,
    table,
)

FEW = 6
"""Patients, where the number of orders matters little."""


__all__ = ["once", "small"]


def read(folder: Path) -> list[Json]:
    return [orjson.loads(line) for f in sorted(folder.glob("*.ndjson")) for line in f.read_bytes().splitlines()]


def whose(resource: Json) -> str:
    held = resource.get("subject") or resource.get("patient") or resource.get("beneficiary")
    return str(held["reference"]) if held else f"Patient/{resource['id']}"


def test_every_imaging_order_is_judged_and_told_in_all_tables(once: Path) -> None:
    orders = [r for r in read(population()) if r["resourceType"] == "ServiceRequest" and "order" in r["id"]]
    assert len(orders) > 180
    told = table(once, "orders")
    assert len(told) == len(table(once, "verdicts")) >= len(orders)
    names = [row["order"] for row in told]
    assert names == [row["order"] for row in table(once, "verdicts")]
    assert len(set(names)) == len(names)
    for name in ("reasons", "missing", "alternatives"):
        assert {row["order"] for row in table(once, name)} <= set(names)
    assert summary(once)["orders"] == len(told)
    ratings = {row["rating"] for row in table(once, "verdicts")}
    assert {"appropriate", "not-appropriate", "needs-information"} <= ratings
    assert (once / "summary.html").read_text().startswith("<!doctype html>")
    assert not (once / "work").exists()


def test_an_order_is_rated_as_the_service_would_have_rated_it_on_that_day(tmp_path: Path) -> None:
    """The whole walk of the service, with the chart as it stood then as prefetch, and its clock on that day."""
    out = replayed(population(FEW), tmp_path / "out", keep_ids=True)
    rated = {row["order"]: row for row in table(out, "verdicts")}
    alone = {row["order"] for row in table(out, "orders") if row["session_orders"] == 1}
    asked: dict[str, list[str]] = {}
    for row in table(out, "missing"):
        if row["use"] == "asked":
            asked.setdefault(row["order"], []).append(row["fact"])
    checked = 0
    for owner, chart in charts(FEW).items():
        timeline = Timeline(chart)
        for order in (r for r in chart if r["resourceType"] == "ServiceRequest" and r["id"] in alone):
            name, then = order["id"], moment(order["authoredOn"])
            assert then is not None
            held = [r for r in timeline.at(then) if r["id"] != name]
            verdict, cards = by_the_service(owner, order, held, then.day)
            assert (str(verdict.rating), list(verdict.criteria)) == (rated[name]["rating"], rated[name]["criteria"])
            assert list(verdict.asks) == asked.get(name, [])
            assert rated[name]["card"] is bool(cards)
            checked += 1
    assert checked > 18


def charts(patients: int) -> dict[str, list[Json]]:
    """The resources of each patient."""
    out: dict[str, list[Json]] = {}
    for resource in read(population(patients)):
        out.setdefault(whose(resource), []).append(resource)
    return out


def by_the_service(owner: str, order: Json, chart: list[Json], today: dt.date) -> tuple[Any, list[Json]]:
    def bundle(resources: list[Json]) -> Json:
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}

    prefetch: Json = {q.key: bundle([r for r in chart if r["resourceType"] == q.type]) for q in QUERIES.values()}
    prefetch["patient"] = next(r for r in chart if r["resourceType"] == "Patient")
    draft = {**order, "status": "draft"}
    context = {"userId": "Practitioner/p", "patientId": owner.partition("/")[2], "draftOrders": bundle([draft])}
    if "encounter" in order:
        context["encounterId"] = order["encounter"]["reference"].partition("/")[2]
    body = {
        "hook": "order-sign",
        "hookInstance": str(uuid.UUID(int=1, version=4)),
        "context": context,
        "prefetch": prefetch,
    }
    walk = _walk()
    noon = dt.datetime.combine(today, dt.time(12), dt.UTC)
    decision = replace(walk.decision, clock=lambda: noon)
    cards = decision.decide(read_request(body, {"order-sign"}), walk.client)["cards"]
    return walk.last.verdicts[f"ServiceRequest/{order['id']}"], cards


_walks: list[Walk] = []


def _walk() -> Walk:
    if not _walks:
        _walks.append(Walk(read_settings({}, open=True), dt.date(2026, 11, 2)))
    return _walks[0]


def test_what_came_later_does_not_count(tmp_path: Path) -> None:
    source = ndjson(
        tmp_path / "in", [patient(), mri("early", "2023-05-01"), pacemaker("2024-01-01"), mri("late", "2025-05-01")]
    )
    rows = {r["order"]: r for r in table(replayed(source, tmp_path / "out", keep_ids=True), "verdicts")}
    assert "evicore-preface-2021/implant_that_forbids_mri" not in rows["early"]["criteria"]
    assert rows["late"]["criteria"] == ["evicore-preface-2021/implant_that_forbids_mri"]


def test_rules_are_those_of_the_orders_day_unless_told_otherwise(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("old", "2021-05-01")])
    (row,) = table(replayed(source, tmp_path / "then"), "verdicts")
    assert row["rating"] == "no-criteria-apply"
    (row,) = table(replayed(source, tmp_path / "now", rules_of="latest"), "verdicts")
    assert row["rating"] == "needs-information"
    (row,) = table(replayed(source, tmp_path / "day", rules_of="2023-06-01"), "verdicts")
    assert row["rating"] == "needs-information"


def test_orders_signed_together_are_judged_as_one_session(tmp_path: Path) -> None:
    both = [mri("one", "2025-05-01T10:00:00Z"), mri("two", "2025-05-01T10:00:00Z"), mri("three", "2025-05-03")]
    out = replayed(ndjson(tmp_path / "in", [patient(), *both]), tmp_path / "out", keep_ids=True)
    assert [(r["order"], r["session"], r["session_orders"]) for r in table(out, "orders")] == [
        ("one", "one", 2), ("two", "one", 2), ("three", "three", 1),
    ]  # fmt: skip
    assert [r["because"] for r in table(out, "verdicts")].count("combination") == 1


def test_a_type_that_the_input_lacks_is_not_known_rather_than_absent(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("o", "2025-05-01")])
    (source / "Device.ndjson").unlink()
    lacking = replayed(source, tmp_path / "lacking")
    assert summary(lacking)["types_the_input_lacks"] == ["Device"]
    assert table(lacking, "verdicts")[0]["safety"] is True
    complete = replayed(source, tmp_path / "complete", complete=True)
    assert summary(complete)["types_the_input_lacks"] == []
    assert table(complete, "verdicts")[0]["safety"] is False


def test_a_bad_record_is_kept_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("good", "2025-05-01"), mri("undated", "2025-05")])
    with (source / "Condition.ndjson").open("ab") as file:
        file.write(b'{"resourceType": "Condition", "id": "Jane Doe", \n')
        file.write(b"[1, 2]\n\n")
        file.write(b'{"resourceType": "Condition", "id": "c", "subject": {"display": "Jane Doe"}}\n')
        file.write(b"\xff\xfe\x00garbage\n")
        file.write(
            b'{"resourceType": "Condition", "subject": {"reference": "Patient/a"}, "code": 7, "onsetDateTime": {}}\n'
        )
    (source / "Procedure.ndjson.gz").write_bytes(gzip.compress(b"\n" * 100000)[:60])
    out = replayed(source, tmp_path / "out")
    errors = [(r["file"], r["line"], r["stage"], r["why"]) for r in table(out, "errors")]
    assert [(f, n) for f, n, stage, _ in errors if stage == "read" and f == "Condition.ndjson"] == [
        ("Condition.ndjson", n) for n in (1, 2, 4, 5)
    ]
    assert any(f == "Procedure.ndjson.gz" and "unpacked" in why for f, _, _, why in errors)
    assert any(f == "ServiceRequest.ndjson" and "authoredOn" in why and n == 2 for f, n, _, why in errors)
    assert sum(summary(out)["errors"].values()) == len(errors)
    assert len(table(out, "verdicts")) == 1
    assert all(b"Jane" not in text for text in results(out).values())


def test_a_reader_that_fails_on_a_chart_costs_that_order_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mappings

    read_records = mappings.read_records

    def fails(resources: Any, identity: str, missing: Any = ()) -> Any:
        if identity == "b":
            raise RuntimeError("Jane Doe")
        return read_records(resources, identity, missing)

    monkeypatch.setattr(mappings, "read_records", fails)
    source = ndjson(tmp_path / "in", [patient(), patient("b"), mri("x", "2025-05-01", "b"), mri("y", "2025-05-01")])
    out = replayed(source, tmp_path / "out")
    assert [(r["line"], r["why"]) for r in table(out, "errors")] == [(1, "it failed with RuntimeError")]
    assert len(table(out, "verdicts")) == 1


def test_ids_are_hashed_unless_they_are_to_be_kept(once: Path, tmp_path: Path) -> None:
    ids = {r["id"].encode() for r in read(population()) if r["resourceType"] in ("Patient", "ServiceRequest")}
    shown = {v.encode() for name in TABLES for row in table(once, name) for v in row.values() if isinstance(v, str)}
    assert ids.isdisjoint(shown)
    key = tmp_path / "key"
    key.write_text("a secret of the site")
    source = ndjson(tmp_path / "in", [patient(), mri("one", "2025-05-01")])
    more = ndjson(tmp_path / "more", [patient(), mri("one", "2025-05-01"), patient("b")])
    runs: list[tuple[Path, Json]] = [
        (source, {}), (more, {}), (source, {"key_file": key}), (more, {"key_file": key}), (source, {"keep_ids": True})
    ]  # fmt: skip
    names = [
        table(replayed(where, tmp_path / f"out{n}", **options), "orders")[0]["patient"]
        for n, (where, options) in enumerate(runs)
    ]
    assert names[0] != names[1], "hashes of two exports cannot be joined without a key"
    assert names[2] == names[3] and names[4] == "a"


def test_gzipped_split_and_bundled_input_tell_the_same(tmp_path: Path) -> None:
    split, bundles = tmp_path / "split", tmp_path / "bundles"
    split.mkdir(), bundles.mkdir()  # type: ignore[func-returns-value]
    for file in population(FEW).glob("*.ndjson"):
        lines = file.read_bytes().splitlines(keepends=True)
        half = len(lines) // 2
        (split / f"{file.stem}.000.ndjson.gz").write_bytes(gzip.compress(b"".join(lines[:half]), mtime=0))
        (split / f"{file.stem}.001.ndjson").write_bytes(b"".join(lines[half:]))
    for n, chart in enumerate(charts(FEW).values()):
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in chart]}
        (bundles / f"{n}.json").write_bytes(orjson.dumps(bundle))
    key = tmp_path / "key"
    key.write_text("k" * 32)
    told = [
        table(replayed(source, tmp_path / f"out-{source.name}", key_file=key, complete=True), "verdicts")
        for source in (population(FEW), split, bundles)
    ]
    assert told[0] == told[1]
    assert sorted(map(repr, told[0])) == sorted(map(repr, told[2]))


def test_medications_and_payers_of_their_own_files_are_found(tmp_path: Path) -> None:
    payer = {"resourceType": "Organization", "id": "payer", "identifier": [
        {"system": "https://imaging-cds.github.io/fhir/NamingSystem/policy", "value": "medicare"}]}  # fmt: skip
    coverage = {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": {"reference": "Patient/a"},
                "payor": [{"reference": "Organization/payer"}]}  # fmt: skip
    out = replayed(ndjson(tmp_path / "in", [patient(), payer, coverage, mri("o", "2025-05-01")]), tmp_path / "out")
    assert table(out, "orders")[0]["policy"] == "medicare"
