"""Records with an id of their own, the audit trail, and feedback without anybody's words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MARK = sa.String(64)


def upgrade() -> None:
    op.add_column("consults", sa.Column("record", sa.String(32)))
    op.create_index("ix_consults_record", "consults", ["record"], unique=True)
    op.add_column("feedback", sa.Column("record", sa.String(32)))
    op.add_column("feedback", sa.Column("suggestions", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("feedback", sa.Column("commented", sa.Boolean, nullable=False, server_default=sa.false()))
    _read_what_was_sent()
    with op.batch_alter_table("feedback") as table:
        table.drop_column("as_sent")
    op.create_index("ix_feedback_record", "feedback", ["record"], unique=True)
    op.create_table(
        "audit",
        sa.Column("writer", sa.String(32), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mark", MARK),
        sa.Column("digest", MARK, nullable=False),
        sa.Column("note", sa.JSON, nullable=False),
        sa.Column("previous", MARK, nullable=False),
        sa.Column("link", MARK, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_mark", "audit", ["mark"], unique=True)


def _read_what_was_sent() -> None:
    """The accepted suggestions and whether there was a comment, from the entries as they were kept until now."""
    feedback = sa.table(
        "feedback", sa.column("id"), sa.column("as_sent", sa.JSON), sa.column("suggestions", sa.JSON),
        sa.column("commented", sa.Boolean),
    )  # fmt: skip
    connection = op.get_bind()
    for number, sent in connection.execute(sa.select(feedback.c.id, feedback.c.as_sent)).all():
        accepted = [s["id"] for s in sent.get("acceptedSuggestions") or () if " " not in s.get("id", " ")]
        comment = bool((sent.get("overrideReason") or {}).get("userComment"))
        connection.execute(
            feedback.update().where(feedback.c.id == number).values(suggestions=accepted, commented=comment)
        )


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_index("ix_feedback_record", "feedback")
    op.drop_index("ix_consults_record", "consults")
    with op.batch_alter_table("feedback") as table:
        table.add_column(sa.Column("as_sent", sa.JSON, nullable=False, server_default="{}"))
        table.drop_column("record")
        table.drop_column("suggestions")
        table.drop_column("commented")
    with op.batch_alter_table("consults") as table:
        table.drop_column("record")
