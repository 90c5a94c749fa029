"""Settings read from the environment, as ``IMAGING_CDS_<NAME>``.

A setting nobody knows is an error, so that a slip of the pen cannot go unnoticed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from criteria.vocabulary import near
from service.settings.kinds import SettingsError
from service.settings.table import LOOPBACK, PREFIX, SECRET_BYTES, Settings


def read_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings from the environment, overlaid by ``given``. Raises `SettingsError` naming variable and mend."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in Settings.model_fields:
            raise SettingsError(f"{variable} is no setting.{near(name, Settings.model_fields)}")
        values[name] = value
    try:
        settings = Settings(**{**values, **given})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"{name} is no setting.{near(name, Settings.model_fields)}") from None
        raise SettingsError(f"{PREFIX}{name.upper()}: {first['msg'].removeprefix('Value error, ')}.") from None
    longest = settings.drain_seconds + settings.hook_budget_seconds
    if settings.graceful_seconds <= longest:
        raise SettingsError(
            f"{PREFIX}GRACEFUL_SECONDS must be more than {longest:g}, the sum of {PREFIX}DRAIN_SECONDS and"
            f" {PREFIX}HOOK_BUDGET_SECONDS: what was taken last would not be answered."
        )
    return _with_secret(_with_database(settings))


def _with_database(settings: Settings) -> Settings:
    """A URL with a password is better kept in a file than in the environment, which many may read."""
    if not settings.database_url_file:
        return settings
    if settings.database_url:
        raise SettingsError(f"Set {PREFIX}DATABASE_URL or {PREFIX}DATABASE_URL_FILE, not both.")
    try:
        url = Path(settings.database_url_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{PREFIX}DATABASE_URL_FILE: the file cannot be read.") from None
    return settings.model_copy(update={"database_url": url, "database_url_file": ""})


def _with_secret(settings: Settings) -> Settings:
    secret = settings.secret_key.get_secret_value()
    if settings.secret_key_file:
        if secret:
            raise SettingsError(f"Set {PREFIX}SECRET_KEY or {PREFIX}SECRET_KEY_FILE, not both.")
        try:
            secret = Path(settings.secret_key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"{PREFIX}SECRET_KEY_FILE: the file cannot be read.") from None
    if not secret and settings.open:
        secret = secrets.token_hex(SECRET_BYTES)
    if len(secret) < SECRET_BYTES:
        raise SettingsError(
            f"{PREFIX}SECRET_KEY must have at least {SECRET_BYTES} characters."
            " Make one with: python -c 'import secrets; print(secrets.token_hex(32))'"
        )
    if not settings.open:
        if not settings.trust_file:
            raise SettingsError(
                f"{PREFIX}TRUST_FILE is needed: it names the clients that are trusted."
                " To try the service out without tokens, start it with --open."
            )
        public = urlsplit(settings.base_url)
        if public.scheme == "http" and public.hostname not in LOOPBACK:
            raise SettingsError(
                f"{PREFIX}BASE_URL must begin with https: CDS Hooks goes over TLS, which a proxy in front of us ends."
            )
        if "*" in settings.fhir_bases:
            raise SettingsError(f"{PREFIX}FHIR_BASES: * is for open mode only; name the servers.")
    return settings.model_copy(update={"secret_key": SecretStr(secret), "secret_key_file": ""})
