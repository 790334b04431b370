"""What the gates need to know, read in a few statements: written once for fan-out, senders and previews."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from clarion.circumstances import Facts, slot_keys, topics
from clarion.event import Event
from clarion.event_type import EventType
from clarion.preference import Choices, scopes
from clarion.store import people, registry, silences, slots, stretches
from clarion.store.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One event and some of its recipients, by id. `with_access`: those whom the application lets know.

    `side_by_side`: they are of one crowd, in the order in which the database has them.
    """

    event: Event
    type: EventType
    recipients: Sequence[str]
    with_access: Collection[str] | None = None
    side_by_side: bool = False


def read(
    conn: Connection, asked: Sequence[Asked], now: datetime, *, charged: bool = True, lock: bool = True
) -> tuple[list[Facts], slots.Read]:
    """The facts of each, and the slots that are taken, if they are `charged`: locked, where it is to be written.

    The lock on the recipients comes first, and what they hold is read in a later statement.
    """
    charging = [one for one in asked if charged and one.type.policy.rules]
    if lock:
        slots.lock_people(conn, [(one.event.tenant, id) for one in charging for id in one.recipients])
    known = _of_neighbours(conn, asked) or _of_each(conn, asked)
    keys = [key for one in charging for key in _slots_of(one, known[one.event.tenant])]
    taken = slots.read(conn, keys, now, lock=lock)
    return _together(conn, asked, known, now, taken if charged else None), taken


def _of_neighbours(conn: Connection, asked: Sequence[Asked]) -> dict[str, People] | None:
    """What is known of a crowd's page. None where it is not one, or where its people stand too far apart."""
    if len(asked) != 1 or not asked[0].side_by_side or len(asked[0].recipients) < stretches.LEAST:
        return None
    (one,) = asked
    tenant = one.event.tenant
    found = stretches.read(conn, tenant, one.recipients, one.type, topics(one.event))
    return None if found is None else {tenant: found}


def _of_each(conn: Connection, asked: Sequence[Asked]) -> dict[str, People]:
    types = {one.type.code: one.type for one in asked}.values()
    return people.read(
        conn,
        [(one.event.tenant, id) for one in asked for id in one.recipients],
        [scope for type in types for scope in scopes(type)],
        _followed(asked),
    )


def read_again(
    conn: Connection,
    asked: Sequence[Asked],
    known: Mapping[str, People],
    said: Sequence[tuple[str, str]],
    now: datetime,
) -> list[Facts]:
    """The facts of each, uncharged, of people of whom all is `known`, by tenant, but for what they said.

    `said`: those, (tenant, id), who said anything of any type.
    """
    types = {one.type.code: one.type for one in asked}.values()
    bearing = [scope for type in types for scope in scopes(type)]
    people.add_said(conn, known, said, bearing, _followed(asked))
    return _together(conn, asked, known, now, None)


def _together(
    conn: Connection,
    asked: Sequence[Asked],
    known: Mapping[str, People],
    now: datetime,
    taken: slots.Read | None,
) -> list[Facts]:
    since = registry.enabled_since(conn, [one.type.code for one in asked])
    silenced = silences.standing(conn, {one.event.tenant for one in asked}, now)
    return [
        known.get(one.event.tenant, _NOBODY).facts(
            since.get(one.type.code, {}),
            one.with_access,
            silences=silenced.get(one.event.tenant, ()),
            slots=None if taken is None else taken.of(one.event.tenant),
        )
        for one in asked
    ]


def _followed(asked: Sequence[Asked]) -> list[tuple[str, str, str]]:
    """What each may follow: (tenant, topic, recipient)."""
    return [
        (one.event.tenant, topic, id) for one in asked for topic in topics(one.event) for id in one.recipients
    ]


_NOBODY = People({}, {}, {})


def _slots_of(asked: Asked, known: People) -> Iterator[slots.Key]:
    """Every slot that may bear on these: a rule may be charged on each channel that somebody asked for."""
    said = [rows for id in asked.recipients if (rows := known.preferences.get(id))]
    channels = {channel for rows in said for channel in Choices(asked.type, rows).channels()}
    for key in slot_keys(asked.event, asked.type, sorted({*asked.type.channels, *channels})):
        for id in asked.recipients:
            yield asked.event.tenant, id, key
