"""Counts over time: written with what they count, folded by minute, quarter, hour and day, and read.

Whoever counts appends rows, a few for each batch, so that nobody waits for a row that others change. Folding moves
them; one statement reads what is folded and what is not, so that nothing is missed or read twice meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause

from clarion import tally
from clarion.delivery import Claim, Outcome, Result
from clarion.event import Event
from clarion.gates import Decision
from clarion.plan import Plan
from clarion.store import dialect, inserting
from clarion.store.prepared import LookUp
from clarion.store.schema import deliveries, events, notifications, tallies, unfolded_tallies
from clarion.tally import Counts, Row, Span

AT_ONCE = 5000  # rows folded, or removed, in one transaction
_COLUMNS = ("tenant", "minute", "what", "channel", "type", "code", "number")
_COUNTED = {
    result.value
    for result in (Result.SENT, Result.RETRY, Result.FAILED, Result.DOWN, Result.SUPPRESSED, Result.CANCELLED)
}

# ── Counting ─────────────────────────────────────────────────────────────────────────────────────────────


def add(conn: Connection, counts: Counts) -> None:
    """In the transaction in which it happens."""
    rows = [(*key, number) for key, number in counts.items() if number]
    inserting.many(conn, unfolded_tallies, _COLUMNS, rows)


def of_events(walked: Iterable[Event]) -> Counts:
    """Events, in the minute in which they were emitted."""
    return Counter((e.tenant, tally.minute_of(e.emitted_at), tally.EVENT, "", e.type, "") for e in walked)


_question_of = attrgetter("answer.n")


def of_decisions(decided: Iterable[tuple[Event, Plan, datetime]]) -> Counts:
    """Plans of (event, its plan, when). In terms of questions, which are few, and not of people."""
    found: Counts = Counter()
    for event, plan, at in decided:
        minute, asked = tally.minute_of(at), Counter(map(_question_of, plan.planned))
        for answer in plan.answers:
            for one in answer.decisions:
                found[_key(event, minute, one)] += asked[answer.n]
    return found


def of_news(event: Event, decisions: Iterable[Decision], at: datetime) -> Counts:
    """What one recipient is told after all, as it was decided on again at this instant."""
    return Counter(_key(event, tally.minute_of(at), one) for one in decisions)


def _key(event: Event, minute: int, one: Decision) -> tally.Key:
    return event.tenant, minute, what_of(one), one.channel, event.type, one.gate or ""


def what_of(decision: Decision) -> str:
    if not decision.told:
        return tally.REFUSED
    return tally.TOLD if decision.until is None else tally.HELD


def of_outcomes(
    conn: Connection, ended: Sequence[tuple[Claim, Outcome, Event | None]], at: datetime
) -> Counts:
    """What claims came to at this instant; each with its event, if that is known."""
    unknown = [c.key for c, outcome, event in ended if event is None and outcome.result.value in _COUNTED]
    types = _types(conn, unknown) if unknown else {}
    minute = tally.minute_of(at)
    alike = Counter(  # most are, and so it is counted before anything is made of it
        [
            (
                c.tenant,
                o.result.value,
                c.channel,
                types.get(c.key, "") if event is None else event.type,
                o.code,
            )
            for c, o, event in ended
        ]
    )
    found: Counts = Counter()
    for (tenant, result, channel, type, code), number in alike.items():
        if result in _COUNTED:
            found[tenant, minute, result, channel, type, tally.word(code)] += number
    late = Counter(
        [
            (c.tenant, c.channel, tally.bucket_of(at - c.due_at))
            for c, o, _ in ended
            if o.result is Result.SENT and c.due_at is not None
        ]
    )
    for (tenant, channel, within), number in late.items():
        found[tenant, minute, tally.LATENCY, channel, "", within] = number
    return found


def _type(batch: FromClause, _: Connection) -> sa.Select[Any]:
    n, d = notifications.c, deliveries.c
    told = deliveries.join(notifications, sa.and_(n.tenant == d.tenant, n.id == d.notification_id))
    about = told.join(events, sa.and_(events.c.tenant == n.tenant, events.c.id == n.event_id))
    found = sa.select(events.c.type).select_from(about)
    return found.where(d.tenant == batch.c.tenant_, d.id == batch.c.id_)


_TYPE = LookUp({"tenant_": sa.Text, "id_": sa.Uuid}, _type)


def _types(conn: Connection, of: Collection[tuple[str, UUID]]) -> dict[tuple[str, UUID], str]:
    """The types of these deliveries, (tenant, id)."""
    return {(row.tenant_, row.id_): row.type for row in _TYPE.rows(conn, list(of))}


# ── Folding ──────────────────────────────────────────────────────────────────────────────────────────────


def fold(conn: Connection, most: int = AT_ONCE) -> int:
    """Fold the oldest rows, at most so many; how many. What another process is just folding is passed over."""
    for statement in dialect.FOLD[conn.dialect.name]:
        last = conn.execute(sa.text(statement), {"most": most})
    moved: int = last.scalar_one() if last.returns_rows else last.rowcount
    return moved


def pending(conn: Connection) -> bool:
    """Whether anything is to be folded."""
    return conn.execute(sa.select(unfolded_tallies.c.id).limit(1)).first() is not None


def forget(conn: Connection, *, minutes: int, before: datetime, most: int = AT_ONCE) -> int:
    """Remove what is counted for so many `minutes` each, and was before; at most so many rows, how many."""
    where = sa.and_(tallies.c.minutes == minutes, tallies.c.minute < tally.minute_of(before))
    here = sa.select(dialect.row_address(conn, tallies)).where(where).limit(most)
    gone = sa.delete(tallies).where(dialect.at_addresses(conn, tallies, here))
    return conn.execute(gone).rowcount


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


def read(
    conn: Connection, tenant: str, span: Span, *, channel: str | None = None, type: str | None = None
) -> list[Row]:
    """How often what happened in each step of this span, whatever the type, or of that one."""
    both = _both(tenant, span, channel, type)
    step = both.c.minute - both.c.minute % span.step
    by = (step.label("step"), both.c.what, both.c.channel, both.c.code)
    counted = sa.select(*by, _sum(both)).group_by(*by)
    return [Row(*row) for row in conn.execute(counted)]


def read_with_types(
    conn: Connection, tenant: str, span: Span, *, channel: str | None = None, type: str | None = None
) -> tuple[list[Row], dict[str, Counter[str]]]:
    """The same, and how often what happened of each type in the whole span; the rows are gone through once for both."""
    both = _both(tenant, span, channel, type)
    step = both.c.minute - both.c.minute % span.step
    by = (step.label("step"), both.c.what, both.c.channel, both.c.code, both.c.type)
    typed = sa.select(*by, _sum(both)).group_by(*by).cte("typed")
    c = typed.c
    steps = (c.step, c.what, c.channel, c.code)
    none = [sa.cast(sa.null(), column.type).label(column.key) for column in (c.step, c.channel, c.code)]
    numbers = sa.union_all(
        sa.select(*steps, sa.cast(sa.null(), sa.Text).label("type"), _sum(typed)).group_by(*steps),
        sa.select(none[0], c.what, *none[1:], c.type, _sum(typed))
        .where(c.type != "")
        .group_by(c.type, c.what),
    )
    rows: list[Row] = []
    types: dict[str, Counter[str]] = {}
    for minute, what, named, code, of, number in conn.execute(numbers):
        if of is None:
            rows.append(Row(minute, what, named, code, number))
        else:
            types.setdefault(of, Counter())[what] = number
    return rows, types


def often(
    conn: Connection, tenant: str, span: Span, what: Collection[str], *, channel: str | None = None
) -> list[tuple[int, str, int]]:
    """How often each of these happened in each step, on whatever channel, or on that one: (minute, what, number)."""
    both = _both(tenant, span, channel, None)
    by = ((both.c.minute - both.c.minute % span.step).label("step"), both.c.what)
    counted = sa.select(*by, _sum(both)).where(both.c.what.in_(sorted(what))).group_by(*by)
    return [(minute, name, number) for minute, name, number in conn.execute(counted)]


def _sum(both: FromClause) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(both.c.number), sa.BigInteger).label("number")


def _both(tenant: str, span: Span, channel: str | None, type: str | None) -> FromClause:
    """The rows of this span, folded or not."""

    def of(table: sa.Table) -> sa.Select[Any]:
        c = table.c
        where = [c.tenant == tenant, c.minute >= span.first, c.minute < span.last]
        if table is tallies:
            where.append(c.minutes == tally.grain_of(span))
        if channel is not None:
            where.append(c.channel == channel)
        if type is not None:
            where.append(c.type == type)
        return sa.select(*(c[name] for name in _COLUMNS)).where(*where)

    return sa.union_all(of(tallies), of(unfolded_tallies)).subquery("both")
