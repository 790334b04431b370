"""Recipients, their addresses, preferences and subscriptions: writing them, and reading what the gates need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, ids
from clarion.plan import Candidate, Facts
from clarion.preference import Preference
from clarion.recipient import Address, Recipient, StoredAddress
from clarion.severity import Severity
from clarion.store import dialect
from clarion.store.schema import addresses, preferences, recipients, subscriptions

# Only what the gates need: a page is thousands of rows, and each value costs.
_READ = {
    recipients: ("tenant", "id", "name", "locale", "time_zone", "active", "enabled"),
    addresses: ("tenant", "recipient", "id", "channel", "value", "locale", "gone_at"),
    preferences: (
        "tenant",
        "recipient",
        "scope",
        "channel",
        "enabled",
        "channels",
        "min_severity",
        "mode",
        "changed_at",
    ),
}


@dataclass(frozen=True, slots=True)
class People:
    """What the database knows of some recipients of one tenant, by id."""

    recipients: dict[str, Recipient]
    addresses: dict[str, list[StoredAddress]]
    preferences: dict[str, list[Preference]]

    def facts(self, enabled_since: dict[str, datetime], with_access: Collection[str] | None = None) -> Facts:
        """What the gates need to know about them, for an event type."""
        return Facts(
            recipients=self.recipients,
            addresses=self.addresses,
            preferences=self.preferences,
            enabled_since=enabled_since,
            with_access=with_access,
        )


def upsert(conn: Connection, tenant: str, people: Iterable[Recipient]) -> None:
    """Insert or replace these recipients' own rows; addresses and preferences stay as they are."""
    now = clock.now()
    rows = [
        {
            "tenant": tenant,
            "id": person.id,
            "name": person.name,
            "locale": person.locale,
            "time_zone": person.time_zone,
            "active": person.active,
            "enabled": person.enabled,
            "created_at": now,
            "updated_at": now,
        }
        for person in sorted(people, key=lambda person: person.id)
    ]
    insert = dialect.insert(conn, recipients)
    kept = ("tenant", "id", "created_at")
    update = {name: insert.excluded[name] for name in (rows[0] if rows else ()) if name not in kept}
    if rows:
        conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "id"], set_=update), rows)


def set_addresses(conn: Connection, tenant: str, of: str, wanted: Collection[Address]) -> None:
    """Make these the recipient's addresses, and no others. One that was dead and is given again lives again."""
    keep = [sa.and_(addresses.c.channel == a.channel, addresses.c.value == a.value) for a in wanted]
    conn.execute(
        sa.delete(addresses).where(
            addresses.c.tenant == tenant, addresses.c.recipient == of, sa.not_(sa.or_(sa.false(), *keep))
        )
    )
    insert = dialect.insert(conn, addresses)
    revive = {"locale": insert.excluded.locale, "gone_at": None, "gone_reason": None}
    _insert_addresses(
        conn,
        insert.on_conflict_do_update(index_elements=["tenant", "recipient", "channel", "value"], set_=revive),
        tenant,
        [(of, address) for address in wanted],
    )


def ensure_one_off(conn: Connection, tenant: str, wanted: Collection[Address]) -> None:
    """Give each address of nobody a row, so that its deliveries and its health can be kept."""
    insert = dialect.insert(conn, addresses).on_conflict_do_nothing()
    _insert_addresses(conn, insert, tenant, [(address.recipient, address) for address in set(wanted)])


def _insert_addresses(
    conn: Connection, insert: Any, tenant: str, rows: Sequence[tuple[str, Address]]
) -> None:
    now = clock.now()
    if rows:
        conn.execute(
            insert,
            [
                {
                    "tenant": tenant,
                    "id": ids.uuid7(),
                    "recipient": recipient,
                    "channel": address.channel,
                    "value": address.value,
                    "locale": address.locale,
                    "created_at": now,
                }
                for recipient, address in sorted(rows, key=lambda row: (row[0], row[1].channel, row[1].value))
            ],
        )


def mark_gone(conn: Connection, tenant: str, address_id: object, reason: str) -> None:
    """The other side said that this address is dead: nothing more is sent there."""
    conn.execute(
        sa.update(addresses)
        .where(addresses.c.tenant == tenant, addresses.c.id == address_id)
        .values(gone_at=dialect.now(conn), gone_reason=reason)
    )


def set_preferences(conn: Connection, tenant: str, of: str, rows: Collection[Preference]) -> None:
    """Write these preferences, whole rows; a row that says nothing is removed."""
    now = clock.now()
    for row in sorted(rows, key=lambda row: (row.scope, row.channel)):
        at = {"tenant": tenant, "recipient": of, "scope": row.scope, "channel": row.channel}
        said = {
            "enabled": row.enabled,
            "channels": None if row.channels is None else list(row.channels),
            "min_severity": None if row.min_severity is None else int(row.min_severity),
            "mode": row.mode,
        }
        if all(value is None for value in said.values()):
            conn.execute(sa.delete(preferences).where(*(preferences.c[k] == v for k, v in at.items())))
            continue
        insert = dialect.insert(conn, preferences).values(**at, **said, changed_at=now)
        conn.execute(insert.on_conflict_do_update(index_elements=list(at), set_={**said, "changed_at": now}))


def subscribe(conn: Connection, tenant: str, of: str, topics: Collection[str]) -> None:
    insert = dialect.insert(conn, subscriptions).on_conflict_do_nothing()
    now = clock.now()
    if topics:
        conn.execute(
            insert,
            [
                {"tenant": tenant, "topic": topic, "recipient": of, "created_at": now}
                for topic in sorted(topics)
            ],
        )


def unsubscribe(conn: Connection, tenant: str, of: str, topics: Collection[str]) -> None:
    conn.execute(
        sa.delete(subscriptions).where(
            subscriptions.c.tenant == tenant,
            subscriptions.c.recipient == of,
            subscriptions.c.topic.in_(topics),
        )
    )


def subscribers(
    conn: Connection, tenant: str, topic: str, *, after: str | None, most: int
) -> list[Candidate]:
    """The next page of who follows a topic, by recipient id."""
    rows = conn.execute(
        sa.select(subscriptions.c.recipient, subscriptions.c.reason)
        .where(
            subscriptions.c.tenant == tenant,
            subscriptions.c.topic == topic,
            subscriptions.c.recipient > (after or ""),
        )
        .order_by(subscriptions.c.recipient)
        .limit(most)
    )
    return [Candidate(row.recipient, row.reason or "subscribed") for row in rows]


def read(conn: Connection, wanted: Iterable[tuple[str, str]], scopes: Iterable[str]) -> dict[str, People]:
    """What is known of these recipients, each (tenant, id), by tenant; of their preferences, those of `scopes`."""
    keys = sorted(set(wanted))
    found = {tenant: People({}, {}, {}) for tenant, _ in keys}
    batch = dialect.batch(conn, {"tenant_": sa.Text, "id_": sa.Text}, keys)

    def rows(table: sa.Table, id_column: str, *conditions: Any) -> Iterable[Any]:
        of = sa.select(*(table.c[name] for name in _READ[table])).where(
            table.c.tenant == batch.c.tenant_, table.c[id_column] == batch.c.id_, *conditions
        )
        return conn.execute(dialect.look_up(conn, batch, of)).all()

    for row in rows(recipients, "id"):
        found[row.tenant].recipients[row.id] = _recipient(row)
    for row in rows(addresses, "recipient"):
        found[row.tenant].addresses.setdefault(row.recipient, []).append(_address(row))
    if bearing := sorted(set(scopes)):
        for row in rows(preferences, "recipient", preferences.c.scope.in_(bearing)):
            found[row.tenant].preferences.setdefault(row.recipient, []).append(_preference(row))
    for known in found.values():  # in order, so that equal circumstances are equal questions
        for reached in known.addresses.values():
            reached.sort(key=lambda address: (address.channel, address.value))
        for said in known.preferences.values():
            said.sort(key=lambda row: (row.scope, row.channel))
    return found


def _recipient(row: Any) -> Recipient:
    return Recipient(
        id=row.id,
        name=row.name,
        locale=row.locale,
        time_zone=row.time_zone,
        active=row.active,
        enabled=row.enabled,
    )


def _address(row: Any) -> StoredAddress:
    return StoredAddress(
        id=row.id, channel=row.channel, value=row.value, locale=row.locale, gone=row.gone_at is not None
    )


def _preference(row: Any) -> Preference:
    return Preference(
        scope=row.scope,
        channel=row.channel,
        enabled=row.enabled,
        channels=None if row.channels is None else tuple(row.channels),
        min_severity=None if row.min_severity is None else Severity(row.min_severity),
        mode=row.mode,
        changed_at=row.changed_at,
    )
