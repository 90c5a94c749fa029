"""The app's tables, beside the journal's: their columns stand in journal/fields.yaml. Every row has an end."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from service.journal.models import Base, Moment, Tenant

Mark = String(64)
"""A keyed hash."""


class AppLaunch(Base):
    """A launch under way: the browser is at the EHR and will come back with this state."""

    __tablename__ = "app_launches"

    mark: Mapped[str] = mapped_column(Mark, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    browser: Mapped[str] = mapped_column(Mark)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires: Mapped[dt.datetime] = mapped_column(Moment, index=True)


class AppSession(Base):
    """One launch that came through, in one browser."""

    __tablename__ = "app_sessions"

    mark: Mapped[str] = mapped_column(Mark, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    browser: Mapped[str] = mapped_column(Mark)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires: Mapped[dt.datetime] = mapped_column(Moment, index=True)


class AppConsult(Base):
    """What a card's link to the app stands for."""

    __tablename__ = "app_consults"
    __table_args__ = (Index("app_consults_by_patient", "tenant", "patient_key", "user_key"),)

    mark: Mapped[str] = mapped_column(Mark, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    explanation: Mapped[str] = mapped_column(Mark)
    consult: Mapped[str] = mapped_column(String(64))
    order_key: Mapped[str] = mapped_column(Mark)
    patient_key: Mapped[str] = mapped_column(Mark)
    user_key: Mapped[str] = mapped_column(Mark)
    region: Mapped[str | None] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[dt.datetime] = mapped_column(Moment)
    expires: Mapped[dt.datetime] = mapped_column(Moment, index=True)


class AppAnswer(Base):
    """One fact that a clinician stated in the app, for one order of one patient."""

    __tablename__ = "app_answers"
    __table_args__ = (Index("app_answers_by_patient", "tenant", "patient_key", "user_key"),)

    mark: Mapped[str] = mapped_column(Mark, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    patient_key: Mapped[str] = mapped_column(Mark)
    user_key: Mapped[str] = mapped_column(Mark)
    order_key: Mapped[str] = mapped_column(Mark)
    consult: Mapped[str] = mapped_column(String(64))
    region: Mapped[str | None] = mapped_column(String(64))
    fact: Mapped[str] = mapped_column(String(128))
    value: Mapped[Any] = mapped_column(JSON)
    answered: Mapped[dt.datetime] = mapped_column(Moment)
    expires: Mapped[dt.datetime] = mapped_column(Moment, index=True)
