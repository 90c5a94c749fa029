"""A journal of made-up rows, for figures whose right value is known, and for how long they take.

.venv/bin/python -m tests.journal_rows --rows 200000     # makes a journal, times the report of it, prints both
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from service.journal import Journal
from service.journal.models import Card, Consult, FeedbackRow, UnmappedCode
from service.report.figures import figures
from service.report.period import Period
from service.settings import read_settings

Row = dict[str, Any]
END = dt.datetime(2026, 6, 2, 3, 0, tzinfo=dt.UTC)
RATINGS = ("appropriate", "not-appropriate", "needs-information", "no-criteria-apply")
CRITERIA = [f"evicore-spine-2023/rule_{n}" for n in range(150)]
FACTS = [f"fact.number_{n}" for n in range(60)]
BATCH = 5_000


def consult(number: int, created: dt.datetime = END, **more: Any) -> Row:
    """One row; each with an order of its own unless said otherwise."""
    return {
        "id": number, "tenant": "open", "consult": f"urn:uuid:{number}", "hook": "order-sign",
        "hook_instance": f"h{number}", "created": created, "session": f"s{number}", "order_key": f"o{number}",
        "study": "mri_lumbar_spine.without", "rating": "appropriate", "because": None, "provisional": False, "asks": [],
        "presumes": [], "criteria": [], "rows": [], "guidelines": [], "version": "0", "ms": 10.0, **more,
    }  # fmt: skip


def card(number: int, consult_id: int, name: str = "", **more: Any) -> Row:
    return {"id": number, "tenant": "open", "consult_id": consult_id, "card": name or f"c{number}",
            "indicator": "warning", "suggestions": [f"c{number}-1", f"c{number}-2"], **more}  # fmt: skip


def feedback(number: int, name: str, outcome: str = "overridden", at: dt.datetime = END, **more: Any) -> Row:
    return {"id": number, "tenant": "open", "card": name, "outcome": outcome, "outcome_at": at, "received": at,
            "reason_code": None, "reason_system": None, "suggestions": [], "commented": False, **more}  # fmt: skip


def keep(journal: Journal, table: type[Any], rows: list[Row]) -> None:
    with Session(journal.engine) as session, session.begin():
        session.execute(insert(table), rows)


def made(rows: int, days: int, seed: int) -> Iterator[tuple[Row, Row | None, Row | None, Row | None]]:
    """Consult, its card, the word on it, a code that was not known: a third of the orders twice, two tenants."""
    draw = random.Random(seed)
    for number in range(1, rows + 1):
        rating = draw.choices(RATINGS, (50, 25, 20, 5))[0]
        created = END - dt.timedelta(seconds=days * 86400 * (1 - number / rows))
        its = {
            "tenant": draw.choice(("north", "south")), "order_key": f"o{number - number % 3 // 2}", "rating": rating,
            "criteria": draw.sample(CRITERIA, draw.choice((0, 1, 1, 1, 2))),
            "asks": draw.sample(FACTS, 2) if rating == "needs-information" else [],
            "presumes": draw.sample(FACTS, 1) if draw.random() < 0.3 else [], "ms": draw.lognormvariate(2.0, 0.6),
        }  # fmt: skip
        shown = card(number, number, tenant=its["tenant"]) if rating != "appropriate" else None
        said = None
        if shown and draw.random() < 0.4:
            outcome = draw.choice(("accepted", "overridden"))
            taken = [f"c{number}-1"] if outcome == "accepted" else []
            said = feedback(number, shown["card"], outcome, created, tenant=its["tenant"], suggestions=taken)
        lost = None
        if draw.random() < 0.05:
            lost = {"id": number, "tenant": its["tenant"], "consult_id": number, "kind": "reason", "system": "local",
                    "code": f"L{draw.randrange(300)}"}  # fmt: skip
        yield consult(number, created, **its), shown, said, lost


def fill(journal: Journal, rows: int, days: int, seed: int = 1) -> None:
    held: tuple[list[Row], ...] = ([], [], [], [])
    for n, parts in enumerate(made(rows, days, seed), 1):
        for into, row in zip(held, parts, strict=True):
            if row is not None:
                into.append(row)
        if n % BATCH == 0 or n == rows:
            for table, batch in zip((Consult, Card, FeedbackRow, UnmappedCode), held, strict=True):
                if batch:
                    keep(journal, table, batch)
                batch.clear()


def main() -> None:
    ask = argparse.ArgumentParser(description="Time the report of a journal of made-up rows.")
    ask.add_argument("--rows", type=int, default=20_000)
    ask.add_argument("--days", type=int, default=365, help="over which the rows are spread")
    ask.add_argument("--database", default="", help="SQLAlchemy URL of an empty database; left out: SQLite in a folder")
    args = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(read_settings({}, open=True, data_dir=folder, database_url=args.database))
        journal.upgrade()
        began = time.perf_counter()
        fill(journal, args.rows, args.days)
        size = sum(file.stat().st_size for file in Path(folder).glob("journal.sqlite*"))
        print(f"{args.rows} consults in {time.perf_counter() - began:.1f} s, {size / 1e6:.0f} MB")
        for days in (7, 30, 90, 366):
            for tenant in (None, "north"):
                took = []
                for _ in range(3):
                    began = time.perf_counter()
                    told = figures(journal.engine, Period((END - dt.timedelta(days=days)).date(), None, tenant))
                    took.append(time.perf_counter() - began)
                print(f"{days:4} days, {tenant or 'all':5}: {told['orders']:8} orders, {min(took):6.2f} s")
        journal.engine.dispose()


if __name__ == "__main__":
    main()
