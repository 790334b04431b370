"""Why somebody was not told, as a failing assertion says it: from what `Clarion.why` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy.engine import Connection

from clarion import clock
from clarion.app import Clarion
from clarion.delivery import State
from clarion.event import Event
from clarion.explanation import Attempt, DeliveryRecord, Explanation
from clarion.sentences import when
from clarion.store import pauses
from clarion.testing import stored
from clarion.testing.told import Told, Wanted

_EVENTS = 3
_TOLD = 20


def not_told(clarion: Clarion, tenant: str, wanted: Wanted, instead: Sequence[Told]) -> str:
    """Why nobody was told of what is wanted, and what was told instead."""
    lines = [f"{wanted.recipient} was not told{wanted}."]
    lines += _because(clarion, tenant, wanted)
    if waits := clarion.database.read(lambda conn: stored.due(conn, clarion.channels)):
        lines += ["Call drain() first. Still due:", *_indented(waits)]
    return "\n".join([*lines, *_listed("Told instead:", instead)])


def told(wanted: Wanted, found: Sequence[Told]) -> str:
    """What was told, where silence was wanted."""
    return "\n".join([f"{wanted.recipient or 'Somebody'} was told{wanted}.", *_listed("Told:", found)])


def _listed(title: str, found: Sequence[Told]) -> list[str]:
    if not found:
        return [f"{title} nothing, to nobody."]
    more = [f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
    return [title, *_indented([*map(str, found[-_TOLD:]), *more])]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _because(clarion: Clarion, tenant: str, wanted: Wanted) -> list[str]:
    def read(conn: Connection) -> tuple[list[Event], list[str]]:
        found = stored.emitted(conn, tenant, wanted.type, most=_EVENTS)
        return found, [] if found else stored.types_emitted(conn, tenant)

    events, others = clarion.database.read(read)
    if wanted.event is not None:
        events = [clarion.why(wanted.event, wanted.recipient or "", tenant=tenant).event]
    if events:
        return [
            *(line for event in events for line in _of_event(clarion, tenant, event, wanted)),
            *clarion.database.read(lambda conn: _paused(conn, wanted.channel)),
        ]
    which = "" if wanted.type is None else f" of {wanted.type}"
    emitted = f"; emitted were events of {', '.join(others)}" if others else ", or it is not committed"
    return [f"On {clarion.database.shown_url} no event{which} was emitted{emitted}."]


def _paused(conn: Connection, channel: str | None) -> list[str]:
    standing, now = pauses.standing(conn)
    return [
        f"{pause} is paused until {when(pause.until)}{_away(pause.until)}: {pause.code or 'asked for'}"
        for pause in standing
        if pause.until > now and channel in (None, pause.channel)
    ]


def _of_event(clarion: Clarion, tenant: str, event: Event, wanted: Wanted) -> Iterator[str]:
    about = "" if event.subject is None else f" about {event.subject}"
    why = clarion.why(event.id, wanted.recipient or "", tenant=tenant)
    yield f"Of {event.type}{about} (event {event.id}):"
    yield from _indented([why.sentence, *_channels(why, wanted.channel), *why.notes])


def _channels(why: Explanation, channel: str | None) -> Iterator[str]:
    for one in why.channels:
        if channel in (None, one.channel):
            gate = "" if one.gate is None else f" [{one.gate}]"
            yield f"{one.channel}, decided: {one.sentence}{gate}"
    if channel is not None and why.reason is not None and why.channel(channel) is None:
        asked = ", ".join(one.channel for one in why.channels)
        yield f"{channel}, decided: not one of its channels, which are {asked or 'none'}"
    for delivery in why.deliveries:
        if channel in (None, delivery.channel):
            yield _delivery(delivery)


def _delivery(delivery: DeliveryRecord) -> str:
    next_ = ""
    if delivery.state is State.WAITING and delivery.due_at is not None:
        next_ = f" until {when(delivery.due_at)}{_away(delivery.due_at)}"
    last = f"; {_attempt(delivery.attempts[-1])}" if delivery.attempts else ""
    return f"{delivery.channel}, delivery to {delivery.address}: {delivery.state.value}{next_}{last}"


def _away(at: datetime) -> str:
    """How far to travel, for an instant that is still to come."""
    seconds = ceil((at - clock.now()).total_seconds())
    return f", in {timedelta(seconds=seconds)}" if seconds > 0 else ""


def _attempt(attempt: Attempt) -> str:
    said = ": ".join(filter(None, [attempt.result, attempt.code, attempt.detail]))
    return f"last {said}"
