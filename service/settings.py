"""Every setting of an installation: one row each, read from the environment as ``IMAGING_CDS_<NAME>``.

A setting nobody knows is an error, so that a slip of the pen cannot go unnoticed.

SettingsError    what is wrong with which variable, and how to mend it
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import zoneinfo
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from criteria.vocabulary import near
from hooks.request import DEPTH
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

Clock = Callable[[], dt.datetime]
"""The time, aware, in UTC; tests hand in their own."""


class SettingsError(Exception):
    """The service cannot start with these settings."""


def _listed(value: Any) -> Any:
    """`a, b` in the environment is a list of two."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Settings(BaseModel):
    """The table. A row is a name, a default and a help text; the help text is the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    _served_at: str = PrivateAttr("")
    """Where it is reached, while nobody has said the public URL (`served_at`)."""

    # What the service is called by
    base_url: str = Field(
        "",
        description="Public URL of the service, such as https://cds.example.org. Tokens must be"
        " made out to it, so a service that asks for them needs it everywhere but on a loopback address.",
    )
    open: bool = Field(False, description="For trying out: no token needed, any web origin.")
    origins: Listed = Field((), description="Web origins that may call from a browser, comma-separated; * for any.")
    trust_file: str = Field("", description="YAML table of the clients that are trusted: issuer, tenant, keys.")
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="At least 32 characters. Makes ids and hashes that nobody"
        " else can make; changing it changes every id. Made up at start in open mode.",
    )
    secret_key_file: str = Field("", description="File that holds the secret key, instead of `secret_key`.")

    # Limits on what is sent to us
    max_body_bytes: int = Field(5_000_000, ge=1_000, description="Largest request body, in bytes; above it HTTP 413.")
    max_json_depth: int = Field(DEPTH, ge=10, le=DEPTH, description="Deepest nesting of a request body, in levels.")
    max_entries: int = Field(20_000, ge=1, description="Most entries that one Bundle in a request may hold.")
    token_leeway_seconds: int = Field(30, ge=0, le=300, description="How far a client's clock may be off.")
    token_max_seconds: int = Field(3600, ge=60, description="Longest time from a token's iat to its exp.")
    jwks_max_age_seconds: int = Field(3600, ge=60, description="How long a client's fetched keys are used.")
    jwks_timeout_seconds: float = Field(2.0, gt=0, le=30, description="Time to fetch a client's keys.")

    # Calls to the client's FHIR server
    fhir_bases: Listed = Field(
        (),
        description="FHIR servers that may be called: base URLs, comma-separated, or * for"
        " any (only in open mode); empty: none, what prefetch lacks stays unknown."
        " A trusted client's own row may name others.",
    )
    fhir_budget_seconds: float = Field(
        2.0,
        gt=0,
        le=30,
        description="Time for all FHIR calls of one hook together; what has not arrived by then counts as unknown.",
    )
    fhir_timeout_seconds: float = Field(1.5, gt=0, le=30, description="Time for one FHIR call.")
    fhir_max_bytes: int = Field(5_000_000, ge=1_000, description="Largest answer of a FHIR server, in bytes.")
    fhir_max_pages: int = Field(20, ge=1, description="Most pages of one search that are followed.")
    fhir_connections: int = Field(32, ge=1, le=256, description="FHIR calls at the same time, per process.")
    ca_bundle: str = Field("", description="File of certificate authorities for outgoing calls; empty: the usual ones.")

    # A terminology server, asked after the answer about SNOMED CT concepts that no table knows
    terminology_url: str = Field(
        "",
        description="FHIR base URL of the site's terminology server, for SNOMED CT concepts that no table knows; empty:"
        " none is asked. It is sent codes and nothing else.",
    )
    terminology_timeout_seconds: float = Field(5.0, gt=0, le=60, description="Time for one terminology call.")
    terminology_max_age_hours: float = Field(168.0, gt=0, description="How long a terminology answer is used.")
    terminology_entries: int = Field(10_000, ge=1, description="Terminology answers remembered at most, per process.")

    # What is kept
    data_dir: str = Field("instance", description="Folder for the service's own files.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the journal; empty: SQLite in the data"
        " folder. For PostgreSQL install psycopg and write postgresql+psycopg://user@host/database.",
    )

    # The SMART app (docs/app.md)
    smart_file: str = Field("", description="YAML table of the EHRs that may launch the app: iss, tenant, client id.")
    smart_keys_file: str = Field(
        "",
        description="File with the app's private keys, a JWK set as `imaging-cds app-keys` makes it; the public half is"
        " at /.well-known/jwks.json.",
    )
    app_session_minutes: int = Field(60, ge=5, le=720, description="How long the app may be used after its launch.")
    app_link_hours: int = Field(24, ge=1, le=720, description="How long a card's link opens the app on its order.")
    app_answer_days: int = Field(7, ge=1, le=30, description="How long answers given in the app count for their order.")

    # What facts.yaml leaves to the site; empty: unknown to the rules
    very_elderly_years: int | None = Field(None, ge=60, le=120, description="Age from which a patient is very elderly.")
    recent_evaluation_days: int | None = Field(None, ge=1, description="Days for which a visit counts as recent.")
    recent_surgery_days: int = Field(30, ge=1, description="Days for which an operation counts as recent.")
    recent_mri_days: int | None = Field(None, ge=1, description="Days for which an MRI counts as recent.")
    pain_improvement_percent: int | None = Field(
        None, ge=1, le=100, description="Fall of the pain score, in per cent, that counts as significant improvement."
    )
    scanner_bmi_limit: float | None = Field(None, gt=10, description="Body mass index, kg/m2, that the scanner takes.")

    open_order_days: int | None = Field(
        None, ge=1, description="Days for which an open order of the chart counts; empty: 180, which no guideline says."
    )

    # What is said
    time_zone: str = Field("UTC", description="IANA time zone in which today is today.")
    policies_file: str = Field("", description="Site's own policies.yaml; empty: the one that is shipped.")
    overlay_file: str = Field(
        "", description="Site's own overlay of the criteria (criteria/overlay.py); empty: the criteria as shipped."
    )
    policy_systems: Listed = Field((), description="Identifier systems of payers that name policies, beside ours.")
    qcdsm: str = Field(
        "",
        pattern=r"^(G\d{4})?$",
        description="The G-code of the qualified clinical decision support"
        " mechanism, sent with every rating; empty: not sent.",
    )
    auc: str = Field("", description="URI of the criteria that were applied; empty: the guideline's own.")
    confirm_appropriate: bool = Field(False, description="Send a card for appropriate orders too.")
    guideline_pages: str = Field(
        "",
        description="URL under which guideline sections are shown; empty: the service's own pages, below `base_url` or,"
        " in open mode, the address that is served; none: no such links.",
    )
    consult_pages: str = Field(
        "",
        description="URL under which one answer is explained; empty: the service's own pages, below `base_url` or, in"
        " open mode, the address that is served; none: no such links.",
    )
    explanation_days: int = Field(
        30, ge=0, le=3650, description="Days for which an answer can be explained; 0: nothing is kept for that."
    )
    contact: str = Field(
        "",
        max_length=200,
        description="Where readers report a fault of the advice: a web or mail address, or a few words such as Imaging"
        " stewardship, extension 4711; shown with each explanation. Empty: it says to ask whoever runs the service.",
    )
    app_launch: str = Field(
        "",
        description="Launch URL of the SMART app that cards link to; own: the app of this service, below `base_url` or,"
        " in open mode, the address that is served; empty: no such links. Needs `explanation_days`.",
    )
    questionnaires: str = Field(
        "",
        description="Canonical URL below which the forms of the criteria stand, such as"
        " https://cds.example.org/fhir/Questionnaire, named to CRD clients; empty: no form is named.",
    )
    plans_file: str = Field(
        "",
        description="Site's own table of what its plans say of coverage and prior authorization (hooks/plans.py), for"
        " CRD clients; empty: every statement is conditional.",
    )
    crd_payers: Listed = Field(
        (),
        description="Payers that clients of Da Vinci CRD 2.2 are answered for, as system|value of their identifiers,"
        " comma-separated; others are refused. Empty: any payer with an identifier.",
    )
    default_profile: str = Field("full", description="Client profile where the trust table names none.")
    user_role: bool = Field(
        False,
        description="Ask in discovery for the user's PractitionerRole (prefetch key `user`), so that staff are told"
        " whom to ask; only where every client's EHR fills the token userPractitionerRoleId.",
    )

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            _ = value == "UTC" or zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no IANA time zone; write one such as America/Chicago") from None
        return value

    @field_validator("base_url", "terminology_url", "guideline_pages", "consult_pages", "app_launch", "questionnaires")
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

    @property
    def bases(self) -> tuple[Base, ...]:
        return tuple(base for value in self.fhir_bases if (base := read_base(value)))

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
    def site(self) -> dict[str, int | float]:
        """What facts.yaml leaves to the site, as far as it was set."""
        return {name: value for name in SITE if (value := getattr(self, name)) is not None}

    def today(self, now: dt.datetime) -> dt.date:
        """The date of ``now`` where the site is."""
        zone = dt.UTC if self.time_zone == "UTC" else zoneinfo.ZoneInfo(self.time_zone)  # UTC needs no zone files
        return now.astimezone(zone).date()


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
    return _with_secret(settings)


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


def table() -> list[tuple[str, str, str]]:
    """(variable, default, help) of every setting, for the documentation and `imaging-cds settings`."""
    rows = []
    for name, field in Settings.model_fields.items():
        default: Any = field.default
        if isinstance(default, SecretStr) or default in ("", (), None):
            default = ""
        rows.append((PREFIX + name.upper(), str(default), field.description or ""))
    return rows


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Each is an environment variable; an unknown one with this prefix stops the start. Lists are comma-separated.",
        "Written by `imaging-cds settings --markdown > docs/settings.md`.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |" for name, default, meaning in table()]
    return "\n".join(lines) + "\n"
