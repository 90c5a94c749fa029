"""What the app is made of, in one running installation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.library import Library
from service.journal import Journal
from service.jwks import Keys
from service.settings import Clock, Settings
from service.smart.chart import EhrChart
from service.smart.configuration import Configurations
from service.smart.consults import Consults
from service.smart.continuity import Continuity
from service.smart.ehrs import Ehrs, load_ehrs, tenants_of
from service.smart.identity import Identity
from service.smart.keys import AppKeys, load_keys
from service.smart.oauth import Authorization
from service.smart.sealed import Seal
from service.smart.sessions import Sessions
from service.smart.store import Store


@dataclass(frozen=True, slots=True)
class SmartParts:
    """Found by the app's views under ``parts.smart``."""

    ehrs: Ehrs
    keys: AppKeys
    configurations: Configurations
    authorization: Authorization
    identity: Identity
    sessions: Sessions
    consults: Consults
    continuity: Continuity
    chart: EhrChart
    store: Store


def make_smart_parts(
    settings: Settings, journal: Journal, library: Library, keys_of: Keys, clock: Clock, table: Mapping[str, Any]
) -> SmartParts:
    """Everything read and checked. Raises `SettingsError` or `DataError`."""
    keys = load_keys(settings)
    rows = (
        load_ehrs(Path(settings.smart_file), tenants_of(settings, table), keys.algorithms)
        if settings.smart_file
        else []
    )
    ehrs = Ehrs(rows, settings if settings.open and not rows else None)
    store, seal = Store(journal), Seal(settings.secret_key.get_secret_value().encode())
    sessions = Sessions(store, seal, clock, dt.timedelta(minutes=settings.app_session_minutes))
    consults = Consults(store, seal, dt.timedelta(hours=settings.app_link_hours))
    answers_last = dt.timedelta(days=settings.app_answer_days)
    configurations, authorization = Configurations(settings), Authorization(settings, keys, clock)
    return SmartParts(
        ehrs,
        keys,
        configurations,
        authorization,
        Identity(settings, keys_of, clock),
        sessions,
        consults,
        Continuity(store, consults, library.vocabulary, answers_last),
        EhrChart(settings, ehrs, configurations, authorization, sessions, clock),
        store,
    )
