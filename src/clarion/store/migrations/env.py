"""How Alembic reaches the database: through the connection that `store.migrate` hands it."""

from __future__ import annotations

from alembic import context

from clarion.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
)
context.run_migrations()
