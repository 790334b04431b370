"""Bringing a database's schema to the one that this version needs, with Alembic, from code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from clarion.errors import NotMigrated
from clarion.store.database import Database
from clarion.store.schema import PREFIX, outbox_metadata

if TYPE_CHECKING:  # slow to import, and needed only by who migrates
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"
VERSION_TABLE = f"{PREFIX}schema"
_LOCK = 0x_C1A4_104E  # one migrating node at a time on PostgreSQL; SQLite's write lock does the same


def upgrade(url: str | URL) -> None:
    """Create or upgrade all tables. Many nodes may do it at once: one works, the others find it done."""
    from alembic import command

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
    if not sa.inspect(conn).has_table(VERSION_TABLE):
        return None
    return conn.execute(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))).scalar()


def revisions() -> list[str]:
    """All revisions that this version of Clarion knows, the newest last: each file's name begins with its own."""
    return sorted(path.name.partition("_")[0] for path in (_SCRIPTS / "versions").glob("[0-9]*.py"))


def check(conn: Connection) -> None:
    """Raise `NotMigrated`, with the remedy, unless the database is at the newest revision."""
    found, known = current(conn), revisions()
    if found == known[-1]:
        return
    if found is None:
        raise NotMigrated("the database has no tables of Clarion yet; run `clarion migrate`")
    if found not in known:
        raise NotMigrated(
            f"the database is at revision {found}, which a newer Clarion made; upgrade this one"
        )
    raise NotMigrated(f"the database is at revision {found}, {known[-1]} is needed; run `clarion migrate`")


def _config(conn: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes.update(connection=conn, version_table=VERSION_TABLE)
    return config
