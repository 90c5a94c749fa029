"""Calls that the service makes itself."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.settings.kinds import Listed


class Outbound(BaseModel):
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

    # Every call
    ca_bundle: str = Field(
        "", description="File of certificate authorities for outgoing calls; empty: those of the system."
    )
    outbound_networks: Listed = Field(
        (),
        description="Networks inside the site that outgoing calls may reach, such as 10.20.0.0/16, comma-separated."
        " Names that lead to a private, loopback or other special address elsewhere are not called. An address that the"
        " site itself writes as a base URL (http://127.0.0.1:8090/fhir) needs no entry.",
    )
    outbound_proxy: str = Field(
        "",
        description="Proxy that https calls leave through, such as http://proxy.example.org:3128; it looks up their"
        " names, so it has to keep them out of the site. Empty: none, whatever the environment says.",
    )

    # A terminology server, asked after the answer about SNOMED CT concepts that no table knows
    terminology_url: str = Field(
        "",
        description="FHIR base URL of the site's terminology server, for SNOMED CT concepts that no table knows; empty:"
        " none is asked. It is sent codes and nothing else.",
    )
    terminology_timeout_seconds: float = Field(5.0, gt=0, le=60, description="Time for one terminology call.")
    terminology_max_age_hours: float = Field(168.0, gt=0, description="How long a terminology answer is used.")
    terminology_entries: int = Field(10_000, ge=1, description="Terminology answers remembered at most, per process.")
