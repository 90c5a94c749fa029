"""The SMART app (docs/app.md)."""

from __future__ import annotations

from pydantic import BaseModel, Field


class App(BaseModel):
    smart_file: str = Field("", description="YAML table of the EHRs that may launch the app: iss, tenant, client id.")
    smart_keys_file: str = Field(
        "",
        description="File with the app's private keys, a JWK set as `imaging-cds app-keys` makes it; the public half is"
        " at /.well-known/jwks.json.",
    )
    app_session_minutes: int = Field(60, ge=5, le=720, description="How long the app may be used after its launch.")
    app_link_hours: int = Field(24, ge=1, le=720, description="How long a card's link opens the app on its order.")
    app_answer_days: int = Field(7, ge=1, le=30, description="How long answers given in the app count for their order.")
