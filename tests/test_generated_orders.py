"""Generated orders with known truth: how they are made, checked, and what the report says of them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from criteria.errors import DataError
from criteria.reading import read_yaml
from fixtures.orders.book import HERE, read_book
from service.cli import main
from service.report.folder import open_folder
from service.report.measure import Sums, measure
from service.report.share import Share
from service.report.walk import Walk
from service.settings import read_settings

ROOT = Path(__file__).parent.parent


def generate(out: Path, *args: str) -> Path:
    command = [sys.executable, str(ROOT / "fixtures" / "orders" / "generate.py"), *args, "--out", str(out)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return out


def measured(folder: Path, overlay: Path | None = None) -> Sums:
    made = open_folder(folder)
    settings = read_settings({}, open=True).model_copy(update={"overlay_file": str(overlay or "")})
    return measure(Walk(settings, made.today).outcomes(made))


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("orders"), "--orders", "150", "--seed", "11")


def test_generated_orders_are_rated_as_their_scenarios_say(orders: Path) -> None:
    sums = measured(orders)
    assert sums.faults_of("wrong") == sums.faults_of("many") == sums.faults_of("no way") == []
    assert sums.share("undue").part == 0
    assert sums.share("rated").percent >= 70
    assert sums.share("two_questions").percent >= 90


def test_a_rule_broken_on_purpose_shows_as_wrong_ratings(orders: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "- change: evicore-spine-2023/low_back_pain_mri\n  author: tester\n  date: 2026-11-01\n"
        "  reason: to see that it shows\n  thresholds:\n"
        "    - {fact: trial_of_treatment.duration_weeks, at_least: {2023-01-01: 20}, unit: wk}\n"
    )
    wrong = {scenario for scenario, *_ in measured(orders, overlay).faults_of("wrong")}
    assert "low-back-therapy-failed" in wrong


def test_the_same_seed_makes_the_same_orders_and_another_does_not(orders: Path, tmp_path: Path) -> None:
    same = generate(tmp_path / "same", "--orders", "150", "--seed", "11")
    other = generate(tmp_path / "other", "--orders", "150", "--seed", "12")
    for name in ("requests.ndjson", "truth.ndjson"):
        assert (same / name).read_bytes() == (orders / name).read_bytes()
        assert (other / name).read_bytes() != (orders / name).read_bytes()


def test_a_population_is_one_file_per_type_and_every_reference_is_held(tmp_path: Path) -> None:
    out = generate(tmp_path, "--patients", "15", "--seed", "3")
    held = {
        f"{r['resourceType']}/{r['id']}": r
        for file in out.glob("*.ndjson")
        for r in map(json.loads, file.read_text().splitlines())
    }
    assert all(name.partition("/")[0] in {f.stem for f in out.glob("*.ndjson")} for name in held)
    assert sum(r["resourceType"] == "Patient" for r in held.values()) == 15
    for resource in held.values():
        for reference in [*resource.get("reasonReference", []), resource.get("subject", {})]:
            assert reference.get("reference", "Patient/p0") in held


def test_a_population_is_the_same_for_any_number_of_processes_and_gzipped(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", "--patients", "60", "--seed", "3", "--processes", "1")
    two = generate(tmp_path / "two", "--patients", "60", "--seed", "3", "--processes", "2", "--gzip")
    for file in one.glob("*.ndjson"):
        packed = (two / f"{file.name}.gz").read_bytes()
        assert gzip.decompress(packed) == file.read_bytes()
    assert not list(two.glob("*.ndjson"))


def test_orders_of_a_population_lie_years_apart_and_records_follow_them(tmp_path: Path) -> None:
    out = generate(tmp_path, "--patients", "40", "--seed", "5")
    held = [json.loads(line) for f in out.glob("*.ndjson") for line in f.read_text().splitlines()]
    orders = [r for r in held if r["resourceType"] == "ServiceRequest" and "-order-" in r["id"]]
    assert 4 <= len(orders) / 40 <= 6.5
    assert len({o["authoredOn"][:4] for o in orders}) >= 5
    by_id = {o["id"]: o["authoredOn"] for o in orders}
    reports = [r for r in held if r["resourceType"] == "DiagnosticReport" and "issued" in r]
    assert len(reports) > len(orders) / 2
    assert all(r["issued"] > by_id[r["basedOn"][0]["reference"].partition("/")[2]] for r in reports)
    assert any("abatementDateTime" in r for r in held)
    assert not [r for r in held if r.get("status") == "in-progress"], "the records are those of the day of the export"
    dated = [r["authoredOn"] for r in held if r["resourceType"] == "ServiceRequest"]
    assert len(dated) == sum(r["resourceType"] == "ServiceRequest" for r in held)


def test_every_diagnosis_of_the_scenarios_is_a_valid_code() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # how that library reads its own data
        import simple_icd_10_cm
    words = read_yaml(HERE / "codes.yaml")
    writings = [w for ways in words["diagnoses"].values() for w in ways] + words["noise"]["diagnoses"]
    codes = [w["icd10"] for w in writings if "icd10" in w]
    assert [code for code in codes if not simple_icd_10_cm.is_leaf(code)] == []


def test_there_are_at_least_sixty_scenarios_of_all_five_documents() -> None:
    book = read_book()
    rows = {row for scenario in book.scenarios for row in scenario["rows"]}
    assert len(book.scenarios) >= 60
    assert {row.partition("-")[0] for row in rows} == {"SP", "SPD", "PRE", "GEN", "HH"}


SCENARIO = """- {id: one, title: t, rows: [SP-1.0.1], weight: 1, patient: {age: [20, 30], sex: any},
   orders: [{study: mri_lumbar, reason: [low_back_pain], rating: appropriate}]}
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("weight: 1", "weight: 0"), "whole number"),
        (("title: t", "titel: t"), "`titel` is not known here"),
        (("mri_lumbar", "mri_lumber"), "not among the studies"),
        (("appropriate", "apropriate"), "is no rating"),
        (("rating: appropriate", "rating: needs-information"), "asks_at_most"),
        (("[20, 30]", "[30, 20]"), "`age` is a number"),
        (("sex: any}", "sex: any}, says: {pain.nite: true}"), "`pain.nite` is no fact"),
        (("sex: any}", "sex: any}, chart: [{had: {of: low_back_pain}}]"), "`onset` is missing"),
        (("weight: 1", "weight: 1, weight: 2"), "stands twice"),
    ],
)
def test_a_slip_in_a_scenario_is_named_with_file_line_and_mend(
    change: tuple[str, str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(SCENARIO.replace(*change))
    with pytest.raises(DataError, match=words) as error:
        read_book(tmp_path)
    assert "bad.yaml" in str(error.value)


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SCENARIO)
    (tmp_path / "b.yaml").write_text(SCENARIO)
    with pytest.raises(DataError, match="rename one"):
        read_book(tmp_path)


def test_a_folder_that_is_no_set_of_orders_says_how_to_make_one(tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert said.exit_code == 1
    assert "about.json" in said.output and "generate.py" in said.output


def test_a_truncated_folder_is_named(orders: Path, tmp_path: Path) -> None:
    for name in ("about.json", "requests.ndjson"):
        (tmp_path / name).write_bytes((orders / name).read_bytes())
    (tmp_path / "truth.ndjson").write_text("{}\n")
    with pytest.raises(DataError, match="truth"):
        list(open_folder(tmp_path).requests())


def test_the_interval_is_wilsons() -> None:
    low, high = Share(0, 100).interval
    assert (round(low, 2), round(high, 2)) == (0.0, 3.7)
