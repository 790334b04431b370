"""Recipients, their addresses, preferences and subscriptions: reading what the gates need. `roster` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from clarion import clock, ids, quiet_hours, tag_filter
from clarion.circumstances import Candidate, Facts
from clarion.preference import Preference, Watch
from clarion.quiet_hours import QuietHours
from clarion.recipient import Address, Recipient, StoredAddress
from clarion.silence import Silence
from clarion.slot import Slots
from clarion.store import choices, dialect, rows
from clarion.store.prepared import LookUp, Query
from clarion.store.schema import addresses, preferences, recipients, subscriptions
from clarion.tag_filter import TagFilter

Kind = TypeVar("Kind")

# Only what the gates need: a page is thousands of rows, and each value costs.
STANDING = ("time_zone", "active", "enabled", "silent_until", "quiet_hours", "tags")
_READ = {
    recipients: ("name", "locale", *STANDING),
    addresses: ("id", "channel", "value", "locale", "gone_at"),
    preferences: (
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
    watches: dict[str, list[Watch]] = field(default_factory=dict)

    def sort_addresses(self) -> None:
        """So that equal circumstances are equal questions."""
        sort(self.addresses, lambda address: (address.channel, address.value))

    def facts(
        self,
        enabled_since: Mapping[str, datetime],
        with_access: Collection[str] | None = None,
        *,
        silences: Sequence[Silence] = (),
        slots: Slots | None = None,
    ) -> Facts:
        """What the gates need to know about them, for an event type; without `slots` nothing is charged."""
        return Facts(
            recipients=self.recipients,
            addresses=self.addresses,
            preferences=self.preferences,
            enabled_since=enabled_since,
            with_access=with_access,
            watches=self.watches,
            silences=silences,
            slots=slots,
        )


def ensure_one_off(conn: Connection, tenant: str, wanted: Collection[Address]) -> None:
    """Give each address of nobody a row, so that its deliveries and its health can be kept.

    One that has its row already is locked, and is not forgotten for a while: see `leftovers`.
    """
    now = clock.now()
    ordered = sorted(wanted, key=lambda a: (a.recipient, a.channel, a.value, a.locale or ""), reverse=True)
    once = {(a.recipient, a.channel, a.value): a.locale for a in ordered}
    new = [(tenant, *about, ids.uuid7(), once[about], now, now) for about in sorted(once)]
    key = ("tenant", "recipient", "channel", "value")
    columns = (*key, "id", "locale", "created_at", "used_at")
    rows.write(conn, addresses, columns, new, key=key, update=("used_at",))


_SUBSCRIBERS = Query(
    sa.select(subscriptions.c.recipient, subscriptions.c.reason)
    .where(
        subscriptions.c.tenant == sa.bindparam("tenant", type_=sa.Text),
        subscriptions.c.topic == sa.bindparam("topic", type_=sa.Text),
        subscriptions.c.subscribed,
        subscriptions.c.recipient > sa.bindparam("after", type_=sa.Text),
    )
    .order_by(subscriptions.c.recipient)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


def subscribers(
    conn: Connection, tenant: str, topic: str, *, after: str | None, most: int
) -> list[Candidate]:
    """The next page of who follows a topic, by recipient id."""
    dialect.without_sorting(conn)
    found = _SUBSCRIBERS.rows(conn, {"tenant": tenant, "topic": topic, "after": after or "", "most": most})
    return [Candidate(recipient, reason or "subscribed") for recipient, reason in found]


def as_read(column: sa.Column[Any]) -> Any:
    """Quiet hours and tags as text: many recipients share them, and each is parsed once."""
    kept_as_text = column.name in ("quiet_hours", "tags")
    return sa.type_coerce(column, sa.Text).label(column.name) if kept_as_text else column


def _of_each(table: sa.Table, id_column: str) -> LookUp:
    """What is read of this table, of recipients by (tenant, id)."""

    def find(batch: FromClause, conn: Connection) -> sa.Select[Any]:
        found = sa.select(*(as_read(table.c[name]) for name in _READ[table])).where(
            table.c.tenant == batch.c.tenant_, table.c[id_column] == batch.c.id_
        )
        if table is preferences:
            found = found.where(preferences.c.scope.in_(dialect.members(conn, "scopes")))
        return found

    return LookUp({"tenant_": sa.Text, "id_": sa.Text}, find)


_RECIPIENTS = _of_each(recipients, "id")
_ADDRESSES = _of_each(addresses, "recipient")
_PREFERENCES = _of_each(preferences, "recipient")
_WATCHES = LookUp(
    {"tenant_": sa.Text, "topic_": sa.Text, "recipient_": sa.Text},
    lambda batch, _: sa.select(subscriptions.c.level, subscriptions.c.muted_until).where(
        subscriptions.c.tenant == batch.c.tenant_,
        subscriptions.c.topic == batch.c.topic_,
        subscriptions.c.recipient == batch.c.recipient_,
        sa.or_(subscriptions.c.level.is_not(None), subscriptions.c.muted_until.is_not(None)),
    ),
)


def read(
    conn: Connection,
    wanted: Iterable[tuple[str, str]],
    scopes: Iterable[str],
    topics: Iterable[tuple[str, str, str]] = (),
) -> dict[str, People]:
    """What is known of these recipients, each (tenant, id), by tenant; of what they said, as `add_said` reads it."""
    keys = list(dict.fromkeys(wanted))
    found = {tenant: People({}, {}, {}) for tenant, _ in keys}
    for tenant, id, *known in _RECIPIENTS.rows(conn, keys):
        found[tenant].recipients[id] = recipient_from(id, *known)
    add_addresses(conn, found, keys)
    add_said(conn, found, keys, scopes, topics)
    return found


def add_addresses(conn: Connection, found: Mapping[str, People], wanted: Sequence[tuple[str, str]]) -> None:
    """Add where these recipients, each (tenant, id), are reached."""
    for tenant, id, *known in _ADDRESSES.rows(conn, wanted):
        found[tenant].addresses.setdefault(id, []).append(address_from(*known))
    for each in found.values():
        each.sort_addresses()


def add_said(
    conn: Connection,
    found: Mapping[str, People],
    wanted: Sequence[tuple[str, str]],
    scopes: Iterable[str],
    topics: Iterable[tuple[str, str, str]],
) -> None:
    """Add what these recipients, each (tenant, id), said: of their preferences, those of `scopes`.

    `topics`: (tenant, topic, recipient), on which to read how closely they follow.
    """
    if bearing := sorted(set(scopes)):
        for row in _PREFERENCES.rows(conn, wanted, scopes=dialect.members_value(conn, bearing)):
            found[row.tenant_].preferences.setdefault(row.id_, []).append(choices.preference(row))
    for tenant, topic, id, level, muted_until in _WATCHES.rows(conn, list(dict.fromkeys(topics))):
        watch = Watch(topic=topic, level=level, muted_until=muted_until)
        found[tenant].watches.setdefault(id, []).append(watch)
    for each in found.values():
        sort(each.preferences, lambda row: (row.scope, row.channel))
        sort(each.watches, lambda watch: watch.topic)


def sort(said: Mapping[str, list[Kind]], by: Callable[[Kind], Any]) -> None:
    """So that those who said the same said it in one order."""
    for rows_ in said.values():
        if len(rows_) > 1:
            rows_.sort(key=by)


@lru_cache(maxsize=1024)
def _quiet_hours(written: str) -> QuietHours:
    return quiet_hours.parse(json.loads(written))


@lru_cache(maxsize=1024)
def _tags(written: str) -> TagFilter:
    return tag_filter.parse(json.loads(written))


def of_recipient(prefix: str) -> list[Any]:
    """The columns that `recipient_from` takes behind the id, by names that begin so."""
    return [as_read(recipients.c[name]).label(f"{prefix}_{name}") for name in _READ[recipients]]


def of_address(prefix: str) -> list[Any]:
    """The columns that `address_from` takes behind the id."""
    return [addresses.c[name].label(f"{prefix}_{name}") for name in _READ[addresses][1:]]


def recipient_from(
    id: str,
    name: str | None,
    locale: str | None,
    time_zone: str,
    active: bool,
    enabled: bool,
    silent_until: datetime | None,
    quiet_hours: str | None,
    tags: str | None,
) -> Recipient:
    hours = None if quiet_hours is None else _quiet_hours(quiet_hours)
    chosen = None if tags is None else _tags(tags)
    return Recipient(id, name, locale, time_zone, active, enabled, True, silent_until, hours, chosen)


def address_from(
    id: UUID, channel: str, value: str, locale: str | None, gone_at: datetime | None
) -> StoredAddress:
    return StoredAddress(id=id, channel=channel, value=value, locale=locale, gone=gone_at is not None)
