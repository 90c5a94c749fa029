"""Codes that were not recognised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "unmapped_codes",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("consult_id", NUMBER, sa.ForeignKey("consults.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("system", sa.String(255), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
    )
    op.create_index("ix_unmapped_codes_consult_id", "unmapped_codes", ["consult_id"])


def downgrade() -> None:
    op.drop_table("unmapped_codes")
