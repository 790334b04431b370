"""Looking up recipients as one does in a directory: who there is, with their addresses and roles, page by page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import rows
from clarion.store.schema import addresses, recipient_roles, recipients

_WHOSE = ("tenant", "recipient")
_OWN = ("id", "name", "locale", "time_zone", "active", "enabled", "last_active_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An address of somebody's. `gone_at`: since when nothing is sent there, because of what the other side said."""

    id: UUID
    channel: str
    value: str
    locale: str | None
    gone_at: datetime | None
    gone_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A recipient as a directory shows them. `enabled`: the global switch; `last_active_at`: see `recipients.seen`."""

    id: str
    name: str | None
    locale: str | None
    time_zone: str
    active: bool
    enabled: bool
    last_active_at: datetime | None
    addresses: tuple[Reached, ...]
    roles: tuple[str, ...]


def read(
    conn: Connection,
    tenant: str,
    *,
    search: str | None = None,
    active: bool | None = None,
    role: str | None = None,
    after: str | None = None,
    most: int,
) -> list[Listed]:
    """The next recipients by id, behind the id `after`, at most so many.

    `search`: how their id, their name or an address begins, without regard to case.
    """
    r = recipients.c
    chosen = sa.select(*(r[name] for name in _OWN)).where(r.tenant == tenant, *_wanted(search, active, role))
    if after is not None:
        chosen = chosen.where(r.id > after)
    return _with_what_is_theirs(conn, tenant, conn.execute(chosen.order_by(r.id).limit(most)).all())


def page(
    conn: Connection,
    tenant: str,
    *,
    search: str | None = None,
    active: bool | None = None,
    after: str | None = None,
    most: int,
    look_at: int,
) -> tuple[list[Listed], str | None]:
    """The same, but of no more than the next so many recipients; and behind which id it goes on, if it does."""
    r = recipients.c
    window = sa.select(r.id).where(r.tenant == tenant).order_by(r.id).limit(look_at)
    if after is not None:
        window = window.where(r.id > after)
    last = conn.execute(sa.select(sa.func.max(window.subquery().c.id))).scalar()
    if last is None:
        return [], None
    chosen = sa.select(*(r[name] for name in _OWN)).where(
        r.tenant == tenant, r.id <= last, *_wanted(search, active, None)
    )
    if after is not None:
        chosen = chosen.where(r.id > after)
    found = conn.execute(chosen.order_by(r.id).limit(most + 1)).all()
    if len(found) > most:
        return _with_what_is_theirs(conn, tenant, found[:most]), found[most - 1].id
    more = conn.execute(sa.select(r.id).where(r.tenant == tenant, r.id > last).limit(1)).first()
    return _with_what_is_theirs(conn, tenant, found), None if more is None else last


def _wanted(search: str | None, active: bool | None, role: str | None) -> list[sa.ColumnElement[bool]]:
    r = recipients.c
    found: list[sa.ColumnElement[bool]] = []
    if search is not None:
        found.append(sa.or_(_begins(r.id, search), _begins(r.name, search), _reached_at(search)))
    if active is not None:
        found.append(r.active == sa.literal(active))
    if role is not None:
        found.append(_has_role(role))
    return found


def one(conn: Connection, tenant: str, id: str) -> Listed | None:
    """The recipient of this id."""
    found = rows.find(conn, recipients, ("tenant", "id"), [(tenant, id)], _OWN)
    return next(iter(_with_what_is_theirs(conn, tenant, found)), None)


def _reached_at(search: str) -> sa.ColumnElement[bool]:
    a = addresses.c
    theirs = (a.tenant == recipients.c.tenant, a.recipient == recipients.c.id)
    return sa.exists().where(*theirs, _begins(a.value, search))


def _has_role(role: str) -> sa.ColumnElement[bool]:
    c = recipient_roles.c
    return sa.exists().where(c.tenant == recipients.c.tenant, c.role == role, c.recipient == recipients.c.id)


def _begins(column: sa.ColumnElement[Any], search: str) -> sa.ColumnElement[bool]:
    """Both are made small by the database, so that they are made so alike."""
    return sa.func.lower(sa.func.substr(column, 1, len(search))) == sa.func.lower(search)


def _with_what_is_theirs(conn: Connection, tenant: str, found: Iterable[Any]) -> list[Listed]:
    found = list(found)
    keys = [(tenant, row.id) for row in found]
    columns = ("recipient", *Reached.__slots__)
    where: dict[str, list[Reached]] = defaultdict(list)
    for row in rows.find(conn, addresses, _WHOSE, keys, columns):
        where[row.recipient].append(Reached(**{name: getattr(row, name) for name in Reached.__slots__}))
    roles: dict[str, list[str]] = defaultdict(list)
    for row in rows.find(conn, recipient_roles, _WHOSE, keys, ("recipient", "role")):
        roles[row.recipient].append(row.role)
    return [
        Listed(
            **{name: getattr(row, name) for name in _OWN},
            addresses=tuple(sorted(where[row.id], key=lambda one: (one.channel, one.value))),
            roles=tuple(sorted(roles[row.id])),
        )
        for row in found
    ]
