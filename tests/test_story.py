"""One event's story: the numbers, the people, and one line of time across channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from clarion import Clarion, Cooldown, Policy, Reject, Retries, Retry
from clarion.errors import NotFound
from clarion.message import Message
from clarion.recipient import Address
from clarion.store import stories
from clarion.story import Story
from tests.support.working import Wire, done, emit, limits, people, until, working

NOW_AND_THEN = Policy(retries=Retries(waits=(timedelta(milliseconds=10),) * 2))


async def does(message: Message, _to: Address) -> str:
    match message.recipient.id:
        case "fails":
            raise Reject("spam", "550 we do not want <this>")
        case "again" if message.attempt == 1:
            raise Retry("busy", "451 later")
    return "a receipt"


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Wire(does)], limits=limits())
    made.type("note", channels=["inbox", "wire"], policy=NOW_AND_THEN)
    made.type("rare", channels=["wire"], policy=Policy(cooldown=Cooldown(minutes=15)))
    made.type("down", channels=["inbox"])
    people(made, "bob", "fails", "again")
    made.recipients.upsert("carol", name="Carol")
    yield made
    made.close()


async def told(clarion: Clarion, type: str, **fields: object) -> UUID:
    event = emit(clarion, type, **fields)
    async with working(clarion):
        await until(lambda: done(clarion))
    return event


def line(story: Story, recipient: str | None) -> list[tuple[str, str | None]]:
    return [(m.said, m.channel) for m in story.moments if m.recipient == recipient]


@pytest.mark.anyio
async def test_one_line_across_channels(clarion: Clarion) -> None:
    event = await told(clarion, "note", to=["bob", "fails", "again", "carol"], actor="alice")
    (item,) = clarion.inbox.list("bob").items
    clarion.inbox.mark("bob", [item.id], "read")
    story = clarion.story(event)
    assert story.whole
    assert story.sources == ("direct: bob, fails, again, carol",)
    assert [m.at for m in story.moments] == sorted(m.at for m in story.moments)
    assert line(story, None) == [
        ("emitted by alice", None),
        ("everybody in its audience had been decided on", None),
    ]
    assert line(story, "again") == [
        ("to be told on inbox, wire (direct)", None),
        ("tried, and to be tried again", "wire"),
        ("sent", "wire"),
    ]
    assert ("read", "inbox") in line(story, "bob")
    failed = next(m for m in story.moments if m.said == "failed")
    assert (failed.recipient, failed.code, failed.more) == ("fails", "spam", "550 we do not want <this>")
    assert failed.tone == "bad"
    carol = next(m for m in story.moments if m.recipient == "carol")
    assert carol.more == "wire: suppressed: the recipient has no address on this channel"


@pytest.mark.anyio
async def test_the_numbers_are_those_of_counts(clarion: Clarion) -> None:
    event = await told(clarion, "note", to=["bob", "fails", "again", "carol"])
    (item,) = clarion.inbox.list("bob").items
    clarion.inbox.mark("bob", [item.id], "read")
    standing, counts = clarion.story(event).standing, clarion.counts(event)
    assert (standing.recipients, standing.told, standing.suppressed, standing.inbox) == (
        counts.total,
        counts.told,
        counts.suppressed,
        counts.inbox,
    )
    assert standing.read == 1
    assert standing.gates == {"reachable": 1}
    stand = {(one.state.value, one.code): one.number for one in standing.deliveries}
    assert stand == {("sent", None): 2, ("failed", "spam"): 1}
    assert sum(stand.values()) == counts.deliveries


@pytest.mark.anyio
async def test_numbers_of_more_than_are_counted(clarion: Clarion) -> None:
    event = await told(clarion, "note", to=["bob", "fails", "again", "carol"])
    found = clarion.database.read(lambda conn: stories.standing(conn, "default", event, most=3))
    assert (found.recipients, found.more) == (3, True)  # again, bob, carol
    assert {(one.state.value, one.number) for one in found.deliveries} == {("sent", 2)}


@pytest.mark.anyio
async def test_people_page_by_page_and_one_alone(clarion: Clarion) -> None:
    event = await told(clarion, "note", to=["bob", "fails", "again", "carol"])
    first = clarion.story(event, most=3)
    assert [p.record.recipient for p in first.people] == ["again", "bob", "carol"]
    assert first.next == "carol"
    assert not first.whole
    rest = clarion.story(event, most=3, after="carol")
    assert [p.record.recipient for p in rest.people] == ["fails"]
    assert rest.next is None
    alone = clarion.story(event, recipient="fails")
    assert [p.record.recipient for p in alone.people] == ["fails"]
    assert alone.people[0].record.deliveries[0].address == "fails@a.test"
    assert clarion.story(event, recipient="nobody").people == ()


@pytest.mark.anyio
async def test_who_was_blocked_is_told_by_whom(clarion: Clarion) -> None:
    first = await told(clarion, "rare", to=["bob"])
    second = await told(clarion, "rare", to=["bob"])
    (bob,) = clarion.story(second).people
    (why,) = bob.channels
    assert why.gate == "cooldown"
    assert why.holder is not None
    assert why.holder.event == first
    assert clarion.story(second).standing.gates == {"cooldown": 1}


@pytest.mark.anyio
async def test_repeats_and_resolution(clarion: Clarion) -> None:
    opened = await told(clarion, "down", to=["bob"], condition="disk full")
    again = await told(clarion, "down", to=["bob"], condition="disk full")
    story = clarion.story(opened)
    assert story.condition is not None
    assert story.condition.repeats == 1
    assert "its condition was said again, once by now" in [m.said for m in story.moments]
    assert clarion.story(again).progress.repeat_of == opened
    assert "counted as a repeat: its condition was open already" in [
        m.said for m in clarion.story(again).moments
    ]
    clarion.database.run(lambda conn: clarion.resolve(conn, "disk full"))
    assert [(one.what, one.recipient) for one in clarion.story(opened).taken_back] == [("condition", None)]


@pytest.mark.anyio
async def test_withdrawals_bear_on_what_came_before(clarion: Clarion) -> None:
    event = await told(clarion, "note", to=["bob"], subject="cl/1")
    clarion.database.run(lambda conn: clarion.withdraw(conn, "cl/1", "bob"))
    clarion.database.run(lambda conn: clarion.cancel(conn, event))
    later = emit(clarion, "note", to=["bob"], subject="cl/1")
    found = [(one.what, one.recipient) for one in clarion.story(event).taken_back]
    assert found == [("subject", "bob"), ("event", None)]
    assert clarion.story(later).taken_back == ()


def test_what_is_still_to_come(clarion: Clarion) -> None:
    from clarion import clock

    event = emit(clarion, "note", to=["bob"], at=clock.now() + timedelta(hours=2))
    story = clarion.story(event)
    assert [(m.said, m.ahead) for m in story.moments] == [("emitted", False), ("due", True)]
    assert story.standing.recipients == 0


def test_another_tenants_event_is_not_there(clarion: Clarion) -> None:
    event = emit(clarion, "note", to=["bob"], tenant="other")
    with pytest.raises(NotFound):
        clarion.story(event)
    with pytest.raises(NotFound):
        clarion.story(uuid4())
    assert clarion.story(event, tenant="other").event.id == event
