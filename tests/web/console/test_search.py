"""Search: one box for whatever is pasted into it, and filters that stand in the URL."""

from __future__ import annotations

from uuid import UUID

import pytest

from clarion import Clarion
from tests.support.html import Element
from tests.support.working import emit
from tests.web.console.conftest import Visitor
from tests.web.console.scene import posted, told

pytestmark = pytest.mark.anyio


@pytest.fixture
async def event(clarion: Clarion) -> UUID:
    return await posted(
        clarion,
        to=["bob", "fails"],
        actor="alice",
        subject="cl/1",
        key="comment/7",
        condition="disk full",
        correlation_id="request 9",
    )


def find(page: Element) -> Element:
    return page.one("form", class_="find")


async def test_the_box_understands_what_is_pasted(console: Visitor, clarion: Clarion, event: UUID) -> None:
    page = await console.get("/search")
    delivery = clarion.why(event, "fails").deliveries[0].id
    for text, where in [
        (str(event), f"/console/events/{event}"),
        (f" {event} ", f"/console/events/{event}"),
        ("comment/7", f"/console/events/{event}"),
        ("request 9", f"/console/events/{event}"),
        (str(delivery), f"/console/events/{event}?recipient=fails"),
    ]:
        await console.send(find(page), q=text)
        assert console.address == where, text
    found = await console.send(find(page), q="no such thing")
    assert "Nothing is called “no such thing”." in found.text


async def test_a_recipient_is_found_by_id_and_address(
    console: Visitor, clarion: Clarion, event: UUID
) -> None:
    page = await console.get("/search")
    several = await console.send(find(page), q="fails")
    assert several.one("table").rows() == [
        ["recipient", "fails"],
        ["address", "of fails"],
        ["address", "of fails2"],
    ]
    for text in ("fails2", "fails2@a.test"):
        await console.send(find(page), q=text)
        assert console.address == "/console/recipients/fails2"


async def test_events_by_filter(console: Visitor, clarion: Clarion, event: UUID) -> None:
    emit(clarion, "note", to=["bob"], subject="cl/2")
    page = await console.get("/search")
    assert [row[1] for row in page.one("table").rows()] == ["note", "post"]
    form = page.one("form", class_="filter")
    narrowed = await console.send(form, subject="cl/1", **{"from": "-1h"})
    (row,) = narrowed.one("table").rows()
    assert row[1:5] == ["post", "decided", "cl/1", "alice"]
    assert "subject=cl%2F1" in console.address
    assert "Nothing found." in (await console.send(form, subject="cl/3")).text


async def test_decisions_by_gate(console: Visitor, clarion: Clarion, event: UUID) -> None:
    await told(clarion, to=["carol"])
    page = await console.get("/search", kind="decisions", gate="reachable")
    (row,) = page.one("table").rows()
    assert row[1:5] == ["carol", "post", "told", "reachable"]
    told_to_nobody = await console.get("/search", kind="decisions", told="no")
    assert "Nothing found." in told_to_nobody.text


async def test_deliveries_by_state_and_code(console: Visitor, event: UUID) -> None:
    page = await console.get("/search", kind="deliveries", state="failed", channel="wire", code="spam")
    (row,) = page.one("table").rows()
    assert row[1:4] == ["fails", "wire", "failed"]
    by_address = await console.get("/search", kind="deliveries", address="bob@")
    assert [row[1] for row in by_address.one("table").rows()] == ["bob"]
    replay, cancel = (f for f in page.all("form") if (f.get("action") or "").endswith("/selections"))
    preview = await console.send(replay)
    assert preview.one("h1").text == "Replay 1 delivery?"
    nothing = await console.send(cancel)
    assert "There is nothing to cancel." in nothing.text


async def test_page_by_page(console: Visitor, clarion: Clarion) -> None:
    ids = [str(emit(clarion, "note", to=["bob"], subject=f"cl/{n}")) for n in range(70)]
    page = await console.get("/search")
    seen = [one.get("data-row") for one in page.all("tr") if one.get("data-row")]
    rest = await console.get(page.one("a", rel="next").get("href") or "")
    seen += [one.get("data-row") for one in rest.all("tr") if one.get("data-row")]
    assert seen == ids[::-1]
    (how_many,) = [one for one in page.all("a") if one.text == "How many are there?"]
    assert "70 events in all." in (await console.get(how_many.get("href") or "")).text


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "events", "state": "odd"},
        {"kind": "deliveries", "event": "odd"},
        {"kind": "odd"},
        {"from": "odd"},
        {"after": "odd"},
    ],
)
async def test_what_cannot_be_asked_is_said(console: Visitor, query: dict[str, str]) -> None:
    page = await console.get("/search", status=422, **query)
    assert "odd" in page.text
