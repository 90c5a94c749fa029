"""What is kept, and where."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Kept(BaseModel):
    data_dir: str = Field("instance", description="Folder for the service's own files.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the journal; empty: SQLite in the data"
        " folder. For PostgreSQL install psycopg and write postgresql+psycopg://user@host/database.",
    )
    database_url_file: str = Field(
        "", description="File that holds the database URL, password and all, instead of `database_url`."
    )
