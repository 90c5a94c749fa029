"""Coverage: what became of each row, on the command line and as a page; nothing is counted that no case exercises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

import service.coverage as page
from criteria.coverage import Row, claimed, coverage, fingerprint, record, recorded, run
from criteria.errors import DataError
from criteria.library import Library, load_library
from criteria.tally import lines, share
from service.cli import main
from service.reports import coverage_lines, missing_lines
from tests.rule_home import home, rule

FOLDER = "guidelines/evicore-spine-2023"
CASE = "- name: At night\n  facts: {pain.night: true}\n  expect: {rule: met}\n"
INDEX = "".join(
    f'- {{id: T-1.{n}, section: T-{1 + n // 4}, title: "Row {n}", kind: {kind}, computable: "{computable}"}}\n'
    for n, (kind, computable) in enumerate(
        [("criterion", "yes"), ("exclusion", "yes"), ("informational", "no"), ("criterion", "partly"), ("scope", "no")],
        1,
    )
)


def rows(folder: Path, cases: str = CASE, reasons: str = "T-1.4: nobody records it\n") -> list[Row]:
    text = rule("indications: [low_back_pain]\nwhen: {any: [{fact: pain.night, covers: [T-1.2]}, pain.neck]}\n")
    extra = {f"{FOLDER}/index.yaml": INDEX, f"{FOLDER}/not_encoded.yaml": reasons}
    made = home(folder, {"p": text}, extra | ({f"{FOLDER}/topic/p.test.yaml": cases} if cases else {}))
    return coverage(load_library(made), home=made)


def test_every_row_has_one_state(tmp_path: Path) -> None:
    assert {r.id: r.state for r in rows(tmp_path)} == {
        "T-1.1": "encoded", "T-1.2": "encoded", "T-1.3": "nothing to compute", "T-1.4": "not computed", "T-1.5": "open",
    }  # fmt: skip


def test_a_rule_without_a_case_that_exercises_the_clause_encodes_nothing(tmp_path: Path) -> None:
    found = {r.id: (r.state, r.reason) for r in rows(tmp_path, cases="")}
    assert found["T-1.1"] == found["T-1.2"] == ("open", "no case exercises the clause")


@pytest.mark.parametrize(
    ("reasons", "words"), [("T-9.9: x\n", "`T-9.9` is no row"), ("T-1.1: x\n", "is covered by a rule")]
)
def test_reasons_for_rows_that_are_covered_or_do_not_exist_are_refused(
    tmp_path: Path, reasons: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        rows(tmp_path, reasons=reasons)


def test_the_table_adds_up_section_by_section(tmp_path: Path) -> None:
    table = list(lines(rows(tmp_path)))
    assert [(x.section, x.rows, x.unaccounted) for x in table] == [("T-1", 3, 0), ("T-2", 2, 1), ("", 5, 1), ("", 5, 1)]
    assert all(sum(x.states.values()) == x.rows for x in table)
    assert sum(table[-1].percent(s) for s in table[-1].states) == pytest.approx(100)


def test_only_rows_that_ask_for_a_computation_count_in_the_share(tmp_path: Path) -> None:
    found = share(rows(tmp_path))
    assert (found.encoded, found.rows, round(found.percent, 1)) == (2, 3, 66.7)


def test_the_printed_table_gives_reasons_and_the_missing_rows_end_with_their_number(tmp_path: Path) -> None:
    made = rows(tmp_path)
    printed = list(coverage_lines(made))
    assert any("T-1.4 (Row 4): nobody records it" in line for line in printed)
    assert "sum 100 %, 1 unaccounted" in printed
    assert list(missing_lines(made))[-1] == "1 unaccounted"


def test_a_record_holds_until_a_rule_or_a_case_changes(tmp_path: Path) -> None:
    rows(tmp_path)
    library = load_library(tmp_path)
    assert recorded(tmp_path) is None
    record(run(library), tmp_path)
    assert recorded(tmp_path) == {"evicore-spine-2023": {"T-1.1", "T-1.2"}}
    before = fingerprint(tmp_path)
    (tmp_path / FOLDER / "topic" / "p.test.yaml").write_text(CASE.replace("At night", "By night"))
    assert fingerprint(tmp_path) != before
    assert recorded(tmp_path) is None


def test_the_record_that_ships_is_what_the_cases_exercise(library: Library) -> None:
    """Mend it with `imaging-cds coverage --record`."""
    assert recorded() == {guideline: set(found) for guideline, found in run(library).items()}


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    monkeypatch.setattr(page, "recorded", lambda: claimed(library))
    page.shipped.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_the_page_shows_the_table_to_people(client: FlaskClient) -> None:
    response = client.get("/coverage", headers={"Accept": "text/html"})
    text = response.get_data(as_text=True)
    assert response.status_code == 200 and response.mimetype == "text/html"
    assert text.count("<caption>") == 6 and 'scope="row"' in text and "<script" not in text
    assert "Not confirmed" not in text
    assert "Accept" in response.vary


@pytest.mark.usefixtures("fresh")
def test_the_page_speaks_json_to_machines_with_the_same_figures(client: FlaskClient) -> None:
    body = client.get("/coverage", headers={"Accept": "application/json"}).get_json()
    assert len(body["rows"]) == 1277 and body["confirmed"] is True
    assert body["sections"][-1]["rows"] == 1277
    assert body["unaccounted"] == body["sections"][-1]["open"]


def test_the_page_says_when_the_record_does_not_fit(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "recorded", lambda: None)
    page.shipped.cache_clear()
    assert "Not confirmed" in client.get("/coverage").get_data(as_text=True)
    page.shipped.cache_clear()


def test_the_command_prints_json_that_adds_up() -> None:
    body = json.loads(CliRunner().invoke(main, ["coverage", "--json"]).stdout)
    total = body["sections"][-1]
    assert total["rows"] == 1277 == sum(total[s] for s in ("encoded", "nothing to compute", "not computed", "open"))
