"""`Clarion`: the one place where everything is wired, and all that an application calls."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import declarations, event
from clarion.channels import Channel
from clarion.errors import ConfigError, InvalidInput, UnknownName
from clarion.event import DEFAULT_TENANT, Event, EventFields
from clarion.event_type import EventType, Resolver, declare
from clarion.explanation import Explanation, explain
from clarion.preference import Preference
from clarion.question import INBOX
from clarion.recipient import Address, Recipient
from clarion.severity import Severity
from clarion.store import events, inbox, migrate, people, records, registry
from clarion.store.database import Database
from clarion.templates import Renderer
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
    of the application's own. Raises `ConfigError` for what cannot work.
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
        limits: Limits | None = None,
    ) -> None:
        self.database = Database(database)
        self.channels = _by_name(channels)
        self.types: dict[str, EventType] = {}
        self.renderer = Renderer(
            app_name=name, base_url=base_url, directory=templates, default_locale=default_locale
        )
        self._application = application
        self._version = version
        self._limits = limits or Limits()
        registry.sortable(version)
        for declared in declarations.read(types) if types is not None else ():
            self._add(declared)

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
            return _first(runs_sync(lambda sync: events.emit(sync, made, to_outbox=outbox)))
        return events.emit(conn, made, to_outbox=outbox)[0]

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
            in_order: Awaitable[list[UUID]] = runs_sync(
                lambda sync: events.emit(sync, made, to_outbox=outbox)
            )
            return in_order
        return events.emit(conn, made, to_outbox=outbox)

    def _event(self, type: str, fields: EventFields) -> Event:
        if type not in self.types:
            raise UnknownName("event type", type, self.types)
        made = event.make(type, fields)
        event.retention_limit(made.at, made.emitted_at)
        self._check_channels(made.channels or ())
        self._check_channels(w.channel for _, p in made.to for w in p if isinstance(w, Address))
        return made

    def _check_channels(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in (known := self._known_channels()):
                raise UnknownName("channel", name, known)

    def _known_channels(self) -> set[str]:
        """Those configured here, and those that a type declares: another process may have them."""
        return {INBOX, *self.channels, *(name for type in self.types.values() for name in type.channels)}

    # ── People ───────────────────────────────────────────────────────────────────────────────────────────

    def upsert_recipient(
        self,
        id: str,
        *,
        name: str | None = None,
        locale: str | None = None,
        time_zone: str = "UTC",
        active: bool = True,
        enabled: bool = True,
        addresses: Mapping[str, str | Iterable[str]] | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Write a recipient; with `addresses` (channel → value or values), those and no others.

        Raises `UnknownName` for a channel or a time zone.
        """
        self._check_channels(addresses or ())
        if INBOX in (addresses or ()):
            raise InvalidInput("the inbox needs no address: every recipient has one")
        recipient = Recipient(
            id=id, name=name, locale=locale, time_zone=_zone(time_zone), active=active, enabled=enabled
        )
        wanted = [
            Address(channel, value)
            for channel, values in (addresses or {}).items()
            for value in ([values] if isinstance(values, str) else values)
        ]

        def write(conn: Connection) -> None:
            people.upsert(conn, tenant, [recipient])
            if addresses is not None:
                people.set_addresses(conn, tenant, id, wanted)

        self.database.run(write)

    def set_preference(
        self,
        recipient: str,
        scope: str,
        *,
        channel: str = "*",
        enabled: bool | None = None,
        channels: Iterable[str] | None = None,
        min_severity: Severity | str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Write one row of preferences: about `type:…`, `category:…` or `*`, on one channel or on all.

        What is left out becomes unsaid; a row that says nothing is removed. Raises `UnknownName`.
        """
        self._check_scope(scope)
        names = None if channels is None else tuple(channels)
        self._check_channels([*(names or ()), *([] if channel == "*" else [channel])])
        row = Preference(
            scope=scope,
            channel=channel,
            enabled=enabled,
            channels=names,
            min_severity=None if min_severity is None else Severity.of(min_severity),
        )
        self.database.run(lambda conn: people.set_preferences(conn, tenant, recipient, [row]))

    def _check_scope(self, scope: str) -> None:
        kind, _, name = scope.partition(":")
        known = {"type": set(self.types), "category": {type.category for type in self.types.values()}}
        if scope == "*":
            return
        if kind not in known:
            raise InvalidInput(f"scope {scope!r} must be 'type:…', 'category:…' or '*'")
        if name not in known[kind]:
            raise UnknownName("event type" if kind == "type" else "category", name, known[kind])

    def subscribe(self, recipient: str, *topics: str, tenant: str = DEFAULT_TENANT) -> None:
        """Let this recipient be told of what happens to these topics."""
        self.database.run(lambda conn: people.subscribe(conn, tenant, recipient, topics))

    def unsubscribe(self, recipient: str, *topics: str, tenant: str = DEFAULT_TENANT) -> None:
        self.database.run(lambda conn: people.unsubscribe(conn, tenant, recipient, topics))

    # ── The inbox ────────────────────────────────────────────────────────────────────────────────────────

    def inbox(
        self, recipient: str, *, most: int = 50, before: UUID | None = None, tenant: str = DEFAULT_TENANT
    ) -> list[inbox.Item]:
        """The newest items first; `before` an item's id, those that follow it."""
        return self.database.read(lambda conn: inbox.items(conn, tenant, recipient, most=most, before=before))

    def count_unread(self, recipient: str, *, tenant: str = DEFAULT_TENANT) -> int:
        return self.database.read(lambda conn: inbox.count_unread(conn, tenant, recipient))

    def mark_read(self, recipient: str, of: Collection[UUID], *, tenant: str = DEFAULT_TENANT) -> int:
        """Mark these items read; how many were not. The same again changes nothing."""
        return self.database.run(lambda conn: inbox.mark_read(conn, tenant, recipient, of))

    # ── Asking what happened ─────────────────────────────────────────────────────────────────────────────

    def why(self, event: UUID, recipient: str, *, tenant: str = DEFAULT_TENANT) -> Explanation:
        """Why this recipient did, or did not, hear of this event. Raises `InvalidInput` for an unknown event."""

        def read(conn: Connection) -> Explanation:
            found = records.event(conn, tenant, event)
            if found is None:
                raise InvalidInput(f"there is no event {event} in tenant {tenant!r}")
            about, progress = found
            record = records.notification(conn, tenant, event, recipient)
            has_resolver = registry.has_resolver(conn, about.type)
            return explain(about, progress, has_resolver, recipient, record)

        return self.database.read(read)

    def status(self, event: UUID, *, tenant: str = DEFAULT_TENANT) -> list[records.Told]:
        """Everybody who was decided on, and when each channel really went out to them."""
        return self.database.read(lambda conn: records.told(conn, tenant, event))

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
        for problem in self.renderer.check(self.types.values()):
            raise ConfigError(problem)

    def worker(self) -> Worker:
        """A worker on this database, to be run in an event loop."""
        return Worker(
            Wiring(
                database=self.database,
                types=self.types,
                channels=self.channels,
                renderer=self.renderer,
                application=self._application,
                limits=self._limits,
            )
        )

    def work(self) -> None:
        """Start, and work until SIGTERM or SIGINT. The whole of a worker process."""
        self.start()
        asyncio.run(self.worker().run(signals=(signal.SIGTERM, signal.SIGINT)))

    def close(self) -> None:
        """Close Clarion's own connections."""
        self.database.close()


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


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found is a KeyError
        raise UnknownName("time zone", name, available_timezones()) from None
    return name
