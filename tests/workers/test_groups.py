"""Audiences by role, by when somebody was last seen, and everyone: in pages, once each, with the strongest reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import Active, Address, Clarion, Event, Everyone, Role, clock
from clarion.event import Who
from clarion.store import crowds
from clarion.store.schema import events
from clarion.workers import pages
from tests.support.acme import Plan, application
from tests.support.children import Children, stop, wait_killed
from tests.support.groups import leave, settle
from tests.support.working import (
    await_true,
    done,
    emit,
    no_duplicates,
    subscribed,
    until,
    working,
)
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


def ids(start: int, end: int, prefix: str = "p") -> list[str]:
    return [f"{prefix}{n:05}" for n in range(start, end)]


def follow(clarion: Clarion, topic: str, who: list[str]) -> None:
    clarion.database.run(lambda conn: subscribed(conn, topic, who))


def reasons(clarion: Clarion, event: UUID) -> dict[str, str]:
    return {told.recipient: told.reason for told in clarion.status(event)}


def stored(clarion: Clarion) -> Any:
    return clarion.database.read(lambda conn: conn.execute(sa.select(events)).one())


async def test_the_strongest_reason_wins_across_people_groups_and_topic(make: Make) -> None:
    """Also where a group has a stronger reason than somebody's own name."""
    clarion = make(page=7)

    @clarion.type("cl.frozen", channels=["inbox"])
    def audience(event: Event, _app: object) -> Iterator[tuple[str, list[Who]]]:
        yield "participant", ["p00012", Role("admin"), "only-named"]

    settle(clarion, ids(0, 20), roles=["admin"])
    settle(clarion, ids(20, 40), roles=["oncall"], seen=DAY)
    settle(clarion, ids(40, 60), seen=2 * DAY)
    settle(clarion, ids(60, 70), seen=31 * DAY)
    settle(clarion, ["retired"], roles=["admin"], seen=DAY, active=False)
    follow(clarion, "repo", [*ids(55, 65), "follower"])
    event = emit(
        clarion,
        "cl.frozen",
        to={
            "subscribed": ["p00001", Everyone()],
            "direct": [Active(days=30), "p00065"],
            "mention": [Role("oncall"), "p00003", Address("wire", "x@y.test")],
        },
        topic="repo",
    )
    async with working(clarion):
        await until(lambda: done(clarion))
    expected = dict.fromkeys([*ids(0, 70), "follower"], "subscribed")
    expected |= dict.fromkeys(["p00065", *ids(40, 60)], "direct")
    expected |= dict.fromkeys([*ids(0, 20), "only-named"], "participant")
    expected |= dict.fromkeys([*ids(20, 40), "p00003", "wire:x@y.test"], "mention")
    assert reasons(clarion, event) == expected
    no_duplicates(clarion)
    assert clarion.why(event, "p00050").sources == (
        "subscribed: p00001, everyone",
        "direct: active in 30 days, p00065",
        "mention: role oncall, p00003, x@y.test (wire)",
        "resolver of cl.frozen",
        "subscribers of repo",
    )


async def test_only_the_active_of_the_tenant_and_never_the_actor(make: Make) -> None:
    clarion = make()
    settle(clarion, ["alice", "bob"], roles=["admin"])
    settle(clarion, ["gone"], roles=["admin"], active=False)
    settle(clarion, ["eve"], roles=["admin"], tenant="other")
    event = emit(clarion, "note", to=[Role("admin")], actor="alice")
    nobody = emit(clarion, "note", to=[Role("nobody")])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert reasons(clarion, event) == {"alice": "direct", "bob": "direct"}
    assert {c.gate for c in clarion.why(event, "alice").channels} == {"actor"}
    assert reasons(clarion, nobody) == {}
    assert "asked were: direct: role nobody" in clarion.why(nobody, "bob").sentence


async def test_active_counts_back_from_when_the_event_is_due(
    make: Make, travel: Callable[[timedelta], None]
) -> None:
    clarion = make()
    now = clock.now()
    settle(clarion, ["lately"], seen=now)
    settle(clarion, ["long-ago"], seen=now - 29 * DAY)
    event = emit(clarion, "note", to=[Active(days=30)], at=now + 2 * DAY)
    travel(2 * DAY + timedelta(seconds=1))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert set(reasons(clarion, event)) == {"lately"}


async def test_ten_thousand_are_told_a_page_at_a_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    clarion = make(page=500)
    settle(clarion, ids(0, 10_000), seen=DAY)
    read: list[int] = []
    members = crowds.members

    def watched(*arguments: Any, **named: Any) -> list[str]:
        read.append(len(found := members(*arguments, **named)))
        return found

    monkeypatch.setattr(crowds, "members", watched)
    event = emit(clarion, "note", to=[Everyone()])
    async with working(clarion):
        await until(lambda: len(clarion.status(event)) > 0)
        small = emit(clarion, "note", to=["p00000"])
        await until(lambda: clarion.status(small))
        assert not done(clarion), "too quick to show that nobody waits"
        await until(lambda: done(clarion))
    assert read == [500] * 20 + [0]
    assert sorted(reasons(clarion, event)) == ids(0, 10_000)
    no_duplicates(clarion)


async def test_the_first_page_is_smaller_so_that_somebody_is_told_soon(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FIRST", 20)
    clarion = make(page=50)
    settle(clarion, ids(0, 150), seen=DAY)
    asked: list[int] = []
    members = crowds.members

    def watched(*arguments: Any, most: int, **named: Any) -> list[str]:
        asked.append(most)
        return members(*arguments, most=most, **named)

    monkeypatch.setattr(crowds, "members", watched)
    event = emit(clarion, "note", to=[Everyone()])
    async with working(clarion):
        await until(lambda: done(clarion))
    assert asked == [20, 50, 50, 50]
    assert sorted(reasons(clarion, event)) == ids(0, 150)


async def _broken_off(clarion: Clarion, event: UUID, told: int) -> dict[str, str]:
    """Work until so many are told, and stop in good order."""
    async with working(clarion):
        await until(lambda: len(clarion.status(event)) >= told)
    assert not done(clarion), "too quick to be broken off"
    return reasons(clarion, event)


async def test_who_leaves_a_role_between_pages_is_not_told_and_who_joins_is(make: Make) -> None:
    first, second = make(page=10), make(page=10)
    settle(first, ids(0, 1500), roles=["admin"])
    event = emit(first, "note", to=[Role("admin")])
    had = await _broken_off(first, event, 40)
    assert had == dict.fromkeys(ids(0, len(had)), "direct")
    assert json.loads(stored(first).cursor) == {"role admin": f"p{len(had) - 1:05}"}
    leave(first, "admin", "p00000", "p01400")
    settle(first, ["p01400a", "p00000a"], roles=["admin"])
    async with working(second):
        await until(lambda: done(second))
    expected = {*ids(0, 1500), "p01400a"} - {"p01400"}
    assert reasons(second, event) == dict.fromkeys(expected, "direct")


async def test_a_resolver_that_answers_otherwise_when_resumed_loses_nobody(make: Make) -> None:
    """The second answer has the groups in another order, another reason, and one more; who is in both is told."""
    answers: list[list[tuple[str, list[Who]]]] = [
        [("author", [Role("first")]), ("direct", [Role("second"), "named"]), ("subscribed", [Role("gone")])],
        [("mention", [Role("second"), Role("new")]), ("subscribed", [Role("first"), "named", "late"])],
    ]
    calls: list[int] = []
    made = [make(page=10), make(page=10)]
    for clarion in made:

        @clarion.type("team.told", channels=["inbox"])
        def audience(event: Event, _app: object) -> list[tuple[str, list[Who]]]:
            calls.append(1)
            return answers[len(calls) - 1]

    settle(made[0], ids(0, 900), roles=["first"])
    for n, role in enumerate(("second", "gone", "new")):
        settle(made[0], ids(0, 15, f"{role}{n}"), roles=[role])
    event = emit(made[0], "team.told")
    had = await _broken_off(made[0], event, 40)
    assert set(had.values()) == {"author"}
    async with working(made[1]):
        await until(lambda: done(made[1]))
    assert len(calls) == 2
    expected = dict.fromkeys(ids(0, 900), "subscribed") | had
    expected |= dict.fromkeys([*ids(0, 15, "second0"), *ids(0, 15, "new2")], "mention")
    assert reasons(made[1], event) == expected | {"named": "subscribed", "late": "subscribed"}
    no_duplicates(made[1])


async def test_the_resolver_is_not_called_again_for_a_topic(make: Make) -> None:
    calls: list[int] = []
    made = [make(page=10), make(page=10)]
    for clarion in made:

        @clarion.type("team.told", channels=["inbox"])
        def audience(event: Event, _app: object) -> list[tuple[str, list[Who]]]:
            calls.append(1)
            return [("direct", [Role("admin")])]

    settle(made[0], ids(0, 15), roles=["admin"])
    follow(made[0], "repo", ids(0, 1200))
    event = emit(made[0], "team.told", topic="repo")
    await _broken_off(made[0], event, 40)
    assert json.loads(stored(made[0]).cursor)["role admin"] is None
    async with working(made[1]):
        await until(lambda: done(made[1]))
    assert len(calls) == 1
    assert len(reasons(made[1], event)) == 1200


async def test_the_same_groups_in_another_order_are_the_same_event(make: Make) -> None:
    clarion = make()
    first = emit(clarion, "note", key="k", to=[Role("b"), Active(days=1), "bob", Role("a"), Everyone()])
    again = emit(
        clarion,
        "note",
        key="k",
        to=["bob", Everyone(), Role("a"), Role("b"), Active(within=timedelta(hours=24))],
    )
    assert first == again


# Killed between pages: 20 of them, of named, role, named, active, everyone, topic.
@pytest.mark.parametrize("nth", [1, 3, 8, 12, 18])
def test_a_walk_through_groups_killed_between_pages(database_url: str, started: Children, nth: int) -> None:
    clarion = application(Plan(database=database_url))
    clarion.start()
    lately: datetime = clock.now() - DAY
    settle(clarion, ids(0, 50), roles=["admin"])
    settle(clarion, ids(50, 100), roles=["admin"], seen=lately)
    settle(clarion, ids(100, 200), seen=lately)
    settle(clarion, ids(200, 300))
    follow(clarion, "repo", [*ids(250, 300), *ids(0, 50, "f")])
    to: dict[str, list[Who]] = {"author": ["p00210"], "direct": [Active(days=30)], "subscribed": [Everyone()]}
    event = emit(clarion, "grouped", to=to, topic="repo")
    short = {"lease": timedelta(seconds=2), "page": 40}
    wait_killed(started.start(Plan(database=database_url, limits=short, fail_at="between pages", nth=nth)))
    assert 0 < len(reasons(clarion, event)) < 350
    healthy = started.start_ready(Plan(database=database_url, limits=short))
    await_true(lambda: done(clarion))
    stop(healthy)
    expected = dict.fromkeys([*ids(0, 300), *ids(0, 50, "f")], "subscribed")
    expected |= dict.fromkeys(ids(100, 200), "direct")
    expected |= {"p00210": "author"}
    expected |= dict.fromkeys(ids(0, 100), "reviewer")
    expected |= dict.fromkeys(["p00003", "p00150", "p00290"], "mention")
    assert reasons(clarion, event) == expected
    no_duplicates(clarion)
    assert (stored(clarion).losses, stored(clarion).failure) == (1, None)
    clarion.close()
