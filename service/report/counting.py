"""The questions that the database answers: each groups in SQL, so that a journal of any size gives a few hundred rows.

Lists (criteria, asks, presumes) are grouped as the text they are stored as and taken apart here: there are few
different ones, and both databases do it the same way.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import orjson
from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    String,
    Text,
    cast,
    distinct,
    func,
    literal,
    select,
    union_all,
)  # fmt: skip
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.journal.models import Card, Consult, FeedbackRow, UnmappedCode

SUGGESTIONS = 20_000
"""So many accepted cards are looked at for which suggestion it was, the newest."""


def orders(session: Session, period: ColumnElement[bool]) -> Iterator[tuple[str, str, str, int]]:
    """(what, key, rating, orders) over the orders of the period, each once, by its latest answer: what is `hour`,
    `criteria`, `asks`, `presumes`, `study`, or `card` (that answer showed one). One pass over the table."""
    latest = _latest(period, _hour(session))
    questions = [
        select(literal(what).label("what"), latest.c[what].label("key"), latest.c.rating, func.count())
        .group_by(latest.c[what], latest.c.rating)
        for what in ("hour", "criteria", "asks", "presumes", "study")
    ]  # fmt: skip
    shown = latest.c.id.in_(select(Card.consult_id))
    questions.append(
        select(literal("card"), literal(""), latest.c.rating, func.count()).where(shown).group_by(latest.c.rating)
    )
    for what, key, rating, number in session.execute(union_all(*questions)):
        yield what, key or "", rating, number


def _latest(period: ColumnElement[bool], hour: ColumnElement[str]) -> CTE:
    place = func.row_number().over(
        partition_by=(Consult.tenant, Consult.order_key), order_by=(Consult.created.desc(), Consult.id.desc())
    )
    of_all = (
        select(
            Consult.id, Consult.rating, Consult.study, hour.label("hour"), _text(Consult.criteria).label("criteria"),
            _text(Consult.asks).label("asks"), _text(Consult.presumes).label("presumes"), place.label("place"),
        )
        .where(period, Consult.rating.is_not(None))  # the rest is no imaging, or nothing chosen yet
        .subquery()
    )  # fmt: skip
    return select(of_all).where(of_all.c.place == 1).cte("latest")


def _text(column: InstrumentedAttribute[list[str]]) -> ColumnElement[str]:
    return cast(column, Text)


def _hour(session: Session) -> ColumnElement[str]:
    """Hour of the answer in UTC, as 2026-06-02 03."""
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", Consult.created), "YYYY-MM-DD HH24")
    return func.substr(cast(Consult.created, String), 1, 13)


def listed(text: str) -> list[str]:
    """A list that was grouped as text."""
    read = orjson.loads(text) if text else []
    return [name for name in read if isinstance(name, str)] if isinstance(read, list) else []


def answers(session: Session, period: ColumnElement[bool]) -> dict[str, Counter[int]]:
    """Hook -> how many answers took so many milliseconds."""
    ms = cast(func.round(Consult.ms), Integer)
    found = select(Consult.hook, ms, func.count()).where(period, Consult.rating.is_not(None)).group_by(Consult.hook, ms)
    out: dict[str, Counter[int]] = {}
    for hook, took, number in session.execute(found):
        out.setdefault(hook, Counter())[took] += number
    return out


def cards(
    session: Session, period: ColumnElement[bool]
) -> Iterator[tuple[str, str, str | None, str | None, str | None, int]]:
    """(criteria, indicator, outcome, code and system of the reason, cards), each card once by the latest word on it."""
    place = func.row_number().over(
        partition_by=(Card.tenant, Card.card),
        order_by=(FeedbackRow.outcome_at.desc(), FeedbackRow.id.desc(), Card.id.desc()),
    )
    words = (FeedbackRow.outcome, FeedbackRow.reason_code, FeedbackRow.reason_system)
    of_all = (
        select(_text(Consult.criteria).label("criteria"), Card.indicator, *words, place.label("place"))
        .join(Consult, Card.consult_id == Consult.id)
        .outerjoin(FeedbackRow, (FeedbackRow.tenant == Card.tenant) & (FeedbackRow.card == Card.card))
        .where(period)
        .subquery()
    )
    kinds = [of_all.c[name] for name in ("criteria", "indicator", "outcome", "reason_code", "reason_system")]
    for row in session.execute(select(*kinds, func.count()).where(of_all.c.place == 1).group_by(*kinds)):
        yield (row[0], row[1], row[2], row[3], row[4], row[5])


def suggestions(session: Session, period: ColumnElement[bool]) -> Counter[str]:
    """Which suggestion of its card was taken: `1` the first, `2`, ..., `unknown` where the id is none of the card's."""
    found = (
        select(FeedbackRow.id, Card.suggestions, FeedbackRow.suggestions)
        .join(Consult, Card.consult_id == Consult.id)
        .join(FeedbackRow, (FeedbackRow.tenant == Card.tenant) & (FeedbackRow.card == Card.card))
        .where(period, FeedbackRow.outcome == "accepted")
        .order_by(FeedbackRow.id.desc())
        .limit(SUGGESTIONS)
    )
    out: Counter[str] = Counter()
    words = {number: (offered, taken) for number, offered, taken in session.execute(found)}  # a card may be shown again
    for offered, taken in words.values():
        out.update(str(offered.index(name) + 1) if name in offered else "unknown" for name in taken)
    return out


def unmapped(session: Session, period: ColumnElement[bool], top: int) -> list[tuple[str, str, str, int]]:
    """(kind, system, code, orders), the most frequent first."""
    what = (UnmappedCode.kind, UnmappedCode.system, UnmappedCode.code)
    number = func.count(distinct(Consult.order_key))
    found = (
        select(*what, number)
        .join(Consult, Consult.id == UnmappedCode.consult_id)
        .where(period)
        .group_by(*what)
        .order_by(number.desc(), *what)
        .limit(top)
    )
    return [(kind, system, code, n) for kind, system, code, n in session.execute(found)]


def local_day(hour: str, zone: dt.tzinfo) -> dt.date:
    """The day at the site of an hour in UTC."""
    return dt.datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=dt.UTC).astimezone(zone).date()
