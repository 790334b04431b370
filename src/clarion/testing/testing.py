"""`Testing`: an application's Clarion in the process of its test, with nobody told for real."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

from sqlalchemy.engine import Connection, Engine

from clarion import clock
from clarion.app import Clarion
from clarion.errors import ClarionError, ConfigError, UnknownName
from clarion.event import DEFAULT_TENANT
from clarion.question import INBOX
from clarion.testing import account, stored
from clarion.testing.journey import Journey, until
from clarion.testing.loop import TravellingLoop
from clarion.testing.place import Place
from clarion.testing.recorder import Failure, Recorder
from clarion.testing.told import Told, Wanted
from clarion.workers.draining import drain

ROUNDS = 1000


class StillDue(ClarionError):
    """`drain` came to no end; the message names what is still due."""


class Testing:
    """An application on a database of its own, with recorders in place of its channels and a clock that travels.

    From the moment it is made until `close`, time stands still, so that nothing becomes due by itself. What
    `use` changes is the application's own `Clarion`, wherever it was imported; `close` undoes everything.
    """

    __test__ = False  # for pytest: its name begins with Test

    def __init__(self, clarion: Clarion | None = None, *, tenant: str = DEFAULT_TENANT) -> None:
        self._tenant = tenant
        self._journey = Journey()
        self._place = Place()
        self._forgotten: set[UUID] = set()
        self._began = clock.now()
        self._in_transaction = 0
        if clarion is not None:
            try:
                self.use(clarion)
            except BaseException:
                self.close()
                raise

    # ── The application ──────────────────────────────────────────────────────────────────────────────────

    def use(self, clarion: Clarion, *, database: str | None = None, channels: Iterable[str] = ()) -> Clarion:
        """Put this application on a fresh SQLite database, and a recorder in place of each of its channels.

        `database`: the URL of another, such as that of the application's own tests; it is migrated if need be, and
        what is written stays there. `channels`: to be recorded, too, although the application has none of these
        names here.
        """
        self._place.take(clarion, database, channels)
        self.forget()
        return clarion

    @property
    def clarion(self) -> Clarion:
        if self._place.clarion is None:
            raise ConfigError(
                "which application? call use(clarion) first, or give the fixture `clarion_application` to pytest"
            )
        return self._place.clarion

    @property
    def url(self) -> str:
        """Of the database; before `use`, of the fresh one."""
        return self._place.url

    @property
    def engine(self) -> Engine:
        """On the database, for the application's own tables; its transactions on SQLite begin IMMEDIATE."""
        return self._place.engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction, committed at the end: the application's own, so to speak."""
        with self.engine.begin() as conn:
            self._in_transaction += 1
            try:
                yield conn
            finally:
                self._in_transaction -= 1

    def close(self) -> None:
        """Give the application back as it was, and the time. Closing twice does no harm."""
        self._place.remove()
        self._journey.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ── Time ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> datetime:
        """What time it is for Clarion, in UTC. It moves by `travel` only."""
        return clock.now()

    def travel(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> datetime:
        """Let so much time pass; what time it is then. What became due is done by the next `drain`."""
        return self._travel(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def travel_to(self, when: datetime | time) -> datetime:
        """Let it be then. With a time of day, such as `time(23, tzinfo=ZoneInfo("Europe/Berlin"))`: the next."""
        return self._travel(until(when))

    def _travel(self, by: timedelta) -> datetime:
        if self._place.clarion is not None:
            self._place.clarion.start()  # what was declared until now is not declared later than what was emitted
        return self._journey.go(by)

    # ── Working ──────────────────────────────────────────────────────────────────────────────────────────

    def drain(self, *, rounds: int = ROUNDS) -> None:
        """Do what workers would do, here and now, until nothing is due; it waits for nothing that is due later.

        From an asynchronous test, too, whose event loop stands still meanwhile; `adrain` lets it go on. Raises
        `StillDue` if there is no end of it after so many `rounds`.
        """
        if not _in_event_loop():
            self._drain(rounds)
            return
        with ThreadPoolExecutor(1, "clarion-testing") as thread:
            thread.submit(self._drain, rounds).result()

    async def adrain(self, *, rounds: int = ROUNDS) -> None:
        await asyncio.to_thread(self._drain, rounds)

    def _drain(self, rounds: int) -> None:
        clarion = self.clarion
        if self._in_transaction:
            raise ConfigError(
                "drain() inside of transaction(): commit first, what is not committed is not there"
            )
        clarion.start()
        wiring = clarion._wiring()  # noqa: SLF001 - nobody else asks an application for its parts
        wiring = replace(wiring, caps=())  # a rate that spares a provider would only ask for more travel
        with asyncio.Runner(loop_factory=TravellingLoop) as runner:
            rested = runner.run(drain(wiring, rounds=rounds))
        if not rested:
            raise StillDue(
                f"after {rounds} rounds there is still no end of it. Due are: {'; '.join(self._due()) or 'none'}. "
                "Does a resolver emit whenever it is asked? If this is just much, say drain(rounds=…)"
            )

    def _due(self) -> list[str]:
        clarion = self.clarion
        return clarion.database.read(lambda conn: stored.due(conn, clarion.channels))

    # ── What was told ────────────────────────────────────────────────────────────────────────────────────

    def told(
        self,
        recipient: str | None = None,
        type: str | None = None,
        channel: str | None = None,
        *,
        event: UUID | None = None,
    ) -> list[Told]:
        """What was told to this recipient, of this type, on this channel, of this event; the oldest first.

        The inbox is a channel like the others. Raises `UnknownName` for a type or channel that there is not.
        """
        return self._wanted(recipient, type, channel, event).of(self._all())

    def assert_told(
        self,
        recipient: str,
        type: str | None = None,
        channel: str | None = None,
        *,
        event: UUID | None = None,
        times: int | None = None,
    ) -> Told:
        """That this recipient was told, at least once or exactly so many `times`; the newest of what was told.

        Where it fails, it says why in the words of `Clarion.why`, and what was told instead.
        """
        __tracebackhide__ = True
        wanted = self._wanted(recipient, type, channel, event)
        every = self._all()
        found = wanted.of(every)
        if not found:
            raise AssertionError(account.not_told(self.clarion, self._tenant, wanted, every))
        if times is not None and len(found) != times:
            raise AssertionError(f"{len(found)} times, not {times}: {account.told(wanted, found)}")
        return found[-1]

    def assert_silent(
        self,
        recipient: str | None = None,
        type: str | None = None,
        channel: str | None = None,
        *,
        event: UUID | None = None,
    ) -> None:
        """That this recipient, or nobody at all, was told. Fails as well while anything is still due."""
        __tracebackhide__ = True
        wanted = self._wanted(recipient, type, channel, event)
        if found := wanted.of(self._all()):
            raise AssertionError(account.told(wanted, found))
        if waits := self._due():
            raise AssertionError(f"silence says nothing before drain(); still due: {'; '.join(waits)}")

    def forget(self) -> None:
        """What was told until now counts no more."""
        items = self.clarion.database.read(lambda conn: stored.items(conn, self._tenant, self._began))
        self._forgotten = {one.record.id for one in items}
        for recorder in self._place.recorders.values():
            recorder.told.clear()

    def _all(self) -> list[Told]:
        clarion = self.clarion
        sent = [one for recorder in self._place.recorders.values() for one in recorder.told]
        mine = [one for one in sent if one.event.tenant == self._tenant]
        shown = stored.in_inboxes(clarion, self._tenant, self._began, but=self._forgotten)
        return sorted([*shown, *mine], key=lambda one: one.at)

    def _wanted(
        self, recipient: str | None, type: str | None, channel: str | None, event: UUID | None
    ) -> Wanted:
        """Checked, for a name misspelt is told of nothing."""
        if type is not None and type not in self.clarion.types:
            raise UnknownName("event type", type, self.clarion.types)
        if channel not in (None, INBOX, *self._place.recorders):
            raise UnknownName("channel", str(channel), [INBOX, *self._place.recorders])
        return Wanted(recipient=recipient, type=type, channel=channel, event=event)

    # ── Failing ──────────────────────────────────────────────────────────────────────────────────────────

    def fail(
        self, channel: str, failure: Failure, *, times: int | None = 1, recipient: str | None = None
    ) -> None:
        """Let the next `times` messages on this channel fail, `None`: all until `heal`; for a recipient, or anybody.

        `failure`: what the channel raises: `Retry`, `Reject`, `Gone`, `Down` or one of these with its code, or any
        other exception. Several calls follow one another.
        """
        self._recorder(channel).fail(failure, times=times, recipient=recipient)

    def hang(self, channel: str, *, times: int | None = 1, recipient: str | None = None) -> None:
        """Let the next messages get no answer at all, until the worker cuts them off; no real time passes."""
        self._recorder(channel).fail(None, times=times, recipient=recipient)

    def heal(self, channel: str | None = None) -> None:
        """Nothing fails any more, on this channel or on any."""
        for recorder in self._place.recorders.values() if channel is None else [self._recorder(channel)]:
            recorder.heal()

    def tried(self, channel: str) -> int:
        """How many messages this channel was asked to send, in vain or not."""
        return self._recorder(channel).tried

    def _recorder(self, channel: str) -> Recorder:
        if channel not in self._place.recorders:
            raise UnknownName("channel that sends", channel, self._place.recorders)
        return self._place.recorders[channel]


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
