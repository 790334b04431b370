"""What an operator does by hand about deliveries that have ended, and about dead addresses: methods of `Clarion`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypedDict, Unpack
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion.delivery import State
from clarion.errors import InvalidInput, NotFound, UnknownName, shown
from clarion.event import DEFAULT_TENANT, instant, required_text
from clarion.lane import Lanes
from clarion.store import address_health, ended, records, replaying
from clarion.store.address_health import AddressHealth
from clarion.store.database import Database
from clarion.store.ended import REPLAYABLE, Chosen, Replay

log = logging.getLogger(__name__)

AT_ONCE = 500  # deliveries in one transaction
READ_AT_ONCE = 100_000  # of which only the keys are held


class HasDatabase(Protocol):
    database: Database


class _Application(HasDatabase, Protocol):
    @property
    def lanes(self) -> Lanes: ...


# ── Replaying ────────────────────────────────────────────────────────────────────────────────────────────


def replay(
    app: _Application,
    deliveries: UUID | Iterable[UUID] | None = None,
    *,
    event: UUID | str | None = None,
    channel: str | None = None,
    type: str | None = None,
    recipient: str | None = None,
    code: str | None = None,
    state: str | Iterable[str] = State.FAILED,
    since: datetime | None = None,
    until: datetime | None = None,
    past_max_age: bool = False,
    dry_run: bool = False,
    by: str | None = None,
    progress: Callable[[int], None] | None = None,
    tenant: str = DEFAULT_TENANT,
) -> Replay:
    """Try failed deliveries again: what was chosen, and how many were put back. Each keeps its id on the wire.

    `deliveries`: their ids. `event`: its id, or its key. `code`: of the last outcome. `state`: `failed`, `suppressed`
    or `cancelled`, or several. `since`, `until`: when they ended. All that is said must hold, and something must be.
    `dry_run`: only look. `past_max_age`: also those that are older than their type's max_age, which counts anew from
    now. `by`: who says so, to be kept. `progress`: called with how many it are so far.

    What the address, the event or the recipient speaks against stays as it is, and is counted in `refused`. The
    gates are asked again before sending, and a cooldown may find that somebody else was told instead. May be run
    beside workers, and beside another replay. Raises `InvalidInput`, `UnknownName`.
    """
    chosen = ended_ones(
        app,
        tenant,
        deliveries=deliveries,
        event=event,
        channel=channel,
        type=type,
        recipient=recipient,
        code=code,
        state=state,
        since=since,
        until=until,
        past_max_age=past_max_age,
    )
    who = None if by is None else required_text("by", by)
    found = app.database.read(lambda conn: ended.preview(conn, chosen))
    return found if dry_run or not found.ready else _put_back(app, chosen, found, who, progress)


class EndedFields(TypedDict, total=False):
    """Which deliveries that have ended: as `replay` takes them."""

    deliveries: UUID | Iterable[UUID] | None
    event: UUID | str | None
    channel: str | None
    type: str | None
    recipient: str | None
    code: str | None
    state: str | Iterable[str]
    since: datetime | None
    until: datetime | None
    past_max_age: bool


def ended_ones(app: HasDatabase, tenant: str, **said: Unpack[EndedFields]) -> Chosen:
    """Raises `InvalidInput`, `UnknownName`."""
    texts = {name: said.get(name) for name in ("channel", "type", "recipient", "code")}
    words = {name: None if text is None else required_text(name, text) for name, text in texts.items()}
    chosen = Chosen(
        tenant=required_text("tenant", tenant),
        states=_states(said.get("state", State.FAILED)),
        deliveries=ids_of(said.get("deliveries")),
        event=event_of(app, tenant, said.get("event")),
        since=instant("since", said.get("since")),
        until=instant("until", said.get("until")),
        past_max_age=said.get("past_max_age", False),
        **words,
    )
    if chosen == Chosen(tenant=tenant, states=chosen.states, past_max_age=chosen.past_max_age):
        raise InvalidInput("say which deliveries: their ids, an event, a channel, or since when they failed")
    return chosen


def ids_of(deliveries: UUID | Iterable[UUID] | None) -> tuple[UUID, ...] | None:
    """Raises `InvalidInput`."""
    if deliveries is None:
        return None
    return tuple(map(_id, (deliveries,) if isinstance(deliveries, UUID) else deliveries))


def _put_back(
    app: _Application, chosen: Chosen, found: Replay, by: str | None, progress: Callable[[int], None] | None
) -> Replay:
    """Put back what was found, some in each transaction."""
    done, after = 0, ended.START
    while True:
        read = partial(ended.keys, chosen=chosen, upto=found.at, after=after, most=READ_AT_ONCE)
        keys = app.database.read(read)
        for n in range(0, len(keys), AT_ONCE):
            write = partial(
                replaying.put_back, chosen=chosen, of=keys[n : n + AT_ONCE], lanes=app.lanes, by=by
            )
            done += app.database.run(write)
            app.database.waker.queued()
            if progress is not None:
                progress(done)
        if len(keys) < READ_AT_ONCE:
            break
        after = (keys[-1].at, keys[-1].delivery)
    log.info(
        "%d deliveries of tenant %s were put back into the queue%s",
        done,
        chosen.tenant,
        f", by {by}" if by else "",
    )
    return replace(found, replayed=done)


def _states(wanted: str | Iterable[str]) -> tuple[State, ...]:
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    known = {state.value: state for state in REPLAYABLE}
    for name in names:
        if name not in known:
            raise UnknownName("state to replay from", shown(name), known)
    return tuple(state for state in REPLAYABLE if state.value in names)


def event_of(app: HasDatabase, tenant: str, named: UUID | str | None) -> UUID | None:
    """The id of the event of this id or key."""
    if named is None:
        return None

    def read(conn: Connection) -> UUID | None:
        by_id = records.event(conn, tenant, named) if isinstance(named, UUID) else None
        found = records.event_by_key(conn, tenant, named) if isinstance(named, str) else by_id
        return None if found is None else found[0].id

    id = app.database.read(read)
    if id is None:
        what = "id" if isinstance(named, UUID) else "key"
        raise InvalidInput(f"there is no event with the {what} {shown(str(named))} in tenant {tenant!r}")
    return id


def _id(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    raise InvalidInput(f"a delivery is named by its id, a UUID, got {shown(value)}")


# ── The health of addresses ──────────────────────────────────────────────────────────────────────────────


def addresses(
    app: _Application,
    *,
    gone: bool | None = None,
    recipient: str | None = None,
    channel: str | None = None,
    after: UUID | None = None,
    most: int = 100,
    tenant: str = DEFAULT_TENANT,
) -> list[AddressHealth]:
    """Where recipients are reached, the oldest address first; `gone`: only those that are dead, or only those that
    are not. `after`: an address's id, those that follow it; at most so many."""

    def read(conn: Connection) -> list[AddressHealth]:
        return address_health.read(
            conn, tenant, gone=gone, recipient=recipient, channel=channel, after=after, most=most
        )

    return app.database.read(read)


def revive(app: _Application, address: UUID, *, tenant: str = DEFAULT_TENANT) -> bool:
    """Let a dead address be tried again; whether it was dead. What failed because of it may then be replayed.

    If the other side says again that it is dead, it is marked again. Raises `NotFound` if there is none.
    """
    id = _id(address)
    was_gone = app.database.run(lambda conn: address_health.revive(conn, tenant, id))
    if was_gone is None:
        raise NotFound(f"there is no address {id} in tenant {tenant!r}")
    if was_gone:
        log.info("address %s of tenant %s was revived", id, tenant)
    return was_gone
