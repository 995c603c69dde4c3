"""Alembic's entry: runs the revisions on the connection (and in the transaction) it is handed."""

from __future__ import annotations

from alembic import context

from reseen.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    render_as_batch=True,
)
context.run_migrations()
