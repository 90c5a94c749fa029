"""Alembic's entry: always online, always on the connection that service.journal.upgrade hands over."""

from alembic import context

from service.journal.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
