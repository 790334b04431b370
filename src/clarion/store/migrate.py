"""Bringing a database's schema to the one that this version needs, with Alembic, from code."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection

from clarion.errors import NotMigrated
from clarion.store.database import Database
from clarion.store.schema import PREFIX, outbox_metadata

VERSION_TABLE = f"{PREFIX}schema"
_LOCK = 0x_C1A4_104E  # one migrating node at a time on PostgreSQL; SQLite's write lock does the same


def upgrade(url: str | URL) -> None:
    """Create or upgrade all tables. Many nodes may do it at once: one works, the others find it done."""
    database = Database(url, pool=1)
    try:
        with database.engine.begin() as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(_config(conn), "head")
    finally:
        database.close()


def create_outbox(url: str | URL) -> None:
    """Create the outbox table in the application's own database, where that is another one."""
    database = Database(url, pool=1)
    try:
        outbox_metadata.create_all(database.engine)
    finally:
        database.close()


def current(conn: Connection) -> str | None:
    """The revision that the database is at, `None` before the first migration."""
    return MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE}).get_current_revision()


def head() -> str:
    """The revision that this version of Clarion needs."""
    revision = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert revision is not None  # noqa: S101 - the package ships at least one
    return revision


def check(conn: Connection) -> None:
    """Raise `NotMigrated`, with the remedy, unless the database is at `head()`."""
    found, needed = current(conn), head()
    if found == needed:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}
    if found is not None and found not in known:
        raise NotMigrated(
            f"the database is at revision {found}, which a newer Clarion made; upgrade this one"
        )
    at = "has no tables of Clarion yet" if found is None else f"is at revision {found}, {needed} is needed"
    raise NotMigrated(f"the database {at}; run `clarion migrate`")


def _config(conn: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes.update(connection=conn, version_table=VERSION_TABLE)
    return config
