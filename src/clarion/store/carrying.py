"""Carrying out a selection that was confirmed: page by page, each in a transaction of its own, by whoever comes by.

What is done is no member any more. So it goes on where it was when somebody dies, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.lane import Lanes
from clarion.selection import CANCELLED
from clarion.store import cancelling, dialect, ended, replaying, rows
from clarion.store.ended import Chosen
from clarion.store.schema import RUNNING, selection_members, selections

_s, _m = selections.c, selection_members.c
_KEY = ("tenant", "selection_id", "delivery_id")

AT_ONCE = 500  # deliveries on a page


@dataclass(frozen=True, slots=True)
class Carried:
    """One page. `queued`: something waits in the queue since. `over`: it was the last."""

    queued: bool
    over: bool


def carry_out(
    conn: Connection, tenant: str, id: UUID, *, lanes: Lanes, most: int = AT_ONCE
) -> Carried | None:
    """The next page; `None` if another process has it in hand, or nothing is left to do."""
    its = (_s.tenant == tenant, _s.id == id)
    locked = sa.select(*_s).where(*its, sa.text(RUNNING)).with_for_update(skip_locked=True)
    row = conn.execute(locked).first()
    if row is None:
        return None
    page = _page(conn, tenant, id, most)
    done = _replay(conn, row, page, lanes) if row.verb == "replay" else _cancel(conn, row, page)
    rows.remove(conn, selection_members, _KEY, [(tenant, id, delivery) for delivery in page])
    over = len(page) < most
    conn.execute(
        sa.update(selections)
        .where(*its)
        .values(
            done=_s.done + done,
            left_alone=_s.left_alone + len(page) - done,
            finished_at=dialect.now(conn) if over else None,
        )
    )
    return Carried(queued=row.verb == "replay" and done > 0, over=over)


def _page(conn: Connection, tenant: str, id: UUID, most: int) -> dict[UUID, int]:
    chosen = sa.select(_m.delivery_id, _m.claim).where(_m.tenant == tenant, _m.selection_id == id)
    return {row.delivery_id: row.claim for row in conn.execute(chosen.order_by(_m.delivery_id).limit(most))}


def _replay(conn: Connection, row: Row[Any], page: Mapping[UUID, int], lanes: Lanes) -> int:
    keys = ended.standing(conn, row.tenant, list(page.items()))
    chosen = Chosen(tenant=row.tenant, past_max_age=bool(row.filter.get("past_max_age")))
    return replaying.put_back(conn, chosen, keys, lanes=lanes, by=row.confirmed_by) if keys else 0


def _cancel(conn: Connection, row: Row[Any], page: Mapping[UUID, int]) -> int:
    if not page:
        return 0
    said = f"by {row.confirmed_by}"
    return sum(cancelling.cancel_some(conn, row.tenant, page, code=CANCELLED, detail=said))
