"""All that is kept about one person: read as a whole, and erased.

Erasing removes what is theirs: their rows, notifications and deliveries with all that became of them. What others need
stays without them: an event tells no longer who did it or was named, and the change feed keeps its numbers. Also what was
sent to their addresses without an account is theirs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.store import schema as s

ERASED = "erased"  # stands where a person stood
AT_ONCE = 500  # events looked at in one transaction
_SHORT = 4  # characters: a shorter name stands in too many words

# What is a person's by their id: by the name of the column.
_OWN: Mapping[sa.Table, str] = {
    s.recipients: "id",
    s.recipient_roles: "recipient",
    s.addresses: "recipient",
    s.preferences: "recipient",
    s.preference_changes: "recipient",
    s.subscriptions: "recipient",
    s.notifications: "recipient",
    s.digests: "recipient",
    s.slots: "recipient",
    s.withdrawals: "recipient",
    s.selections: "recipient",
    s.audit: "recipient",
}
_KEPT = (s.selections, s.audit)  # as what operators did, without whom it was about
# In the order in which rows are locked everywhere: recipient, slot, queue, and what hangs on them.
_REMOVED = (s.slots, s.digests, s.addresses, s.recipient_roles, s.preferences, s.preference_changes, s.subscriptions, s.withdrawals)  # fmt: skip
_FEED = (s.changes, s.unnumbered_changes)
_SECRET = frozenset({"secret", "lease_until", "claims", "cursor", "body_hash"})  # says nothing of anybody


@dataclass(frozen=True, slots=True)
class Person:
    """By what somebody is known here. `ids`: the recipient's, and those that stand for their addresses alone."""

    ids: tuple[str, ...]
    name: str | None
    addresses: tuple[str, ...]

    def scrubbed(self, value: Any, *, name: bool) -> Any:
        """A value of JSON without them: texts that are their id, and their addresses in any text; with `name`, that too."""
        if isinstance(value, str):
            return ERASED if value in self.ids else _without(self._words(name), value)
        if isinstance(value, list):
            return [self.scrubbed(one, name=name) for one in value]
        if isinstance(value, dict):
            return {
                self.scrubbed(key, name=name): self.scrubbed(one, name=name) for key, one in value.items()
            }
        return value

    def named(self, audience: Sequence[Any]) -> bool:
        return any(self._is(who) for _, people in audience for who in people)

    def left_out(self, audience: Sequence[Any]) -> list[Any]:
        """An audience as it is stored, without them."""
        return [[reason, [who for who in people if not self._is(who)]] for reason, people in audience]

    def _is(self, who: Any) -> bool:
        if isinstance(who, dict):
            return (
                f"{who.get('channel')}:{who.get('value')}" in self.ids or who.get("value") in self.addresses
            )
        return who in self.ids

    def _words(self, name: bool) -> list[str]:
        named = [self.name] if name and self.name and len(self.name) >= _SHORT else []
        return [*self.addresses, *named]


def _without(words: Sequence[str], text: str) -> str:
    for word in words:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", ERASED, text, flags=re.IGNORECASE)
    return text


def find(conn: Connection, tenant: str, recipient: str) -> Person | None:
    """`None` if nothing is known of this id: neither a recipient nor an address without one."""
    its = conn.execute(
        sa.select(s.recipients.c.name).where(s.recipients.c.tenant == tenant, s.recipients.c.id == recipient)
    ).first()
    a = s.addresses.c
    found = conn.execute(
        sa.select(a.channel, a.value).where(a.tenant == tenant, a.recipient == recipient)
    ).all()
    told = sa.exists().where(s.notifications.c.tenant == tenant, s.notifications.c.recipient == recipient)
    if its is None and not found and not conn.execute(sa.select(told)).scalar_one():
        return None
    ids = dict.fromkeys([recipient, *(f"{channel}:{value}" for channel, value in found)])
    values = sorted({value for _, value in found}, key=len, reverse=True)
    return Person(tuple(ids), None if its is None else its.name, tuple(values))


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


def export(conn: Connection, tenant: str, person: Person) -> dict[str, Any]:
    """Rows by table, as plain JSON: their own, what was sent to them, and the events that they did or were named in."""
    found = {
        _short(table): _rows(
            conn, sa.select(table).where(table.c.tenant == tenant, table.c[column].in_(person.ids))
        )
        for table, column in _OWN.items()
    }
    theirs = _deliveries(tenant, person)
    d, o, q = s.deliveries, s.outcomes, s.queue
    found["deliveries"] = _rows(conn, sa.select(d).where(d.c.tenant == tenant, d.c.id.in_(theirs)))
    found["outcomes"] = _rows(conn, sa.select(o).where(o.c.tenant == tenant, o.c.delivery_id.in_(theirs)))
    found["queue"] = _rows(conn, sa.select(q).where(q.c.tenant == tenant, q.c.delivery_id.in_(theirs)))
    e = s.events
    mentioned = sa.or_(e.c.actor.in_(person.ids), e.c.id.in_(_told_of(tenant, person)))
    found["events"] = _rows(conn, sa.select(e).where(e.c.tenant == tenant, mentioned).order_by(e.c.id))
    for one in found["events"]:  # of an audience, whether they are in it: the others are not theirs to read
        one["to"] = [reason for reason, people in one["to"] if person.named([[reason, people]])]
    return found


def _told_of(tenant: str, person: Person) -> sa.Select[Any]:
    n = s.notifications.c
    return sa.select(n.event_id).where(n.tenant == tenant, n.recipient.in_(person.ids))


def _rows(conn: Connection, chosen: sa.Select[Any]) -> list[dict[str, Any]]:
    return [
        {name: _plain(value) for name, value in row.items() if name not in _SECRET}
        for row in conn.execute(chosen).mappings()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _short(table: sa.Table) -> str:
    return table.name.removeprefix(s.PREFIX)


# ── Erasing what is theirs ───────────────────────────────────────────────────────────────────────────────


def erase(conn: Connection, tenant: str, person: Person) -> Counter[str]:
    """Remove what is theirs, in one transaction; how many rows, by table. Whoever sends finds nothing to settle."""
    r = s.recipients.c
    mine = (r.tenant == tenant, r.id.in_(person.ids))
    conn.execute(sa.select(r.id).where(*mine).order_by(r.id).with_for_update())
    gone: Counter[str] = Counter()
    theirs = list(conn.execute(_deliveries(tenant, person)).scalars())
    for table, column in (
        (s.slots, "recipient"),
        (s.queue, "delivery_id"),
        (s.outcomes, "delivery_id"),
        (s.deliveries, "id"),
    ):
        for some in [person.ids] if table is s.slots else _parts(theirs):
            gone[_short(table)] += _remove(conn, table, tenant, table.c[column].in_(some))
    n, m, g = s.notifications, s.digest_members, s.digests
    ids = sa.select(n.c.id).where(n.c.tenant == tenant, n.c.recipient.in_(person.ids))
    digests = sa.select(g.c.id).where(g.c.tenant == tenant, g.c.recipient.in_(person.ids))
    member = sa.or_(m.c.notification_id.in_(ids), m.c.digest_id.in_(digests))
    gone[_short(m)] += _remove(conn, m, tenant, member)
    for table in (*_REMOVED, n, s.recipients):
        gone[_short(table)] += _remove(conn, table, tenant, table.c[_OWN[table]].in_(person.ids))
    for table in _KEPT:
        about = (table.c.tenant == tenant, table.c.recipient.in_(person.ids))
        conn.execute(sa.update(table).where(*about).values(recipient=ERASED))
    for feed in _FEED:
        its = (feed.c.tenant == tenant, feed.c.recipient.in_(person.ids))
        conn.execute(sa.update(feed).where(*its).values(recipient=None, body=None))
    by = s.preference_changes.c.by
    conn.execute(
        sa.update(s.preference_changes)
        .where(s.preference_changes.c.tenant == tenant, by.in_(person.ids))
        .values(by=ERASED)
    )
    return +gone


def _deliveries(tenant: str, person: Person) -> sa.Select[Any]:
    d, n, g = s.deliveries.c, s.notifications.c, s.digests.c
    told = sa.select(n.id).where(n.tenant == tenant, n.recipient.in_(person.ids))
    collected = sa.select(g.id).where(g.tenant == tenant, g.recipient.in_(person.ids))
    whose = sa.or_(d.notification_id.in_(told), d.digest_id.in_(collected))
    return sa.select(d.id).where(d.tenant == tenant, whose)


def _parts(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def _remove(conn: Connection, table: sa.Table, tenant: str, which: sa.ColumnElement[bool]) -> int:
    return int(conn.execute(sa.delete(table).where(table.c.tenant == tenant, which)).rowcount)


# ── Taking them out of what others need ──────────────────────────────────────────────────────────────────


def scrub(conn: Connection, tenant: str, person: Person, after: UUID | None) -> tuple[int, UUID | None]:
    """Take them out of the next events, in the order of ids; of how many, and where to go on, if anywhere.

    Before `erase`, and in transactions of their own: an event is locked before a recipient.
    """
    e = s.events.c
    chosen = [e.tenant == tenant, _mentions(person)]
    if after is not None:
        chosen.append(e.id > after)
    columns = (e.id, e.actor, e.to, e.data, e.url, e.cursor, e.due_at)
    locked = sa.select(*columns).where(*chosen).order_by(e.id).limit(AT_ONCE).with_for_update()
    rows = conn.execute(locked).all()
    done = 0
    for row in rows:
        theirs = row.actor in person.ids or person.named(row.to) or _told(conn, tenant, person, row.id)
        new: dict[str, Any] = {
            "actor": ERASED if row.actor in person.ids else row.actor,
            "to": person.left_out(row.to),
            "data": person.scrubbed(row.data, name=theirs),
            "url": None if row.url is None else person.scrubbed(row.url, name=False),
            "cursor": None
            if row.due_at is None
            else row.cursor,  # a walk on its way needs to know where it is
        }
        if any(value != getattr(row, name) for name, value in new.items()):
            conn.execute(sa.update(s.events).where(e.tenant == tenant, e.id == row.id).values(**new))
            done += 1
    return done, rows[-1].id if len(rows) == AT_ONCE else None


def _told(conn: Connection, tenant: str, person: Person, event: UUID) -> bool:
    n = s.notifications.c
    its = sa.exists().where(n.tenant == tenant, n.event_id == event, n.recipient.in_(person.ids))
    return bool(conn.execute(sa.select(its)).scalar_one())


def _mentions(person: Person) -> sa.ColumnElement[bool]:
    """Whether an event may speak of them: JSON is searched as the text that it is."""
    e = s.events.c
    words: Collection[str] = {*person.ids, *person.addresses, *([person.name] if person.name else [])}
    found: list[sa.ColumnElement[bool]] = [e.actor.in_(person.ids)]
    for word in words:
        written = _as_in_json(word)
        found += [
            sa.type_coerce(column, sa.Text).icontains(written, autoescape=True)
            for column in (e.to, e.data, e.cursor)
        ]
        found.append(e.url.icontains(word, autoescape=True))
    return sa.or_(*found)


def _as_in_json(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')
