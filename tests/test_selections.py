"""Bulk actions on a frozen set: what was shown is what is done, whatever happens meanwhile, and whoever dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from clarion import Clarion, Cooldown, InvalidInput, NotFound, Reject, UnknownName
from clarion.delivery import State
from clarion.desk import Desk
from clarion.selection import CANCELLED, Selection
from clarion.sought import DeliveryFilter
from clarion.store import carrying
from clarion.store.pruning import Round, Tally, run
from clarion.store.schema import queue, selection_members, selections
from tests.support.moody import Make, Moody, making
from tests.support.working import (
    count,
    crowd,
    done,
    emit,
    ends,
    no_duplicates,
    people,
    results,
    until,
    working,
)

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    with making(database_url) as make:
        yield make


@pytest.fixture
def clarion(make: Make, moody: Moody) -> Clarion:
    return make(moody.wire)


@pytest.fixture
def desk(clarion: Clarion) -> Desk:
    return clarion.desk("olga")


async def failed(clarion: Clarion, number: int = 5) -> UUID:
    event = emit(clarion, "note", to=crowd(clarion, number))
    async with working(clarion):
        await until(lambda: done(clarion))
    return event


async def waiting(clarion: Clarion, number: int = 5) -> UUID:
    """What waits, for its channel pauses."""
    clarion.start()
    clarion.pause("wire", until=datetime.now(UTC) + 9 * DAY, by="a test")
    event = emit(clarion, "note", to=crowd(clarion, number))
    async with working(clarion):
        await until(lambda: count(clarion, queue) == number)
    return event


def stands(clarion: Clarion, event: UUID) -> Counter[str]:
    page = clarion.desk("a test").deliveries(DeliveryFilter(event=event), most=1000)
    return Counter(one.state.value for one in page.items)


def came_to(found: Selection) -> tuple[str, int, int, int]:
    return found.state, found.number, found.done, found.left_alone


# ── Replaying ────────────────────────────────────────────────────────────────────────────────────────────


async def test_just_what_was_shown_is_replayed(clarion: Clarion, desk: Desk, moody: Moody) -> None:
    event = await failed(clarion)
    chosen = desk.preview_replay(channel="wire")
    assert came_to(chosen) == ("previewed", 5, 0, 0)
    assert [(g.channel, g.state, g.code, g.refused, g.number) for g in chosen.groups] == [
        ("wire", State.FAILED, "refused", None, 5)
    ]
    assert len(chosen.groups[0].sample) == 3
    assert (chosen.filter, chosen.by, chosen.more, chosen.excluded) == (
        {"channel": "wire"},
        "olga",
        False,
        {},
    )
    later = await failed(clarion, 2)
    moody.error = None
    assert came_to(desk.apply(chosen.id, number=5)) == ("finished", 5, 5, 0)
    assert count(clarion, selection_members) == 0
    async with working(clarion):
        await until(lambda: done(clarion))
    assert (stands(clarion, event), stands(clarion, later)) == ({"sent": 5}, {"failed": 2})
    again = desk.apply(chosen.id, number=5)
    assert came_to(again) == ("finished", 5, 5, 0), "said again, it does nothing"
    assert [(line.verb, line.by, line.details) for line in reversed(desk.audit().items)] == [
        ("replay.preview", "olga", {"number": 5}),
        ("replay.apply", "olga", {"number": 5}),
    ]
    (why,) = clarion.why(event, "p00000").deliveries
    assert [a.detail for a in why.attempts if a.result == "replayed"] == ["by olga"]
    no_duplicates(clarion)


async def test_what_has_changed_since_is_left_alone(clarion: Clarion, desk: Desk, moody: Moody) -> None:
    event = await failed(clarion)
    chosen = desk.preview_replay(event=event)
    moody.error = Reject("other")
    clarion.replay(event=event, recipient="p00000")
    async with working(clarion):
        await until(lambda: done(clarion))
    clarion.recipients.upsert("p00001", addresses={"wire": "elsewhere@a.test"})
    found = desk.apply(chosen.id, number=5)
    assert came_to(found) == ("finished", 5, 3, 2), "one failed anew, of one the address was removed"
    assert ends(clarion, event, "p00000") == ("failed", "other")


async def test_what_cannot_be_replayed_is_no_member_and_said_why(
    clarion: Clarion, desk: Desk, travel: Any
) -> None:
    old = await failed(clarion, 2)
    travel(4 * DAY)
    new = await failed(clarion, 3)
    chosen = desk.preview_replay(channel="wire")
    assert (chosen.number, chosen.excluded) == (3, {"past_max_age": 2})
    assert [(g.refused, g.number) for g in chosen.groups] == [(None, 3), ("past_max_age", 2)]
    all_of_them = desk.preview_replay(channel="wire", past_max_age=True)
    assert (all_of_them.number, all_of_them.filter) == (5, {"channel": "wire", "past_max_age": True})
    assert came_to(desk.apply(all_of_them.id, number=5)) == ("finished", 5, 5, 0)
    assert (stands(clarion, old), stands(clarion, new)) == ({"waiting": 2}, {"waiting": 3})


async def test_only_the_number_that_was_shown_confirms_it(clarion: Clarion, desk: Desk, travel: Any) -> None:
    await failed(clarion)
    chosen = desk.preview_replay(channel="wire")
    with pytest.raises(InvalidInput, match="holds 5 deliveries, not 6"):
        desk.apply(chosen.id, number=6)
    assert desk.selection(chosen.id).state == "previewed"
    travel(timedelta(hours=1, seconds=1))
    assert desk.selection(chosen.id).state == "expired"
    with pytest.raises(InvalidInput, match="expired at"):
        desk.apply(chosen.id, number=5)
    with pytest.raises(NotFound):
        desk.apply(uuid4(), number=5)
    assert count(clarion, queue) == 0


def test_what_is_chosen_must_be_said(clarion: Clarion, desk: Desk) -> None:
    clarion.start()
    for choose in (desk.preview_replay, desk.preview_cancel):
        with pytest.raises(InvalidInput, match="say which"):
            choose()
        with pytest.raises(InvalidInput, match="empty"):
            choose(channel="")
        with pytest.raises(InvalidInput, match="no event with the key"):
            choose(event="none")
    with pytest.raises(UnknownName, match="state"):
        desk.preview_replay(channel="wire", state="sent")
    none = desk.preview_replay(channel="wire")
    assert (came_to(none), none.groups) == (("previewed", 0, 0, 0), ())
    assert came_to(desk.apply(none.id, number=0)) == ("finished", 0, 0, 0)


async def test_a_selection_has_a_limit_and_says_that_there_is_more(
    clarion: Clarion, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.desk.selecting.MOST", 3)
    await failed(clarion)
    chosen = desk.preview_replay(channel="wire")
    assert (chosen.number, chosen.more) == (3, True)
    desk.apply(chosen.id, number=3)
    assert count(clarion, queue) == 3
    rest = desk.preview_replay(channel="wire")
    assert (rest.number, rest.more) == (2, False)


# ── Carrying out ─────────────────────────────────────────────────────────────────────────────────────────


async def test_who_dies_on_the_way_leaves_it_to_any_worker(
    clarion: Clarion, desk: Desk, moody: Moody
) -> None:
    event = await failed(clarion, 7)
    chosen = desk.preview_replay(event=event)
    found = desk.apply(chosen.id, number=7, wait=timedelta())
    assert came_to(found) == ("running", 7, 0, 0), "confirmed, and nobody has begun"
    page = carrying.carry_out
    clarion.database.run(lambda conn: page(conn, "default", chosen.id, lanes=clarion.lanes, most=2))
    assert came_to(desk.selection(chosen.id)) == ("running", 7, 2, 0)
    moody.error = None
    async with working(clarion):
        await until(lambda: desk.selection(chosen.id).finished_at)
        await until(lambda: done(clarion))
    assert came_to(desk.selection(chosen.id)) == ("finished", 7, 7, 0)
    assert stands(clarion, event) == {"sent": 7}
    no_duplicates(clarion)


async def test_a_page_that_is_not_committed_did_nothing(clarion: Clarion, desk: Desk) -> None:
    event = await failed(clarion, 4)
    chosen = desk.preview_replay(event=event)
    desk.apply(chosen.id, number=4, wait=timedelta())

    def dies(conn: Any) -> None:
        carrying.carry_out(conn, "default", chosen.id, lanes=clarion.lanes, most=2)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        clarion.database.run(dies)
    assert came_to(desk.selection(chosen.id)) == ("running", 4, 0, 0)
    assert (count(clarion, queue), count(clarion, selection_members)) == (0, 4)
    assert came_to(desk.apply(chosen.id, number=4)) == ("finished", 4, 4, 0)
    assert count(clarion, queue) == 4


async def test_many_who_carry_it_out_at_once_do_it_once(clarion: Clarion, desk: Desk) -> None:
    event = await failed(clarion, 40)
    chosen = desk.preview_replay(event=event)
    desk.apply(chosen.id, number=40, wait=timedelta())

    def page(conn: Any) -> Any:
        return carrying.carry_out(conn, "default", chosen.id, lanes=clarion.lanes, most=3)

    def some() -> None:
        while desk.selection(chosen.id).finished_at is None:
            clarion.database.run(page)

    await asyncio.gather(*(asyncio.to_thread(some) for _ in range(3)))
    assert came_to(desk.selection(chosen.id)) == ("finished", 40, 40, 0)
    assert (count(clarion, queue), results(clarion, final=False)["replayed"]) == (40, 40)


async def test_one_that_was_drawn_in_part_cannot_be_confirmed_and_is_forgotten(
    clarion: Clarion, desk: Desk, monkeypatch: pytest.MonkeyPatch, travel: Any
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("killed")

    await failed(clarion)
    whole = desk.preview_replay(channel="wire")
    with monkeypatch.context() as patched:
        patched.setattr("clarion.store.selecting.complete", fails)
        with pytest.raises(RuntimeError):
            desk.preview_replay(channel="wire")
    part = desk.selections().items[0]
    assert (part.id != whole.id, part.state) == (True, "expired")
    with pytest.raises(InvalidInput, match="expired"):
        desk.apply(part.id, number=5)
    desk.apply(whole.id, number=5)
    travel(timedelta(hours=26))
    run(clarion.database, Round(before=90 * DAY, most=2).steps(Tally()), lambda: None)
    assert [one.id for one in desk.selections().items] == [whole.id], "what was done is kept for a while"
    assert count(clarion, selection_members) == 0
    travel(100 * DAY)
    run(clarion.database, Round(before=90 * DAY).steps(Tally()), lambda: None)
    assert count(clarion, selections) == 0
    assert len(desk.audit().items) == 2, "longer than that"
    travel(400 * DAY)
    run(clarion.database, Round(before=90 * DAY).steps(Tally()), lambda: None)
    assert desk.audit().items == ()


# ── Cancelling ───────────────────────────────────────────────────────────────────────────────────────────


async def test_what_waits_is_cancelled_and_may_be_replayed(
    clarion: Clarion, desk: Desk, moody: Moody
) -> None:
    event, other = await waiting(clarion), emit(clarion, "note", to=["p00000"])
    chosen = desk.preview_cancel(event=event)
    assert came_to(chosen) == ("previewed", 5, 0, 0)
    assert [(g.state, g.refused, g.number) for g in chosen.groups] == [(State.WAITING, None, 5)]
    assert came_to(desk.apply(chosen.id, number=5)) == ("finished", 5, 5, 0)
    assert ends(clarion, event, "p00000") == ("cancelled", CANCELLED)
    (why,) = clarion.why(event, "p00000").deliveries
    assert [(a.result, a.detail) for a in why.attempts] == [("cancelled", "by olga")]
    back = desk.preview_replay(event=event, state="cancelled")
    assert came_to(desk.apply(back.id, number=5)) == ("finished", 5, 5, 0)
    moody.error = None
    clarion.resume("wire")
    async with working(clarion):
        await until(lambda: done(clarion))
    assert (stands(clarion, event), stands(clarion, other)) == ({"sent": 5}, {"sent": 1})


async def test_by_all_that_is_said(clarion: Clarion, desk: Desk) -> None:
    clarion.type("alarm", channels=["wire"])
    event = await waiting(clarion, 3)
    alarm = emit(clarion, "alarm", to=["p00000"])
    async with working(clarion):
        await until(lambda: count(clarion, queue) == 4)
    ids = [one.id for one in desk.deliveries(DeliveryFilter(event=event)).items]
    now = datetime.now(UTC)
    chosen: dict[str, tuple[int, dict[str, Any]]] = {
        "deliveries": (2, {"deliveries": ids[:2]}),
        "event": (1, {"event": alarm}),
        "channel": (4, {"channel": "wire"}),
        "another channel": (0, {"channel": "email"}),
        "type": (1, {"type": "alarm"}),
        "recipient": (2, {"recipient": "p00000"}),
        "both": (1, {"recipient": "p00000", "type": "note"}),
        "lane": (4, {"lane": "default"}),
        "since": (4, {"since": now - DAY, "until": now + DAY}),
        "until": (0, {"until": now - DAY}),
    }
    found = {name: desk.preview_cancel(**said).number for name, (_, said) in chosen.items()}
    assert found == {name: number for name, (number, _) in chosen.items()}
    assert desk.preview_cancel(deliveries=ids[:2]).filter == {"deliveries": 2}


async def test_what_is_being_sent_ends_with_its_own_outcome(
    clarion: Clarion, desk: Desk, moody: Moody
) -> None:
    people(clarion, "bob")
    event = emit(clarion, "note", to=["bob"])
    moody.error = None
    moody.goes_on.clear()
    async with working(clarion):
        await until(lambda: moody.wire.begun)
        chosen = desk.preview_cancel(event=event)
        assert [(g.state, g.number) for g in chosen.groups] == [(State.SENDING, 1)]
        assert came_to(desk.apply(chosen.id, number=1)) == ("finished", 1, 1, 0)
        assert desk.preview_cancel(event=event).excluded == {"being_cancelled": 1}
        moody.goes_on.set()
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("sent", None), "what was sent is sent"


async def test_what_would_be_tried_again_is_not(clarion: Clarion, desk: Desk, moody: Moody) -> None:
    people(clarion, "bob")
    event = emit(clarion, "note", to=["bob"])
    moody.error = ValueError("again later")
    moody.goes_on.clear()
    async with working(clarion):
        await until(lambda: moody.wire.begun)
        chosen = desk.preview_cancel(event=event)
        desk.apply(chosen.id, number=1)
        moody.goes_on.set()
        await until(lambda: done(clarion))
    assert ends(clarion, event, "bob") == ("cancelled", CANCELLED)
    assert len(moody.wire.begun) == 1


async def test_what_was_sent_or_replayed_since_is_left_alone(
    clarion: Clarion, desk: Desk, moody: Moody
) -> None:
    event = await waiting(clarion, 2)
    chosen = desk.preview_cancel(event=event)
    clarion.resume("wire")
    moody.error = None
    async with working(clarion):
        await until(lambda: done(clarion))
    assert came_to(desk.apply(chosen.id, number=2)) == ("finished", 2, 0, 2)

    moody.error = Reject("refused")
    event = await waiting(clarion, 2)
    chosen = desk.preview_cancel(event=event)
    clarion.resume("wire")
    async with working(clarion):
        await until(lambda: done(clarion))
    assert clarion.replay(event=event).replayed == 2
    assert came_to(desk.apply(chosen.id, number=2)) == ("finished", 2, 0, 2), "a person wants it since"
    assert stands(clarion, event) == {"waiting": 2}


async def test_a_slot_is_given_back_and_who_waited_for_it_is_told(make: Make, moody: Moody) -> None:
    clarion = make(moody.wire, policy={"cooldown": Cooldown(minutes=15)})
    desk = clarion.desk("olga")
    event = await waiting(clarion, 1)
    (who,) = [one.recipient for one in desk.deliveries(DeliveryFilter(event=event)).items]
    blocked = emit(clarion, "note", to=[who])
    moody.error = None
    async with working(clarion):
        await until(lambda: clarion.desk("a test").events().items[0].state == "decided")
        chosen = desk.preview_cancel(event=event)
        desk.apply(chosen.id, number=1)
        clarion.resume("wire")
        await until(lambda: ends(clarion, blocked, who)[0] == "sent")
    assert ends(clarion, event, who) == ("cancelled", CANCELLED)


async def test_pages_of_selections(clarion: Clarion, desk: Desk) -> None:
    clarion.start()
    made = [desk.preview_cancel(channel="wire").id for _ in range(5)]
    first = desk.selections(most=3)
    rest = desk.selections(cursor=first.next, most=3)
    assert [one.id for one in (*first.items, *rest.items)] == made[::-1]
    assert rest.next is None
