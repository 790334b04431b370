"""Cooldown and throttle, walked through: who is told, who is stopped, and who is told after all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion import Clarion, Cooldown, Policy, Reject, Retries, Retry, Throttle
from clarion.message import Message
from clarion.recipient import Address
from tests.support.working import Wire, emit, ends, limits, people, results, settled, until, working

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
Travel = Callable[[timedelta], None]
Make = Callable[..., Clarion]


class Post:
    """A channel on which each event, by the name in its data, may be made to wait, and to be refused."""

    def __init__(self, name: str = "wire") -> None:
        self.wire = Wire(self._does, name=name)
        self.refused: set[str] = set()
        self.refuse_first: set[str] = set()  # of these, whichever comes first
        self.busy: set[str] = set()
        self._held: dict[str, asyncio.Event] = {}

    def hold(self, name: str) -> None:
        self._held[name] = asyncio.Event()

    def let_go(self, name: str) -> None:
        self._held[name].set()

    async def _does(self, message: Message, _address: Address) -> None:
        name = message.event.data["name"]
        if name in self._held:
            await self._held[name].wait()
        if name in self.refuse_first:
            self.refuse_first.clear()
            self.refused = {name}
        if name in self.refused:
            raise Reject("550", "not today")
        if name in self.busy:
            raise Retry("busy")

    @property
    def told(self) -> list[str]:
        return [message.event.data["name"] for message in self.wire.taken]

    def begun(self, name: str) -> bool:
        return any(message.event.data["name"] == name for message in self.wire.begun)


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    made: list[Clarion] = []

    def application(*posts: Post, channels: tuple[str, ...] = ("wire",), **policy: Any) -> Clarion:
        clarion = Clarion(database_url, channels=[post.wire for post in posts], limits=limits())
        made.append(clarion)
        policy.setdefault("retries", Retries(waits=(timedelta(milliseconds=20),) * 2))
        required = policy.pop("required", False)
        clarion.type("news", channels=channels, policy=Policy(**policy), required=required)
        clarion.start()
        people(clarion, "bob")
        return clarion

    yield application
    for clarion in made:
        clarion.close()


def say(clarion: Clarion, name: str, **fields: Any) -> UUID:
    return emit(clarion, "news", to=["bob"], data={"name": name}, **fields)


def gate(clarion: Clarion, event: UUID, recipient: str, channel: str = "wire") -> str:
    """The gate that stopped or holds it; `told`, or `undecided`."""
    why = clarion.why(event, recipient).channel(channel)
    return "undecided" if why is None else why.gate or "told"


async def all_settled(clarion: Clarion) -> None:
    await until(lambda: settled(clarion))


async def test_once_per_window(make: Make, travel: Travel) -> None:
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15))
    async with working(clarion):
        say(clarion, "a")
        await all_settled(clarion)
        b = say(clarion, "b")
        await all_settled(clarion)
        travel(14 * MINUTE)
        say(clarion, "c")
        await all_settled(clarion)
        assert post.told == ["a"]
        assert gate(clarion, b, "bob") == "cooldown"
        travel(1 * MINUTE)
        say(clarion, "d")
        say(clarion, "e")
        await all_settled(clarion)
    assert len(post.told) == 2, "what was stopped because somebody was told is not told later"
    assert post.told[1] in {"d", "e"}


async def test_when_the_holder_fails_for_good_the_newest_is_told_and_the_window_begins_with_it(
    make: Make, travel: Travel
) -> None:
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15))
    post.hold("a")
    post.refused = {"a"}
    async with working(clarion):
        a = say(clarion, "a")
        await until(lambda: post.begun("a"))
        b = say(clarion, "b")
        await until(lambda: gate(clarion, b, "bob") == "cooldown")
        c = say(clarion, "c")
        await until(lambda: gate(clarion, c, "bob") == "cooldown")
        travel(5 * MINUTE)
        post.let_go("a")
        await until(lambda: post.told == ["c"])
        await all_settled(clarion)
        assert ends(clarion, a, "bob") == ("failed", "550")
        assert (gate(clarion, b, "bob"), gate(clarion, c, "bob")) == ("cooldown", "told")
        assert clarion.why(c, "bob").decided_at is not None
        assert clarion.why(c, "bob").still_so
        assert clarion.why(b, "bob").decided_at is None
        travel(14 * MINUTE)
        say(clarion, "d")
        await all_settled(clarion)
        assert post.told == ["c"]
        travel(1 * MINUTE)
        say(clarion, "e")
        await all_settled(clarion)
    assert post.told == ["c", "e"]


async def test_one_failure_after_another(make: Make) -> None:
    """Each that fails hands over to the newest that is left; in the end one is told, or all have failed."""
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15))
    post.hold("a")
    post.refused = {"a", "e", "d", "c"}
    async with working(clarion):
        say(clarion, "a")
        await until(lambda: post.begun("a"))
        for name in "bcde":
            event = say(clarion, name)
            await until(lambda event=event: gate(clarion, event, "bob") == "cooldown")
        post.let_go("a")
        await until(lambda: post.told == ["b"])
        await all_settled(clarion)
    assert [m.event.data["name"] for m in post.wire.begun] == ["a", "e", "d", "c", "b"]


async def test_a_retry_keeps_the_slot(make: Make, travel: Travel) -> None:
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15), retries=Retries(waits=(60 * MINUTE,), jitter=0))
    post.busy = {"a"}
    async with working(clarion):
        a = say(clarion, "a")
        await until(lambda: ends(clarion, a, "bob") == ("waiting", "busy"))
        travel(30 * MINUTE)
        b = say(clarion, "b")
        await until(lambda: gate(clarion, b, "bob") == "cooldown")
        post.busy = set()
        travel(31 * MINUTE)
        await all_settled(clarion)
    assert post.told == ["a"]


async def test_a_higher_severity_passes_and_blocks_the_lower(make: Make) -> None:
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15))
    async with working(clarion):
        for name, severity in (("a", "warning"), ("b", "warning"), ("c", "urgent"), ("d", "action")):
            say(clarion, name, severity=severity)
            await all_settled(clarion)
        last = say(clarion, "e", severity="urgent")
        await all_settled(clarion)
    assert post.told == ["a", "c"]
    assert gate(clarion, last, "bob") == "cooldown"


async def test_of_what_a_failed_urgent_one_stopped_each_severity_is_told_if_it_would_have_been(
    make: Make,
) -> None:
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15))
    post.hold("urgent")
    post.refused = {"urgent"}
    async with working(clarion):
        say(clarion, "info before", severity="info")
        await all_settled(clarion)
        say(clarion, "urgent", severity="urgent")
        await until(lambda: post.begun("urgent"))
        for name in ("action old", "warning", "action new", "info", "info new"):
            event = say(clarion, name, severity=name.split()[0])
            await until(lambda event=event: gate(clarion, event, "bob") == "cooldown")
        post.let_go("urgent")
        await until(lambda: len(post.told) == 2)
        await all_settled(clarion)
    assert post.told == ["info before", "action new"], "the warning is older, and less severe"


async def test_exempt_severities_are_neither_stopped_nor_counted(make: Make) -> None:
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15, exempt="action"))
    async with working(clarion):
        for name, severity in (
            ("a", "urgent"),
            ("b", "action"),
            ("c", "info"),
            ("d", "info"),
            ("e", "action"),
        ):
            say(clarion, name, severity=severity)
            await all_settled(clarion)
    assert post.told == ["a", "b", "c", "e"]


async def test_required_types_are_charged_too(make: Make) -> None:
    post = Post()
    clarion = make(post, cooldown=Cooldown(minutes=15), required=True)
    async with working(clarion):
        say(clarion, "a")
        await all_settled(clarion)
        say(clarion, "b")
        await all_settled(clarion)
    assert post.told == ["a"]


async def test_per_channel_each_keeps_its_own_window(make: Make, travel: Travel) -> None:
    """On one channel it fails for good, on the other it is sent: only the first tells the next."""
    wire, bell = Post("wire"), Post("bell")
    clarion = make(wire, bell, channels=("wire", "bell"), cooldown=Cooldown(minutes=15, charge="channel"))
    clarion.recipients.upsert("bob", addresses={"wire": "b@a.test", "bell": "b"})
    wire.hold("a")
    wire.refused = {"a"}
    async with working(clarion):
        say(clarion, "a")
        await until(lambda: wire.begun("a") and bell.told == ["a"])
        b = say(clarion, "b")
        await until(lambda: gate(clarion, b, "bob") == "cooldown")
        wire.let_go("a")
        await until(lambda: wire.told == ["b"])
        await all_settled(clarion)
    assert bell.told == ["a"]
    assert (gate(clarion, b, "bob", "wire"), gate(clarion, b, "bob", "bell")) == ("told", "cooldown")


async def test_per_notification_one_channel_that_reached_them_is_enough(make: Make) -> None:
    wire, bell = Post("wire"), Post("bell")
    clarion = make(wire, bell, channels=("wire", "bell"), cooldown=Cooldown(minutes=15))
    clarion.recipients.upsert("bob", addresses={"wire": "b@a.test", "bell": "b"})
    wire.hold("a")
    wire.refused = {"a"}
    async with working(clarion):
        say(clarion, "a")
        await until(lambda: wire.begun("a") and bell.told == ["a"])
        b = say(clarion, "b")
        await until(lambda: gate(clarion, b, "bob") == "cooldown")
        wire.let_go("a")
        await all_settled(clarion)
        say(clarion, "c")
        await all_settled(clarion)
    assert (wire.told, bell.told) == ([], ["a"])


async def test_per_notification_both_channels_failed(make: Make) -> None:
    wire, bell = Post("wire"), Post("bell")
    clarion = make(wire, bell, channels=("wire", "bell"), cooldown=Cooldown(minutes=15))
    clarion.recipients.upsert("bob", addresses={"wire": "b@a.test", "bell": "b"})
    for post in (wire, bell):
        post.hold("a")
        post.refused = {"a"}
    async with working(clarion):
        a = say(clarion, "a")
        await until(lambda: wire.begun("a") and bell.begun("a"))
        b = say(clarion, "b")
        await until(lambda: gate(clarion, b, "bob") == "cooldown")
        wire.let_go("a")
        await until(lambda: ends(clarion, a, "bob")[0] == "failed")
        assert gate(clarion, b, "bob") == "cooldown", "the other channel may still reach them"
        bell.let_go("a")
        await until(lambda: wire.told == ["b"] and bell.told == ["b"])
        await all_settled(clarion)


async def test_a_cooldown_on_mail_alone_leaves_the_inbox(make: Make) -> None:
    post = Post()
    clarion = make(post, channels=("inbox", "wire"), cooldown=Cooldown(minutes=15, channels=("wire",)))
    post.hold("a")
    post.refused = {"a"}
    async with working(clarion):
        say(clarion, "a")
        await until(lambda: post.begun("a"))
        b = say(clarion, "b")
        await until(lambda: gate(clarion, b, "bob") == "cooldown")
        assert [item.event.data["name"] for item in clarion.inbox.list("bob").items] == ["b", "a"]
        post.let_go("a")
        await until(lambda: post.told == ["b"])
        await all_settled(clarion)
    assert [item.event.data["name"] for item in clarion.inbox.list("bob").items] == ["b", "a"]


async def test_what_was_withdrawn_or_read_meanwhile_is_passed_over(make: Make) -> None:
    post = Post()
    clarion = make(post, channels=("inbox", "wire"), cooldown=Cooldown(minutes=15, channels=("wire",)))
    post.hold("a")
    post.refused = {"a"}
    async with working(clarion):
        say(clarion, "a")
        await until(lambda: post.begun("a"))
        events = [say(clarion, name) for name in "bc"]
        for event in events:
            await until(lambda event=event: gate(clarion, event, "bob") == "cooldown")
        clarion.recipients.prefer("bob", "*", enabled=False)
        post.let_go("a")
        await all_settled(clarion)
    assert post.told == [], "by now bob wants nothing at all"
    assert gate(clarion, events[1], "bob") == "cooldown", "and the record is of the time when it was decided"


async def test_a_throttle_tells_so_many_and_of_those_beyond_the_newest_that_find_room(
    make: Make, travel: Travel
) -> None:
    """Three of three fail for good: the three newest of those beyond are told."""
    post = Post()
    clarion = make(post, throttle=Throttle(3, hours=1))
    first, beyond = ["a", "b", "c"], ["d", "e", "f", "g", "h"]
    post.refused = set(first)
    async with working(clarion):
        for name in first:
            post.hold(name)
            say(clarion, name)
            await until(lambda name=name: post.begun(name))
        for name in beyond:
            event = say(clarion, name)
            await until(lambda event=event: gate(clarion, event, "bob") == "throttle")
        for name in first:
            post.let_go(name)
        await until(lambda: len(post.told) == 3)
        await all_settled(clarion)
        assert sorted(post.told) == ["f", "g", "h"]
        travel(61 * MINUTE)
        say(clarion, "i")
        await all_settled(clarion)
    assert post.told[3:] == ["i"]


async def test_what_a_throttle_holds_is_in_the_inbox_at_once_and_sent_when_there_is_room(
    make: Make, travel: Travel
) -> None:
    post = Post()
    clarion = make(
        post,
        channels=("inbox", "wire"),
        throttle=Throttle(2, hours=1, channels=("wire",), overflow="hold"),
    )
    names = ["a", "b", "c", "d", "e"]
    async with working(clarion):
        for name in names:
            event = say(clarion, name)
            await until(lambda event=event: ends(clarion, event, "bob")[0] in {"sent", "waiting"})
            await until(lambda: len(post.told) == min(2, len(clarion.inbox.list("bob").items)))
        assert post.told == ["a", "b"]
        assert len(clarion.inbox.list("bob").items) == 5
        travel(59 * MINUTE)
        await asyncio.sleep(0.2)
        assert post.told == ["a", "b"]
        travel(2 * MINUTE)
        await until(lambda: len(post.told) == 4)
        await until(lambda: results(clarion)["sent"] == 4)
        await asyncio.sleep(0.2)
        assert len(post.told) == 4, "two of the three that waited; the order is not promised"
        travel(62 * MINUTE)
        await all_settled(clarion)
    assert sorted(post.told) == names
    attempts = clarion.why(event, "bob").deliveries[0].attempts
    assert [a.n for a in attempts][-1] == 1, "waiting for room costs no attempt"


async def test_a_failure_makes_room_for_what_is_held_at_once(make: Make) -> None:
    post = Post()
    clarion = make(post, throttle=Throttle(1, hours=1, overflow="hold"))
    post.hold("a")
    post.refused = {"a"}
    async with working(clarion):
        say(clarion, "a")
        await until(lambda: post.begun("a"))
        b = say(clarion, "b")
        await until(lambda: ends(clarion, b, "bob")[0] == "waiting")
        post.let_go("a")
        await until(lambda: post.told == ["b"])
        await all_settled(clarion)


async def test_a_cooldown_and_a_throttle_together(make: Make, travel: Travel) -> None:
    """What the cooldown refuses does not count against the throttle; what passes both is charged for both."""
    post = Post()
    clarion = make(
        post, cooldown=Cooldown(minutes=10, key="thread"), throttle=Throttle(3, hours=1, key="type")
    )
    async with working(clarion):
        for name, thread in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c"), ("d1", "d")):
            say(clarion, name, thread=thread)
            await all_settled(clarion)
        assert post.told == ["a1", "b1", "c1"]
        travel(11 * MINUTE)
        e = say(clarion, "a3", thread="a")
        await all_settled(clarion)
        assert gate(clarion, e, "bob") == "throttle"
        travel(50 * MINUTE)
        say(clarion, "a4", thread="a")
        await all_settled(clarion)
    assert post.told == ["a1", "b1", "c1", "a4"]


async def test_what_both_rules_stopped_is_told_when_both_have_room(make: Make) -> None:
    post = Post()
    clarion = make(
        post, cooldown=Cooldown(minutes=10, key="thread"), throttle=Throttle(1, hours=1, key="type")
    )
    post.hold("a1")
    post.refused = {"a1"}
    async with working(clarion):
        say(clarion, "a1", thread="a")
        await until(lambda: post.begun("a1"))
        older, newer = say(clarion, "a2", thread="a"), say(clarion, "b1", thread="b")
        await until(lambda: gate(clarion, older, "bob") == "cooldown")
        await until(lambda: gate(clarion, newer, "bob") == "throttle")
        post.let_go("a1")
        await until(lambda: len(post.told) == 1)
        await all_settled(clarion)
    assert post.told in (["a2"], ["b1"]), "one place in the throttle, for whoever came first to be asked"


async def test_a_cooldown_met_on_the_way_out(make: Make, travel: Travel) -> None:
    """Held by a throttle, two of a thread owe the cooldown as well: if one fails, the other is told."""
    post = Post()
    clarion = make(
        post,
        cooldown=Cooldown(minutes=10, key="thread"),
        throttle=Throttle(2, hours=1, key="type", overflow="hold"),
    )
    post.refuse_first = {"t1", "t2"}
    async with working(clarion):
        for name in ("x", "y"):
            say(clarion, name, thread=name)
            await all_settled(clarion)
        first = say(clarion, "t1", thread="t")
        await until(lambda: ends(clarion, first, "bob")[0] == "waiting")
        second = say(clarion, "t2", thread="t")
        await until(lambda: ends(clarion, second, "bob")[0] == "waiting")
        travel(61 * MINUTE)
        await until(lambda: len(post.told) == 3)
        await all_settled(clarion)
    assert [set(post.told), post.refused] in [[{"x", "y", "t1"}, {"t2"}], [{"x", "y", "t2"}, {"t1"}]]
