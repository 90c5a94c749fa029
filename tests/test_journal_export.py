"""The journal as files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from click.testing import CliRunner

from service.cli import main
from service.journal.fields import stored_fields
from tests.service_examples import SERVICE, call, make_app, order, parts_of

TABLES = {"consults", "cards", "unmapped_codes", "feedback", "audit"}


def exported(folder: Path, url: str, *words: str) -> Path:
    out = folder / f"out{len(list(folder.glob('out*')))}"
    place = {"IMAGING_CDS_DATA_DIR": str(folder), "IMAGING_CDS_DATABASE_URL": url}
    done = CliRunner().invoke(main, ["journal", "export", "--out", str(out), *words], env=place)
    assert done.exit_code == 0, done.output
    return out


def kept(folder: Path, url: str) -> None:
    app = make_app(folder, database_url=url)
    unknown = [{"coding": [{"system": "http://snomed.info/sct", "code": "999999999"}]}]
    for sent in (call(), call(order(reasonCode=unknown))):
        assert app.test_client().post(SERVICE, json=sent).status_code == 200
    entry = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-06-01T10:00:00Z"}
    app.test_client().post(f"{SERVICE}/feedback", json={"feedback": [entry]})
    parts_of(app).journal.engine.dispose()


def test_an_export_holds_the_tables_and_says_what_their_columns_mean(tmp_path: Path, database_url: str) -> None:
    kept(tmp_path, database_url)
    out = exported(tmp_path, database_url)
    about = json.loads((out / "about.json").read_text())
    assert {file.name for file in out.iterdir()} == {f"{table}.ndjson" for table in TABLES} | {"about.json"}
    assert about["rows"]["consults"] == 2 and about["rows"]["audit"] == 3 and about["rows"]["unmapped_codes"]
    for table in TABLES:
        rows = [json.loads(line) for line in (out / f"{table}.ndjson").read_text().splitlines()]
        assert len(rows) == about["rows"][table]
        assert all(set(row) == set(about["columns"][table]) <= set(stored_fields()[table]) for row in rows)


def test_an_export_takes_the_days_and_the_tenant_that_are_asked_for(tmp_path: Path, database_url: str) -> None:
    kept(tmp_path, database_url)
    for words, rows in (
        (("--since", "2026-06-02", "--until", "2026-06-03"), 2),
        (("--until", "2026-06-02"), 2),
        (("--until", "2026-06-01"), 0),
        (("--since", "2026-06-03"), 0),
        (("--tenant", "open"), 2),
        (("--tenant", "another"), 0),
    ):
        about = json.loads((exported(tmp_path, database_url, *words) / "about.json").read_text())
        assert about["rows"]["consults"] == rows
        assert bool(about["rows"]["cards"]) == bool(about["rows"]["audit"]) == bool(rows)


def test_an_export_writes_over_nothing(tmp_path: Path) -> None:
    kept(tmp_path, "")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").write_text("mine")
    words = ["journal", "export", "--out", str(tmp_path / "there")]
    said = CliRunner().invoke(main, words, env={"IMAGING_CDS_DATA_DIR": str(tmp_path), "IMAGING_CDS_DATABASE_URL": ""})
    assert said.exit_code == 1 and "is not empty" in said.output
    assert [f.name for f in (tmp_path / "there").iterdir()] == ["notes.txt"]


def test_an_export_as_csv_can_be_read_by_a_spreadsheet(tmp_path: Path) -> None:
    kept(tmp_path, "")
    out = exported(tmp_path, "", "--csv")
    with (out / "consults.csv").open(encoding="utf-8", newline="") as file:
        [first, _] = csv.DictReader(file)
    assert first["created"] == "2026-06-02T03:00:00+00:00" and " " in first["asks"]
