"""Reading from the EHR in the clinician's name, with tokens renewed when they have run out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
import structlog

from mappings.fields import mapping, objects, words
from service.outgoing import Outgoing, Unavailable
from service.settings import Clock, Settings
from service.smart.configuration import Configurations, Unusable
from service.smart.context import read_tokens
from service.smart.ehrs import Ehrs
from service.smart.oauth import Authorization, NotGranted
from service.smart.scopes import may_read
from service.smart.sessions import Launched, Sessions
from service.urls import Base, read_base

log = structlog.get_logger("imaging_cds.app")

LEEWAY = 30
"""Seconds before its end at which a token is renewed."""
ACCEPT = "application/fhir+json, application/json;q=0.5"


class SessionOver(Exception):
    """The EHR no longer stands by the session: it named another patient."""


@dataclass(frozen=True, slots=True)
class EhrChart:
    """The EHRs' FHIR servers, each in the name of one session."""

    settings: Settings
    ehrs: Ehrs
    configurations: Configurations
    authorization: Authorization
    sessions: Sessions
    clock: Clock
    calls: Outgoing = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", Outgoing(self.settings))

    def below(self, iss: str) -> tuple[Base | None, bool]:
        """The EHR's base URL where it still is on the allow-list, and whether the site itself wrote it."""
        ehr = self.ehrs.find(iss)
        return (read_base(ehr.iss), ehr.named) if ehr else (None, False)

    def patient(self, launched: Launched, secret: str) -> Mapping[str, str]:
        """Name and birth date for the banner; empty where they may not be read. Kept nowhere."""
        if not launched.banner or not may_read(launched.tokens.scope, "Patient"):
            return {}
        found = self.read(launched, secret, f"Patient/{quote(launched.patient, safe='')}")
        if found.get("resourceType") != "Patient" or found.get("id") != launched.patient:
            return {}
        name = next(iter(objects(found.get("name"))), {})
        given = name.get("given") if isinstance(name.get("given"), list) else []
        said = words(name.get("text")) or " ".join(words(n) for n in [*(given or []), name.get("family")] if words(n))
        return {"name": said, "birth_date": words(found.get("birthDate"))}

    def read(self, launched: Launched, secret: str, path: str) -> Mapping[str, Any]:
        """One resource or search, below the session's own FHIR server; empty where it cannot be had."""
        launched = self.fresh(launched, secret)
        settings = self.settings
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {launched.tokens.access}"}
        timeout, (base, named) = settings.fhir_timeout_seconds, self.below(launched.iss)
        try:
            url = f"{launched.iss}/{path}"
            body = self.calls.fetch(url, base, headers, timeout, timeout, settings.fhir_max_bytes, named)
            return mapping(orjson.loads(body))
        except (Unavailable, orjson.JSONDecodeError) as error:
            log.warning("not_read", reason=error.reason if isinstance(error, Unavailable) else "not-json")
            return {}

    def fresh(self, launched: Launched, secret: str) -> Launched:
        """The session with tokens that are still good; as it was where the EHR gives no new ones."""
        tokens, now = launched.tokens, self.clock()
        ehr = self.ehrs.find(launched.iss)
        if now.timestamp() < tokens.until - LEEWAY or not tokens.refresh or ehr is None:
            return launched
        try:
            given = self.authorization.refresh(ehr, self.configurations.of(ehr), tokens.refresh)
        except (NotGranted, Unusable) as error:
            log.warning("not_renewed", reason=error.reason)
            other = self.sessions.find(launched.name, secret)  # another page of this session may have been quicker
            return other if other and other.tokens != tokens else launched
        if given.get("patient", launched.patient) != launched.patient:
            self.sessions.close(launched.name)
            raise SessionOver()
        return self.sessions.renew(launched, secret, read_tokens(given, now, tokens))
