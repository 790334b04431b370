"""Deliveries that have come to their end and could be replayed: which, how they ended, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.delivery import State
from clarion.store import dialect, rows
from clarion.store.schema import FAILED, addresses, deliveries, events, notifications, outcomes

SAMPLE = 3
REPLAYABLE = (State.FAILED, State.SUPPRESSED, State.CANCELLED)

Cursor = tuple[datetime, UUID]  # when a delivery ended, and which it was
START: Cursor = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class Key(NamedTuple):
    """The end of a delivery, by its claim."""

    delivery: UUID
    claim: int
    at: datetime
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which deliveries of a tenant: those that ended in one of these states, and all that else is said.

    `code`: of the last outcome. `since` and `until`: when it ended, the latter not included. `past_max_age`: also
    those older than their type's max_age, which counts anew.
    """

    tenant: str
    states: tuple[State, ...] = (State.FAILED,)
    deliveries: tuple[UUID, ...] | None = None
    event: UUID | None = None
    channel: str | None = None
    type: str | None = None
    recipient: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    past_max_age: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A delivery that came to its end."""

    id: UUID
    event: UUID
    type: str
    recipient: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Chosen deliveries of one channel that ended alike. `refused`: why they stay as they are, one of `selection.REFUSALS`.

    `sample`: the last few of them.
    """

    channel: str
    state: State
    code: str | None
    refused: str | None
    deliveries: int
    sample: tuple[Ended, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a replay would do, as of `at`; and how many it has put back, if it was one.

    `missing`: which of the deliveries asked for by id there are none of, or not in these states.
    """

    at: datetime
    groups: tuple[Alike, ...]
    missing: tuple[UUID, ...] = ()
    replayed: int = 0

    @property
    def ready(self) -> int:
        """How many can be put back."""
        return sum(group.deliveries for group in self.groups if group.refused is None)

    @property
    def refused(self) -> dict[str, int]:
        """How many stay as they are, by reason."""
        found: dict[str, int] = {}
        for group in self.groups:
            if group.refused is not None:
                found[group.refused] = found.get(group.refused, 0) + group.deliveries
        return found


def preview(conn: Connection, chosen: Chosen) -> Replay:
    """What these deliveries are, and which of them can be put back."""
    chosen_ = _found(conn, chosen).subquery("found")
    alike = [chosen_.c.channel, chosen_.c.result, chosen_.c.code, chosen_.c.refused]
    newest = [chosen_.c.at.desc(), chosen_.c.delivery_id]
    counted = sa.select(
        *chosen_.c,
        sa.func.row_number().over(partition_by=alike, order_by=newest).label("n"),
        sa.func.count().over(partition_by=alike).label("number"),
    ).subquery("counted")
    sample = sa.select(*counted.c).where(counted.c.n <= SAMPLE).order_by(counted.c.n)
    groups: dict[tuple[str, str, str | None, str | None], list[Row[Any]]] = {}
    for row in conn.execute(sample):
        groups.setdefault((row.channel, row.result, row.code, row.refused), []).append(row)
    return Replay(
        at=dialect.read_now(conn),
        groups=tuple(sorted(map(_alike, groups.values()), key=_largest_first)),
        missing=_missing(conn, chosen),
    )


def _largest_first(group: Alike) -> tuple[object, ...]:
    return group.refused is not None, -group.deliveries, group.channel, group.code or ""


def _alike(sample: Sequence[Row[Any]]) -> Alike:
    row = sample[0]
    return Alike(
        channel=row.channel,
        state=State(row.result),
        code=row.code,
        refused=row.refused,
        deliveries=row.number,
        sample=tuple(
            Ended(id=r.delivery_id, event=r.event_id, type=r.type, recipient=r.recipient, at=r.at)
            for r in sample
        ),
    )


def _missing(conn: Connection, chosen: Chosen) -> tuple[UUID, ...]:
    if not chosen.deliveries:
        return ()
    standing = set(conn.execute(sa.select(_found(conn, chosen).subquery().c.delivery_id)).scalars())
    return tuple(id for id in dict.fromkeys(chosen.deliveries) if id not in standing)


# ── Putting back ─────────────────────────────────────────────────────────────────────────────────────────


def keys(conn: Connection, chosen: Chosen, *, upto: datetime, after: Cursor, most: int) -> list[Key]:
    """The next of these that can be put back and ended until `upto`, at most so many, in the order in which they did."""
    found = _found(conn, chosen).subquery("chosen")
    at, id = after
    rows = conn.execute(
        sa.select(found.c.delivery_id, found.c.claim, found.c.at, found.c.code)
        .where(
            found.c.refused.is_(None),
            found.c.at <= upto,
            sa.or_(found.c.at > at, sa.and_(found.c.at == at, found.c.delivery_id > id)),
        )
        .order_by(found.c.at, found.c.delivery_id)
        .limit(most)
    )
    return [Key(row.delivery_id, row.claim, row.at, row.code) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a delivery that is chosen. `refused`: as of `Alike`."""

    id: UUID
    claim: int
    at: datetime
    channel: str
    state: State
    code: str | None
    refused: str | None


def some(conn: Connection, chosen: Chosen, *, most: int) -> list[End]:
    """All that is chosen, at most so many."""
    found = _found(conn, chosen).subquery("found")
    names = ("delivery_id", "claim", "at", "channel", "result", "code", "refused")
    rows = conn.execute(sa.select(*(found.c[name] for name in names)).limit(most))
    return [
        End(id=id, claim=claim, at=at, channel=channel, state=State(result), code=code, refused=refused)
        for id, claim, at, channel, result, code, refused in rows
    ]


def standing(conn: Connection, tenant: str, of: Sequence[tuple[UUID, int]]) -> list[Key]:
    """Those of these deliveries that still are at this end, by its claim."""
    ordered = [(tenant, id, claim) for id, claim in of]
    columns = ("at", "code", "final")
    found = rows.find(conn, outcomes, ("tenant", "delivery_id", "claim"), ordered, columns)
    return [Key(row.delivery_id_, row.claim_, row.at, row.code) for row in found if row.final]


def still(conn: Connection, chosen: Chosen, of: Sequence[Key]) -> Sequence[Row[Any]]:
    """These with what they are about, those against which nothing speaks, in the order of their ids."""
    columns = {"delivery_id": sa.Uuid, "claim": sa.Integer, "code": sa.Text}
    ordered = [(key.delivery, key.claim, key.code) for key in sorted(of, key=lambda key: key.delivery.bytes)]
    batch = dialect.batch(conn, columns, ordered)
    about = _about(conn, chosen, batch).where(_refused(conn, chosen).is_(None))
    return sorted(conn.execute(dialect.look_up(conn, batch, about)), key=lambda row: row.delivery_id.bytes)


# ── Which ────────────────────────────────────────────────────────────────────────────────────────────────


def _found(conn: Connection, chosen: Chosen) -> sa.Select[Any]:
    """The ends of all that is chosen, with what they are about and what speaks against each."""
    ends = _ends(conn, chosen).subquery("ends")
    return dialect.look_up(conn, ends, _about(conn, chosen, ends))


def _ends(conn: Connection, chosen: Chosen) -> sa.Select[Any]:
    """Outcomes that are ends, looked up by delivery where deliveries or an event are named."""
    named = _named(conn, chosen)
    columns = [outcomes.c[name] for name in ("delivery_id", "claim", "at", "result", "code")]
    if named is None:
        found: sa.FromClause = outcomes
        said = [outcomes.c.tenant == chosen.tenant, _ended_as(chosen.states)]
    else:  # the states in a second step, lest the index of all that failed is gone through for each
        its = (outcomes.c.tenant == chosen.tenant, outcomes.c.delivery_id == named.c.id_, outcomes.c.final)
        found = dialect.look_up(conn, named, sa.select(*columns).where(*its)).subquery("of_named")
        said = [found.c.result.in_([state.value for state in chosen.states])]
    if chosen.code is not None:
        said.append(found.c.code == chosen.code)
    if chosen.since is not None:
        said.append(found.c.at >= chosen.since)
    if chosen.until is not None:
        said.append(found.c.at < chosen.until)
    return sa.select(*(found.c[column.name] for column in columns)).where(*said)


def _named(conn: Connection, chosen: Chosen) -> sa.FromClause | None:
    """The deliveries that are named, or those of the event that is: `id_`."""
    if chosen.deliveries is not None:
        ids = [(id,) for id in sorted(set(chosen.deliveries))]
        return dialect.batch(conn, {"id_": sa.Uuid}, ids)
    if chosen.event is None:
        return None
    its = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    of_event = (notifications.c.tenant == chosen.tenant, notifications.c.event_id == chosen.event)
    return sa.select(deliveries.c.id.label("id_")).join(notifications, its).where(*of_event).subquery("named")


def _ended_as(states: Sequence[State]) -> sa.ColumnElement[bool]:
    if list(states) == [State.FAILED]:
        return sa.text(FAILED)  # type: ignore[return-value]  # in the words of the index
    return sa.and_(outcomes.c.final, outcomes.c.result.in_([state.value for state in states]))


def _about(conn: Connection, chosen: Chosen, ends: sa.FromClause) -> sa.Select[Any]:
    """What the deliveries of `ends` are about, those for which all that is said holds."""
    of = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    about = sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id)
    to = sa.and_(addresses.c.tenant == deliveries.c.tenant, addresses.c.id == deliveries.c.address_id)
    equal = {
        notifications.c.event_id: chosen.event,
        deliveries.c.channel: chosen.channel,
        events.c.type: chosen.type,
        notifications.c.recipient: chosen.recipient,
    }
    return (
        sa.select(
            deliveries.c.channel,
            addresses.c.value.label("address"),
            notifications.c.recipient,
            notifications.c.severity,
            notifications.c.event_id,
            events.c.type,
            _refused(conn, chosen).label("refused"),
        )
        .select_from(deliveries.join(notifications, of).join(events, about).outerjoin(addresses, to))
        .where(deliveries.c.tenant == chosen.tenant, deliveries.c.id == ends.c.delivery_id)
        .where(*(column == value for column, value in equal.items() if value is not None))
    )


def _refused(conn: Connection, chosen: Chosen) -> sa.ColumnElement[str | None]:
    """One of `selection.REFUSALS`, or none. Every other gate is asked when the turn of a delivery comes."""
    now = dialect.now(conn)
    withdrawn = sa.or_(notifications.c.withdrawn_at.is_not(None), events.c.withdrawn_at.is_not(None))
    resolved = sa.or_(notifications.c.resolved_at.is_not(None), events.c.resolved_at.is_not(None))
    cases = {
        "address_removed": addresses.c.id.is_(None),
        "address_gone": addresses.c.gone_at.is_not(None),
        "withdrawn": withdrawn,
        "resolved": resolved,
        "expired": events.c.expires_at <= now,
    }
    if not chosen.past_max_age:
        cases["past_max_age"] = deliveries.c.expires_at <= now
    return sa.case(*((when, sa.literal(why, sa.Text)) for why, when in cases.items()), else_=sa.null())
