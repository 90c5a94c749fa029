"""What facts.yaml leaves to the site; empty: unknown to the rules."""

from __future__ import annotations

from pydantic import BaseModel, Field


class SiteFacts(BaseModel):
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
