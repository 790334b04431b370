"""What an operator says about pauses, and sees of those that workers began: methods of `Clarion`."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from sqlalchemy.engine import Connection

from clarion import telemetry
from clarion.errors import InvalidInput, UnknownName, storable
from clarion.event import instant, required_text
from clarion.pause import ITSELF, Pause
from clarion.question import INBOX
from clarion.store import dialect, registry
from clarion.store import pauses as rows
from clarion.store.database import Database

log = logging.getLogger(__name__)


class _Application(Protocol):
    database: Database

    @property
    def channels(self) -> Collection[str]: ...


def pauses(app: _Application) -> list[Pause]:
    """What is left alone now, because it was out of reach or because somebody says so; by channel and lane."""

    def read(conn: Connection) -> list[Pause]:
        found, now = rows.standing(conn)
        return [pause for pause in found if not pause.asked_for or pause.until > now]

    return app.database.read(read)


def pause(
    app: _Application, channel: str, *, until: datetime, by: str, because: str | None = None, lane: str = ""
) -> Pause:
    """Send nothing on this channel, or in this `lane` of it, for a while; what is due waits, and costs no attempt.

    What is being sent is not cut off; workers take notice within a second. In place of any pause that there is. What
    grows older than its type's max_age meanwhile is not sent. Raises `UnknownName`, `InvalidInput`.
    """
    ends = instant("until", until)
    who = required_text("by", by)
    if who == ITSELF:
        raise InvalidInput(
            f"by {ITSELF!r} would be taken for a pause that workers began; say who asks for it"
        )

    def write(conn: Connection) -> Pause:
        _check(conn, app, channel)
        now = dialect.read_now(conn)
        if ends is None or ends <= now:
            raise InvalidInput(f"a pause needs an end that is yet to come, got {ends}")
        asked = Pause(
            channel=channel,
            lane=lane,
            by=who,
            since=now,
            until=ends,
            detail=None if because is None else storable(because),
        )
        rows.ask_for(conn, asked)
        return asked

    asked = app.database.run(write)
    about = telemetry.about(channel=channel)
    log.info("%s pauses until %s, says %s", asked, asked.until.isoformat(), who, extra=about)
    return asked


def resume(app: _Application, channel: str, *, lane: str = "") -> Pause | None:
    """End a pause, whoever began it: what it was, if there was one. What is still down will be found so again.

    Raises `UnknownName`.
    """

    def write(conn: Connection) -> Pause | None:
        _check(conn, app, channel)
        return rows.resume(conn, channel, lane)

    ended = app.database.run(write)
    if ended is not None:
        app.database.waker.queued()
        about = telemetry.about(channel=channel)
        log.info("%s was resumed; it paused since %s", ended, ended.since.isoformat(), extra=about)
    return ended


def _check(conn: Connection, app: _Application, channel: str) -> None:
    """A channel of this application's, or one that was ever enabled on this database."""
    known = {*app.channels, *registry.channels(conn)} - {INBOX}
    if channel not in known:
        raise UnknownName("channel", channel, known)
