"""What is kept, where, and for how long (docs/journal.md)."""

from __future__ import annotations

from pydantic import BaseModel, Field, ValidationInfo, field_validator


class Kept(BaseModel):
    data_dir: str = Field("instance", description="Folder for the service's own files.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the journal; empty: SQLite in the data folder. For PostgreSQL"
        " `pip install -e '.[postgresql]'` in the clone and write postgresql+psycopg://user@host/database.",
    )
    database_url_file: str = Field(
        "", description="File that holds the database URL, password and all, instead of `database_url`."
    )
    spool_megabytes: int = Field(
        64,
        ge=1,
        le=4096,
        description="What may wait in the data folder, per worker process, while the database is away.",
    )
    journal_days: int = Field(
        0, ge=0, le=36500, description="Answers, with their cards, are kept this long; 0: until somebody deletes them."
    )
    feedback_days: int = Field(0, ge=0, le=36500, description="The same for feedback.")
    audit_days: int = Field(
        0,
        ge=0,
        le=36500,
        description="The same for the audit trail, which must be kept at least as long as answers and feedback.",
    )

    @field_validator("audit_days")
    @classmethod
    def _trail(cls, value: int, fields: ValidationInfo) -> int:
        kept = [fields.data.get(name, 0) for name in ("journal_days", "feedback_days")]
        if value and (0 in kept or value < max(kept)):
            raise ValueError("must not be shorter than journal_days and feedback_days, and those must be set")
        return value
