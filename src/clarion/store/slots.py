"""Slots as rows: locking who is charged, reading what is taken, and taking.

Planning for a recipient and what becomes of a holder never overtake each other: planning locks the recipients of
a page, then reads their slots under a lock of their own; settling locks the slots of the holders that it ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from clarion.circumstances import Taking
from clarion.severity import Severity
from clarion.slot import Slot, Slots
from clarion.store import dialect, inserting
from clarion.store.prepared import LookUp
from clarion.store.schema import addresses, recipients, slots

Key = tuple[str, str, str]  # tenant, recipient, key of the slot

_SEVERITIES = {int(severity): severity for severity in Severity}
_KEY = {"tenant_": sa.Text, "recipient_": sa.Text, "key_": sa.Text}
_COLUMNS = (
    "tenant",
    "recipient",
    "key",
    "severity",
    "n",
    "holder",
    "channels",
    "window_ms",
    "taken_at",
    "until",
)


@dataclass(slots=True)
class Read:
    """What is taken, by tenant, and which rows stand already: those that are over are used again."""

    by_tenant: dict[str, Slots]
    standing: set[tuple[str, str, str, int, int]]

    def of(self, tenant: str) -> Slots:
        return self.by_tenant.setdefault(tenant, Slots())


class Taken(NamedTuple):
    """A slot that a notification took in planning."""

    tenant: str
    recipient: str
    severity: Severity
    holder: UUID
    taking: Taking


def _person(table: sa.Table, id: str) -> LookUp:
    """The rows of this table that stand for a recipient, by (tenant, id), to be locked: nothing is read of them."""

    def find(batch: FromClause, _: Connection) -> sa.Select[Any]:
        its = [table.c.tenant == batch.c.tenant_, table.c[id] == batch.c.id_]
        if table is addresses:
            its.append(addresses.c.channel + ":" + addresses.c.value == batch.c.id_)
        return sa.select(sa.literal(1).label("one")).select_from(table).where(*its)

    return LookUp({"tenant_": sa.Text, "id_": sa.Text}, find, but=("tenant_", "id_"), lock=True)


_RECIPIENTS, _ONE_OFFS = _person(recipients, "id"), _person(addresses, "recipient")


def lock_people(conn: Connection, who: Iterable[tuple[str, str]]) -> None:
    """Let nobody else charge these recipients, each (tenant, id), until this transaction ends."""
    if not dialect.is_postgresql(conn):  # SQLite has one writer at a time
        return
    keys = sorted(dict.fromkeys(who))
    _RECIPIENTS.rows(conn, keys)
    # Without a row of a recipient: the address stands for it.
    _ONE_OFFS.rows(conn, [key for key in keys if ":" in key[1]])


def _of_key(batch: FromClause, _: Connection) -> sa.Select[Any]:
    read = ("severity", "n", "holder", "taken_at", "until", "freed_at")
    return sa.select(*(slots.c[name] for name in read)).where(
        slots.c.tenant == batch.c.tenant_,
        slots.c.recipient == batch.c.recipient_,
        slots.c.key == batch.c.key_,
    )


_TO_WRITE, _TO_READ = LookUp(_KEY, _of_key, lock=True), LookUp(_KEY, _of_key)


def read(conn: Connection, keys: Collection[Key], now: datetime, *, lock: bool = True) -> Read:
    """What is taken of these; to be called under the lock of their recipients, and itself locked, if it is written."""
    result = Read({}, set())
    found = (_TO_WRITE if lock else _TO_READ).rows(conn, sorted(dict.fromkeys(keys)))
    for tenant, recipient, key, severity, n, holder, taken_at, until, freed_at in found:
        result.standing.add((tenant, recipient, key, severity, n))
        if freed_at is None and (until is None or until > now):
            slot = Slot(_SEVERITIES[severity], n, holder, taken_at, until)
            result.of(tenant).taken.setdefault((recipient, key), []).append(slot)
    return result


def take(conn: Connection, taken: Sequence[Taken], read: Read, now: datetime) -> None:
    """Write these down. What somebody waits for of a slot that was freed, they wait for of its new holder."""
    new: list[tuple[Any, ...]] = []
    again: list[tuple[Any, ...]] = []
    shared: dict[int, tuple[Any, ...]] = {}  # of a charge: its channels and window
    for tenant, recipient, severity, holder, taking in taken:
        charge = taking.charge
        rest = shared.get(id(charge))
        if rest is None:
            channels = None if charge.channels is None else list(charge.channels)
            rest = shared[id(charge)] = (channels, charge.rule.window // timedelta(milliseconds=1), now)
        row = (tenant, recipient, charge.key, int(severity), taking.n, holder, *rest, taking.until)
        (again if row[:5] in read.standing else new).append(row)
        read.standing.add(row[:5])
    inserting.many(conn, slots, _COLUMNS, new)
    if again:
        _use_again(conn, again)


def _use_again(conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    key, values = _COLUMNS[:5], _COLUMNS[5:]
    conn.execute(
        sa.update(slots)
        .where(*(slots.c[name] == sa.bindparam(f"{name}_") for name in key))
        .values(
            **{name: sa.bindparam(f"{name}_", type_=slots.c[name].type) for name in values},
            blocked_since=sa.case((slots.c.freed_at.is_not(None), slots.c.blocked_since)),
            freed_at=None,
        ),
        [
            {f"{name}_": value for name, value in zip(_COLUMNS, row, strict=True)}
            for row in sorted(rows, key=lambda row: row[:5])
        ],
    )


def block(conn: Connection, keys: Collection[Key], since: datetime) -> None:
    """Remember at the slots of these keys that they stopped somebody, who is told if a holder ends unsent.

    `since`: when those were decided on first. To be called once these keys are locked, by `read`.
    """
    if not keys:
        return
    batch = dialect.batch(conn, _KEY, sorted(keys))
    found = sa.select(dialect.row_address(conn, slots)).where(
        slots.c.tenant == batch.c.tenant_,
        slots.c.recipient == batch.c.recipient_,
        slots.c.key == batch.c.key_,
        sa.or_(slots.c.blocked_since.is_(None), slots.c.blocked_since > since),
        slots.c.freed_at.is_(None),
    )
    rows = dialect.look_up(conn, batch, found, lock=True).subquery("held")
    at = dialect.at_addresses(conn, slots, sa.select(rows.c.here))
    conn.execute(sa.update(slots).where(at).values(blocked_since=since))
