"""Silences: said with an author, a comment and an end, listed, and ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clarion import Clarion, clock
from tests.support.html import Element
from tests.web.console.conftest import SignIn, Visitor

pytestmark = pytest.mark.anyio


def creating(page: Element) -> Element:
    return next(
        f
        for f in page.all("form", method="post")
        if (f.get("action") or "").split("?")[0] == "/console/silences"
    )


async def test_saying_no_and_ending_it(console: Visitor, clarion: Clarion) -> None:
    page = await console.get("/silences")
    assert "Nothing is silenced." in page.text
    page = await console.send(
        creating(page), type="no*", below="urgent", comment="They test", **{"for": "1d"}
    )
    (said,) = clarion.silences()
    assert (said.author, said.comment) == ("operator olga", "They test")
    assert timedelta(hours=23) < said.ends_at - clock.now() <= timedelta(days=1)
    (row,) = page.rows()
    assert row[:4] == ["reigns", "Type no*, Below severity urgent", "operator olga", "They test"]
    (form,) = [f for f in page.all("form") if (f.get("action") or "").endswith("/end")]
    page = await console.send(form)
    assert page.one("p", role="status").text == "The silence has ended."
    assert clarion.silences() == []
    (row,) = (await console.get("/silences?ended=1")).rows()
    assert row[0] == "over"
    again = await console.send(form)
    assert "ended before" in again.one("p", role="status").text


async def test_from_and_until_in_the_zone_of_the_page(console: Visitor, clarion: Clarion) -> None:
    begins = (clock.now() + timedelta(days=1)).replace(microsecond=0)
    local = begins + timedelta(hours=5, minutes=30)
    page = await console.get("/silences?zone=Asia/Kolkata")
    page = await console.send(
        creating(page),
        type="note",
        comment="A night",
        starts=local.replace(tzinfo=None).isoformat(),
        until=(local + timedelta(hours=8)).replace(tzinfo=None).isoformat(),
    )
    (said,) = clarion.silences()
    assert (said.starts_at, said.ends_at) == (begins, begins + timedelta(hours=8))
    (row,) = page.rows()
    assert (row[0], row[4]) == ("to come", local.strftime("%Y-%m-%d %H:%M:%S"))


async def test_what_cannot_be_keeps_what_was_typed(console: Visitor, clarion: Clarion) -> None:
    form = creating(await console.get("/silences"))
    for filled, said in (
        ({"comment": "c"}, "what it is for"),
        ({"type": "note"}, "comment is empty"),
        ({"type": "note", "comment": "c", "until": "2001-01-01T00:00"}, "before it has begun"),
    ):
        page = await console.send(form, status=422, **filled)
        assert said in page.one("p", role="alert").text
        again = creating(page)
        assert {name: value for name, value in again.values() if name in filled} == filled
    assert clarion.silences() == []


async def test_a_link_may_propose_one(console: Visitor) -> None:
    page = await console.get("/silences", type="ci.*", recipient="bob")
    said = dict(creating(page).values())
    assert (said["type"], said["recipient"]) == ("ci.*", "bob")


async def test_nobody_ends_another_tenants(sign_in: SignIn, console: Visitor, clarion: Clarion) -> None:
    page = await console.send(creating(await console.get("/silences")), type="note", comment="ours")
    (form,) = [f for f in page.all("form") if (f.get("action") or "").endswith("/end")]
    eve = await sign_in("operate", tenant="other", name="eve")
    theirs = await eve.get("/silences")
    assert theirs.rows() == []
    form.one("input", name="csrf").attributes["value"] = dict(creating(theirs).values())["csrf"]
    await eve.send(form, status=404)
    assert len(clarion.silences()) == 1


async def test_it_is_noted(console: Visitor) -> None:
    await console.send(creating(await console.get("/silences")), type="note", comment="c")
    rows = (await console.get("/audit?verb=silence.begin")).rows()
    assert [row[1:3] for row in rows] == [["operator olga", "silence.begin"]]
