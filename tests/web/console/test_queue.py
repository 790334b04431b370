"""The overview, the queue and its channels: how they stand, what failed alike, and pause, resume and a test send."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from clarion import Channel, Clarion, Down, Gone, clock
from clarion.message import Message
from clarion.recipient import Address
from tests.support.html import Element
from tests.support.working import Wire, done, emit, until, working
from tests.web.console.conftest import SignIn, Visitor
from tests.web.console.scene import ONCE, SAID, declare, does, told

pytestmark = pytest.mark.anyio

Travel = Callable[[timedelta], None]


async def _does(message: Message, to: Address) -> str:
    if to.value.startswith("gone"):
        raise Gone("unknown", "nobody is here")
    return await does(message, to)


@pytest.fixture
def channels() -> list[Channel]:
    return [Wire(_does)]


@pytest.fixture
def posts(clarion: Clarion) -> Clarion:
    declare(clarion)
    clarion.recipients.upsert("gone", addresses={"wire": "gone@a.test"})
    return clarion


def figures(page: Element) -> dict[str, str]:
    return {
        one.all("dt")[0].text: one.all("dd")[0].text for one in page.one("dl", class_="figures").all("div")
    }


def attention(page: Element) -> list[str]:
    return [one.all("strong")[0].text for one in page.all("li", class_="note")]


async def test_when_all_is_well(console: Visitor, posts: Clarion) -> None:
    page = await console.get("")
    assert attention(page) == []
    assert "Nothing: what is due is sent" in page.text
    assert figures(page)["Waiting now"] == "0"


async def test_what_needs_attention_comes_first(console: Visitor, posts: Clarion) -> None:
    await told(posts, to=["bob", "fails", "fails2", "gone"])
    later = clock.now() + timedelta(hours=1)
    posts.pause("wire", until=later, by="olga", because="They move house")
    page = await console.get("")
    assert attention(page) == ["wire failed", "wire failed", "wire is paused", "One address is dead"]
    assert "olga asked for it: They move house" in page.text
    assert re.search(r"2 × spam: .* we do not want <n>", page.text)
    seen = figures(page)
    assert (seen["Sent"], seen["Failed"], seen["Events emitted"]) == ("1", "3", "1 8 told, 0 not")
    for link in page.one("section", id="now").all("a"):
        await console.get(link.get("href") or "")


async def test_what_waits_too_long(console: Visitor, posts: Clarion, travel: Travel) -> None:
    emit(posts, "post", to=["bob"])
    travel(timedelta(minutes=6))
    assert attention(await console.get("")) == ["Events wait"]


async def test_charts_also_as_tables(console: Visitor, posts: Clarion) -> None:
    await told(posts, to=["bob", "fails"])
    page = await console.get("")
    deliveries, _ = page.all("figure")
    assert deliveries.one("svg").get("aria-label") == "Deliveries: sent 1, failed 1, no longer wanted 0"
    assert not page.all("figure")[0].all("table")
    page = await console.get(page.link("Show the charts as tables"))
    rows = page.all("figure")[0].rows()
    assert [sum(int(row[n]) for row in rows) for n in (1, 2, 3)] == [1, 1, 0]
    closer = page.all("figure")[0].all("a")[-1]
    assert (await console.get(closer.get("href") or "")).all("figure")
    assert "from=" in console.address
    assert "to=" in console.address


async def test_weeks_are_shown_by_the_days_of_the_zone(console: Visitor, posts: Clarion) -> None:
    await told(posts, to=["bob"])
    page = await console.get("?from=-30d&table=1&zone=Asia/Kolkata")
    rows = page.all("figure")[0].rows()
    assert len(rows) in (31, 32)
    assert all(row[0].endswith("00:00:00") for row in rows[1:])
    assert rows[-1][1] == "1"


async def test_how_channels_stand(console: Visitor, posts: Clarion) -> None:
    await told(posts, to=["bob", "fails"])
    page = await console.get("/queue")
    (row,) = page.one("div", aria_label="Channels").rows()
    assert row[:5] == ["wire", "works", "0", "0", "–"]
    (group,) = page.one("div", aria_label="Failures by what was said").rows()
    assert group[:3] == ["1", "wire", "spam"]
    assert group[3].endswith("we do not want <n>")


async def test_how_long_until_it_is_empty(console: Visitor, posts: Clarion) -> None:
    await told(posts, to=["bob"])
    posts.pause("wire", until=clock.now() + timedelta(hours=1), by="olga")
    for _ in range(3):
        emit(posts, "post", to=["bob"])
    async with working(posts):
        await until(lambda: posts.overview().channels[0].backlog.waiting == 3)
    (row,) = (await console.get("/queue")).one("div", aria_label="Channels").rows()
    assert row[1].startswith("paused until")
    assert (row[2], row[3]) == ("3", "3")
    assert row[6].startswith("≈")
    shown = await console.get("/queue/wire")
    assert figures(shown)["Through in"].startswith("≈")
    assert figures(shown)["Waiting"] == "3 3 due"


async def test_pausing_with_an_end_and_resuming(console: Visitor, posts: Clarion) -> None:
    page = await console.get("/queue/wire?zone=Europe/Berlin")
    form = page.one("form", action="/console/queue/wire/pause?zone=Europe%2FBerlin")
    page = await console.send(form, **{"for": "4h", "because": "They move house"})
    (pause,) = posts.pauses()
    assert pause.by == "operator olga"
    assert timedelta(hours=3, minutes=59) < pause.until - clock.now() <= timedelta(hours=4)
    assert "wire pauses until" in page.one("p", role="status").text
    assert "They move house" in page.one("div", class_="note").text
    resuming = page.one("form", action="/console/queue/wire/resume?zone=Europe%2FBerlin")
    page = await console.send(resuming)
    assert "wire is sent on again" in page.one("p", role="status").text
    assert posts.pauses() == []


async def test_pausing_until_an_instant_in_the_zone_of_the_page(console: Visitor, posts: Clarion) -> None:
    page = await console.get("/queue/wire?zone=Asia/Kolkata")
    form = page.one("form", action="/console/queue/wire/pause?zone=Asia%2FKolkata")
    ends = (clock.now() + timedelta(days=1)).replace(microsecond=0)
    typed = (ends + timedelta(hours=5, minutes=30)).replace(tzinfo=None).isoformat()
    await console.send(form, until=typed, lane="a lane")
    (pause,) = posts.pauses()
    assert (pause.until, pause.lane) == (ends, "a lane")
    assert "Lanes that pause" in (await console.get("/queue")).text


async def test_a_pause_that_cannot_be_keeps_what_was_typed(console: Visitor, posts: Clarion) -> None:
    form = (await console.get("/queue/wire")).one("form", action="/console/queue/wire/pause")
    page = await console.send(form, status=422, until="2001-01-01T00:00", because="why not")
    assert "yet to come" in page.one("p", role="alert").text
    assert page.one("input", name="because").get("value") == "why not"
    assert posts.pauses() == []


async def test_what_is_down_is_tried_again(console: Visitor, posts: Clarion) -> None:
    wire = posts.channels["wire"]
    assert isinstance(wire, Wire)

    async def down(_message: Message, _to: Address) -> str:
        raise Down("connect", "no route")

    wire._does = down
    emit(posts, "post", to=["bob"])
    async with working(posts):
        await until(posts.pauses)
    assert attention(await console.get("")) == ["wire is down"]
    page = await console.get("/queue/wire")
    assert "connect: no route" in page.one("div", class_="note").text
    wire._does = None
    await console.send(page.one("form", action="/console/queue/wire/resume"))
    async with working(posts):
        await until(lambda: done(posts))


async def test_a_test_send(console: Visitor, posts: Clarion) -> None:
    form = (await console.get("/queue/wire")).one("form", action="/console/queue/wire/try")
    taken = await console.send(form, to="zoe@a.test")
    assert "wire: taken in" in taken.one("p", role="status").text
    wire = posts.channels["wire"]
    assert isinstance(wire, Wire)
    assert [message.content.title for message in wire.taken] == ["Test message"]
    to_recipient = await console.send(form, to="fails", **{"as": "recipient"})
    assert f"not taken: spam: {SAID}" in to_recipient.one("p", role="status").text
    unknown = await console.send(form, status=422, to="nobody", **{"as": "recipient"})
    assert "nobody" in unknown.one("p", role="alert").text


async def test_the_examination(console: Visitor, posts: Clarion, forgetful: list[str]) -> None:
    page = await console.get("/examination")
    found = {row[1]: row[0] for row in page.one("div", id="findings").rows()}
    assert found["database"] == found["migrations"] == "ok"
    assert found["channel wire"] == "ok"
    forgetful.clear()  # it looks at the whole installation


async def test_who_may_only_look_sees_no_forms(sign_in: SignIn, posts: Clarion) -> None:
    visitor = await sign_in("observe")
    page = await visitor.get("/queue/wire")
    assert [form.get("action") for form in page.all("form", method="post")] == ["/console/sign-out"]


async def test_another_tenants_figures_are_not_shown(sign_in: SignIn, posts: Clarion) -> None:
    await told(posts, to=["bob", "fails"])
    other = await sign_in("operate", tenant="other")
    seen = figures(await other.get(""))
    assert (seen["Sent"], seen["Failed"], seen["Events emitted"]) == ("0", "0", "0 0 told, 0 not")
    assert "spam" not in (await other.get("/queue")).text


async def test_types(console: Visitor, posts: Clarion) -> None:
    posts.type("ci.failed", channels=["wire"], policy=ONCE, category="builds", required=True)
    posts.start()
    await told(posts, to=["bob", "fails"])
    rows = {row[0].split()[0]: row for row in (await console.get("/types")).rows()}
    assert set(rows) == {"ci.failed", "note", "post", "security"}
    assert rows["post"][5:] == ["1", "1", "1"]
    assert rows["ci.failed"][4] == "required"
    (found,) = (await console.get("/types?q=builds fail")).rows()
    assert found[0].startswith("ci.failed")
    page = await console.get("/types/post")
    assert "tried once" in page.text
    assert figures(page)["Events"] == "1"
    missing = await console.get("/types/pots", status=404)
    assert "post" in missing.one("p", role="alert").text
