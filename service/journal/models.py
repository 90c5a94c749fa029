"""The journal's tables. Every row bears a tenant; which columns there may be is said in fields.yaml."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, DateTime, ForeignKey, Index, Integer, String, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Moment(TypeDecorator[dt.datetime]):
    """A point in time, UTC; SQLite forgets the zone, we do not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        return value.astimezone(dt.UTC) if value is not None else None

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


RowNumber = BigInteger().with_variant(Integer, "sqlite")
Tenant = String(64)


class Base(DeclarativeBase):
    pass


class Consult(Base):
    """One order, one answer. ``record`` is drawn for each: it makes a replay show, and it is the salt of its digest."""

    __tablename__ = "consults"
    __table_args__ = (Index("consults_by_consult", "tenant", "consult"), Index("consults_by_day", "tenant", "created"))

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    record: Mapped[str | None] = mapped_column(String(32), index=True, unique=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    consult: Mapped[str | None] = mapped_column(String(64))
    hook: Mapped[str] = mapped_column(String(32))
    hook_instance: Mapped[str] = mapped_column(String(64))
    created: Mapped[dt.datetime] = mapped_column(Moment)
    session: Mapped[str] = mapped_column(String(64))
    order_key: Mapped[str] = mapped_column(String(64))
    study: Mapped[str | None] = mapped_column(String(128))
    rating: Mapped[str | None] = mapped_column(String(32))
    because: Mapped[str | None] = mapped_column(String(32))
    provisional: Mapped[bool]
    asks: Mapped[list[str]] = mapped_column(JSON)
    presumes: Mapped[list[str]] = mapped_column(JSON)
    criteria: Mapped[list[str]] = mapped_column(JSON)
    rows: Mapped[list[str]] = mapped_column(JSON)
    guidelines: Mapped[list[str]] = mapped_column(JSON)
    version: Mapped[str] = mapped_column(String(32))
    ms: Mapped[float]
    cards: Mapped[list[Card]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    unmapped: Mapped[list[UnmappedCode]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class Card(Base):
    """One card shown."""

    __tablename__ = "cards"
    __table_args__ = (Index("cards_by_card", "tenant", "card"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    consult_id: Mapped[int] = mapped_column(ForeignKey("consults.id", ondelete="CASCADE"), index=True)
    card: Mapped[str] = mapped_column(String(64))
    indicator: Mapped[str] = mapped_column(String(16))
    suggestions: Mapped[list[str]] = mapped_column(JSON)


class UnmappedCode(Base):
    """One code of an order or of its reasons that no table knows."""

    __tablename__ = "unmapped_codes"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    consult_id: Mapped[int] = mapped_column(ForeignKey("consults.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    system: Mapped[str] = mapped_column(String(255))
    code: Mapped[str] = mapped_column(String(64))


class FeedbackRow(Base):
    """One entry of a feedback call."""

    __tablename__ = "feedback"
    __table_args__ = (Index("feedback_by_card", "tenant", "card"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    record: Mapped[str | None] = mapped_column(String(32), index=True, unique=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    card: Mapped[str] = mapped_column(String(255))
    outcome: Mapped[str] = mapped_column(String(16))
    outcome_at: Mapped[dt.datetime] = mapped_column(Moment)
    received: Mapped[dt.datetime] = mapped_column(Moment)
    reason_code: Mapped[str | None] = mapped_column(String(255))
    reason_system: Mapped[str | None] = mapped_column(String(255))
    suggestions: Mapped[list[str]] = mapped_column(JSON)
    commented: Mapped[bool]


class Explanation(Base):
    """What an answer was judged on, so that it can be explained and tried out with other facts."""

    __tablename__ = "explanations"

    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    created: Mapped[dt.datetime] = mapped_column(Moment, index=True)
    day: Mapped[dt.date] = mapped_column(Date)
    version: Mapped[str] = mapped_column(String(64))
    policy: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16), server_default="en")
    rating: Mapped[str] = mapped_column(String(32))
    because: Mapped[str | None] = mapped_column(String(32))
    orders: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    facts: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    unsearched: Mapped[list[str]] = mapped_column(JSON)


class SeenToken(Base):
    """A token's jti, so that it counts once."""

    __tablename__ = "seen_tokens"

    tenant: Mapped[str] = mapped_column(Tenant, primary_key=True)
    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires: Mapped[dt.datetime] = mapped_column(Moment, index=True)


class AuditRow(Base):
    """One link of one writer's chain: what was kept, as a digest that stays when the record goes."""

    __tablename__ = "audit"

    writer: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tenant: Mapped[str] = mapped_column(Tenant)
    kind: Mapped[str] = mapped_column(String(16))
    at: Mapped[dt.datetime] = mapped_column(Moment, index=True)
    mark: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)
    digest: Mapped[str] = mapped_column(String(64))
    note: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    link: Mapped[str] = mapped_column(String(64))
