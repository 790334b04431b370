"""Failures and bulk actions: what failed, what exactly would be replayed or cancelled, and that set alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion, clock
from clarion.store.schema import withdrawals
from tests.support.html import Element
from tests.support.working import Wire, crowd, done, emit, until, working
from tests.web.console.conftest import SignIn, Visitor
from tests.web.console.scene import declare, told

pytestmark = pytest.mark.anyio


@pytest.fixture
def sent(clarion: Clarion) -> Wire:
    declare(clarion)
    found = clarion.channels["wire"]
    assert isinstance(found, Wire)
    return found


def form_of(page: Element, **values: str) -> Element:
    """The form with these values."""
    (found,) = [f for f in page.all("form") if set(values.items()) <= set(f.values())]
    return found


def apply(page: Element) -> Element:
    (found,) = [f for f in page.all("form") if (f.get("action") or "").endswith("/apply")]
    return found


async def test_grouped_by_channel_code_and_what_was_said(
    console: Visitor, clarion: Clarion, sent: Wire
) -> None:
    await told(clarion, to=["fails", "fails2", "bob"])
    page = await console.get("/failures")
    (heading,) = [h.text for h in page.all("h2") if h.text.startswith("wire")]
    assert heading == "wire: spam 2"
    (row,) = page.one("div", aria_label="wire, spam").rows()
    assert row[:2] == ["2", "550 we do not want <n>"]
    (example, _) = page.one("div", aria_label="wire, spam").all("a")
    await console.get(example.get("href") or "")
    assert console.address.startswith("/console/events/")


async def test_the_url_is_the_range(console: Visitor, clarion: Clarion, sent: Wire) -> None:
    await told(clarion, to=["fails"])
    before = {"from": "-3h", "to": "-1h"}
    page = await console.get("/failures", **before)
    assert "Nothing failed in this range." in page.text
    assert (
        "Nothing failed on wire in this range."
        in (await console.get("/failures", channel="wire", **before)).text
    )
    swapped = await console.get("/failures", status=422, **{"from": "-1h", "to": "-3h"})
    assert "swap them" in swapped.text


async def test_replay_is_previewed_asked_and_done(console: Visitor, clarion: Clarion, sent: Wire) -> None:
    event = await told(clarion, to=["fails", "fails2", "bob"])
    preview = await console.send(form_of(await console.get("/failures"), verb="replay", code="spam"))
    assert preview.one("h1").text == "Replay 2 deliveries?"
    assert {d.state.value for d in clarion.why(event, "fails").deliveries} == {"failed"}
    (group,) = preview.one("div", aria_label="Deliveries that stand alike").rows()
    assert group[:5] == ["wire", "failed", "spam", "2", "yes"]
    assert "post to fails" in group[5]
    finished = await console.send(apply(preview))
    assert "Done. 2 of 2 are back in the queue." in finished.text
    assert {d.state.value for d in clarion.why(event, "fails").deliveries} == {"waiting"}
    again = await console.send(apply(preview))  # a page of before, sent once more
    assert "Done. 2 of 2" in again.text


async def test_what_failed_meanwhile_is_not_in_it(console: Visitor, clarion: Clarion, sent: Wire) -> None:
    await told(clarion, to=["fails"])
    preview = await console.send(form_of(await console.get("/failures"), verb="replay", code="spam"))
    later = await told(clarion, to=["fails2"])
    await console.send(apply(preview))
    assert {d.state.value for d in clarion.why(later, "fails2").deliveries} == {"failed"}


async def test_what_stays_as_it_is_says_why(console: Visitor, clarion: Clarion, sent: Wire) -> None:
    event = await told(clarion, to=["fails", "fails2"], subject="cl/1")
    clarion.database.run(lambda conn: clarion.withdraw(conn, "cl/1", "fails2"))
    async with working(clarion):
        await until(lambda: clarion.database.read(_applied))
    page = await console.get(f"/events/{event}")
    preview = await console.send(form_of(page, verb="replay", event=str(event)))
    assert preview.one("h1").text == "Replay 1 delivery?"
    assert "1: what it was about was withdrawn" in preview.text


def _applied(conn: Any) -> bool:
    """Whether workers have come to every withdrawal."""
    return not conn.execute(sa.select(withdrawals.c.id).where(withdrawals.c.applied_at.is_(None))).all()


async def test_many_are_typed(console: Visitor, clarion: Clarion, sent: Wire) -> None:
    crowd(clarion, 101, prefix="fails-")
    await told(clarion, to=[f"fails-{n:05}" for n in range(101)])
    preview = await console.send(form_of(await console.get("/failures"), verb="replay", code="spam"))
    assert preview.one("h1").text == "Replay 101 deliveries?"
    assert ("number", "101") not in apply(preview).values()
    for wrong in ("", "100", "many"):
        refused = await console.send(apply(preview), status=422, number=wrong)
        assert refused.one("p", role="alert").text
        assert refused.one("h1").text == "Replay 101 deliveries?"
    assert "Done. 101 of 101" in (await console.send(apply(preview), number="101")).text


async def test_what_waits_is_cancelled(console: Visitor, clarion: Clarion, sent: Wire) -> None:
    clarion.pause("wire", until=clock.now() + timedelta(hours=1), by="a test")
    event = emit(clarion, "post", to=["bob", "fails"])
    async with working(clarion):
        await until(lambda: clarion.counts(event).waiting == 2)
    page = await console.get("/failures")
    form = form_of(page, verb="cancel")
    preview = await console.send(form, channel="wire", recipient="bob")
    assert preview.one("h1").text == "Cancel 1 delivery?"
    assert "Done. 1 of 1 are cancelled." in (await console.send(apply(preview))).text
    assert {d.state.value for d in clarion.why(event, "bob").deliveries} == {"cancelled"}
    clarion.resume("wire")
    async with working(clarion):
        await until(lambda: done(clarion))
    assert [message.recipient.id for message in sent.begun] == ["fails"]


async def test_an_old_preview_does_nothing(
    console: Visitor, clarion: Clarion, sent: Wire, travel: Any
) -> None:
    await told(clarion, to=["fails"])
    preview = await console.send(form_of(await console.get("/failures"), verb="replay", code="spam"))
    travel(timedelta(minutes=61))
    expired = await console.send(apply(preview), status=422)
    assert "nothing was done" in expired.text
    (again,) = [f for f in expired.all("form") if (f.get("action") or "").endswith("/selections")]
    assert (await console.send(again)).one("h1").text == "Replay 1 delivery?"


async def test_who_may_only_look(sign_in: SignIn, clarion: Clarion, sent: Wire) -> None:
    await told(clarion, to=["fails"])
    operator, observer = await sign_in("operate"), await sign_in("observe")
    assert [
        f for f in (await observer.get("/failures")).all("form") if ("verb", "replay") in f.values()
    ] == []
    preview = await operator.send(form_of(await operator.get("/failures"), verb="replay", code="spam"))
    at = operator.address.removeprefix("/console")
    seen = await observer.get(at)
    assert seen.one("h1").text == preview.one("h1").text
    assert [f for f in seen.all("form") if (f.get("action") or "").endswith("/apply")] == []


async def test_those_of_before_are_listed(console: Visitor, clarion: Clarion, sent: Wire) -> None:
    await told(clarion, to=["fails"])
    preview = await console.send(form_of(await console.get("/failures"), verb="replay", code="spam"))
    await console.send(apply(preview))
    (row,) = (await console.get("/selections")).one("table").rows()
    assert row[1:] == ["Replay", "1", "finished", "1", "0", "operator olga"]


async def test_another_tenants_selection_is_not_there(sign_in: SignIn, clarion: Clarion, sent: Wire) -> None:
    await told(clarion, to=["fails"])
    ours = await sign_in()
    await ours.send(form_of(await ours.get("/failures"), verb="replay", code="spam"))
    theirs = await sign_in(tenant="other")
    await theirs.get(ours.address.removeprefix("/console"), status=404)
