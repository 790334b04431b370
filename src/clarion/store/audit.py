"""The audit as rows: written with what they tell of, read by operators, kept for a year."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.audit_line import AuditLine
from clarion.store import dialect
from clarion.store.schema import audit
from clarion.store.search.walk import made_between

_a = audit.c
_FIELDS = ("id", "at", "by", "verb", "on", "recipient", "details", "correlation_id")


def add(conn: Connection, tenant: str, lines: Sequence[AuditLine]) -> None:
    rows = [{name: getattr(line, name) for name in _FIELDS} | {"tenant": tenant} for line in lines]
    if rows:
        conn.execute(sa.insert(audit), rows)


def read(
    conn: Connection,
    tenant: str,
    *,
    by: str | None,
    recipient: str | None,
    verb: str | None,
    since: datetime | None,
    until: datetime | None,
    before: UUID | None,
    most: int,
) -> tuple[list[AuditLine], UUID | None]:
    """The newest first, and behind which id to go on, if there may be more: of `most` that were looked at, those that are
    `by` somebody, or of a `verb`, or that begins so."""
    where = [_a.tenant == tenant, *made_between(_a.id, since, until)]
    if recipient is not None:
        where.append(_a.recipient == recipient)
    if before is not None:
        where.append(_a.id < before)
    dialect.without_sorting(conn)
    rows = conn.execute(
        sa.select(*(_a[name] for name in _FIELDS)).where(*where).order_by(_a.id.desc()).limit(most)
    ).all()
    lines = [
        AuditLine(**row._asdict())
        for row in rows
        if (by is None or row.by == by)
        and (verb is None or row.verb.split(".")[0] == verb or row.verb == verb)
    ]
    return lines, rows[-1].id if len(rows) == most else None
