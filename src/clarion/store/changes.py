"""The change feed: a change is told with what it changes, numbered once that is committed, and read by its number.

Numbers are given by one process at a time, whoever comes first, to what is committed by then: so readers see them in
order and without gaps, and a transaction that stays open for long holds up its own changes only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.change import CONFIGURED, DELIVERY, Kind
from clarion.delivery import Claim, Outcome
from clarion.store import dialect, inserting
from clarion.store.database import FEEDS_DELIVERIES
from clarion.store.schema import changes, deliveries, feed, notifications, unnumbered_changes

COLUMNS = ("tenant", "at", "kind", "recipient", "row_id", "body")
AT_ONCE = 2000  # numbered, or removed, in one transaction
LOOKED_AT = 10_000  # numbers in one go, where they are not one recipient's


# ── Telling ──────────────────────────────────────────────────────────────────────────────────────────────


def tell(conn: Connection, kind: Kind, of: Sequence[tuple[str, str, UUID]], at: datetime) -> None:
    """That this happened to these notifications, each (tenant, recipient, id); in the transaction in which it does."""
    rows = [(tenant, at, kind, recipient, id, None) for tenant, recipient, id in of]
    inserting.many(conn, unnumbered_changes, COLUMNS, rows)


def tell_configured(conn: Connection, tenant: str, recipients: Collection[str], at: datetime) -> None:
    """That these recipients said something else than before."""
    rows = [(tenant, at, CONFIGURED, recipient, None, None) for recipient in recipients]
    inserting.many(conn, unnumbered_changes, COLUMNS, rows)


def tell_deliveries(conn: Connection, ended: Sequence[tuple[Claim, Outcome]], at: datetime) -> None:
    """How these deliveries ended, those that did: where the application wants to be told of it."""
    if not conn.get_execution_options().get(FEEDS_DELIVERIES, False):
        return
    final = {claim.key: outcome for claim, outcome in ended if outcome.final}
    keys = sorted(final, key=lambda key: (key[0], key[1].bytes))
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Uuid}, keys)
    its = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    found = (
        sa.select(deliveries.c.channel, notifications.c.id.label("notification"), notifications.c.recipient)
        .select_from(deliveries.join(notifications, its))
        .where(deliveries.c.tenant == batch.c.tenant_, deliveries.c.id == batch.c.id_)
    )
    rows = []
    for row in conn.execute(dialect.look_up(conn, batch, found)) if keys else ():
        outcome = final[row.tenant_, row.id_]
        body = {"notification": str(row.notification), "channel": row.channel, "code": outcome.code}
        rows.append((row.tenant_, at, DELIVERY + outcome.result.value, row.recipient, row.id_, body))
    inserting.many(conn, unnumbered_changes, COLUMNS, rows)


# ── Numbering ────────────────────────────────────────────────────────────────────────────────────────────


def pending(conn: Connection) -> bool:
    """Whether anything that is committed has no number yet."""
    first = sa.select(unnumbered_changes.c.id).order_by(unnumbered_changes.c.id).limit(1)
    return conn.execute(first).first() is not None


_FIRST = sa.select(unnumbered_changes.c.id).order_by(unnumbered_changes.c.id).limit(1).scalar_subquery()
_STANDS = sa.select(_FIRST.is_not(None).label("waits"), feed.c.newest)


def stands(conn: Connection) -> tuple[bool, int]:
    """Whether anything that is committed has no number yet, and the last number that was given: of the same moment."""
    waits, newest = conn.execute(_STANDS).one()
    return bool(waits), newest


def number(conn: Connection, most: int = AT_ONCE) -> int:
    """Give numbers to what is committed, at most so many; how many. None if another process is just doing it."""
    newest = conn.execute(sa.select(feed.c.newest).with_for_update(skip_locked=True)).scalar()
    if newest is None:
        return 0
    given = {"newest": newest, "most": most}
    first, *others = [
        conn.execute(sa.text(statement), given) for statement in dialect.MOVE_NUMBERED[conn.dialect.name]
    ]
    assert all(other.rowcount == first.rowcount for other in others), "what is numbered is moved"  # noqa: S101
    if first.rowcount:
        conn.execute(sa.update(feed).values(newest=newest + first.rowcount))
    return first.rowcount


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Whose changes: of one recipient, of a tenant, or, without either, of all. `kinds`: of these only."""

    tenant: str | None = None
    recipient: str | None = None
    kinds: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """`rows` of `changes` in order; `upto` is the number to go on from. `reset`: some behind `after` are gone."""

    rows: Sequence[Row[Any]]
    upto: int
    reset: bool = False


def newest(conn: Connection) -> int:
    """The last number that was given."""
    found: int = conn.execute(sa.select(feed.c.newest)).scalar_one()
    return found


def read(conn: Connection, chosen: Chosen, *, after: int, most: int) -> Read:
    """The changes with numbers above `after`; one statement, so that nothing is removed in between."""
    where = [changes.c.n > after]
    end = None
    if chosen.tenant is not None:
        where.append(changes.c.tenant == chosen.tenant)
    if chosen.recipient is not None:
        where.append(changes.c.recipient == chosen.recipient)
    else:
        end = after + LOOKED_AT
        where.append(changes.c.n <= end)
    if chosen.kinds is not None:
        where.append(changes.c.kind.in_(sorted(chosen.kinds)))
    page = sa.select(changes).where(*where).order_by(changes.c.n).limit(most).subquery("page")
    found = sa.select(feed.c.newest, feed.c.removed, *page.c).select_from(feed.outerjoin(page, sa.true()))
    dialect.without_sorting(conn)
    all_rows = conn.execute(found).all()
    last, removed = all_rows[0].newest, all_rows[0].removed
    if not removed <= after <= last:
        return Read((), last, reset=True)
    rows = sorted((row for row in all_rows if row.n is not None), key=attrgetter("n"))
    if len(rows) == most:
        return Read(rows, rows[-1].n)
    return Read(rows, last if end is None else min(last, end))


# ── Forgetting ───────────────────────────────────────────────────────────────────────────────────────────


def remove(conn: Connection, *, before: datetime, most: int = AT_ONCE) -> int:
    """Remove the first numbers, at most so many, as far as they tell of what was before; how many."""
    if conn.execute(sa.select(feed.c.removed).with_for_update(skip_locked=True)).first() is None:
        return 0
    first = conn.execute(sa.select(changes.c.n, changes.c.at).order_by(changes.c.n).limit(most)).all()
    old = list(takewhile(lambda row: row.at < before, first))
    if old:
        conn.execute(sa.delete(changes).where(changes.c.n <= old[-1].n))
        conn.execute(sa.update(feed).values(removed=old[-1].n))
    return len(old)
