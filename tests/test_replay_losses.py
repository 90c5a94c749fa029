"""Replay over an input that is damaged, holds nothing, or stands in another order: what it says of it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.replay_runs import Json, mri, ndjson, pacemaker, patient, replayed, summary, table


def commanded(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments), "--processes", "1"])


def one_order(folder: Path) -> Path:
    return ndjson(folder, [patient(), mri("o", "2025-05-01")])


def cut(path: Path, resources: list[Json]) -> None:
    """A gzipped file that breaks off in the middle."""
    text = b"".join(orjson.dumps({**r, "note": [{"text": f"{n:x}" * 50}]}) + b"\n" for n, r in enumerate(resources))
    whole = gzip.compress(text)
    path.with_suffix("").unlink(missing_ok=True)
    path.write_bytes(whole[: len(whole) // 2])


def test_a_file_that_breaks_off_leaves_its_type_unknown_and_is_said_loudly(tmp_path: Path) -> None:
    source = one_order(tmp_path / "in")
    cut(source / "Device.ndjson.gz", [{**pacemaker("2001-01-01"), "id": f"d{n}"} for n in range(50)])
    said = commanded(source, "--out", tmp_path / "out", "--complete")
    assert said.exit_code == 3
    assert "WARNING: Device.ndjson.gz: breaks off at line " in said.output
    held = summary(tmp_path / "out")
    assert held["types_not_read_to_the_end"] == ["Device"]
    assert held["files_not_read_to_the_end"][0]["file"] == "Device.ndjson.gz"
    for page in ("summary.md", "summary.html"):
        text = (tmp_path / "out" / page).read_text()
        assert text.index("breaks off at line") < text.index("1 imaging order")


@pytest.mark.parametrize(
    "line",
    [
        b'{"resourceType": "Device", "patient": {"reference": "Patient/a"}, "type": {"cod',
        b'{"patient": {"reference": "Patient/a"}}',
        b'{"resourceType": "Device", "id": "d", "patient": {"display": "Jane Doe"}}',
    ],
)
def test_a_line_that_cannot_be_read_leaves_its_type_unknown_for_every_patient(tmp_path: Path, line: bytes) -> None:
    source = one_order(tmp_path / "in")
    (source / "Device.ndjson").write_bytes(line + b"\n")
    said = commanded(source, "--out", tmp_path / "out")
    assert said.exit_code == 0 and "WARNING: Device.ndjson: 1 record in it could not be read." in said.output
    (row,) = table(tmp_path / "out", "verdicts")
    assert row["safety"] is True, "as where there is no file of devices"
    assert "Jane" not in said.output


def test_what_is_nobodys_leaves_nothing_unknown(tmp_path: Path) -> None:
    source = one_order(tmp_path / "in")
    (source / "Device.ndjson").write_bytes(b'{"resourceType": "Device", "id": "in the store"}\n')
    (source / "Observation.ndjson").write_bytes(
        b'{"resourceType": "Observation", "id": "o", "subject": {"reference": "Location/room"}}\n'
    )
    (source / "Claim.ndjson").write_bytes(b'{"resourceType": "Claim"}\n{"resourceTy\n')
    held = summary(replayed(source, tmp_path / "out"))
    assert held["types_not_read_to_the_end"] == []


def test_a_medication_that_is_lost_leaves_prescriptions_unknown(tmp_path: Path) -> None:
    source = one_order(tmp_path / "in")
    (source / "Medication.ndjson").write_bytes(b"{\n")
    held = summary(replayed(source, tmp_path / "out"))
    assert held["types_not_read_to_the_end"] == ["MedicationRequest", "MedicationStatement"]


def test_a_bundle_that_cannot_be_read_may_have_held_anything(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    whole = [patient(), mri("o", "2025-05-01"), {"resourceType": "Condition", "subject": {"display": "Jane"}}]
    held = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in whole]}
    (source / "a.json").write_bytes(orjson.dumps(held))
    (source / "b.json").write_bytes(orjson.dumps(held)[:200])
    out = replayed(source, tmp_path / "out")
    assert {"Device", "Condition", "Observation"} <= set(summary(out)["types_not_read_to_the_end"])
    assert [(r["file"], r["line"]) for r in table(out, "errors")] == [("a.json", 3), ("b.json", 0)]


def bundle(path: Path, *resources: Json) -> bytes:
    path.parent.mkdir(exist_ok=True)
    entry = [{"resource": r} for r in resources]
    text = orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entry})
    path.write_bytes(text)
    return text


def of_two(folder: Path) -> Path:
    """Two patients with an order each, a Bundle for each."""
    for name in ("a", "b"):
        bundle(folder / f"{name}.json", patient(name), mri(f"o-{name}", "2025-05-01", name))
    return folder


def device(owner: str) -> Json:
    return {**pacemaker("2001-01-01"), "id": f"d-{owner}", "patient": {"reference": f"Patient/{owner}"}}


def checked(out: Path) -> dict[str, bool]:
    """Order -> whether something about the patient's safety has to be checked first."""
    return {row["order"]: row["safety"] for row in table(out, "verdicts")}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("broken", [b"%s", b"%s,,}"])
def test_a_broken_bundle_among_those_of_one_patient_each_is_its_own_patients_loss(
    tmp_path: Path, broken: bytes, packed: bool
) -> None:
    source = of_two(tmp_path / "in")
    path = source / "more.json"
    text = bundle(path, device("b"), device("b"))
    text = broken % text[:-3]
    if packed:
        path.unlink()
        (source / "more.json.gz").write_bytes(gzip.compress(text) + b"1")
    else:
        path.write_bytes(text)
    out = replayed(source, tmp_path / "out", complete=True, keep_ids=True)
    assert checked(out) == {"o-a": False, "o-b": True}
    held = summary(out)
    assert held["types_not_read_to_the_end"] == []
    assert any("It names one patient, as every Bundle here does" in said for said in held["warnings"])


@pytest.mark.parametrize(
    "resources",
    [
        [device("a"), device("b")],
        [device("b"), {**device("b"), "patient": {"reference": "urn:uuid:1"}}, device("b")],
        [device("b"), {**device("b"), "patient": {"display": "Jane"}}, device("b")],
        [patient("a"), device("b")],
        [{"resourceType": "Location", "id": "l"}],
    ],
)
def test_one_that_does_not_say_whose_it_is_is_everybodys_loss(tmp_path: Path, resources: list[Json]) -> None:
    source = of_two(tmp_path / "in")
    (source / "more.json").write_bytes(bundle(source / "more.json", *resources)[:-2])
    out = replayed(source, tmp_path / "out", complete=True, keep_ids=True)
    assert checked(out) == {"o-a": True, "o-b": True}


def test_where_a_bundle_holds_several_patients_a_broken_one_may_too(tmp_path: Path) -> None:
    source = of_two(tmp_path / "in")
    bundle(source / "both.json", patient("c"), patient("d"))
    (source / "more.json").write_bytes(bundle(source / "more.json", device("b"))[:-2])
    assert checked(replayed(source, tmp_path / "out", complete=True, keep_ids=True)) == {"o-a": True, "o-b": True}


def test_medicines_in_a_broken_bundle_may_be_what_others_point_at(tmp_path: Path) -> None:
    source = of_two(tmp_path / "in")
    medicine = {"resourceType": "Medication", "id": "m"}
    (source / "more.json").write_bytes(bundle(source / "more.json", device("b"), medicine)[:-2])
    held = summary(replayed(source, tmp_path / "out", complete=True, keep_ids=True))
    assert held["types_not_read_to_the_end"] == ["MedicationRequest", "MedicationStatement"]


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ([patient()], "the input holds no ServiceRequest"),
        ([patient(), mri("o", "2025-05-01", intent="plan")], "none that a clinician signed"),
        (
            [patient(), mri("o", "2025-05-01", code={"coding": [{"system": "http://loinc.org", "code": "2345-7"}]})],
            "of 1 signed order 1 for no imaging",
        ),
        ([patient(), mri("o", "2025-05")], "of 1 signed order 1 could not be judged (errors.parquet)"),
    ],
)
def test_where_no_order_is_found_it_is_said_why(tmp_path: Path, resources: list[Json], words: str) -> None:
    said = commanded(ndjson(tmp_path / "in", resources), "--out", tmp_path / "out")
    assert said.exit_code == 1
    assert "No imaging order found: " in said.output and words in said.output
    page = (tmp_path / "out" / "summary.md").read_text()
    assert "No imaging order found: " in page and "| - |" not in page


def test_the_summary_says_how_the_orders_add_up_and_speaks_in_titles(tmp_path: Path) -> None:
    lab = mri("lab", "2025-05-01", code={"coding": [{"system": "http://loinc.org", "code": "2345-7"}]})
    source = ndjson(
        tmp_path / "in", [patient(), pacemaker("2001-01-01"), mri("o", "2025-05-01"), mri("early", "2021-05-01"), lab]
    )
    said = commanded(source, "--out", tmp_path / "out")
    assert "2 imaging orders of 3 signed orders: 1 for no imaging" in said.output
    held, page = summary(tmp_path / "out"), (tmp_path / "out" / "summary.md").read_text()
    assert held["passed_over"] == {"for no imaging": 1}
    assert held["no_criteria_yet"] == {"orders": 0, "guidelines": {}}, "an implant rates the early one"
    assert "order CT lumbar spine" in page and "| update ct" not in page


def test_orders_before_the_first_day_of_their_guideline_are_counted(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in", [patient(), mri("early", "2021-05-01")])
    out = replayed(source, tmp_path / "out")
    assert summary(out)["no_criteria_yet"] == {"orders": 1, "guidelines": {"evicore-spine-2023": 1}}
    assert "1 of these 1 orders were judged by the rules of a day before" in (out / "summary.md").read_text()
    assert table(out, "verdicts")[0]["not_yet"] == ["evicore-spine-2023"]
    assert summary(replayed(source, tmp_path / "latest", rules_of="latest"))["no_criteria_yet"]["orders"] == 0


def test_the_order_of_the_lines_changes_nothing(tmp_path: Path) -> None:
    both = [mri("b", "2025-05-01T10:00:00Z"), mri("a", "2025-05-01T10:00:00Z"), mri("c", "2025-05-01T10:00:00Z")]
    changed = {**both[0], "status": "revoked"}

    def rated(name: str, orders: list[Json]) -> Any:
        out = replayed(ndjson(tmp_path / name, [patient(), *orders]), tmp_path / f"out-{name}", keep_ids=True)
        return table(out, "orders"), table(out, "verdicts")

    first = rated("one", [*both, changed])
    assert [row["session"] for row in first[0]] == ["a", "a", "a"]
    assert first == rated("two", [changed, *reversed(both)])


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    for text in ("", "k" * 31, "\n" * 40):
        key.write_text(text)
        said = commanded(one_order(tmp_path / "in"), "--out", tmp_path / "out", "--key-file", key)
        assert said.exit_code == 2 and "openssl rand -hex 32" in said.output
    assert not (tmp_path / "out").exists()


def test_results_are_not_put_into_the_input(tmp_path: Path) -> None:
    source = one_order(tmp_path / "in")
    for out in (source, source / "out"):
        said = commanded(source, "--out", out, "--restart")
        assert said.exit_code == 1 and "lies in INPUT" in said.output
    assert {f.suffix for f in source.iterdir()} == {".ndjson"}


def test_a_folder_that_cannot_be_made_is_not_said_to_go_on(tmp_path: Path) -> None:
    said = commanded(one_order(tmp_path / "in"), "--out", "/proc/nope")
    assert said.exit_code == 1 and "nothing was begun" in said.output and "go on" not in said.output


def test_a_run_that_is_stopped_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.replay.run._shared_out", stopped)
    said = commanded(one_order(tmp_path / "in"), "--out", tmp_path / "out")
    assert said.exit_code == 1 and "Stopped; start the same command to go on" in said.output
