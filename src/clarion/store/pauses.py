"""Pauses as rows, shared by all workers: what one found down is left alone by the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.pause import ITSELF, Pause, wait_before_probe
from clarion.store import dialect
from clarion.store.schema import pauses, queue

_KEY = ("channel", "lane")


def standing(conn: Connection, channel: str | None = None) -> tuple[list[Pause], datetime]:
    """Those of this channel, or all, over or not; and the instant to compare them with."""
    found = sa.select(*pauses.c).order_by(pauses.c.channel, pauses.c.lane)
    if channel is not None:
        found = found.where(pauses.c.channel == channel)
    return [_pause(row) for row in conn.execute(found)], dialect.read_now(conn)


def begin(conn: Connection, channel: str, lane: str = "", *, code: str, detail: str) -> bool:
    """Pause what is out of reach; whether this is news."""
    now = dialect.read_now(conn)
    insert = dialect.insert(conn, pauses).values(
        channel=channel,
        lane=lane,
        by=ITSELF,
        code=code,
        detail=detail,
        since=now,
        until=now + wait_before_probe(0),
    )
    return conn.execute(insert.on_conflict_do_nothing().returning(pauses.c.channel)).first() is not None


def take_probe(conn: Connection, pause: Pause, lease: timedelta) -> Pause | None:
    """The pause, if it is for this process to try one message; for the others it lasts as long as the lease now."""
    until = dialect.read_now(conn) + lease
    return replace(pause, until=until) if _change(conn, pause, until=until, over=True) else None


def run_out(conn: Connection, pause: Pause) -> bool:
    """End a pause whose time is over; whether it was still that one."""
    return _change(conn, pause, over=True, remove=True)


def in_vain(conn: Connection, pause: Pause, *, code: str, detail: str) -> bool:
    """The probe has failed as well: wait longer before the next."""
    wait = wait_before_probe(pause.probes + 1).total_seconds()
    said: dict[str, Any] = {"probes": pause.probes + 1, "code": code, "detail": detail}
    return _change(conn, pause, until=dialect.after(conn, wait), **said)


def not_needed(conn: Connection, pause: Pause) -> None:
    """There was nothing to try it with: whoever has something may probe at once.

    The pause of a lane is over when nothing waits there but what has lost a lease: that is claimed alone, and no probe.
    """
    if pause.lane:
        of_lane = (queue.c.channel == pause.channel, queue.c.lane == pause.lane, queue.c.losses == 0)
        waits = sa.exists().where(*of_lane)
        if not conn.execute(sa.select(waits)).scalar():
            _change(conn, pause, remove=True)
            return
    _change(conn, pause, until=dialect.now(conn))


def end(conn: Connection, channel: str, lane: str = "") -> Pause | None:
    """End a pause that nobody asked for, because there was an answer; what it was, if there was one."""
    return _remove(conn, channel, lane, pauses.c.by == ITSELF)


def ask_for(conn: Connection, pause: Pause) -> None:
    """An operator's pause, in place of any other."""
    values = {
        "by": pause.by,
        "code": pause.code,
        "detail": pause.detail,
        "since": pause.since,
        "until": pause.until,
        "probes": 0,
    }
    insert = dialect.insert(conn, pauses).values(channel=pause.channel, lane=pause.lane, **values)
    conn.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=values))


def resume(conn: Connection, channel: str, lane: str = "") -> Pause | None:
    """End any pause of this channel or lane, whoever began it."""
    return _remove(conn, channel, lane)


def _remove(conn: Connection, channel: str, lane: str, *said: sa.ColumnElement[bool]) -> Pause | None:
    gone = sa.delete(pauses).where(pauses.c.channel == channel, pauses.c.lane == lane, *said)
    row = conn.execute(gone.returning(*pauses.c)).first()
    return None if row is None else _pause(row)


def _change(
    conn: Connection, pause: Pause, *, over: bool = False, remove: bool = False, **values: object
) -> bool:
    """Change a pause that is still as it was read; whether it was."""
    same = [getattr(pauses.c, name) == getattr(pause, name) for name in (*_KEY, "by", "probes", "until")]
    if over:
        same.append(pauses.c.until <= dialect.now(conn))
    change = sa.delete(pauses) if remove else sa.update(pauses).values(values)
    return bool(conn.execute(change.where(*same)).rowcount)


def _pause(row: sa.Row[tuple[object, ...]]) -> Pause:
    return Pause(**row._asdict())  # the columns are its fields
