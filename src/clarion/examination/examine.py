"""The whole examination: a method of `Clarion`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from clarion.channels import Channel
from clarion.event_type import EventType
from clarion.examination import channels, database, waiting
from clarion.examination.finding import Finding, Level
from clarion.store import backlog, pauses, stored_types
from clarion.store.database import Database


class _Application(Protocol):
    database: Database
    channels: dict[str, Channel]
    types: dict[str, EventType]


def examine(app: _Application) -> list[Finding]:
    """Look at everything, connecting for real, and change nothing. Takes some seconds where something hangs."""
    found = [database.reached(app.database)]
    if found[-1].level is Level.OK:
        found.append(database.migrated(app.database))
    usable = all(one.level is Level.OK for one in found)
    found += channels.reached(app.channels)
    if usable:
        found += _inside(app)
    return found


def _inside(app: _Application) -> Iterator[Finding]:
    """What only a database with tables can tell."""
    yield database.writes(app.database)
    yield database.time(app.database)
    standing, now = app.database.read(pauses.standing)
    standing = [pause for pause in standing if not pause.asked_for or pause.until > now]
    yield from waiting.pausing(standing)
    behind, now = app.database.read(backlog.of_channels)
    yield from waiting.sending(behind, now, {pause.channel for pause in standing}, app.channels)
    events, now = app.database.read(backlog.of_events)
    yield waiting.walking(events, now)
    stored = {code: one.type for code, one in app.database.read(stored_types.read).items()}
    yield waiting.declared(app.types, stored)
    types = {**stored, **app.types}
    yield from waiting.unserved(
        {code: type.channels for code, type in types.items() if type.enabled}, app.channels
    )
