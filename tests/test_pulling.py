"""Fetching instead of sending: claims, leases and fences of devices, on both databases."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import (
    Cap,
    Clarion,
    ConfigError,
    Cooldown,
    InvalidInput,
    LeaseLost,
    NotFound,
    Policy,
    Pull,
    Retries,
    clock,
)
from clarion.store.schema import outcomes, queue
from clarion.workers import draining
from tests.support.working import Wire, count, done, emit, limits, until, working

MINUTE = timedelta(minutes=1)
LEASE = timedelta(seconds=30)
Travel = Callable[[timedelta], None]
Make = Callable[..., Clarion]


@pytest.fixture
def make(database_url: str, request: pytest.FixtureRequest) -> Make:
    def application(*channels: Any, **options: Any) -> Clarion:
        clarion = Clarion(database_url, channels=[Pull("desktop"), *channels], limits=limits(), **options)
        request.addfinalizer(clarion.close)
        return clarion

    return application


@pytest.fixture
def clarion(make: Make) -> Clarion:
    made = make()
    retries = Retries(waits=(10 * MINUTE,), jitter=0)
    made.type("note", channels=["inbox", "desktop"], policy=Policy(retries=retries))
    made.start()
    return made


def device(clarion: Clarion, recipient: str, *names: str, tenant: str = "default") -> None:
    addresses = {"desktop": list(names or ("laptop",))}
    clarion.recipients.upsert(recipient, name=recipient.title(), addresses=addresses, tenant=tenant)


def told(clarion: Clarion, *who: str, **fields: Any) -> UUID:
    """An event that is decided on for these, with nobody sending."""
    id = emit(clarion, fields.pop("type", "note"), to=list(who), **fields)
    walk(clarion)
    return id


def walk(clarion: Clarion) -> None:
    """Do what is due, but for what is fetched."""
    asyncio.run(draining.drain(clarion._wiring(), rounds=50))


def results_of(clarion: Clarion) -> Counter[str]:
    found = sa.select(outcomes.c.result, sa.func.count()).group_by(outcomes.c.result)
    return Counter(dict(map(tuple, clarion.database.read(lambda conn: conn.execute(found).all()))))


# ── Claiming and settling ────────────────────────────────────────────────────────────────────────────────


def test_a_device_claims_shows_and_says_so(clarion: Clarion) -> None:
    ended: list[Any] = []
    clarion.on_sent(ended.append)
    device(clarion, "bob")
    event = told(clarion, "bob", data={"text": "Looks good"}, subject="cl/1", url="/cl/1")
    (one,) = clarion.pull.claim("desktop", recipient="bob")
    message = one.message
    assert (message.recipient.id, message.event.id, message.attempt, one.address) == (
        "bob",
        event,
        1,
        "laptop",
    )
    assert message.content.title
    assert timedelta(seconds=25) < one.lease_until - clock.now() <= LEASE
    assert clarion.pull.claim("desktop", recipient="bob") == [], "it is in somebody's hands"
    clarion.pull.sent("desktop", one.delivery, one.claim, "toast-7", recipient="bob")
    clarion.pull.sent(
        "desktop", one.delivery, one.claim, "toast-7", recipient="bob"
    )  # nobody heard the answer
    assert results_of(clarion) == {"sent": 1}
    receipts = sa.select(outcomes.c.receipt)
    assert clarion.database.read(lambda conn: list(conn.execute(receipts).scalars())) == ["toast-7"]
    assert clarion.hooks.finish(within=10)
    assert [(one.recipient, one.channel) for one in ended] == [("bob", "desktop")]
    assert clarion.statistics(since=clock.now() - MINUTE, channel="desktop").totals.sent == 1


def test_what_failed_for_a_while_comes_again_by_the_schedule_and_not_for_ever(
    clarion: Clarion, travel: Travel
) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    (one,) = clarion.pull.claim("desktop")
    clarion.pull.failed("desktop", one.delivery, one.claim, "no_display", permanent=False)
    clarion.pull.failed("desktop", one.delivery, one.claim, "no_display", permanent=False)
    travel(9 * MINUTE)
    assert clarion.pull.claim("desktop") == []
    travel(2 * MINUTE)
    (again,) = clarion.pull.claim("desktop")
    assert (again.delivery, again.message.attempt, again.claim) == (one.delivery, 2, one.claim + 1)
    clarion.pull.failed("desktop", again.delivery, again.claim, "no_display", permanent=False, detail="dark")
    assert results_of(clarion) == {"retry": 1, "failed": 1}
    assert not count(clarion, queue)


def test_what_nobody_began_is_given_back_and_due_at_once(clarion: Clarion) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    (one,) = clarion.pull.claim("desktop")
    with pytest.raises(NotFound):
        clarion.pull.give_back("desktop", one.delivery, one.claim, recipient="carol")
    for _ in range(2):  # nobody heard the answer
        clarion.pull.give_back("desktop", one.delivery, one.claim, recipient="bob")
    (again,) = clarion.pull.claim("desktop")
    assert (again.delivery, again.message.attempt, again.claim) == (one.delivery, 1, one.claim + 1)
    clarion.pull.sent("desktop", again.delivery, again.claim)
    with pytest.raises(LeaseLost):
        clarion.pull.give_back("desktop", again.delivery, again.claim)
    assert results_of(clarion) == {"given_back": 1, "sent": 1}


def test_what_failed_for_good_does_not_come_again(clarion: Clarion) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    (one,) = clarion.pull.claim("desktop")
    clarion.pull.failed("desktop", one.delivery, one.claim, "unsupported", permanent=True)
    assert results_of(clarion) == {"failed": 1}
    with pytest.raises(LeaseLost, match="claim again"):
        clarion.pull.sent("desktop", one.delivery, one.claim)


def test_the_limit_is_kept_and_the_rest_waits(clarion: Clarion) -> None:
    device(clarion, "bob", "laptop", "phone")
    for _ in range(4):
        told(clarion, "bob")
    seen = {
        one.delivery for n in (3, 3, 3) for one in clarion.pull.claim("desktop", limit=n, recipient="bob")
    }
    assert len(seen) == 8


# ── Whose ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_finds_their_own_and_nothing_else(clarion: Clarion) -> None:
    """Whatever their names begin with."""
    for recipient in ("bob", "bob x", "bo", "b"):
        device(clarion, recipient, "laptop", "laptop 2")
        device(clarion, recipient, "laptop", tenant="default bob")
    told(clarion, "bob", "bob x", "bo", "b")
    told(clarion, "bob", "bob x", "bo", "b", tenant="default bob")
    assert [
        (one.message.recipient.id, one.message.tenant, one.address)
        for one in clarion.pull.claim("desktop", recipient="bob", address="laptop")
    ] == [("bob", "default", "laptop")]
    mine = clarion.pull.claim("desktop", recipient="bob")
    assert [(one.message.recipient.id, one.address) for one in mine] == [("bob", "laptop 2")]
    rest = clarion.pull.claim("desktop", limit=100)
    assert Counter(one.message.recipient.id for one in rest) == {"bob x": 2, "bo": 2, "b": 2}
    others = clarion.pull.claim("desktop", limit=100, tenant="default bob")
    assert {one.message.tenant for one in others} == {"default bob"}
    assert len(others) == 4


def test_what_is_another_s_is_not_there(clarion: Clarion) -> None:
    for tenant in ("default", "other"):
        device(clarion, "bob", tenant=tenant)
    device(clarion, "carol")
    told(clarion, "bob")
    (one,) = clarion.pull.claim("desktop", recipient="bob")
    for who in ({"recipient": "carol"}, {"tenant": "other"}, {"tenant": "other", "recipient": "bob"}):
        with pytest.raises(NotFound, match="no delivery"):
            clarion.pull.sent("desktop", one.delivery, one.claim, **who)  # type: ignore[arg-type]  # texts
        with pytest.raises(NotFound):
            clarion.pull.extend("desktop", one.delivery, one.claim, **who)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            clarion.pull.failed("desktop", one.delivery, one.claim, "x", permanent=True, **who)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="no channel to fetch from"):
        clarion.pull.claim("email")
    assert results_of(clarion) == {}
    clarion.pull.sent("desktop", one.delivery, one.claim)


# ── Leases and fences ────────────────────────────────────────────────────────────────────────────────────


def test_a_lease_that_ended_backs_off_and_its_claim_is_refused(clarion: Clarion, travel: Travel) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    (one,) = clarion.pull.claim("desktop")
    travel(LEASE)
    assert clarion.pull.claim("desktop") == [], "it rests first"
    with pytest.raises(LeaseLost):
        clarion.pull.sent("desktop", one.delivery, one.claim)
    with pytest.raises(LeaseLost):
        clarion.pull.extend("desktop", one.delivery, one.claim)
    travel(timedelta(seconds=2))
    (again,) = clarion.pull.claim("desktop")
    assert again.delivery == one.delivery
    clarion.pull.sent("desktop", again.delivery, again.claim)
    assert results_of(clarion) == {"lost": 1, "sent": 1}


def test_what_ends_every_device_ends_failed_and_keeps_nothing_waiting(
    clarion: Clarion, travel: Travel
) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    failed: list[Any] = []
    clarion.on_failed(failed.append)
    (poison,) = clarion.pull.claim("desktop")
    times = 1
    for _ in range(10):
        travel(MINUTE)
        told(clarion, "bob")  # what else there is goes on beside it
        found = clarion.pull.claim("desktop", limit=100)
        if poison.delivery in {one.delivery for one in found}:
            assert len(found) == 1, "it comes alone"
            times += 1
        else:
            for one in found:
                clarion.pull.sent("desktop", one.delivery, one.claim)
    assert times == 4
    assert results_of(clarion)["sent"] >= 9
    assert results_of(clarion)["failed"] == 1
    assert clarion.hooks.finish(within=10)
    assert [one.code for one in failed] == ["lease_lost"]


def test_a_lease_is_extended_and_says_what_was_taken_back(clarion: Clarion, travel: Travel) -> None:
    device(clarion, "bob")
    event = told(clarion, "bob")
    (one,) = clarion.pull.claim("desktop", lease=LEASE)
    travel(timedelta(seconds=20))
    longer = clarion.pull.extend("desktop", one.delivery, one.claim, lease=5 * MINUTE)
    assert not longer.cancelled
    travel(4 * MINUTE)
    assert clarion.pull.claim("desktop") == []
    clarion.database.run(lambda conn: clarion.cancel(conn, event))
    walk(clarion)
    assert clarion.pull.extend("desktop", one.delivery, one.claim).cancelled
    clarion.pull.failed("desktop", one.delivery, one.claim, "hidden", permanent=False)
    assert results_of(clarion) == {"cancelled": 1}


def test_two_who_claim_at_once_get_each_delivery_once(clarion: Clarion) -> None:
    device(clarion, "bob")
    for _ in range(6):
        told(clarion, "bob", "bob")
    start, seen = threading.Barrier(4), list[UUID]()

    def fetch() -> None:
        start.wait()
        while found := clarion.pull.claim("desktop", limit=2):
            for one in found:
                clarion.pull.sent("desktop", one.delivery, one.claim)
                seen.append(one.delivery)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    walk(clarion)
    seen += [one.delivery for one in clarion.pull.claim("desktop", limit=100)]
    assert len(seen) == len(set(seen)) == 6


def test_what_a_killed_process_had_claimed_comes_to_another(clarion: Clarion, travel: Travel) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    script = (
        "import os, signal\n"
        "from clarion import Clarion, Pull\n"
        f"clarion = Clarion({clarion.database.url.render_as_string(hide_password=False)!r}, channels=[Pull('desktop')])\n"
        "clarion.type('note', channels=['inbox', 'desktop'])\n"
        "print(len(clarion.pull.claim('desktop')), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (killed.stdout, killed.returncode) == ("1\n", -9), killed.stderr
    assert clarion.pull.claim("desktop") == []
    travel(LEASE + timedelta(seconds=1))
    assert clarion.pull.claim("desktop") == []
    travel(timedelta(seconds=2))
    (again,) = clarion.pull.claim("desktop")
    clarion.pull.sent("desktop", again.delivery, again.claim)
    assert results_of(clarion) == {"lost": 1, "sent": 1}


# ── Still wanted? ────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_no_longer_wanted_is_not_handed_out(clarion: Clarion) -> None:
    suppressed: list[Any] = []
    clarion.on_suppressed(suppressed.append)
    device(clarion, "bob")
    device(clarion, "carol")
    told(clarion, "bob", "carol", thread="cl/1")
    clarion.recipients.mute("bob", "cl/1")
    assert [one.message.recipient.id for one in clarion.pull.claim("desktop")] == ["carol"]
    assert results_of(clarion) == {"suppressed": 1}
    assert clarion.hooks.finish(within=10)
    assert [(one.recipient, one.code) for one in suppressed] == [("bob", "muted")]


def test_a_withdrawn_event_is_not_handed_out(clarion: Clarion) -> None:
    device(clarion, "bob")
    event = told(clarion, "bob")
    clarion.database.run(lambda conn: clarion.cancel(conn, event))
    assert clarion.pull.claim("desktop") == []
    assert not count(clarion, queue)


def test_quiet_hours_hold_it(clarion: Clarion) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    now = clock.now()
    window = f"{now - MINUTE:%H:%M}-{now + 10 * MINUTE:%H:%M}"
    clarion.recipients.configure("bob", quiet_hours={"daily": [window]})
    assert clarion.pull.claim("desktop") == []
    assert results_of(clarion) == {"held": 1}


def test_who_lost_access_gets_nothing_and_a_check_that_fails_costs_nothing(make: Make) -> None:
    clarion = make()
    asked: list[Any] = []

    def access(_event: Any, ids: Any, _application: Any) -> Any:
        asked.append(list(ids))
        if len(asked) == 2:
            raise RuntimeError("away")
        return set(ids) - ({"bob"} if len(asked) > 2 else set())

    clarion.type("note", channels=["desktop"], access=access)
    clarion.start()
    device(clarion, "bob")
    told(clarion, "bob")
    assert clarion.pull.claim("desktop") == []
    assert results_of(clarion) == {"given_back": 1}
    clock.travel(2 * MINUTE)
    try:
        assert clarion.pull.claim("desktop") == []
    finally:
        clock.travel(-2 * MINUTE)
    assert results_of(clarion) == {"given_back": 1, "suppressed": 1}


def test_one_per_window_means_one(make: Make, travel: Travel) -> None:
    clarion = make()
    policy = Policy(cooldown=Cooldown(minutes=15, channels=("desktop",)), retries=Retries(waits=()))
    clarion.type("note", channels=["desktop"], policy=policy)
    clarion.start()
    device(clarion, "bob")
    told(clarion, "bob", subject="cl/1", thread="cl/1")
    told(clarion, "bob", subject="cl/1", thread="cl/1")
    (first,) = clarion.pull.claim("desktop")
    clarion.pull.failed("desktop", first.delivery, first.claim, "no_display", permanent=True)
    walk(clarion)  # whom it had stopped is told instead
    (second,) = clarion.pull.claim("desktop")
    clarion.pull.sent("desktop", second.delivery, second.claim)
    told(clarion, "bob", subject="cl/1", thread="cl/1")
    assert clarion.pull.claim("desktop") == []
    assert results_of(clarion) == {"failed": 1, "sent": 1}


def test_a_pause_by_hand_holds_for_devices_too(clarion: Clarion) -> None:
    device(clarion, "bob")
    told(clarion, "bob")
    clarion.pause("desktop", until=clock.now() + MINUTE, by="olga")
    assert clarion.pull.claim("desktop") == []
    clarion.resume("desktop")
    assert len(clarion.pull.claim("desktop")) == 1


# ── Workers, and what is declared ────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_workers_leave_it_to_the_devices(make: Make) -> None:
    wire = Wire()
    clarion = make(wire)
    clarion.type("note", channels=["desktop", "wire"])
    clarion.recipients.upsert("bob", addresses={"desktop": "laptop", "wire": "bob@a.test"})
    async with working(clarion):
        emit(clarion, "note", to=["bob"])
        await until(lambda: len(wire.taken) == 1 and results_of(clarion)["sent"] == 1)
        (one,) = await until(lambda: clarion.pull.claim("desktop"))
        clarion.pull.sent("desktop", one.delivery, one.claim)
        await until(lambda: done(clarion))
    assert results_of(clarion) == {"sent": 2}


def test_what_grows_too_old_is_ended_by_workers(make: Make, travel: Travel) -> None:
    clarion = make()
    clarion.type("note", channels=["desktop"], max_age=timedelta(hours=1))
    clarion.start()
    device(clarion, "bob")
    told(clarion, "bob")
    travel(timedelta(hours=2))
    walk(clarion)
    assert results_of(clarion) == {"suppressed": 1}


def test_doctor_knows_it_and_a_trial_says_why_not(clarion: Clarion) -> None:
    (found,) = [one for one in clarion.examine() if one.about == "channel desktop"]
    assert "fetch" in found.seen


def test_what_cannot_work_is_refused(make: Make, clarion: Clarion) -> None:
    with pytest.raises(ConfigError, match="takes no cap"):
        make(caps=[Cap("desktop", per_second=1)])
    with pytest.raises(ConfigError, match="a channel's name"):
        Pull("my desktop")
    for wrong, said in (
        ({"limit": 0}, "from 1 to 100"),
        ({"lease": timedelta(seconds=1)}, "from 5 to 600"),
        ({"lease": timedelta(hours=1)}, "from 5 to 600"),
        ({"address": "laptop"}, "say whose"),
    ):
        with pytest.raises(InvalidInput, match=said):
            clarion.pull.claim("desktop", **wrong)  # type: ignore[arg-type]  # any of them
    with pytest.raises(InvalidInput, match="short word"):
        clarion.pull.failed("desktop", UUID(int=1), 1, "no such thing", permanent=True)
