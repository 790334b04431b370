"""`clarion explain` of what waits, was blocked, was counted or taken back; and for the recipient's own eyes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from clarion import Clarion, Cooldown, Policy
from clarion.store.schema import events
from tests.support.command import clarion as command
from tests.support.working import Wire, count, done, emit, limits, until, working

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(database_url: str) -> Iterator[Clarion]:
    clarion = Clarion(database_url, channels=[Wire()], limits=limits())
    policy = Policy(cooldown=Cooldown(minutes=15, key="subject", channels=["wire"]))
    clarion.type("note", channels=["inbox", "wire"], policy=policy)
    clarion.start()
    clarion.recipients.upsert("bob", addresses={"wire": "bob@a.test"})
    night = {"daily": ["00:00-23:59"], "passes": "action"}
    clarion.recipients.upsert("carol", addresses={"wire": "carol@a.test"}, quiet_hours=night)
    yield clarion
    clarion.close()


async def decided(clarion: Clarion, **fields: Any) -> UUID:
    event = emit(clarion, "note", **fields)
    async with working(clarion):
        await until(lambda: not count(clarion, events, events.c.due_at.is_not(None)))
    return event


def said(clarion: Clarion, *arguments: object) -> str:
    url = clarion.database.url.render_as_string(hide_password=False)
    ended = command("explain", *map(str, arguments), "--database", url, env={"COLUMNS": "200"})
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def as_json(clarion: Clarion, *arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(clarion, *arguments, "--json"))
    return found


async def test_what_waits_says_until_when(app: Clarion) -> None:
    event = await decided(app, to=["carol"], subject="cl/1")
    assert "wire (waiting until 20" in said(app, event)
    carol = said(app, event, "carol")
    assert "… held" in carol
    assert "the recipient's quiet hours" in carol
    inbox, wire = as_json(app, event, "carol")["channels"]
    assert (inbox["told"], inbox["until"]) == (True, None)
    assert (wire["told"], wire["gate"]) == (True, "quiet_hours")
    assert as_json(app, event)["recipients"][0]["due_at"]["wire"] == wire["until"]


async def test_a_cooldown_says_who_holds_it(app: Clarion) -> None:
    first = await decided(app, to=["carol"], subject="cl/1")
    event = await decided(app, to=["carol"], subject="cl/1")
    found = as_json(app, event, "carol")
    wire = found["channels"][1]
    assert (wire["told"], wire["gate"], wire["holder"]["event"]) == (False, "cooldown", str(first))
    assert f"by note (event {first})" in wire["sentence"]
    assert (found["still_so"], found["decided_at"], found["notes"]) == (True, None, [])


async def test_a_repeat_was_counted(app: Clarion) -> None:
    first = await decided(app, to=["bob"], condition="disk-full")
    repeat = await decided(app, to=["bob"], condition="disk-full")
    await until(lambda: app.why(repeat, "bob").repeat_of)
    assert f"A repeat of an open condition: counted at event {first}, told to nobody." in said(app, repeat)
    assert as_json(app, repeat)["repeat_of"] == str(first)
    assert "'disk-full' was open already" in said(app, repeat, "bob")
    assert as_json(app, repeat, "bob")["repeat_of"] == str(first)


async def test_what_was_withdrawn_says_when(app: Clarion) -> None:
    event = emit(app, "note", to=["bob"], subject="cl/9")
    async with working(app):
        await until(lambda: done(app))
        app.database.run(lambda conn: app.withdraw(conn, "cl/9"))
        await until(lambda: app.why(event, "bob").notes)
    assert "after it was decided on" in said(app, event, "bob")
    assert "Withdrawn 20" in said(app, event)
    assert as_json(app, event)["withdrawn_at"]


async def test_for_the_recipients_own_eyes(app: Clarion) -> None:
    event = await decided(app, actor="alice", to={"author": ["bob"], "reviewer": ["carol"]}, subject="cl/1")
    own = said(app, event, "bob", "--own")
    assert "You were told by inbox and wire, because cl/1 is yours." in own
    assert "To stop it, follow cl/1 at level 'none'." in own
    assert "carol" not in own
    assert "alice" not in own
    view = as_json(app, event, "bob", "--own")
    assert view["stop"]["kind"] == "watch"
    assert view["stop"]["arguments"] == ["cl/1", "none"]
    nobody = as_json(app, event, "zed", "--own")
    assert (nobody["told"], nobody["stop"]) == (False, None)
    wrong = command("explain", str(event), "--own", "--database", str(app.database.url))
    assert wrong.code == 2
    assert "name the recipient" in wrong.err
