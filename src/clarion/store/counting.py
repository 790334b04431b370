"""How many items many recipients have in each view, in one statement: for those who watch their inbox live."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from clarion.item import InboxCounts, View
from clarion.store.inbox import VIEWS
from clarion.store.prepared import LookUp
from clarion.store.schema import notifications

_NAMES: dict[str, View] = {
    "total": "inbox",
    "unread": "unread",
    "unseen": "unseen",
    "done": "done",
    "saved": "saved",
    "snoozed": "snoozed",
}
_n = notifications.c


def counts(conn: Connection, of: Collection[tuple[str, str]]) -> dict[tuple[str, str], InboxCounts]:
    """Of each of these, (tenant, recipient); counted, not kept."""
    return {
        (row.tenant_, row.recipient_): InboxCounts(**{name: getattr(row, name) for name in _NAMES})
        for row in _COUNTS.rows(conn, sorted(of))
    }


def _numbers(batch: FromClause, _: Connection) -> sa.Select[Any]:
    return sa.select(*(_number(view, batch).label(name) for name, view in _NAMES.items()))


def _number(view: View, batch: FromClause) -> sa.ScalarSelect[Any]:
    its = (_n.tenant == batch.c.tenant_, _n.recipient == batch.c.recipient_, sa.text(VIEWS[view]))
    counted = sa.select(sa.func.count()).select_from(notifications).where(*its)
    return counted.correlate(batch).scalar_subquery()


_COUNTS = LookUp({"tenant_": sa.Text, "recipient_": sa.Text}, _numbers)
