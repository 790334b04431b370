"""What recipients said of types, channels and topics, and its history: written in part, many at once.

Whoever writes here holds the lock of the recipient's row (see `roster`), so that nobody's change is lost and the
history tells in which order they were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.configuration import Entry, Followed
from clarion.edit import Edit
from clarion.preference import Preference
from clarion.severity import Severity
from clarion.store import changes, dialect, inserting, rows
from clarion.store.schema import preference_changes, preferences, subscriptions


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be kept in the history of a recipient."""

    recipient: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def changed(
    recipient: str, about: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Changed:
    """What differs between the old values and the new ones, with what they are about."""
    names = [name for name in new if new[name] != old[name]]
    return Changed(
        recipient,
        {**about, **{name: _shown(old[name]) for name in names}},
        {**about, **{name: _shown(new[name]) for name in names}},
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """A table with a row for each thing that was said something of. Where nothing is left of it, there is no row."""

    table: sa.Table
    about: tuple[str, ...]
    unsaid: Mapping[str, Any]
    stamp: str  # the column of when it was written
    keeps_stamp: bool


_PREFERENCES = _Said(
    preferences,
    ("scope", "channel"),
    {"enabled": None, "channels": None, "min_severity": None, "mode": None},
    "changed_at",
    keeps_stamp=False,
)
_TOPICS = _Said(
    subscriptions,
    ("topic",),
    {"subscribed": False, "level": None, "muted_until": None, "reason": None},
    "created_at",
    keeps_stamp=True,
)


def write(conn: Connection, tenant: str, edits: Sequence[Edit], at: datetime) -> list[Changed]:
    """Write what these say of preferences and topics; what has changed by it."""
    said = {(e.recipient, *about): given for e in edits for about, given in e.preferences.items()}
    followed = {(e.recipient, *about): given for e in edits for about, given in e.topics.items()}
    return [
        *_write(conn, tenant, _PREFERENCES, said, at),
        *_write(conn, tenant, _TOPICS, followed, at),
    ]


def _write(
    conn: Connection,
    tenant: str,
    kind: _Said,
    given: Mapping[tuple[str, ...], Mapping[str, Any]],
    at: datetime,
) -> list[Changed]:
    """`given`: values by (recipient, what it is about)."""
    if not given:
        return []
    key = ("tenant", "recipient", *kind.about)
    wanted = [(tenant, *about) for about in sorted(given)]
    standing = _standing(conn, kind, key, wanted)
    done, kept, gone = [], [], []
    for at_ in wanted:
        old = standing.get(at_, kind.unsaid)
        new = {**old, **given[at_[1:]]}
        if new == old:
            continue
        done.append(changed(at_[1], dict(zip(kind.about, at_[2:], strict=True)), old, new))
        if new == kind.unsaid:
            gone.append(at_)
        else:
            kept.append((*at_, *(_stored(new[name]) for name in kind.unsaid), at))
    rows.remove(conn, kind.table, key, gone)
    updated = kind.unsaid if kind.keeps_stamp else (*kind.unsaid, kind.stamp)
    rows.write(conn, kind.table, (*key, *kind.unsaid, kind.stamp), kept, key=key, update=updated)
    return done


def _standing(
    conn: Connection, kind: _Said, key: Sequence[str], wanted: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], dict[str, Any]]:
    found = rows.find(conn, kind.table, key, wanted, (*key, *kind.unsaid))
    return {
        tuple([getattr(row, name) for name in key]): {
            name: _read(name, getattr(row, name)) for name in kind.unsaid
        }
        for row in found
    }


def _read(name: str, value: Any) -> Any:
    return Severity(value) if name == "min_severity" and value is not None else value


def _stored(value: Any) -> Any:
    return int(value) if isinstance(value, Severity) else value


def _shown(value: Any) -> Any:
    if isinstance(value, Severity):
        return value.label
    return value.isoformat() if isinstance(value, datetime) else value


# ── The history ──────────────────────────────────────────────────────────────────────────────────────────


def record(conn: Connection, tenant: str, done: Sequence[Changed], by: str | None, at: datetime) -> None:
    """Add these to the history, in this order."""
    told = [one for one in done if one.before != one.after]
    if not told:
        return
    last = _last_numbers(conn, tenant, sorted({one.recipient for one in told}))
    new = []
    for one in told:
        last[one.recipient] += 1
        new.append((tenant, one.recipient, last[one.recipient], at, by, one.before, one.after))
    names = ("tenant", "recipient", "n", "at", "by", "before", "after")
    inserting.many(conn, preference_changes, names, new)
    changes.tell_configured(conn, tenant, sorted(last), at)


def _last_numbers(conn: Connection, tenant: str, of: Sequence[str]) -> dict[str, int]:
    """As a look-up in the index for each, which no planner mistakes for anything else."""
    batch = dialect.batch(conn, {"recipient_": sa.Text}, [(recipient,) for recipient in of])
    p = preference_changes.c
    last = sa.select(sa.func.max(p.n)).where(p.tenant == tenant, p.recipient == batch.c.recipient_)
    found = conn.execute(sa.select(batch.c.recipient_, last.correlate(batch).scalar_subquery()))
    return {recipient: n or 0 for recipient, n in found}


def history(conn: Connection, tenant: str, of: str, *, most: int, before: int | None) -> list[Entry]:
    """The newest changes first; `before` an entry's number, those that were made before it."""
    p = preference_changes.c
    chosen = sa.select(p.n, p.at, p.by, p.before, p.after).where(p.tenant == tenant, p.recipient == of)
    if before is not None:
        chosen = chosen.where(p.n < before)
    found = conn.execute(chosen.order_by(p.n.desc()).limit(most))
    return [Entry(n=row.n, at=row.at, by=row.by, before=row.before, after=row.after) for row in found]


# ── Reading all of it ────────────────────────────────────────────────────────────────────────────────────


def preferences_of(conn: Connection, tenant: str, of: str) -> list[Preference]:
    """All that a recipient said, of whatever type."""
    p = preferences.c
    whose = (p.tenant == tenant, p.recipient == of)
    found = conn.execute(sa.select(preferences).where(*whose).order_by(p.scope, p.channel))
    return [preference(row) for row in found]


def preference(row: Any) -> Preference:
    return Preference(
        scope=row.scope,
        channel=row.channel,
        enabled=row.enabled,
        channels=None if row.channels is None else tuple(row.channels),
        min_severity=None if row.min_severity is None else Severity(row.min_severity),
        mode=row.mode,
        changed_at=row.changed_at,
    )


def topics_of(conn: Connection, tenant: str, of: str) -> list[Followed]:
    """The topics of which a recipient said anything."""
    c = subscriptions.c
    whose = (c.tenant == tenant, c.recipient == of)
    found = conn.execute(sa.select(subscriptions).where(*whose).order_by(c.topic))
    return [
        Followed(
            topic=row.topic,
            subscribed=row.subscribed,
            level=row.level,
            muted_until=row.muted_until,
            reason=row.reason,
        )
        for row in found
    ]
