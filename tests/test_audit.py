"""The audit trail: whole while nobody meddles, and whatever somebody does to the journal shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from service.cli import main
from service.journal import Journal, chain
from service.journal.models import AuditRow, Card, Consult, FeedbackRow
from service.journal.verify import heads
from tests.service_examples import NOW, SERVICE, call, make_app, parts_of

LATER = NOW + dt.timedelta(days=400)


class Kept:
    """A journal with two chains: of a process, and of one that ran before it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.place = {"IMAGING_CDS_DATA_DIR": str(folder), "IMAGING_CDS_DATABASE_URL": url}
        self.app = make_app(folder, database_url=url)
        for _ in range(2):
            self.journal._begin()
            for card in ("a", "b", "c"):
                answer(self.app, card)

    @property
    def journal(self) -> Journal:
        return parts_of(self.app).journal

    @property
    def writer(self) -> str:
        return self.journal.ledger.writer

    def change(self, *statements: Any) -> None:
        with self.journal.engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)

    def link(self, seq: int) -> AuditRow:
        with Session(self.journal.engine) as session:
            return session.scalars(
                select(AuditRow).where(AuditRow.writer == self.writer, AuditRow.seq == seq)
            ).one()  # fmt: skip

    def ids(self, table: type[Consult] | type[FeedbackRow]) -> list[int]:
        with Session(self.journal.engine) as session:
            return list(session.scalars(select(table.id).order_by(table.id)))

    def last_consult(self) -> Consult:
        with Session(self.journal.engine) as session:
            found = session.scalars(select(Consult).order_by(Consult.id.desc()).limit(1)).one()
            session.expunge(found)
            return found

    def run(self, *words: str, **settings: str) -> Result:
        return CliRunner().invoke(main, list(words), env=self.place | settings)

    def verified(self, *words: str) -> str:
        """What is wrong; empty for nothing."""
        done = self.run("audit", "verify", *words)
        broken = [line for line in done.output.splitlines() if line.startswith("BROKEN")]
        assert done.exit_code == bool(broken), done.output
        return "\n".join(broken)


@pytest.fixture
def kept(tmp_path: Path, database_url: str) -> Iterator[Kept]:
    made = Kept(tmp_path, database_url)
    yield made
    made.journal.engine.dispose()


def answer(app: Flask, card: str) -> None:
    """A hook and a word on it."""
    assert app.test_client().post(SERVICE, json=call()).status_code == 200
    entry = {"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": "s"}], "outcomeTimestamp":
             "2026-06-01T10:00:00+02:00"}  # fmt: skip
    assert app.test_client().post(f"{SERVICE}/feedback", json={"feedback": [entry]}).status_code == 200


def test_what_nobody_touched_is_whole(kept: Kept) -> None:
    assert kept.verified() == ""
    assert "2 chains, 12 links, 12 rows compared" in kept.run("audit", "verify").output


def test_every_changed_row_is_named(kept: Kept) -> None:
    consults, feedback = (kept.ids(table) for table in (Consult, FeedbackRow))
    kept.change(
        update(Consult).where(Consult.id == consults[0]).values(rating="appropriate"),
        update(Consult).where(Consult.id == consults[1]).values(created=NOW - dt.timedelta(days=1)),
        update(Card).where(Card.consult_id == consults[2]).values(indicator="info", card="another"),
        delete(Card).where(Card.consult_id == consults[3]),
        update(FeedbackRow).where(FeedbackRow.id == feedback[0]).values(outcome="overridden"),
        update(FeedbackRow).where(FeedbackRow.id == feedback[1]).values(suggestions=["t"]),
    )
    found = kept.verified()
    assert found.count("was changed") == 6 == len(found.splitlines())
    for table, ids in (("consults", consults[:4]), ("feedback", feedback[:2])):
        assert all(f"its row {number} of {table} was changed" in found for number in ids)


def test_a_row_taken_out_is_named(kept: Kept) -> None:
    gone = kept.last_consult()
    kept.change(delete(Consult).where(Consult.id == gone.id))
    assert f"writer {kept.writer}, row 5: its row of consults is gone, and no purge took it" in kept.verified()


def test_a_row_put_in_is_named(kept: Kept) -> None:
    added = kept.last_consult()
    columns = {c.name: getattr(added, c.name) for c in Consult.__table__.columns if c.name != "id"}
    kept.change(insert(Consult).values(**{**columns, "record": "0" * 32}))
    assert "of consults is in no chain" in kept.verified()


def test_links_in_another_order_are_named(kept: Kept) -> None:
    mine = AuditRow.writer == kept.writer
    kept.change(
        update(AuditRow).where(mine, AuditRow.seq == 2).values(seq=99),
        update(AuditRow).where(mine, AuditRow.seq == 3).values(seq=2),
        update(AuditRow).where(mine, AuditRow.seq == 99).values(seq=3),
    )
    assert f"writer {kept.writer}, row 2: it does not follow from the row before" in kept.verified()


def test_a_link_taken_out_is_named_with_what_it_stood_for(kept: Kept) -> None:
    kept.change(delete(AuditRow).where(AuditRow.writer == kept.writer, AuditRow.seq == 3))
    found = kept.verified()
    assert f"writer {kept.writer}, row 4: rows 3 to 3 before it are gone" in found
    assert "of consults is in no chain" in found


def test_a_link_with_another_digest_is_named(kept: Kept) -> None:
    kept.change(update(AuditRow).where(AuditRow.seq == 3).values(digest="0" * 64))
    assert f"writer {kept.writer}, row 3: the row was changed" in kept.verified()


def test_a_link_put_between_is_named(kept: Kept) -> None:
    row = {c.name: getattr(kept.link(6), c.name) for c in AuditRow.__table__.columns}
    kept.change(insert(AuditRow).values(**{**row, "seq": 7, "mark": None, "previous": row["link"]}))
    assert f"writer {kept.writer}, row 7: the row was changed" in kept.verified()


def test_a_tail_cut_off_shows_against_heads_that_were_kept_elsewhere(kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text(kept.run("audit", "head").output)
    assert kept.verified("--heads", str(file)) == ""
    with Session(kept.journal.engine) as session:
        assert heads(session)[kept.writer].seq == 6
    last = kept.last_consult()
    kept.change(
        delete(AuditRow).where(AuditRow.writer == kept.writer, AuditRow.seq > 4),
        delete(Consult).where(Consult.id == last.id),
        delete(FeedbackRow).where(FeedbackRow.card == "c"),
        delete(AuditRow).where(AuditRow.writer != kept.writer, AuditRow.seq > 5),
    )
    assert "this row was the last once, and is gone" in kept.verified("--heads", str(file))


def test_a_chain_made_anew_shows_against_heads_that_were_kept_elsewhere(kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text(kept.run("audit", "head").output)
    row = {c.name: getattr(kept.link(6), c.name) for c in AuditRow.__table__.columns}
    row["at"] += dt.timedelta(seconds=1)
    link = chain.link_of(kept.writer, 6, row["previous"], row)
    kept.change(
        update(AuditRow).where(AuditRow.writer == kept.writer, AuditRow.seq == 6).values(at=row["at"], link=link)
    )
    assert kept.verified() == ""
    assert "this row is not the one that was recorded" in kept.verified("--heads", str(file))


def test_what_was_purged_leaves_its_digest_and_no_break(kept: Kept) -> None:
    journal = kept.journal
    journal._settings = journal._settings.model_copy(update={"journal_days": 30})
    journal.sweep(LATER)
    assert kept.verified() == ""
    with Session(journal.engine) as session:
        assert session.scalars(select(Consult)).all() == [] and session.scalars(select(Card)).all() == []
        assert len(session.scalars(select(AuditRow)).all()) == 13
        assert len(session.scalars(select(FeedbackRow)).all()) == 6
    answer(kept.app, "d")
    assert kept.verified() == ""


def test_what_somebody_took_before_a_purge_shows_in_its_count(kept: Kept) -> None:
    kept.change(delete(Consult).where(Consult.id == kept.last_consult().id))
    kept.journal._settings = kept.journal._settings.model_copy(update={"journal_days": 30})
    kept.journal.sweep(LATER)
    assert "6 rows of consults are gone, and purges account for 5" in kept.verified()


def test_the_trail_itself_goes_from_its_beginning_and_stays_whole(kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text(kept.run("audit", "head").output)
    days = {"journal_days": 30, "feedback_days": 30, "audit_days": 60}
    kept.journal._settings = kept.journal._settings.model_copy(update=days)
    kept.journal.sweep(LATER)
    answer(kept.app, "d")
    assert kept.verified("--heads", str(file)) == ""
    with Session(kept.journal.engine) as session:
        assert {row.kind for row in session.scalars(select(AuditRow))} == {"purge", "consult", "feedback"}
        assert min(session.scalars(select(AuditRow.seq))) == 7


def test_heads_that_are_none_are_said_to_be(kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text("not a head\n")
    done = kept.run("audit", "verify", "--heads", str(file))
    assert done.exit_code == 1 and "line 1" in done.output


def test_the_trail_must_be_kept_as_long_as_what_it_stands_for(kept: Kept) -> None:
    done = kept.run("audit", "verify", IMAGING_CDS_AUDIT_DAYS="30")
    assert done.exit_code == 1 and "must not be shorter" in done.output
