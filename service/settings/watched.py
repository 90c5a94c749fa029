"""Who may watch the service while it runs."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from pydantic import BaseModel, Field, SecretStr, field_validator

from service.settings.kinds import Listed

SHORTEST = 16


class Watched(BaseModel):
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token for /metrics, at least 16 characters. With neither this nor `metrics_networks` the"
        " page does not exist; in open mode everybody may read it.",
    )
    metrics_networks: Listed = Field(
        (),
        description="Networks that may read /metrics without a token, such as 10.8.0.0/16, comma-separated. It is the"
        " connection itself that counts: behind a proxy every call comes from the proxy.",
    )
    dashboard_tokens: SecretStr = Field(
        SecretStr(""),
        description="Who may see /dashboard, as tenant:password, comma-separated, passwords of at least 16 characters;"
        " the tenant `all` sees every tenant. The browser asks for the tenant as user name. Empty: there is no"
        " dashboard; in open mode everybody may see it.",
    )

    @field_validator("metrics_token")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SHORTEST:
            raise ValueError(f"must have at least {SHORTEST} characters")
        return value

    @field_validator("metrics_networks")
    @classmethod
    def _metrics_networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                ipaddress.ip_network(value)
            except ValueError:
                raise ValueError("must hold networks such as 10.8.0.0/16 or fd00::/8, comma-separated") from None
        return values

    @field_validator("dashboard_tokens")
    @classmethod
    def _pairs(cls, value: SecretStr) -> SecretStr:
        for pair in _split(value):
            tenant, _, token = pair.partition(":")
            if not tenant or len(token) < SHORTEST:
                raise ValueError(f"must hold tenant:password, passwords of at least {SHORTEST} characters")
        return value

    @property
    def dashboards(self) -> Mapping[str, str]:
        """Tenant -> its password."""
        pairs = (pair.partition(":") for pair in _split(self.dashboard_tokens))
        return {tenant: token for tenant, _, token in pairs}


def _split(value: SecretStr) -> list[str]:
    return [part.strip() for part in value.get_secret_value().split(",") if part.strip()]
