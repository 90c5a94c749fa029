"""Every setting of an installation, one row each: a name, a default and a help text, which is its documentation."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from pathlib import Path

from pydantic import ConfigDict, PrivateAttr, ValidationInfo, field_validator

from service.addresses import Network, read_networks
from service.settings.app import App
from service.settings.callers import Callers
from service.settings.kept import Kept
from service.settings.kinds import read_rate
from service.settings.outbound import Outbound
from service.settings.said import Said
from service.settings.site import SiteFacts
from service.settings.watched import Watched
from service.urls import Base, read_base

PREFIX = "IMAGING_CDS_"
SECRET_BYTES = 32
NO_PAGES = "none"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OWN = "own"
SITE = (
    "very_elderly_years", "recent_evaluation_days", "recent_surgery_days", "recent_mri_days", "scanner_bmi_limit",
    "pain_improvement_percent", "open_order_days",
)  # fmt: skip


class Settings(Watched, Said, SiteFacts, App, Kept, Outbound, Callers):
    """The whole table. The groups stand in the order of the documentation, last first, as pydantic reads them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    _served_at: str = PrivateAttr("")
    """Where it is reached, while nobody has said the public URL (`served_at`)."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            _ = value == "UTC" or zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no IANA time zone; write one such as America/Chicago") from None
        return value

    @field_validator(
        "base_url",
        "terminology_url",
        "guideline_pages",
        "consult_pages",
        "app_launch",
        "questionnaires",
        "outbound_proxy",
    )
    @classmethod
    def _url(cls, value: str, field: ValidationInfo) -> str:
        if field.field_name in ("guideline_pages", "consult_pages") and value.strip().lower() == NO_PAGES:
            return NO_PAGES
        if field.field_name == "app_launch" and value.strip().lower() == OWN:
            return OWN
        if value and read_base(value) is None:
            raise ValueError("must be an absolute http or https URL without query")
        return value.rstrip("/")

    @field_validator("fhir_bases")
    @classmethod
    def _bases(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if value != "*" and read_base(value) is None:
                raise ValueError("must hold absolute http or https URLs, comma-separated")
        return values

    @field_validator("outbound_networks", "trusted_proxies")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        try:
            read_networks(values)
        except ValueError:
            raise ValueError("must hold networks such as 10.20.0.0/16, or addresses, comma-separated") from None
        return values

    @field_validator("tenant_rate", "address_rate")
    @classmethod
    def _rates(cls, value: str) -> str:
        if value and read_rate(value) is None:
            raise ValueError("must be calls by time, such as 6000/minute, or empty")
        return value

    @property
    def networks(self) -> tuple[Network, ...]:
        return read_networks(self.outbound_networks)

    @property
    def bases(self) -> tuple[Base, ...]:
        return tuple(base for value in self.fhir_bases if (base := read_base(value)))

    @property
    def proxies(self) -> tuple[Network, ...]:
        return read_networks(self.trusted_proxies)

    def names(self, base: Base) -> bool:
        """Whether the site itself wrote this FHIR server."""
        return any(written.holds(base) for written in self.bases)

    @property
    def any_base(self) -> bool:
        """Any FHIR server may be called: said with *, and in open mode alone. Nobody's word is checked there, so
        without it a stranger could have us call whatever we reach."""
        return self.open and "*" in self.fhir_bases

    @property
    def section_pages(self) -> str:
        """Where cards send a reader for a guideline's section; empty for nowhere."""
        own = f"{self.base_url}/guidelines" if self.base_url else ""
        return "" if self.guideline_pages == NO_PAGES else self.guideline_pages or own

    @property
    def own_section_pages(self) -> bool:
        """Whether those pages are this service's own, which show single criteria too."""
        here = self.base_url or self._served_at
        return bool(here) and self.section_pages == f"{here}/guidelines"

    @property
    def explain_pages(self) -> str:
        """Where cards send a reader for the explanation of an answer; empty for nowhere."""
        own = f"{self.base_url}/explain" if self.base_url else ""
        kept = self.explanation_days and self.consult_pages != NO_PAGES
        return (self.consult_pages or own) if kept else ""

    @property
    def launch_page(self) -> str:
        """Where cards send a clinician to answer what is open; empty for nowhere."""
        if not self.explanation_days:
            return ""
        if self.app_launch != OWN:
            return self.app_launch
        return f"{self.base_url}/app/launch" if self.base_url else ""

    def served_at(self, url: str) -> Settings:
        """In open mode nobody need say the public URL: links to our own pages lead to where they are served."""
        if not self.open or self.base_url:
            return self
        own = {"guideline_pages": f"{url}/guidelines", "consult_pages": f"{url}/explain"}
        pages = {name: getattr(self, name) or page for name, page in own.items()}
        if self.app_launch == OWN:
            pages["app_launch"] = f"{url}/app/launch"
        served = self.model_copy(update=pages)
        served._served_at = url
        return served

    @property
    def journal_url(self) -> str:
        return self.database_url or f"sqlite:///{Path(self.data_dir).resolve() / 'journal.sqlite'}"

    @property
    def spool_folder(self) -> Path:
        return Path(self.data_dir).resolve() / "spool"

    @property
    def site(self) -> dict[str, int | float]:
        """What facts.yaml leaves to the site, as far as it was set."""
        return {name: value for name in SITE if (value := getattr(self, name)) is not None}

    def today(self, now: dt.datetime) -> dt.date:
        """The date of ``now`` where the site is."""
        zone = dt.UTC if self.time_zone == "UTC" else zoneinfo.ZoneInfo(self.time_zone)  # UTC needs no zone files
        return now.astimezone(zone).date()
