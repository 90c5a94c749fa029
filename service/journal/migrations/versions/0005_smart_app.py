"""The SMART app: launches, sessions, the consults that cards link to, and the answers given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MARK = sa.String(64)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table in ("app_launches", "app_sessions"):
        op.create_table(
            table,
            sa.Column("mark", MARK, primary_key=True),
            sa.Column("tenant", sa.String(64), nullable=False),
            sa.Column("browser", MARK, nullable=False),
            sa.Column("sealed", sa.LargeBinary, nullable=False),
            sa.Column("expires", MOMENT, nullable=False),
        )
    op.create_table(
        "app_consults",
        sa.Column("mark", MARK, primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("explanation", MARK, nullable=False),
        sa.Column("consult", sa.String(64), nullable=False),
        sa.Column("order_key", MARK, nullable=False),
        sa.Column("patient_key", MARK, nullable=False),
        sa.Column("user_key", MARK, nullable=False),
        sa.Column("region", sa.String(64)),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
    )
    op.create_table(
        "app_answers",
        sa.Column("mark", MARK, primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("patient_key", MARK, nullable=False),
        sa.Column("user_key", MARK, nullable=False),
        sa.Column("order_key", MARK, nullable=False),
        sa.Column("consult", sa.String(64), nullable=False),
        sa.Column("region", sa.String(64)),
        sa.Column("fact", sa.String(128), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("answered", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
    )
    for table in ("app_launches", "app_sessions", "app_consults", "app_answers"):
        op.create_index(f"ix_{table}_expires", table, ["expires"])
    for table in ("app_consults", "app_answers"):
        op.create_index(f"{table}_by_patient", table, ["tenant", "patient_key", "user_key"])


def downgrade() -> None:
    for table in ("app_answers", "app_consults", "app_sessions", "app_launches"):
        op.drop_table(table)
