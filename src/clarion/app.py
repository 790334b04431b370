"""`Clarion`: the one place where everything is wired, and all that an application calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path

from clarion import (
    afterwards,
    asking,
    catalog,
    declarations,
    declaring,
    emitting,
    hooking,
    operating,
    pausing,
    silencing,
    simulating,
)
from clarion import retention as retention_
from clarion.cap import Cap, of_channel
from clarion.changes import Changes
from clarion.channels import Channel
from clarion.desk import Desk
from clarion.errors import ConfigError, UnknownName
from clarion.event import DEFAULT_TENANT
from clarion.event_type import EventType
from clarion.examination.examine import examine
from clarion.inbox import Inbox
from clarion.inbox_words import InboxWords
from clarion.keys import Keys
from clarion.lab import lay_out
from clarion.lane import Lanes, is_fetched
from clarion.names import Names
from clarion.overview import overview
from clarion.pulling import Pulling
from clarion.question import INBOX
from clarion.recipients import Recipients
from clarion.statistics import failures, statistics
from clarion.store import migrate, registry
from clarion.store.database import Database
from clarion.story import story
from clarion.templates import Renderer
from clarion.trial.trying import try_out
from clarion.workers import exposition, process
from clarion.workers.hooks import Hooks
from clarion.workers.wiring import Limits, Wiring
from clarion.workers.worker import Worker


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
            declaring.add(self.types, declared)

    def _check_caps(self) -> None:
        for cap in self._caps:
            if cap.channel not in self.channels:
                raise UnknownName("channel", cap.channel, self.channels)
            if is_fetched(self.channels[cap.channel]):
                raise ConfigError(f"channel {cap.channel!r} takes no cap: its devices fetch as they like")
            of_channel(self._caps, cap.channel)

    # ── Declaring ────────────────────────────────────────────────────────────────────────────────────────

    type = declaring.type

    # ── Emitting ─────────────────────────────────────────────────────────────────────────────────────────

    emit = emitting.emit
    emit_many = emitting.emit_many
    checked = emitting.checked

    # ── Asking what happened ─────────────────────────────────────────────────────────────────────────────

    why = asking.why
    status = asking.status
    counts = asking.counts
    story = story

    # ── Conditions, schedules, silences ──────────────────────────────────────────────────────────────────

    resolve = afterwards.resolve
    withdraw = afterwards.withdraw
    cancel = afterwards.cancel
    move = afterwards.move
    open_conditions = asking.open_conditions

    silence = silencing.silence
    end_silence = silencing.end_silence
    silences = silencing.silences

    # ── Trying out ───────────────────────────────────────────────────────────────────────────────────────

    simulate = simulating.simulate
    simulate_again = simulating.simulate_again
    try_out = try_out
    lay_out = lay_out

    # ── Trying again ─────────────────────────────────────────────────────────────────────────────────────

    replay = operating.replay
    addresses = operating.addresses
    revive = operating.revive

    # ── Looking over it all ──────────────────────────────────────────────────────────────────────────────

    statistics = statistics
    overview = overview
    failures = failures
    known_types = catalog.known_types
    known_type = catalog.known_type
    examine = examine

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


def _by_name(channels: Iterable[Channel]) -> dict[str, Channel]:
    named: dict[str, Channel] = {}
    for channel in channels:
        if channel.name == INBOX or channel.name in named:
            taken = "is built in" if channel.name == INBOX else "is given twice"
            raise ConfigError(f"channel {channel.name!r} {taken}")
        named[channel.name] = channel
    return named
