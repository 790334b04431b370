"""Now, as the database counts it, in expressions and in statements written as text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from clarion import clock
from clarion.store.dialect.product import is_postgresql
from clarion.store.types import Instant, to_micros


def now(conn: Connection) -> ColumnElement[datetime]:
    """The instant to compare due times and leases with: the database's own clock where machines share it.

    The same throughout a transaction. A test's journey (see `clock`) is added, or its standing clock taken.
    """
    if is_postgresql(conn) and not clock.stands_still():
        journey = sa.literal(clock.journey(), sa.Interval)
        return sa.type_coerce(sa.func.now() + journey, Instant)
    return sa.literal(clock.now(), Instant)


def read_now(conn: Connection) -> datetime:
    """`now` as a value; costs a round trip on PostgreSQL."""
    return conn.execute(sa.select(now(conn))).scalar_one() if is_postgresql(conn) else clock.now()


def after(conn: Connection, seconds: ColumnElement[Any] | float) -> ColumnElement[datetime]:
    """`now` plus so many seconds, which may be a column's value."""
    if is_postgresql(conn):
        interval = sa.func.make_interval(0, 0, 0, 0, 0, 0, sa.cast(seconds, sa.Double))
        return sa.type_coerce(now(conn) + interval, Instant)
    micros = sa.cast(sa.cast(seconds, sa.Double) * 1_000_000, sa.BigInteger)
    return sa.type_coerce(sa.literal(to_micros(clock.now()), sa.BigInteger) + micros, Instant)


def now_text(conn: Connection) -> tuple[str, dict[str, Any]]:
    """`now` for a statement written as text, and the parameters it needs."""
    if is_postgresql(conn):
        if clock.stands_still():
            return "CAST(:now AS timestamptz)", {"now": clock.now()}
        return "(now() + CAST(:journey AS interval))", {"journey": clock.journey()}
    return ":now", {"now": to_micros(clock.now())}


def span(conn: Connection, length: timedelta) -> Any:
    """A length of time to add to an instant in a statement written as text."""
    return length if is_postgresql(conn) else length // timedelta(microseconds=1)
