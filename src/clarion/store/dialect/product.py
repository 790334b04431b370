"""Which of the two databases it is, and what it says when a transaction may succeed if it is run again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# PostgreSQL: deadlock_detected, serialization_failure, lock_not_available, and what a restart says.
_PG_AGAIN = {"40P01", "40001", "55P03"}


def is_postgresql(conn: Connection) -> bool:
    return conn.dialect.name == "postgresql"


def worth_retrying(error: sa.exc.DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is simply run again."""
    original = error.orig
    state = getattr(original, "sqlstate", None)
    if state in _PG_AGAIN:
        return True
    code = getattr(original, "sqlite_errorname", "") or ""
    return code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
