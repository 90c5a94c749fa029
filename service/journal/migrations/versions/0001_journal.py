"""The journal's first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "consults",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("consult", sa.String(64)),
        sa.Column("hook", sa.String(32), nullable=False),
        sa.Column("hook_instance", sa.String(64), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("order_key", sa.String(64), nullable=False),
        sa.Column("study", sa.String(128)),
        sa.Column("rating", sa.String(32)),
        sa.Column("because", sa.String(32)),
        sa.Column("provisional", sa.Boolean, nullable=False),
        sa.Column("asks", sa.JSON, nullable=False),
        sa.Column("presumes", sa.JSON, nullable=False),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.Column("rows", sa.JSON, nullable=False),
        sa.Column("guidelines", sa.JSON, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("ms", sa.Float, nullable=False),
    )
    op.create_index("consults_by_consult", "consults", ["tenant", "consult"])
    op.create_index("consults_by_day", "consults", ["tenant", "created"])
    op.create_table(
        "cards",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("consult_id", NUMBER, sa.ForeignKey("consults.id", ondelete="CASCADE"), nullable=False),
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("indicator", sa.String(16), nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
    )
    op.create_index("ix_cards_consult_id", "cards", ["consult_id"])
    op.create_index("cards_by_card", "cards", ["tenant", "card"])
    op.create_table(
        "feedback",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("card", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("outcome_at", MOMENT, nullable=False),
        sa.Column("received", MOMENT, nullable=False),
        sa.Column("reason_code", sa.String(255)),
        sa.Column("reason_system", sa.String(255)),
        sa.Column("as_sent", sa.JSON, nullable=False),
    )
    op.create_index("feedback_by_card", "feedback", ["tenant", "card"])
    op.create_table(
        "seen_tokens",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("mark", sa.String(64), primary_key=True),
        sa.Column("expires", MOMENT, nullable=False),
    )
    op.create_index("ix_seen_tokens_expires", "seen_tokens", ["expires"])


def downgrade() -> None:
    for table in ("seen_tokens", "feedback", "cards", "consults"):
        op.drop_table(table)
