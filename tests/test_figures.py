"""The figures of a period: from rows whose right sums are known."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hooks.overrides import override_reasons
from service.cli import main
from service.journal import Journal
from service.journal.models import Card, Consult, FeedbackRow, UnmappedCode
from service.report.figures import figures
from service.report.period import Period
from service.report.share import Share
from service.settings import read_settings
from tests.journal_rows import END, card, consult, feedback, fill, keep

REASON = override_reasons()[0]


@pytest.fixture
def journal(tmp_path: Path, database_url: str) -> Iterator[Journal]:
    made = Journal(read_settings({}, open=True, data_dir=str(tmp_path), database_url=database_url))
    made.upgrade()
    yield made
    made.engine.dispose()


def told(journal: Journal, since: dt.date | None = None, until: dt.date | None = None, **more: Any) -> Any:
    return figures(journal.engine, Period(since, until, **more), seconds=20)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        (81, 263, 25.53, 36.62),
        (15, 148, 6.24, 16.05),
        (0, 20, 0.0, 16.11),
        (1, 29, 0.61, 17.18),
        (29, 29, 88.30, 100.0),
    ],
)
def test_intervals_are_those_that_newcombe_published(part: int, whole: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3; the last by symmetry."""
    assert Share(part, whole).interval == pytest.approx((low, high), abs=0.006)


def test_a_share_of_nothing_is_not_told_as_a_number() -> None:
    assert Share(0, 0).told == {"part": 0, "whole": 0, "percent": None, "interval_95": None}


def test_an_order_counts_once_in_everything_that_is_said_of_orders(journal: Journal) -> None:
    before = END - dt.timedelta(hours=1)
    keep(journal, Consult, [
        consult(1, before, order_key="a", rating="needs-information", asks=["x"], criteria=["g/one"], ms=100.0),
        consult(2, END, order_key="a", rating="appropriate", presumes=["y"], criteria=["g/two"], ms=20.0),
        consult(3, END, order_key="b", rating="not-appropriate", criteria=["g/two", "g/three"], ms=30.4),
        consult(4, END, order_key="c", rating=None),
        consult(5, before, order_key="b", tenant="other", rating="appropriate", criteria=["g/two"], ms=30.0),
    ])  # fmt: skip
    found = told(journal)
    assert (found["answers"], found["orders"]) == (4, 3)
    assert found["ratings"] == {"appropriate": 2, "not-appropriate": 1}
    assert found["missing_facts"] == []
    assert found["presumptions"] == [{"name": "y", "orders": 1}]
    triggered = {c["criterion"]: c["triggered"]["part"] for c in found["criteria"]}
    assert triggered == {"g/two": 3, "g/three": 1}
    assert found["milliseconds"]["order-sign"] == {"answers": 4, "p50": 30, "p95": 100, "p99": 100}
    assert told(journal, tenant="other")["orders"] == 1


def test_a_period_is_made_of_days_at_the_site_and_every_day_is_shown(journal: Journal) -> None:
    late = dt.datetime(2026, 6, 2, 4, 59, tzinfo=dt.UTC)  # 23:59 on the first in Chicago
    chicago = zoneinfo.ZoneInfo("America/Chicago")
    keep(journal, Consult, [
        consult(1, late), consult(2, late + dt.timedelta(minutes=2)), consult(3, late + dt.timedelta(days=2)),
    ])  # fmt: skip
    first, second = dt.date(2026, 6, 1), dt.date(2026, 6, 2)
    assert told(journal, first, first, zone=chicago)["orders"] == 1
    assert told(journal, second, second, zone=chicago)["orders"] == 1
    shown = told(journal, first, zone=chicago)["over_time"]
    assert [(d["from"], d["ratings"].get("appropriate", 0)) for d in shown] == [
        ("2026-06-01", 1), ("2026-06-02", 1), ("2026-06-03", 1),
    ]  # fmt: skip


def test_a_long_period_goes_by_week_from_monday(journal: Journal) -> None:
    keep(journal, Consult, [consult(1, END - dt.timedelta(days=100)), consult(2, END)])
    shown = told(journal)["over_time"]
    assert len(shown) == 16 and {d["days"] for d in shown} == {7}
    assert {dt.date.fromisoformat(d["from"]).weekday() for d in shown} == {0}
    assert sum(d["ratings"].get("appropriate", 0) for d in shown) == 2


def test_a_card_counts_once_by_the_latest_word_and_shares_are_of_those_with_a_word(journal: Journal) -> None:
    keep(journal, Consult, [consult(n, criteria=["g/one"], order_key=f"o{n % 4}") for n in range(1, 6)])
    again = card(2, 5, "shown twice", suggestions=["c1-1", "c1-2"])
    keep(journal, Card, [card(1, 1, "shown twice"), again, card(3, 2), card(4, 3), card(5, 4)])
    why: Any = {"reason_code": REASON.code, "reason_system": REASON.system}
    keep(journal, FeedbackRow, [
        feedback(1, "shown twice", "accepted", END, suggestions=["c1-2", "?"]),
        feedback(2, "shown twice", "overridden", END - dt.timedelta(minutes=5)),
        feedback(3, "c3", **why), feedback(4, "c4", reason_code="words of somebody", reason_system="x"),
        feedback(5, "no card of ours"), feedback(6, "c5", tenant="other"),
    ])  # fmt: skip
    found = told(journal)
    assert found["cards"] == {"overridden": 2, "accepted": 1, "no word": 1}
    assert found["override_reasons"] == {REASON.code: 1, "reason-not-ours": 1}
    assert "words of somebody" not in json.dumps(found)
    [one] = found["criteria"]
    assert (one["cards"], one["accepted"]) == (4, 1)
    assert (one["overridden"]["part"], one["overridden"]["whole"]) == (2, 3)
    assert found["cards_per_100_orders"] == 100.0
    assert found["suggestions_taken"] == {"2": 1, "unknown": 1}


def test_an_order_with_a_card_counts_once_by_its_latest_answer(journal: Journal) -> None:
    times = [END - dt.timedelta(minutes=m) for m in (30, 20, 10, 5)]
    keep(journal, Consult, [consult(n, when, order_key="o1" if n < 4 else "o2") for n, when in enumerate(times, 1)])
    keep(journal, Card, [card(1, 1), card(2, 2), card(3, 3), card(4, 3, "second")])
    assert told(journal)["cards_per_100_orders"] == 50.0
    keep(journal, Consult, [consult(5, END, order_key="o1")])
    assert told(journal)["cards_per_100_orders"] == 0.0, "the latest answer shows none"


def test_codes_that_no_table_knows_are_counted_by_order(journal: Journal) -> None:
    keep(journal, Consult, [consult(1), consult(2, order_key="o1"), consult(3)])
    row = {"tenant": "open", "kind": "reason", "system": "local", "code": "L1"}
    keep(journal, UnmappedCode, [{"id": n, "consult_id": n, **row} for n in (1, 2, 3)])
    assert told(journal)["unmapped_codes"] == [{"kind": "reason", "system": "local", "code": "L1", "orders": 2}]


def test_an_empty_journal_has_figures_too(journal: Journal) -> None:
    found = told(journal)
    assert (found["orders"], found["over_time"], found["criteria"], found["cards_per_100_orders"]) == (0, [], [], None)


def test_many_rows_add_up(journal: Journal) -> None:
    fill(journal, 3000, days=30)
    found = told(journal, (END - dt.timedelta(days=31)).date())
    assert found["answers"] == 3000
    assert sum(sum(day["ratings"].values()) for day in found["over_time"]) == found["orders"] < 3000
    assert sum(found["cards"].values()) == sum(found["indicators"].values())


def test_the_command_takes_days_and_a_tenant(journal: Journal, tmp_path: Path) -> None:
    keep(journal, Consult, [consult(1, criteria=["g/one"]), consult(2, END - dt.timedelta(days=9), tenant="other")])
    environment = {"IMAGING_CDS_DATA_DIR": str(tmp_path), "IMAGING_CDS_DATABASE_URL": journal.url}

    def report(*flags: str) -> str:
        done = CliRunner().invoke(main, ["report", "--journal", *flags], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    assert json.loads(report("--json"))["orders"] == 2
    (tmp_path / "spool").mkdir(exist_ok=True)
    (tmp_path / "spool" / "refused").write_bytes(b"x" * 17)
    assert "17 bytes on this machine were refused by it" in report()
    assert json.loads(report("--json", "--since", "2026-06-01"))["orders"] == 1
    assert json.loads(report("--json", "--until", "2026-06-01"))["tenant"] is None
    assert json.loads(report("--json", "--tenant", "other"))["ratings"] == {"appropriate": 1}
    assert "g/one" in report() and "1 of 2, 50.0 % (9.5 to 90.5)" in report()
