"""The open streams of this process: one reader follows the change feed for all of them, and hands each its own.

While nothing happens, that is one look at the feed for everybody; while nobody listens, nothing at all. What happens in other
processes is in the feed, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from clarion import clock
from clarion.app import Clarion
from clarion.change import CONFIGURED, CREATED, DELIVERY, RETURNED, Change
from clarion.errors import said
from clarion.store import counting
from clarion.web.inbox_shapes import Counts, Item, Kind, Told
from clarion.web.problem import Problem, unavailable
from clarion.web.transactions import Transactions

log = logging.getLogger(__name__)

EACH = 20  # streams of one recipient at once, in this process
WAITING = 500  # events that wait for a slow reader: one more, and it is cut off
AT_ONCE = 200  # changes read at once: the first of many do not wait for the last
SOON, LATER = (
    0.01,
    0.05,
)  # seconds until the next look at the feed: while things happen, and while nothing does
BUSY_FOR = 5.0  # seconds since the last change: so long things happen
AWAY = 1.0  # seconds until the next look where the last one failed
TOO_MANY = timedelta(seconds=30)

Who = tuple[str, str]  # tenant, recipient


class Stream:
    """One reader. `since`: what has a higher number is put here, what has not was told before it came. `waker` is
    called when something has come, and when it has ended."""

    __slots__ = ("_waiting", "ended", "since", "waker", "who")

    def __init__(self, who: Who) -> None:
        self.who = who
        self.ended = False
        self.since = 0
        self.waker: Callable[[], None] | None = None
        self._waiting: list[tuple[int, bytes]] = []

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def put(self, n: int, event: bytes) -> None:
        if len(self._waiting) >= WAITING:
            self.end()  # it comes back with the last number that it has read
        if not self.ended:
            self._waiting.append((n, event))
            self._wake()

    def take(self, above: int) -> bytes:
        """All that waits, but for what is not above this number."""
        taken = b"".join(event for n, event in self._waiting if n > above)
        self._waiting.clear()
        return taken

    def end(self) -> None:
        self.ended = True
        self._waiting.clear()
        self._wake()

    def _wake(self) -> None:
        if self.waker is not None:
            self.waker()


@dataclass(frozen=True, slots=True)
class News:
    """What is new for some: whose, its number, and how the stream has it. `upto`, `reset`: as the change feed has them."""

    events: Sequence[tuple[Who, int, bytes]]
    upto: int
    reset: bool = False


class Streams:
    """Streams come with `join` and go with `leave`. Once stopped, each that is open, or comes, ends at once."""

    def __init__(self, clarion: Clarion, patience: timedelta) -> None:
        self._clarion = clarion
        self._patience = patience.total_seconds()
        self._thread = Transactions(patience, name="clarion-feed", threads=1)
        self._open: dict[Who, list[Stream]] = {}
        self._coming: list[tuple[Stream, asyncio.Future[None]]] = []
        self._following: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()
        self._stopped = False

    @property
    def open(self) -> int:
        """How many."""
        return sum(map(len, self._open.values()))

    async def join(self, who: Who) -> Stream:
        """A stream to which comes what happens from now on. Raises a `Problem`: 429, 503."""
        mine = self._open.setdefault(who, [])
        if len(mine) >= EACH:
            said = f"{EACH} streams of one recipient are open; close some"
            raise Problem("too-many", said, retry_after=TOO_MANY)
        stream = Stream(who)
        mine.append(stream)
        try:
            async with asyncio.timeout(self._patience):
                await self._let_in(stream)
        except BaseException as error:
            self.leave(stream)
            if isinstance(error, TimeoutError):
                raise unavailable("the database did not answer in time; try again") from None
            raise
        return stream

    def leave(self, stream: Stream) -> None:
        stream.end()
        if stream in (mine := self._open.get(stream.who, [])):
            mine.remove(stream)
        if not mine:
            self._open.pop(stream.who, None)
        self._coming = [each for each in self._coming if each[0] is not stream]
        self.wake()

    def wake(self) -> None:
        """Something was changed here: look at once."""
        self._stirred.set()

    def stop(self) -> None:
        """Every stream ends, with what its reader is being told just now."""
        self._stopped = True
        for stream in [one for some in self._open.values() for one in some]:
            stream.end()
        for _, ready in self._coming:
            if not ready.done():
                ready.set_result(None)
        self.wake()

    async def close(self) -> None:
        """Stop, and wait for a look at the feed that is under way, as long as a request would."""
        self.stop()
        if self._following is not None:
            await asyncio.wait([self._following], timeout=self._patience)
        await self._thread.close()

    # ── Following the feed ───────────────────────────────────────────────────────────────────────────────

    async def _let_in(self, stream: Stream) -> None:
        """Wait until the reader of the feed knows of it."""
        if self._stopped:
            stream.end()
            return
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._coming.append((stream, ready))
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow())
        self.wake()
        await ready

    async def _follow(self) -> None:
        """Until nobody listens. Whatever fails is tried again: the streams stay."""
        upto: int | None = None
        last = clock.monotonic()
        while self._open and not self._stopped:
            self._stirred.clear()
            try:
                if upto is None:
                    upto = await self._thread.run(self._clarion.changes.newest)
                self._begin(upto)
                found = await self._thread.run(partial(_read, self._clarion, upto, frozenset(self._open)))
            except Exception as error:  # noqa: BLE001 - a database that is away comes back
                log.warning("the change feed cannot be read, trying again: %s", said(error))
                await asyncio.sleep(AWAY)
                continue
            self._hand_out(found)
            if found.upto != upto:
                upto, last = found.upto, clock.monotonic()
            else:
                await self._rest(SOON if clock.monotonic() - last < BUSY_FOR else LATER)

    def _begin(self, upto: int) -> None:
        """Whoever came meanwhile is told all that has a higher number."""
        for stream, ready in self._coming:
            stream.since = upto
            if not ready.done():
                ready.set_result(None)
        self._coming = []

    def _hand_out(self, news: News) -> None:
        if news.reset:
            for stream in [one for some in self._open.values() for one in some]:
                stream.put(news.upto, reset(news.upto))
        for who, n, event in news.events:
            for stream in self._open.get(who, ()):
                stream.put(n, event)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()


def _read(clarion: Clarion, after: int, among: frozenset[Who]) -> News:
    """One look at the feed, in a thread."""
    found = clarion.changes.read(after, most=AT_ONCE, tenant=None, among=among)
    return News(events_of(clarion, found.changes), found.upto, found.reset)


# ── As the stream has it ─────────────────────────────────────────────────────────────────────────────────


def events_of(
    clarion: Clarion, changes: Sequence[Change], *, replayed: bool = False
) -> list[tuple[Who, int, bytes]]:
    """Those of which recipients are told, with the counts of now."""
    told = [
        (kind, change, (change.tenant, change.recipient)) for change in changes if (kind := _kind(change))
    ]
    of = {(tenant, recipient) for _, _, (tenant, recipient) in told if recipient is not None}
    if not of:
        return []
    counted = clarion.database.look_up(lambda conn: counting.counts(conn, of))
    counts = {who: Counts.of(found) for who, found in counted.items()}
    return [
        (who, change.n, _event(clarion, kind, change, counts[who], replayed=replayed))
        for kind, change, (tenant, recipient) in told
        if (who := (tenant, recipient or "")) in counts
    ]


def reset(n: int) -> bytes:
    """What the reader knows is too old."""
    return b"id: %d\nevent: reset\ndata: {}\n\n" % n


def _event(clarion: Clarion, kind: Kind, change: Change, counts: Counts, *, replayed: bool) -> bytes:
    told = Told(
        kind=kind,
        change=change.kind,
        id=change.notification,
        item=None if change.item is None else Item.of(change.item, clarion.types),
        counts=counts,
        replayed=replayed,
    )
    return b"id: %d\nevent: change\ndata: %b\n\n" % (change.n, told.model_dump_json().encode())


def _kind(change: Change) -> Kind | None:
    """`created` is also what came back from being snoozed; `removed`, whatever is no longer to be seen."""
    if change.kind.startswith(DELIVERY):
        return None
    if change.kind == CONFIGURED:
        return "configuration.updated"
    if change.item is None:
        return "notification.removed"
    return "notification.created" if change.kind in (CREATED, RETURNED) else "notification.updated"
