"""`Clarion`: the one place where everything is wired, and all that an application calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import afterwards, catalog, declarations, event, hooking, operating, pausing, telemetry, tracing
from clarion import retention as retention_
from clarion import silence as silence_
from clarion.cap import Cap, of_channel
from clarion.changes import Changes
from clarion.channels import Channel
from clarion.condition import OpenCondition
from clarion.desk import Desk
from clarion.errors import ConfigError, InvalidInput, NotFound, UnknownName
from clarion.event import DEFAULT_TENANT, Event, EventFields
from clarion.event_type import EventType, Resolver, declare
from clarion.examination.examine import examine
from clarion.explanation import Explanation, explain
from clarion.inbox import Inbox
from clarion.inbox_words import InboxWords
from clarion.keys import Keys
from clarion.lab import lay_out
from clarion.lane import Lanes, is_fetched
from clarion.names import Names
from clarion.overview import overview
from clarion.policy import Policy
from clarion.pulling import Pulling
from clarion.question import INBOX
from clarion.recipient import Address
from clarion.recipients import Recipients
from clarion.silence import Silence
from clarion.simulation.comparison import Again, Change, Chosen, changes_of, simulate_again
from clarion.simulation.preview import Preview, simulate
from clarion.statistics import failures, statistics
from clarion.store import conditions, counts, events, migrate, records, registry, silences
from clarion.store.counts import Counts
from clarion.store.database import Database
from clarion.story import story
from clarion.templates import Renderer
from clarion.trial.trying import try_out
from clarion.workers import exposition, process
from clarion.workers.hooks import Hooks
from clarion.workers.wiring import Limits, Wiring
from clarion.workers.worker import Worker

if TYPE_CHECKING:  # needs greenlet, which only applications that use it have
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

Declared = TypeVar("Declared", bound=Callable[..., Any])
Result = TypeVar("Result")


class Clarion:
    """The notification system of one application.

    `database`: `sqlite:///file.db` or `postgresql://…`, Clarion's own connection to it. `channels`: what can be
    sent on here, beside the inbox. `types`: a TOML file of event types, beside those declared in code.
    `application`: handed to resolvers and access checks. `version`: the application's, so that an older process
    never undoes what a newer one declared. `base_url`: what paths in `url` are appended to. `templates`: a folder
    of the application's own. `retention`: how long events are kept, and their keys remembered, once all is told of
    them. `caps`: how fast, or how many at once, may be sent on a channel by all workers together.
    `feed_deliveries`: let the change feed tell also how deliveries end. Raises `ConfigError` for what cannot work.
    """

    def __init__(
        self,
        database: str,
        *,
        channels: Iterable[Channel] = (),
        types: str | Path | None = None,
        application: object = None,
        name: str = "Clarion",
        version: str = "0",
        base_url: str | None = None,
        templates: str | Path | None = None,
        default_locale: str = "en",
        retention: timedelta = retention_.DEFAULT,
        caps: Iterable[Cap] = (),
        feed_deliveries: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self.database = Database(database, feed_deliveries=feed_deliveries, wakeups=self._limits.wakeups)
        self.channels = _by_name(channels)
        self.types: dict[str, EventType] = {}
        self._names = Names(self.types, self.channels)
        self.renderer = Renderer(
            app_name=name, base_url=base_url, directory=templates, default_locale=default_locale
        )
        words = InboxWords(self.renderer, self.types)
        self.recipients = Recipients(self.database, self._names)
        self.inbox = Inbox(self.database, self._names, words)
        self.changes = Changes(self.database, words)
        self.keys = Keys(self.database)
        self._application = application
        self.hooks = Hooks()
        self.pull = Pulling(self._wiring)
        self.retention = retention
        self._version = version
        self.grace = self._limits.grace  # what runs has so long to end by itself
        self._caps = tuple(caps)
        self._check_caps()
        registry.sortable(version)
        for declared in declarations.read(types) if types is not None else ():
            self._add(declared)

    def _check_caps(self) -> None:
        for cap in self._caps:
            if cap.channel not in self.channels:
                raise UnknownName("channel", cap.channel, self.channels)
            if is_fetched(self.channels[cap.channel]):
                raise ConfigError(f"channel {cap.channel!r} takes no cap: its devices fetch as they like")
            of_channel(self._caps, cap.channel)

    # ── Declaring ────────────────────────────────────────────────────────────────────────────────────────

    def type(self, code: str, **options: Any) -> Callable[[Declared], Declared]:
        """Declare an event type, at once; as a decorator, with the function that finds its audience.

        The options are the fields of `EventType`. Raises `ConfigError` or `UnknownName`.
        """
        self._add(declare(code, options))

        def with_resolver(resolver: Declared) -> Declared:
            if options.get("resolver") is not None:
                raise ConfigError(
                    f"event type {code!r} has two resolvers: the option and the decorated function"
                )
            resolve: Resolver = resolver
            self.types[code] = declare(code, {**options, "resolver": resolve})
            return resolver

        return with_resolver

    def _add(self, declared: EventType) -> None:
        if declared.code in self.types:
            raise ConfigError(f"event type {declared.code!r} is declared twice")
        self.types[declared.code] = declared

    # ── Emitting ─────────────────────────────────────────────────────────────────────────────────────────

    @overload
    def emit(  # type: ignore[overload-overlap]  # any other object is a synchronous host
        self,
        conn: AsyncConnection | AsyncSession,
        type: str,
        *,
        outbox: bool = False,
        **fields: Unpack[EventFields],
    ) -> Awaitable[UUID]: ...

    @overload
    def emit(
        self, conn: object, type: str, *, outbox: bool = False, **fields: Unpack[EventFields]
    ) -> UUID: ...

    def emit(
        self, conn: object, type: str, *, outbox: bool = False, **fields: Unpack[EventFields]
    ) -> UUID | Awaitable[UUID]:
        """Emit one event inside the caller's transaction: it commits with it, or not at all. Its id.

        `conn`: a SQLAlchemy connection or session, a sqlite3 or psycopg connection, a Django cursor; with an
        `AsyncConnection` or `AsyncSession`, await the result. `outbox`: the transaction is on another database,
        which has an outbox table (`clarion migrate --outbox`). Raises `InvalidInput`, `Conflict`,
        `HostTransaction`, `NotMigrated`.
        """
        made = [self._event(type, fields)]
        if runs_sync := getattr(conn, "run_sync", None):
            return _first(runs_sync(lambda sync: self._emit(sync, made, outbox)))
        return self._emit(conn, made, outbox)[0]

    @overload
    def emit_many(  # type: ignore[overload-overlap]  # as above
        self,
        conn: AsyncConnection | AsyncSession,
        batch: Iterable[tuple[str, EventFields]],
        *,
        outbox: bool = False,
    ) -> Awaitable[list[UUID]]: ...

    @overload
    def emit_many(
        self, conn: object, batch: Iterable[tuple[str, EventFields]], *, outbox: bool = False
    ) -> list[UUID]: ...

    def emit_many(
        self, conn: object, batch: Iterable[tuple[str, EventFields]], *, outbox: bool = False
    ) -> list[UUID] | Awaitable[list[UUID]]:
        """Emit many events, each (type, fields), in one statement; their ids, in order. All of them or none."""
        made = [self._event(type, fields) for type, fields in batch]
        if runs_sync := getattr(conn, "run_sync", None):
            in_order: Awaitable[list[UUID]] = runs_sync(lambda sync: self._emit(sync, made, outbox))
            return in_order
        return self._emit(conn, made, outbox)

    def _emit(self, conn: object, made: Sequence[Event], outbox: bool) -> list[UUID]:
        ids = _emit(conn, made, outbox)
        if not outbox and any(one.at <= one.emitted_at for one in made):
            self.database.waker.emitted_on(conn)
        return ids

    def _event(self, type: str, fields: EventFields) -> Event:
        if type not in self.types:
            raise UnknownName("event type", type, self.types)
        made = event.make(type, fields)
        event.retention_limit(made.at, made.emitted_at)
        self._names.check_channels(made.channels or ())
        self._names.check_channels(w.channel for _, p in made.to for w in p if isinstance(w, Address))
        return made

    checked = _event  # what `emit` would store, for who stores it with others

    # ── Asking what happened ─────────────────────────────────────────────────────────────────────────────

    def why(self, event: UUID, recipient: str, *, tenant: str = DEFAULT_TENANT) -> Explanation:
        """Why this recipient did, or did not, hear of this event. Raises `NotFound` for an unknown event."""

        def read(conn: Connection) -> Explanation:
            found = records.event(conn, tenant, event)
            if found is None:
                raise NotFound(f"there is no event {event} in tenant {tenant!r}")
            about, progress = found
            record = records.notification(conn, tenant, event, recipient)
            has_resolver = registry.has_resolver(conn, about.type)
            return explain(about, progress, has_resolver, recipient, record)

        return self.database.read(read)

    def status(self, event: UUID, *, tenant: str = DEFAULT_TENANT) -> list[records.Told]:
        """Everybody who was decided on, and when each channel really went out to them."""
        return self.database.read(lambda conn: records.told(conn, tenant, event))

    def counts(self, event: UUID, *, tenant: str = DEFAULT_TENANT) -> Counts:
        """How many were told of this event and how many were not, and how its deliveries stand, at this instant.

        Raises `NotFound` for an unknown event.
        """
        found = self.database.read(lambda conn: counts.read(conn, tenant, event))
        if found is None:
            raise NotFound(f"there is no event {event} in tenant {tenant!r}")
        return found

    story = story

    # ── Conditions, schedules, silences ──────────────────────────────────────────────────────────────────

    resolve = afterwards.resolve
    withdraw = afterwards.withdraw
    cancel = afterwards.cancel
    move = afterwards.move

    def open_conditions(self, prefix: str = "", *, tenant: str = DEFAULT_TENANT) -> list[OpenCondition]:
        """The conditions that are open and begin with `prefix`, to be compared with the world when it starts."""
        return self.database.read(lambda conn: conditions.opened(conn, tenant, prefix, self.types))

    def silence(
        self,
        matches: Mapping[str, Any],
        *,
        author: str,
        comment: str,
        until: datetime,
        starts: datetime | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> UUID:
        """Say no for a while to what `matches`, such as `{"type": "ci.*", "below": "urgent"}`; its id.

        Nothing passes it, not even a required type. Raises `InvalidInput`, `UnknownName`.
        """
        said = silence_.make(matches, author=author, comment=comment, starts=starts, until=until)
        self.database.run(lambda conn: silences.add(conn, tenant, said))
        return said.id

    def end_silence(self, id: UUID, *, tenant: str = DEFAULT_TENANT) -> bool:
        """End a silence now; whether it had not ended before."""
        return self.database.run(lambda conn: silences.end(conn, tenant, id))

    def silences(self, *, tenant: str = DEFAULT_TENANT) -> list[Silence]:
        """The silences that reign, or will, the oldest first."""
        return self.database.read(lambda conn: silences.all_of(conn, tenant))

    def simulate(
        self, type: str, *, recipient: str | None = None, most: int = 1000, **fields: Unpack[EventFields]
    ) -> Preview:
        """What `emit` of this event would become now, with nothing written; its fields are those of `emit`.

        For its audience, at most so many; or for one `recipient`, who need not be in it. Calls the type's
        resolver and access check. Raises what `emit` raises, and what they raise.
        """
        return simulate(self._wiring(), self._event(type, fields), recipient=recipient, most=most)

    def simulate_again(
        self,
        events: Iterable[UUID] | None = None,
        *,
        since: datetime | None = None,
        type: str | None = None,
        preferences: Mapping[str, Iterable[Change]] | None = None,
        policy: Policy | None = None,
        most: int = 10_000,
        tenant: str = DEFAULT_TENANT,
    ) -> Again:
        """What stored events would have become with other preferences of some recipients, or another policy.

        `events`: those, or all `since` an instant, of one `type`; at most so many notifications. Nothing is
        written. Cooldowns and throttles begin empty with the first event. Raises `InvalidInput`.
        """
        if events is None and since is None:
            raise InvalidInput("say which events: their ids, or since when")
        ids = None if events is None else list(events)
        return simulate_again(
            self._wiring(),
            Chosen(tenant=tenant, events=ids, since=since, type=type),
            changes={w: changes_of(w, said, self._names) for w, said in (preferences or {}).items()},
            policy=policy,
            most=most,
        )

    # ── Trying again ─────────────────────────────────────────────────────────────────────────────────────

    replay = operating.replay
    addresses = operating.addresses
    revive = operating.revive

    # ── Looking over it all ──────────────────────────────────────────────────────────────────────────────

    statistics = statistics
    overview = overview
    failures = failures

    def desk(
        self,
        by: str,
        *,
        tenant: str = DEFAULT_TENANT,
        scopes: Collection[str] | None = None,
        correlation_id: str | None = None,
    ) -> Desk:
        """What an operator sees and does in a tenant, all of it noted as `by` them. `scopes`: of their key; all without."""
        return Desk(self, by=by, tenant=tenant, scopes=scopes, correlation_id=correlation_id)

    # ── Pausing ──────────────────────────────────────────────────────────────────────────────────────────

    pause = pausing.pause
    resume = pausing.resume
    pauses = pausing.pauses

    examine = examine
    try_out = try_out
    lay_out = lay_out
    known_types = catalog.known_types
    known_type = catalog.known_type

    # ── Hooks ────────────────────────────────────────────────────────────────────────────────────────────

    on_sent = hooking.on_sent
    on_failed = hooking.on_failed
    on_suppressed = hooking.on_suppressed

    # ── Running ──────────────────────────────────────────────────────────────────────────────────────────

    def migrate(self) -> None:
        """Create or upgrade the tables."""
        migrate.upgrade(self.database.url)

    def start(self) -> None:
        """Check the database and persist what is declared. Any number of processes may do it at once."""
        self.database.read(migrate.check)
        self._check_declared()
        self.database.run(
            lambda conn: registry.persist(conn, self.types.values(), self.channels, self._version)
        )

    def _check_declared(self) -> None:
        retention_.check(self.retention, self.types.values())
        for problem in self.renderer.check(self.types.values()):
            raise ConfigError(problem)

    def worker(self) -> Worker:
        """A worker on this database, to be run in an event loop."""
        return Worker(self._wiring())

    @property
    def lanes(self) -> Lanes:
        """Which deliveries may wait for one another."""
        return Lanes.of(self.channels.items())

    def _wiring(self) -> Wiring:
        return Wiring(
            database=self.database,
            types=self.types,
            channels=self.channels,
            lanes=self.lanes,
            renderer=self.renderer,
            application=self._application,
            hooks=self.hooks,
            caps=self._caps,
            limits=self._limits,
            retention=self.retention,
        )

    def work(self, *, metrics: str | None = None) -> None:
        """Start, and work until SIGTERM or SIGINT; a second one cuts off what runs. The whole of a worker process.

        `metrics`: serve them meanwhile, at `127.0.0.1:9464` or the like. Raises `ConfigError` if that cannot be.
        """
        with exposition.serving(metrics, self.database, self.channels):
            process.run(self.worker(), self.start, grace=self._limits.grace)

    def close(self) -> None:
        """Close Clarion's own connections."""
        self.database.close()


def _emit(conn: object, made: Sequence[Event], outbox: bool) -> list[UUID]:
    with tracing.emitting(made) as span:
        if span is not None:
            carrier = span.carrier
            made = [replace(one, trace_context=carrier) for one in made]
        ids = events.emit(conn, made, to_outbox=outbox)
        if span is not None and len(ids) == 1:  # with a key, it may be that of an earlier one
            span.say("clarion.event.id", str(ids[0]))
    telemetry.emitted(Counter(one.type for one, id in zip(made, ids, strict=True) if one.id == id))
    return ids


async def _first(found: Awaitable[list[UUID]]) -> UUID:
    return (await found)[0]


def _by_name(channels: Iterable[Channel]) -> dict[str, Channel]:
    named: dict[str, Channel] = {}
    for channel in channels:
        if channel.name == INBOX or channel.name in named:
            taken = "is built in" if channel.name == INBOX else "is given twice"
            raise ConfigError(f"channel {channel.name!r} {taken}")
        named[channel.name] = channel
    return named
