"""Where a test happens: the application is elsewhere meanwhile, and is as it was afterwards."""

from __future__ import annotations

import gc
import sqlite3
import threading
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from clarion import Clarion, Console, clock
from clarion.errors import ConfigError, InvalidInput
from clarion.message import Message
from clarion.recipient import Address
from clarion.store.schema import events
from clarion.testing import Recorder, Testing
from tests.support.working import await_true, count


def test_all_is_as_it_was(shop: Clarion, tmp_path: Path) -> None:
    before = (shop.database.url, shop.database.engine, dict(shop.channels), dict(shop.types))
    recipients, parts = shop.recipients, (shop.database, shop.channels, shop.types)
    testing = Testing()
    testing.use(shop, channels=["push"])
    folder = Path(testing.url.removeprefix("sqlite:///")).parent
    assert {name: type(channel) for name, channel in shop.channels.items()} == {
        "email": Recorder,
        "push": Recorder,
    }
    shop.type("new", channels=["inbox"])
    testing.travel(hours=3)
    recipients.upsert("bob", addresses={"push": "x"})
    testing.close()
    assert (shop.database.url, shop.database.engine, shop.channels, shop.types) == before
    assert (shop.database, shop.channels, shop.types) == parts
    assert all(
        now is then for now, then in zip((shop.database, shop.channels, shop.types), parts, strict=True)
    )
    assert clock.journey() == timedelta()
    assert not clock.stands_still()
    assert not folder.exists()
    assert not (tmp_path / "real.db").exists()
    testing.close()


def test_each_test_begins_with_nothing(shop: Clarion) -> None:
    for _ in range(2):
        with Testing(shop) as testing:
            with testing.transaction() as conn:
                shop.emit(conn, "shipped", to=["bob"])
            assert count(shop, events) == 1


def test_what_leaves_nothing_open(shop: Clarion) -> None:
    threads = threading.active_count()
    with Testing(shop) as testing:
        testing.drain()
    await_true(lambda: threading.active_count() <= threads)
    gc.collect()  # a database or a loop that is left open is a warning, and warnings are errors


def test_an_application_that_cannot_start_is_given_back(shop: Clarion) -> None:
    shop.retention = timedelta(seconds=1)
    url = shop.database.url
    with Testing() as testing:
        with pytest.raises(ConfigError):
            testing.use(shop)
        assert shop.database.url == url
        assert not isinstance(shop.channels["email"], Recorder)
        with pytest.raises(ConfigError, match=r"which application\? call use\(clarion\) first"):
            testing.drain()


def test_a_testing_that_cannot_be_made_leaves_nothing_behind(shop: Clarion) -> None:
    shop.retention = timedelta(seconds=1)
    with pytest.raises(ConfigError):
        Testing(shop)
    assert not clock.stands_still()
    assert not isinstance(shop.channels["email"], Recorder)


def test_one_application_each(shop: Clarion, testing: Testing, tmp_path: Path) -> None:
    other = Clarion(f"sqlite:///{tmp_path / 'other.db'}", channels=[Console()])
    other.type("shipped", channels=["console"])
    with pytest.raises(ConfigError, match="a Testing is of one application"):
        testing.use(other)
    with pytest.raises(ConfigError, match="another Testing has this application"):
        Testing(shop)
    with Testing(other) as second:
        second.travel(hours=1)
        assert second.now == testing.now
        other.recipients.upsert("bob", addresses={"console": "bob"})
        for one in (testing, second):
            with one.transaction() as conn:
                one.clarion.emit(conn, "shipped", to=["bob"])
            one.drain()
        assert [told.channel for told in second.told()] == ["console"]
        assert sorted(told.channel for told in testing.told()) == ["email", "inbox"]
    assert clock.stands_still()
    other.close()


def test_on_the_database_of_the_applications_tests(shop: Clarion, database_url: str) -> None:
    """With what has been there before, and what is left there; on both products time stands still."""
    for n in range(2):
        with Testing() as testing:
            testing.use(shop, database=database_url)
            assert testing.told() == []
            shop.recipients.upsert("bob", addresses={"email": "bob@shop.test"})
            with testing.transaction() as conn:
                shop.emit(conn, "shipped", to=["bob"])
                shop.emit(conn, "shipped", to=["bob"], at=testing.now + timedelta(hours=1))
            testing.drain()
            testing.assert_told("bob", "shipped", "email", times=1)
            assert testing.assert_told("bob", "shipped", "inbox", times=1).at == testing.now
            testing.travel(hours=1)
            testing.drain()
            testing.assert_told("bob", "shipped", "email", times=2)
            assert count(shop, events) == 2 * (n + 1)


def test_the_applications_database_is_migrated_if_need_be(shop: Clarion, empty_database_url: str) -> None:
    with Testing() as testing:
        testing.use(shop, database=empty_database_url)
        testing.drain()
        testing.assert_silent()


def test_hosts_on_the_same_database(testing: Testing, shop: Clarion) -> None:
    """The application's own connections, of whatever kind."""
    path = testing.url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as conn:
        shop.emit(conn, "shipped", to=["bob"])
    conn.close()
    engine = sa.create_engine(testing.url)
    with engine.begin() as mine:
        shop.emit(mine, "shipped", to=["bob"])
    engine.dispose()
    testing.drain()
    testing.assert_told("bob", "shipped", "email", times=2)


@pytest.mark.anyio
async def test_an_asynchronous_host(testing: Testing, shop: Clarion) -> None:
    engine = create_async_engine(sa.make_url(testing.url).set(drivername="sqlite+aiosqlite"))
    async with engine.begin() as conn:
        await shop.emit(conn, "shipped", to=["bob"])
    await engine.dispose()
    await testing.adrain()
    testing.assert_told("bob", "shipped", "email")


def test_a_channel_in_which_every_destination_is_a_provider_stays_one(shop: Clarion) -> None:
    class Hook:
        name = "hook"

        def destination(self, address: str) -> str:
            return address.partition("/")[0]

        async def send(self, message: Message, address: Address) -> None:
            raise AssertionError

    shop.channels["hook"] = Hook()
    with Testing(shop):
        recorder = shop.channels["hook"]
        assert isinstance(recorder, Recorder)
        assert recorder.destination("a.test/x") == "a.test"
        assert not hasattr(shop.channels["email"], "destination")


# ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_time_stands_until_it_travels(testing: Testing) -> None:
    began = testing.now
    assert testing.now == began
    assert testing.travel(days=1, hours=2, minutes=3, seconds=4) == testing.now
    assert testing.now - began == timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert clock.now() == testing.now


def test_to_an_instant(testing: Testing) -> None:
    there = testing.now + timedelta(days=3)
    assert testing.travel_to(there) == testing.now == there
    with pytest.raises(InvalidInput, match="time goes forward only, not by -1 day"):
        testing.travel_to(there - timedelta(days=1))
    with pytest.raises(InvalidInput, match="time goes forward only"):
        testing.travel(hours=-1)
    for naive in (datetime(2099, 1, 1), time(12)):  # noqa: DTZ001 - that is what is refused
        with pytest.raises(InvalidInput, match="in which time zone"):
            testing.travel_to(naive)


def test_to_the_next_time_of_day(testing: Testing) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    testing.travel_to(datetime.combine(testing.now.date() + timedelta(days=1), time(12), UTC))
    noon = testing.now
    assert testing.travel_to(time(23, tzinfo=berlin)) < noon + timedelta(hours=11)
    assert testing.now.astimezone(berlin).time() == time(23)
    evening = testing.now
    testing.travel_to(time(7, 30, tzinfo=berlin))
    assert testing.now.astimezone(berlin).time() == time(7, 30)
    assert testing.now - evening <= timedelta(hours=9, minutes=30)
    testing.travel_to(time(7, 30, tzinfo=UTC))
    testing.travel_to(time(7, 30, tzinfo=UTC))
    assert testing.now.time() == time(7, 30)
