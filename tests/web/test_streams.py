"""The stream: what happens is told live, what was missed exactly once and in order, and nothing is left behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from clarion import Clarion, clock
from clarion.store import changes
from clarion.web import event_stream, streams
from clarion.web.service import Service
from clarion.web.settings import Settings, TokenSettings
from tests.support.working import PATIENCE, await_true, emit, until, working
from tests.web.conftest import SECRET, token
from tests.web.inbox import Reader, reading, served

BOB = token("bob")
SETTINGS = Settings(tokens=TokenSettings(secret=SECRET, leeway=timedelta()))


@pytest.fixture
def url(clarion: Clarion) -> Iterator[str]:
    with served(clarion, SETTINGS) as (found, _):
        yield found


def note(clarion: Clarion, to: str = "bob", **fields: Any) -> None:
    emit(clarion, "note", to=[to], **fields)


def kept(clarion: Clarion, number: int) -> None:
    """Once bob has so many items."""
    await_true(lambda: clarion.inbox.counts("bob").total >= number)


def settled(clarion: Clarion) -> int:
    """The number of the last change, once all that has happened has one."""
    await_true(lambda: not clarion.changes.number() and not clarion.database.read(changes.pending))
    return clarion.changes.newest()


# ── Live ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_happens_is_told_as_it_happens(clarion: Clarion, url: str) -> None:
    with reading(url, BOB) as stream:
        here = stream.event()
        assert here == {"id": str(clarion.changes.newest())}
        note(clarion, data={"title": "Merged"})
        created = stream.change()
        assert (created["kind"], created["replayed"], created["item"]["title"]) == (
            "notification.created",
            False,
            "Merged",
        )
        assert created["counts"]["unread"] == 1
        id = UUID(created["id"])
        clarion.inbox.mark_read("bob", [id])
        read = stream.change()
        assert (read["kind"], read["change"], read["counts"]["unread"]) == ("notification.updated", "read", 0)
        assert read["item"]["read_at"]
        clarion.recipients.configure("bob", enabled=False)
        said = stream.change()
        assert (said["kind"], said["id"], said["item"]) == ("configuration.updated", None, None)
        clarion.inbox.mark("bob", [id], "deleted")
        gone = stream.change()
        assert (gone["kind"], gone["id"], gone["item"]) == ("notification.removed", str(id), None)
        numbers = [one["n"] for one in (created, read, said, gone)]
        assert numbers == sorted(set(numbers))


def test_each_hears_their_own_in_every_process(clarion: Clarion, url: str, database_url: str) -> None:
    """And what others do; the second service is on a Clarion of its own."""
    other = Clarion(database_url)
    other.type("note", channels=["inbox"], category="notes")
    with served(other, SETTINGS) as (second, _):
        who = [(url, BOB), (second, BOB), (url, token("carol")), (second, token("bob", tenant="other"))]
        with (
            reading(*who[0]) as bobs,
            reading(*who[1]) as bobs_too,
            reading(*who[2]) as carols,
            reading(*who[3]) as elsewhere,
        ):
            for one in (bobs, bobs_too, carols, elsewhere):
                one.event()
            note(clarion, data={"title": "for bob"})
            kept(clarion, 1)
            note(clarion, "carol", data={"title": "for carol"})
            note(clarion, tenant="other", data={"title": "elsewhere"})
            heard = [one.change()["item"]["title"] for one in (bobs, bobs_too, carols, elsewhere)]
            assert heard == ["for bob", "for bob", "for carol", "elsewhere"]
    other.close()


# ── What was missed ──────────────────────────────────────────────────────────────────────────────────────


def test_what_was_missed_comes_once_and_in_order_while_more_happens(clarion: Clarion, url: str) -> None:
    start = clarion.changes.newest()
    for _ in range(30):
        note(clarion)
    kept(clarion, 30)
    settled(clarion)
    more = threading.Thread(target=lambda: [note(clarion) for _ in range(30)])
    more.start()
    with reading(url, BOB, after=start) as stream:
        found = [stream.change() for _ in range(60)]
    more.join()
    numbers = [one["n"] for one in found]
    assert numbers == sorted(set(numbers))
    feed = clarion.changes.read(start, recipient="bob").changes
    assert [(one["n"], one["id"]) for one in found] == [(one.n, str(one.notification)) for one in feed]
    replayed = [one["replayed"] for one in found]
    assert replayed[:30] == [True] * 30
    assert replayed == sorted(replayed, reverse=True)


def test_it_goes_on_from_the_last_event_id_unless_after_says_otherwise(clarion: Clarion, url: str) -> None:
    start = clarion.changes.newest()
    for n in range(3):
        note(clarion, data={"title": str(n)})
        kept(clarion, n + 1)
    with reading(url, BOB, after=start) as stream:
        first = stream.change()
    with reading(url, {**BOB, "Last-Event-ID": str(first["n"])}) as stream:
        assert [stream.change()["item"]["title"] for _ in range(2)] == ["1", "2"]
    with reading(url, {**BOB, "Last-Event-ID": str(first["n"])}, after=start) as stream:
        assert stream.change() == first
    newest = settled(clarion)
    with reading(url, {**BOB, "Last-Event-ID": str(start)}, after=newest) as stream:
        note(clarion, data={"title": "live"})
        live = stream.change()
        assert (live["item"]["title"], live["replayed"]) == ("live", False)


def test_who_knows_too_little_reads_anew(clarion: Clarion, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start = clarion.changes.newest()
    for n in range(3):
        note(clarion)
        kept(clarion, n + 1)
    newest = settled(clarion)

    def resets(after: int) -> bool:
        with reading(url, BOB, after=after) as stream:
            found = stream.event()
            if found["event"] != "reset":
                return False
            assert (found["data"], int(found["id"])) == ({}, newest)
            return True

    assert resets(newest + 1000)  # the database is another one
    assert not resets(start)
    monkeypatch.setattr(event_stream, "REPLAYED", 2)
    assert resets(start)
    monkeypatch.undo()
    later = clock.now() + timedelta(hours=1)
    clarion.database.run(lambda conn: changes.remove(conn, before=later))
    assert resets(start)
    with reading(url, BOB, after=newest) as stream:
        note(clarion, data={"title": "and on"})
        assert stream.change()["item"]["title"] == "and on"


# ── Its end ──────────────────────────────────────────────────────────────────────────────────────────────


def ends(stream: Reader) -> bool:
    """Waits for it."""
    try:
        while True:
            stream.event()
    except StopIteration:
        return True


def test_it_ends_with_the_token(clarion: Clarion, url: str) -> None:
    with reading(url, token("bob", lasts=timedelta(seconds=2))) as stream:
        began = time.monotonic()
        assert ends(stream)
        assert time.monotonic() - began < 5


def test_it_ends_with_the_key(clarion: Clarion, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PING", 0.2)
    issued = clarion.keys.issue("k", ["inbox"])
    mine = {"Authorization": f"Bearer {issued.secret}", "Clarion-Recipient": "bob"}
    with reading(url, mine) as stream:
        stream.event()
        clarion.keys.revoke(issued.key.id)
        assert ends(stream)


def test_it_says_that_it_is_there(clarion: Clarion, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PING", 0.05)
    with (
        httpx2.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client,
        client.stream("GET", "/v1/inbox/stream", headers=BOB) as answer,
    ):
        lines = filter(None, answer.iter_lines())
        assert [next(lines) for _ in range(4)][::2] == [": here", ": ping"]


def test_the_service_stops_at_once_with_streams_open(clarion: Clarion) -> None:
    with (
        served(clarion, SETTINGS) as (url, service),
        reading(url, BOB) as one,
        reading(url, token("carol")) as other,
    ):
        one.event()
        other.event()
        began = time.monotonic()
        threading.Thread(target=service.stop).start()
        assert ends(one)
        assert ends(other)
        assert time.monotonic() - began < clarion.grace.total_seconds() / 2


# ── In this event loop: readers that do as they are told ─────────────────────────────────────────────────


class Connection:
    """An ASGI server's end of one stream: it takes nothing while `closed` is not set."""

    def __init__(self, app: FastAPI, headers: dict[str, str], query: str = "") -> None:
        self.told = b""
        self.status = 0
        self.taking = asyncio.Event()
        self.taking.set()
        self._gone = asyncio.Event()
        self._asked = False
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/v1/inbox/stream",
            "raw_path": b"/v1/inbox/stream", "root_path": "", "query_string": query.encode(), "server": ("test", 80),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        self.running = asyncio.create_task(app(scope, self._receive, self._send))

    def leave(self) -> None:
        self._gone.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.taking.wait()
        self.status = message.get("status", self.status)
        self.told += message.get("body", b"")

    def numbers(self) -> list[int]:
        blocks = self.told.split(b"\n\n")
        return [int(block.split()[1]) for block in blocks if b"event: change" in block]


def mark_often(clarion: Clarion, id: UUID, number: int) -> None:
    for _ in range(number):
        for how in ("read", "unread"):
            clarion.inbox.mark("bob", [id], how)  # type: ignore[arg-type]


@pytest.fixture
async def item(clarion: Clarion) -> UUID:
    async with working(clarion):
        note(clarion)
        await until(lambda: clarion.inbox.counts("bob").total == 1)
    return clarion.inbox.list("bob").items[0].id


@pytest.mark.anyio
async def test_a_slow_reader_is_cut_off_and_comes_back(
    clarion: Clarion, app: FastAPI, item: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "WAITING", 5)
    start = settled(clarion)
    slow, quick = Connection(app, BOB), Connection(app, BOB)
    await until(lambda: slow.told and quick.told)
    slow.taking.clear()
    for n in range(1, 9):
        mark_often(clarion, item, 1)
        await until(lambda n=n: len(quick.numbers()) == 2 * n)  # type: ignore[misc]
    assert app.state.service.streams.open == 2
    slow.taking.set()
    await asyncio.wait_for(slow.running, PATIENCE)
    heard = slow.numbers()
    assert len(heard) < 16
    back = Connection(app, {**BOB, "Last-Event-ID": str(heard[-1] if heard else start)})
    await until(lambda: heard + back.numbers() == quick.numbers())
    for one in (quick, back):
        one.leave()
        await asyncio.wait_for(one.running, PATIENCE)
    await app.state.service.close()


@pytest.mark.anyio
async def test_one_looks_for_all_and_nobody_when_all_have_left(
    clarion: Clarion, app: FastAPI, item: UUID
) -> None:
    asked: list[str] = []

    def look(*_: Any) -> None:
        asked.append(threading.current_thread().name.rpartition("-")[0])

    service = app.state.service
    connections = [Connection(app, BOB) for _ in range(10)]
    await until(lambda: all(one.told for one in connections))
    sa.event.listen(clarion.database.engine, "before_cursor_execute", look)
    await until(lambda: len(asked) > 20)
    assert set(asked) == {"clarion-feed"}
    connections[0].leave()
    await asyncio.wait_for(connections[0].running, PATIENCE)
    assert service.streams.open == 9
    for one in connections[1:]:
        one.leave()
        await asyncio.wait_for(one.running, PATIENCE)
    assert service.streams.open == 0
    await until(service.streams._following.done)
    count = len(asked)
    await asyncio.sleep(4 * streams.LATER)  # it would have looked again
    assert len(asked) == count
    again = Connection(app, BOB)
    await until(lambda: again.told)
    mark_often(clarion, item, 1)
    await until(lambda: len(again.numbers()) == 2)
    sa.event.remove(clarion.database.engine, "before_cursor_execute", look)
    await service.close()
    await asyncio.wait_for(again.running, PATIENCE)


@pytest.mark.anyio
async def test_nobody_has_streams_without_end(
    app: FastAPI, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "EACH", 2)
    connections = [Connection(app, BOB) for _ in range(2)]
    await until(lambda: all(one.told for one in connections))
    refused = await http.get("/v1/inbox/stream", headers=BOB)
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    others = Connection(app, token("carol"))
    await until(lambda: others.told)
    await app.state.service.close()
    for one in (*connections, others):
        await asyncio.wait_for(one.running, PATIENCE)
        assert one.status == 200


@pytest.mark.anyio
async def test_it_goes_on_after_the_feed_could_not_be_read(
    clarion: Clarion,
    app: FastAPI,
    item: UUID,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(streams, "AWAY", 0.01)
    one = Connection(app, BOB)
    await until(lambda: one.told)

    def breaks(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threading.current_thread().name.startswith("clarion-feed"):
            raise sa.exc.OperationalError(statement, {}, Exception("the server has gone away"))

    sa.event.listen(clarion.database.engine, "before_cursor_execute", breaks)
    await until(lambda: "change feed cannot be read" in caplog.text)
    mark_often(clarion, item, 1)
    sa.event.remove(clarion.database.engine, "before_cursor_execute", breaks)
    await until(lambda: len(one.numbers()) == 2)
    one.leave()
    await asyncio.wait_for(one.running, PATIENCE)
    await app.state.service.close()


@pytest.mark.anyio
@pytest.mark.parametrize("busy", [False, True])
async def test_however_much_happens_a_token_ends(
    clarion: Clarion, app: FastAPI, item: UUID, busy: bool
) -> None:
    app.state.service.door = Service(clarion, SETTINGS).door
    one = Connection(app, token("bob", lasts=timedelta(seconds=2)))
    await until(lambda: one.told)
    while busy and not one.running.done():
        mark_often(clarion, item, 1)
        await asyncio.sleep(0)
    await asyncio.wait_for(one.running, PATIENCE)
    assert one.status == 200
    await app.state.service.close()
