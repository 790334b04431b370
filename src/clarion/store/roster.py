"""Writing recipients in part, many at once: their own rows, addresses and roles, and with them what they said.

The rows of the recipients are locked first, in the order of their ids, as a page of a fan-out locks them: so neither
waits for the other in a circle, and two changes of one recipient come one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, ids
from clarion.edit import Edit
from clarion.errors import NotFound, shown
from clarion.store import choices, rows
from clarion.store.choices import Changed
from clarion.store.schema import addresses, recipient_roles, recipients

# A new recipient's own values, and those that are kept in the history: the recipient's choices.
DEFAULTS: Mapping[str, Any] = {
    "name": None,
    "locale": None,
    "time_zone": "UTC",
    "active": True,
    "enabled": True,
    "silent_until": None,
    "quiet_hours": None,
    "tags": None,
}
_CHOSEN = ("time_zone", "enabled", "silent_until", "quiet_hours", "tags")
_COLUMNS = ("tenant", "id", *DEFAULTS, "created_at", "updated_at")
_KEY = ("tenant", "id")
_WHOSE = ("tenant", "recipient")


def write(
    conn: Connection, tenant: str, edits: Sequence[Edit], *, by: str | None = None, create: bool = False
) -> None:
    """Write these edits, of a recipient each, and their history; all of them or none.

    `create`: whoever has no row gets one. Raises `InvalidInput` for a recipient who has none.
    """
    ordered = sorted(edits, key=lambda edit: edit.recipient)
    done = _own_rows(conn, tenant, ordered, create=create)
    at = clock.now()
    _write_addresses(conn, tenant, ordered, at)
    _write_roles(conn, tenant, ordered)
    done += choices.write(conn, tenant, ordered, at)
    choices.record(conn, tenant, done, by, at)


# ── Their own rows ───────────────────────────────────────────────────────────────────────────────────────


def _own_rows(conn: Connection, tenant: str, edits: Sequence[Edit], *, create: bool) -> list[Changed]:
    """Lock the recipients of these edits, having made those that are missing, and write what is their own."""
    now = clock.now()
    new = _create(conn, tenant, edits, now) if create else set()
    standing = _lock(conn, tenant, [edit.recipient for edit in edits if edit.recipient not in new])
    done, altered = [], []
    for edit in edits:
        old = DEFAULTS if edit.recipient in new else standing.get(edit.recipient)
        if old is None:
            raise unknown(tenant, edit.recipient)
        values = {**old, **edit.own}
        chosen = {name: values[name] for name in _CHOSEN}
        done.append(choices.changed(edit.recipient, {}, old, chosen))
        if values != old and edit.recipient not in new:
            altered.append((tenant, edit.recipient, *values.values(), now, now))
    rows.write(conn, recipients, _COLUMNS, altered, key=_KEY, update=(*DEFAULTS, "updated_at"))
    return done


def _create(conn: Connection, tenant: str, edits: Sequence[Edit], now: datetime) -> set[str]:
    """Insert whoever is missing; who was."""
    wanted = [(tenant, e.recipient, *{**DEFAULTS, **e.own}.values(), now, now) for e in edits]
    return rows.write(conn, recipients, _COLUMNS, wanted, key=_KEY)


def _lock(conn: Connection, tenant: str, of: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The own values of these recipients, whom nobody else changes until this transaction ends."""
    keys = [(tenant, id) for id in of]
    found = rows.find(conn, recipients, _KEY, keys, ("id", *DEFAULTS), lock=True)
    return {row.id: {name: getattr(row, name) for name in DEFAULTS} for row in found}


def seen(conn: Connection, tenant: str, recipient: str, at: datetime) -> None:
    """Note when a recipient was last there, unless that is known to be later. Raises `InvalidInput`."""
    its = (recipients.c.tenant == tenant, recipients.c.id == recipient)
    earlier = sa.or_(recipients.c.last_active_at.is_(None), recipients.c.last_active_at < at)
    noted = conn.execute(sa.update(recipients).where(*its, earlier).values(last_active_at=at)).rowcount
    if not noted and not conn.execute(sa.select(recipients.c.id).where(*its)).first():
        raise unknown(tenant, recipient)


def unknown(tenant: str, recipient: str) -> NotFound:
    return NotFound(
        f"there is no recipient {shown(recipient)} in tenant {shown(tenant)}; write them first, with recipients.upsert "
        "or `clarion recipients upsert`"
    )


# ── Where they are reached, and as what ──────────────────────────────────────────────────────────────────


def _write_addresses(conn: Connection, tenant: str, edits: Sequence[Edit], now: datetime) -> None:
    """Make the addresses given a recipient's, and no others where they bear. One that was dead and is given again
    lives again."""
    given = {e.recipient: e.addresses for e in edits if e.addresses is not None}
    wanted = {(of, a.channel, a.value): a for of, some in given.items() for a in some}
    columns = ("id", "recipient", "channel", "value", "locale", "gone_at")
    found = rows.find(conn, addresses, _WHOSE, [(tenant, of) for of in given], columns)
    standing = {(row.recipient, row.channel, row.value): row for row in found}
    said = {edit.recipient: edit for edit in edits}
    gone = [
        (tenant, row.id)
        for at, row in standing.items()
        if at not in wanted and said[row.recipient].replaces(row.channel)
    ]
    rows.remove(conn, addresses, ("tenant", "id"), gone)
    new = []
    for at in sorted(wanted):
        locale, stands = wanted[at].locale, standing.get(at)
        if stands is None or stands.gone_at is not None or stands.locale != locale:
            new.append((tenant, ids.uuid7(), *at, locale, None, None, now))
    key = ("tenant", "recipient", "channel", "value")
    revived = ("locale", "gone_at", "gone_reason")
    names = ("tenant", "id", "recipient", "channel", "value", *revived, "created_at")
    rows.write(conn, addresses, names, new, key=key, update=revived)


def _write_roles(conn: Connection, tenant: str, edits: Sequence[Edit]) -> None:
    """Make the roles given a recipient's, and no others."""
    given = {edit.recipient: edit.roles for edit in edits if edit.roles is not None}
    wanted = {(tenant, role, of) for of, roles in given.items() for role in roles}
    key = ("tenant", "role", "recipient")
    found = rows.find(conn, recipient_roles, _WHOSE, [(tenant, of) for of in given], key)
    standing = {(tenant, row.role, row.recipient) for row in found}
    rows.remove(conn, recipient_roles, key, sorted(standing - wanted))
    rows.write(conn, recipient_roles, key, sorted(wanted - standing), key=key)


def roles_of(conn: Connection, tenant: str, recipient: str) -> list[str]:
    c = recipient_roles.c
    chosen = sa.select(c.role).where(c.tenant == tenant, c.recipient == recipient).order_by(c.role)
    return list(conn.execute(chosen).scalars())
