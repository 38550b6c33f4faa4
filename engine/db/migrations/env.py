"""Alembic's entry: it migrates over the connection it is given, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from engine.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
