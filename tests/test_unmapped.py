"""Which codes and phrases mean nothing to the service: in files, and in what the journal kept."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mappings.records import Records
from mappings.unmapped import in_chart, in_order
from service.cli import main
from service.files import read_file, resolved
from service.unmapped import masked, tally
from tests.service_examples import call, order

SNOMED, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
STRANGE = "9990000001"
LABORATORY = [{"coding": [{"code": "LAB"}]}]
Json = dict[str, Any]


def concept(code: str, system: str = SNOMED, **more: Any) -> Json:
    return {"coding": [{"system": system, "code": code, **more}]}


def in_bundle(*resources: Json) -> Json:
    entries = [{"fullUrl": f"urn:uuid:{r.get('id')}", "resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def condition(code: Any, identity: str = "c1", patient: str = "p1") -> Json:
    return {"resourceType": "Condition", "id": identity, "subject": {"reference": f"Patient/{patient}"}, "code": code}


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["unmapped", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def rows(*arguments: str | Path) -> list[Json]:
    found: list[Json] = json.loads(run("--json", *arguments))["seen"]
    return found


def standings(order_: Json, records: Records | None = None) -> set[tuple[str, str]]:
    return {(seen.kind, seen.standing) for seen in in_order(order_, records or Records({}))}


# what counts as unmapped


def test_an_order_that_is_understood_has_nothing_to_tell() -> None:
    assert standings(order(reasonCode=[concept("M54.50", ICD)])) == set()


def test_other_reasons_stand_apart_from_unmapped_ones() -> None:
    assert standings(order(reasonCode=[concept("R51.9", ICD)])) == {("reason", "other")}
    assert standings(order(reasonCode=[concept(STRANGE)])) == {("reason", "unmapped")}
    assert standings(order(reasonCode=[{"text": "as discussed"}])) == {("reason", "unmapped")}


def test_one_known_code_of_a_concept_is_enough() -> None:
    both = {"coding": [*concept(STRANGE)["coding"], *concept("M54.50", ICD)["coding"]]}
    assert standings(order(reasonCode=[both])) == set()


def test_a_phrase_that_proposes_an_indication_meant_something() -> None:
    assert list(in_order(order(reasonCode=[{"text": "low back pain"}]), Records({}))) == []


def test_a_reason_is_followed_to_its_condition() -> None:
    records = Records({}, {"Condition": (condition(concept(STRANGE)),)})
    referring = order(reasonCode=[], reasonReference=[{"reference": "Condition/c1"}])
    (seen,) = in_order(referring, records)
    assert [code.code for code in seen.codes] == [STRANGE]
    within = order(reasonCode=[], reasonReference=[{"reference": "#c1"}], contained=[condition(concept(STRANGE))])
    assert standings(within) == {("reason", "unmapped")}
    lost = order(reasonCode=[], reasonReference=[{"reference": "Condition/gone", "display": "see letter"}])
    (seen,) = in_order(lost, Records({}))
    assert seen.phrases == ("see letter",)


def test_orders_that_are_no_imaging_are_other_and_their_reasons_nobodys() -> None:
    assert standings(order(code="99213", reasonCode=[concept(STRANGE)])) == {("order", "other")}
    local = order(reasonCode=[])
    local["code"] = {"coding": [{"system": "urn:local", "code": "IMG1"}], "text": "something new"}
    assert standings(local) == {("order", "unmapped")}


@pytest.mark.parametrize(
    ("resource", "standing"),
    [
        ({"resourceType": "Condition", "code": concept("M54.50", ICD)}, None),
        ({"resourceType": "Condition", "code": concept("K21.9", ICD)}, "other"),
        ({"resourceType": "Condition", "code": concept(STRANGE)}, "unmapped"),
        ({"resourceType": "Observation", "code": concept("33914-3", "http://loinc.org")}, None),
        ({"resourceType": "Observation", "code": concept("1-8", "http://loinc.org")}, "unmapped"),
        ({"resourceType": "Procedure", "code": concept("72148", "http://www.ama-assn.org/go/cpt")}, None),
        ({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "Ibuprofen 200 MG"}}, None),
        ({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "Elixir"}}, "unmapped"),
        ({"resourceType": "Device", "type": concept("14106009")}, None),
        ({"resourceType": "AllergyIntolerance", "code": concept(STRANGE)}, "unmapped"),
        ({"resourceType": "DiagnosticReport", "code": {"text": "MRI lumbar spine without contrast"}}, None),
        ({"resourceType": "DiagnosticReport", "category": LABORATORY, "code": {"text": "x"}}, "other"),
        ({"resourceType": "Immunization", "vaccineCode": concept(STRANGE)}, None),
        ({"resourceType": "Condition"}, None),
    ],
)  # fmt: skip
def test_the_chart_by_type(resource: Json, standing: str | None) -> None:
    assert [seen.standing for seen in in_chart(resource)] == ([standing] if standing else [])


# files


def test_every_kind_of_file_is_read_and_folders_are_searched(tmp_path: Path) -> None:
    strange = condition(concept(STRANGE))
    write(tmp_path / "request.json", call(order(reasonCode=[concept(STRANGE)])))
    write(tmp_path / "bundle.json", in_bundle(strange))
    write(tmp_path / "single.json", strange)
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    (deep / "lines.ndjson").write_text(f"{json.dumps(strange)}\n\n{json.dumps(strange)}\n")
    (deep / "lines.ndjson.gz").write_bytes(gzip.compress(json.dumps(strange).encode()))
    (deep / "bundle.json.gz").write_bytes(gzip.compress(json.dumps(in_bundle(strange)).encode()))
    (tmp_path / "notes.txt").write_text("not asked for")
    sums = tally(sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".txt"))
    assert (sums.files, sums.orders, sums.faults) == (6, 1, [])
    told = {(row["kind"], row["times"], row["files"], row["patients"]) for row in rows(tmp_path)}
    assert told == {("reason", 1, 1, 1), ("chart:Condition", 6, 5, 1)}


def test_patients_are_counted_across_files(tmp_path: Path) -> None:
    for n in range(3):
        write(tmp_path / f"{n}.json", in_bundle(*(condition(concept(STRANGE), f"c{p}", f"p{p}") for p in range(n + 1))))
    (row,) = rows(tmp_path)
    assert (row["times"], row["files"], row["patients"]) == (6, 3, 3)


def test_references_by_full_url_are_followed(tmp_path: Path) -> None:
    referring = order("o", reasonCode=[], reasonReference=[{"reference": "urn:uuid:c1"}])
    file = write(tmp_path / "transaction.json", in_bundle(referring, condition(concept(STRANGE))))
    assert "reason" in {row["kind"] for row in rows(file)}
    subject = condition(concept(STRANGE)) | {"subject": {"reference": "urn:uuid:p1", "display": "x"}}
    read = resolved(in_bundle({"resourceType": "Patient", "id": "p1"}, subject))
    assert read["entry"][1]["resource"]["subject"] == {"reference": "Patient/p1", "display": "x"}


def test_a_bad_file_is_named_and_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = write(tmp_path / "good.json", condition(concept(STRANGE)))
    (tmp_path / "half.json").write_text('{"resourceType": "Cond')
    (tmp_path / "half.ndjson").write_text(f"{{}}\nno JSON: Mrs Secret\n{json.dumps(condition(concept(STRANGE)))}\n")
    (tmp_path / "broken.json.gz").write_bytes(b"\x1f\x8b never")
    (tmp_path / "deep.json").write_text("[" * 5000)
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "latin.json").write_bytes('{"resourceType": "Condition", "x": "é"}'.encode("latin-1"))
    printed = run(tmp_path)
    for name in (
        "half.json",
        "half.ndjson: line 1",
        "half.ndjson: line 2",
        "broken.json.gz",
        "deep.json",
        "empty.json",
    ):
        assert f"Not read: {name}" in printed
    assert "latin.json" in printed
    assert "Secret" not in printed
    assert f"snomed {STRANGE}" in printed
    assert json.loads(run("--json", tmp_path))["files"] == 2
    assert "Not read" not in run(good)


def test_when_nothing_can_be_read_the_exit_status_says_so(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("no")
    assert "No file could be read" in run(tmp_path, code=1)
    empty = tmp_path / "none"
    empty.mkdir()
    assert "No file could be read" in run(empty, code=1)


def test_when_all_is_known_it_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "known.json", call(order(reasonCode=[concept("M54.50", ICD)])))
    assert "Every code and phrase that was met is known." in run(file)
    assert rows(file) == []


def test_what_could_not_be_read_is_not_said_to_be_known(tmp_path: Path) -> None:
    file = tmp_path / "known.ndjson"
    file.write_text(json.dumps(order(reasonCode=[concept("M54.50", ICD)])) + "\n" + "no JSON\n" * 13)
    printed = run(file)
    assert "13 lines or files could not be read" in printed and "of the rest is known" in printed
    assert "that was met is known" not in printed


def test_the_most_frequent_come_first_and_the_rest_are_counted(tmp_path: Path) -> None:
    some = [condition(concept(f"99900000{n:02}"), f"c{n}-{k}") for n in range(5) for k in range(n + 1)]
    file = write(tmp_path / "b.json", in_bundle(*some))
    assert [row["times"] for row in rows("--top", "3", file)] == [5, 4, 3]
    assert "and 2 more (--top 5)" in run("--top", "3", file)


def test_code_systems_under_another_name_and_unknown_ones_are_counted(tmp_path: Path) -> None:
    coded = [("K21.9", "urn:oid:2.16.840.1.113883.6.90"), ("K21.9", ICD), ("X1", "urn:of:ours"), ("X2", "")]
    some = [condition(concept(code, system), str(n)) for n, (code, system) in enumerate(coded)]
    file = write(tmp_path / "b.json", in_bundle(*some))
    told = {s["system"]: (s["known_as"], s["alias"], s["times"]) for s in json.loads(run("--json", file))["systems"]}
    assert told == {
        "urn:oid:2.16.840.1.113883.6.90": ("icd10cm", True, 1), ICD: ("icd10cm", False, 1),
        "urn:of:ours": ("", False, 1), "": ("", False, 1),
    }  # fmt: skip
    printed = run(file)
    assert "urn:oid:2.16.840.1.113883.6.90 (read as icd10cm)" in printed
    assert "urn:of:ours X1" in printed


# what may be printed


@pytest.mark.parametrize(
    ("phrase", "told"),
    [
        ("MVA  on 3/14/2024,\nMRN 00123456", "mva on #, mrn #"),
        ("pain 8 weeks", "pain # weeks"),
        ("Disc at L5-S1, c6", "disc at l5-s1, c6"),
        ("tel 555-282-8307", "tel #"),
        ("x" * 200, "x" * 80),
    ],
)
def test_numbers_of_a_phrase_are_masked_and_levels_stay(phrase: str, told: str) -> None:
    assert masked(phrase) == told


def test_phrases_that_differ_in_case_and_numbers_are_one(tmp_path: Path) -> None:
    said = ("Fell 3 days ago", "fell  12 days AGO")
    file = write(tmp_path / "r.json", call(order(reasonCode=[{"text": text} for text in said])))
    (row,) = rows(file)
    assert (row["kind"], row["words"], row["times"]) == ("reason", "fell # days ago", 2)


def test_words_in_the_place_of_a_code_are_not_told_as_one(tmp_path: Path) -> None:
    file = write(tmp_path / "c.json", condition({"coding": [{"system": SNOMED, "code": "Mrs Secret, back pain"}]}))
    assert "Secret" not in run(file)
    assert "(no code)" in run(file)


def test_nothing_of_the_patient_is_printed(tmp_path: Path) -> None:
    patient = {
        "resourceType": "Patient",
        "id": "secret-id",
        "name": [{"family": "Secretname"}],
        "birthDate": "1950-01-01",
    }
    chart = condition(concept(STRANGE), "secret-condition", "secret-id")
    file = write(tmp_path / "b.json", in_bundle(patient, chart | {"note": [{"text": "secret"}]}))
    for form in ([], ["--json"], ["--csv"]):
        assert "secret" not in run(*form, file).casefold()


def test_csv_is_for_spreadsheets_and_holds_no_formula(tmp_path: Path) -> None:
    said = '=HYPERLINK("evil")'
    file = write(
        tmp_path / "r.json", call(order(reasonCode=[{"text": said}, concept(STRANGE, display="Odd, isn't it")]))
    )
    read = list(csv.DictReader(run("--csv", file).splitlines()))
    assert {row["words"] for row in read} == {'\'=hyperlink("evil")', "odd, isn't it"}
    assert {(row["kind"], row["standing"], row["times"]) for row in read} == {("reason", "unmapped", "1")}


def test_progress_is_told_for_many_files(tmp_path: Path) -> None:
    for n in range(100):
        write(tmp_path / f"{n}.json", condition(concept("M54.50", ICD)))
    result = CliRunner().invoke(main, ["unmapped", str(tmp_path)])
    assert "100 of 100 files" in result.stderr
    assert "100 of 100" not in result.stdout


@pytest.mark.parametrize("arguments", [[], ["--since", "2026-01-01", "."], ["--journal", "."]], ids=" ".join)
def test_files_or_the_journal_and_not_both(arguments: list[str]) -> None:
    assert "Name files to read, or ask the --journal" in run(*arguments, code=2)


def test_any_json_is_survived(tmp_path: Path) -> None:
    odd = [
        [], [1], 1, None, {}, {"context": 1}, {"context": {"draftOrders": []}, "prefetch": []},
        {"resourceType": 1}, {"resourceType": "Bundle", "entry": {"a": 1}},
        {"resourceType": "Bundle", "entry": [1, {}]},
        {"resourceType": "ServiceRequest", "code": 1, "reasonCode": {"coding": 1}},
        {"resourceType": "ServiceRequest", "code": {}, "reasonReference": [1, {"reference": 1}]},
        {"resourceType": "Condition", "code": [], "subject": []},
        {"resourceType": "Condition", "code": {"coding": [{"code": 5, "system": 6, "display": 7}], "text": 8}},
        {"resourceType": "Bundle", "entry": [{"fullUrl": 1, "resource": {"resourceType": "Patient", "id": []}}]},
    ]  # fmt: skip
    for n, value in enumerate(odd):
        tally([write(tmp_path / f"{n}.json", value)])
        list(read_file(tmp_path / f"{n}.json"))
