"""What is known of people who stand side by side, as those on a page of a crowd do: read from the first to the last.

Of each table one statement, which takes a fifth of what looking up each person takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.event_type import EventType
from clarion.preference import Choices, Preference, Watch, scopes
from clarion.question import INBOX
from clarion.severity import Severity
from clarion.store import dialect, people
from clarion.store.people import People
from clarion.store.prepared import Query
from clarion.store.schema import addresses, preferences, recipients, subscriptions

Kind = TypeVar("Kind")

LEAST = 100  # people: fewer are looked up as quickly
_APART = 4  # recipients for each of them: where there are more between them, each is better looked up
_MANY = 12  # rows of another table for each of them


_NONE: Mapping[str, Any] = {}


class Stretch(NamedTuple):
    """From the first to the last of so many people of a tenant, by id."""

    tenant: str
    first: str
    last: str
    people: int


class _FarApart(Exception):
    """Between the first and the last of them there is too much that is not theirs."""


class _Between:
    """The rows of one table from the first person to the last."""

    def __init__(
        self,
        person: sa.Column[str],
        columns: Sequence[Any],
        *,
        of: Sequence[Any] = (),
        where: Sequence[Any] = (),
        most: int = _MANY,
    ) -> None:
        """`person`: the column of an index that follows the tenant and what the conditions `of` fix. `most`: rows for
        each of them that are read at the most."""
        text = sa.Text
        there = [
            person.table.c.tenant == sa.bindparam("tenant", type_=text),
            *of,
            person >= sa.bindparam("first", type_=text),
            person <= sa.bindparam("last", type_=text),
        ]
        beyond = sa.select(sa.literal(1)).select_from(person.table).where(*there).order_by(person)
        too_many = sa.exists(beyond.offset(sa.bindparam("most", type_=sa.Integer)).limit(1))
        self._most = most
        self._far_apart = Query(sa.select(too_many.label("far_apart")))
        self._rows = Query(sa.select(person, *columns).where(*there, *where))

    def rows(
        self,
        conn: Connection,
        stretch: Stretch,
        *,
        of: Mapping[str, Any] = _NONE,
        where: Mapping[str, Any] = _NONE,
    ) -> list[tuple[Any, ...]]:
        """(person, …), in no order. Raises `_FarApart` where there are too many."""
        tenant, first, last, number = stretch
        there = {"tenant": tenant, "first": first, "last": last, **of}
        ((far_apart,),) = self._far_apart.rows(conn, {**there, "most": self._most * number})
        if far_apart:
            raise _FarApart
        return self._rows.rows(conn, {**there, **where})


_r, _a, _p, _s = recipients.c, addresses.c, preferences.c, subscriptions.c
_SCOPES = ("scope_0", "scope_1", "scope_2")
_RECIPIENTS = _Between(_r.id, [people.as_read(_r[name]) for name in people.STANDING], most=_APART)
_ADDRESSES = _Between(_a.recipient, [_a.id, _a.channel, _a.value, _a.locale, _a.gone_at])
_PREFERENCES = _Between(
    _p.recipient,
    [_p.scope, _p.channel, _p.enabled, sa.type_coerce(_p.channels, sa.Text), _p.min_severity, _p.mode],
    where=[_p.scope.in_([sa.bindparam(name, type_=sa.Text) for name in _SCOPES])],
)
_WATCHES = _Between(
    _s.recipient,
    [_s.level, _s.muted_until],
    of=[_s.topic == sa.bindparam("topic", type_=sa.Text)],
    where=[sa.or_(_s.level.is_not(None), _s.muted_until.is_not(None))],
)


def read(
    conn: Connection, tenant: str, ids: Sequence[str], type: EventType, topics: Collection[str]
) -> People | None:
    """All that the gates need to know of these people about events of this type, and of some who stand between them.

    `ids`: in the database's order. None where they stand so far apart that each is better looked up.
    """
    dialect.without_sorting(conn)
    stretch = Stretch(tenant, ids[0], ids[-1], len(ids))
    try:
        persons = _RECIPIENTS.rows(conn, stretch)
        said = _preferences(conn, stretch, type)
        watches = _watches(conn, stretch, topics)
        # Where somebody is reached is the matter of an event in the inbox only if they asked for more.
        where = () if type.channels == (INBOX,) else _ADDRESSES.rows(conn, stretch)
    except _FarApart:
        return None
    found = People(
        {id: people.recipient_from(id, None, None, *rest) for id, *rest in persons}, {}, said, watches
    )
    for id, *address in where:
        found.addresses.setdefault(id, []).append(people.address_from(*address))
    found.sort_addresses()
    if type.channels == (INBOX,):
        more = [id for id, rows in said.items() if Choices(type, rows).channels() != (INBOX,)]
        people.add_addresses(conn, {tenant: found}, [(tenant, id) for id in more])
    return found


def _preferences(conn: Connection, stretch: Stretch, type: EventType) -> dict[str, list[Preference]]:
    """What they said that bears on the type."""
    said: dict[str, list[Preference]] = {}
    rows = _PREFERENCES.rows(conn, stretch, where=dict(zip(_SCOPES, scopes(type), strict=True)))
    _gather(said, rows, _preference)
    people.sort(said, attrgetter("scope", "channel"))
    return said


def _watches(conn: Connection, stretch: Stretch, topics: Collection[str]) -> dict[str, list[Watch]]:
    """How closely they follow these topics."""
    watches: dict[str, list[Watch]] = {}
    for topic in sorted(topics):
        rows = _WATCHES.rows(conn, stretch, of={"topic": topic})
        _gather(watches, rows, partial(_watch, topic))
    return watches


def _gather(into: dict[str, list[Kind]], rows: Iterable[tuple[Any, ...]], make: Callable[..., Kind]) -> None:
    """What several said alike is one value."""
    made: dict[tuple[Any, ...], Kind] = {}
    for row in rows:
        said = row[1:]
        value = made.get(said)
        if value is None:
            value = made[said] = make(*said)
        into.setdefault(row[0], []).append(value)


def _preference(
    scope: str,
    channel: str,
    enabled: bool | None,
    channels: str | None,
    min_severity: int | None,
    mode: str | None,
) -> Preference:
    return Preference(
        scope=scope,
        channel=channel,
        enabled=enabled,
        channels=None if channels is None else tuple(json.loads(channels)),
        min_severity=None if min_severity is None else Severity(min_severity),
        mode=mode,
    )


def _watch(topic: str, level: str | None, muted_until: datetime | None) -> Watch:
    return Watch(topic=topic, level=level, muted_until=muted_until)
