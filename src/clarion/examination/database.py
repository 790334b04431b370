"""Whether the database is reached, has its tables, takes writes, and agrees on the time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from clarion import clock
from clarion.errors import NotMigrated, said
from clarion.examination.finding import Finding, Level, trouble
from clarion.store import backlog, dialect, migrate
from clarion.store.database import Database

_OFF, _FAR_OFF = timedelta(seconds=2), timedelta(minutes=1)


def reached(database: Database) -> Finding:
    shown = database.shown_url
    values = {"url": shown}
    file = database.url.database if database.url.get_backend_name() == "sqlite" else None
    if file is not None and not Path(file).exists():  # to connect would make one
        return trouble(
            "database", f"there is no file {file!r}", "run `clarion migrate`, or name another", values
        )
    try:
        with database.engine.connect() as conn:
            version = ".".join(map(str, conn.dialect.server_version_info or ()))
    except sa.exc.DBAPIError as error:
        seen = f"{shown} cannot be reached: {_first_line(error)}"
        return trouble("database", seen, _unreached(file, error), values)
    return Finding(about="database", level=Level.OK, seen=f"{shown}, version {version}", values=values)


def migrated(database: Database) -> Finding:
    try:
        database.read(migrate.check)
    except NotMigrated as error:
        seen, _, remedy = str(error).partition("; ")
        return trouble("migrations", seen, remedy or "run `clarion migrate`")
    revision = migrate.revisions()[-1]
    return Finding(
        about="migrations", level=Level.OK, seen=f"at {revision}, the newest", values={"revision": revision}
    )


def writes(database: Database) -> Finding:
    try:
        with database.engine.connect() as conn, conn.begin() as transaction:
            backlog.try_to_write(conn)
            transaction.rollback()
    except sa.exc.DBAPIError as error:
        remedy = "see whether it is read-only, a replica, full, or locked by somebody who writes for seconds"
        return trouble("writing", f"the database takes no writes: {_first_line(error)}", remedy)
    return Finding(about="writing", level=Level.OK, seen="the database takes writes")


def time(database: Database) -> Finding:
    if database.url.get_backend_name() == "sqlite":
        return Finding(
            about="clock", level=Level.OK, seen="that of this machine, as SQLite has none of its own"
        )
    with database.engine.connect() as conn:
        conn.execute(sa.select(1))  # connected by now
        conn.rollback()
        before = clock.now()
        there = dialect.read_now(conn)
        after = clock.now()
    return compared(there - before - (after - before) / 2, after - before)


def compared(off: timedelta, took: timedelta) -> Finding:
    """By how much the database's clock is ahead of this machine's, asked in a round trip of this length."""
    values = {"ahead_seconds": round(off.total_seconds(), 3)}
    seen = f"the database's is {abs(off).total_seconds():.3f} s {'ahead of' if off >= timedelta() else 'behind'} this machine's"
    remedy = "set both by NTP: leases hold by the database's clock, but times of events are this machine's"
    if abs(off) <= _OFF + took:
        return Finding(about="clock", level=Level.OK, seen=seen, values=values)
    level = Level.WARNING if abs(off) <= _FAR_OFF + took else Level.TROUBLE
    return Finding(about="clock", level=level, seen=seen, remedy=remedy, values=values)


def _unreached(file: str | None, error: sa.exc.DBAPIError) -> str:
    if file is None:
        return "see that it runs, and that its URL is right"
    if getattr(error.orig, "sqlite_errorname", None) == "SQLITE_NOTADB":
        return "it is no SQLite file: name another"
    return "see that this user may read and write it, and the folder it is in"


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else said(error)
