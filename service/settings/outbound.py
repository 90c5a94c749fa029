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
