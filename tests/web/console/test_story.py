"""One event's story as a page, without any script."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from clarion import Clarion, clock
from tests.support.working import emit
from tests.web.console.conftest import SignIn, Visitor
from tests.web.console.scene import SAID, declare, later, posted, told

pytestmark = pytest.mark.anyio


@pytest.fixture
async def event(clarion: Clarion) -> UUID:
    return await posted(
        clarion, to=["bob", "fails", "carol"], actor="alice", subject="cl/1", data={"title": "A <b>title</b>"}
    )


async def test_the_whole_story(console: Visitor, clarion: Clarion, event: UUID) -> None:
    page = await console.get(f"/events/{event}")
    assert page.one("h1").text == "post about cl/1"
    figures = [one.text for one in page.one("dl", class_="figures").all("dd")]
    assert figures == ["3", "3 3 in the inbox", "0", "0 0 read"]
    lines = [one.text for one in page.one("ol", class_="moments").all("li")]
    assert any("emitted by alice" in line for line in lines)
    assert any("wire fails: failed spam" in line and SAID in line for line in lines)
    assert any("wire bob: sent" in line and "a receipt" in line for line in lines)
    people = page.one("div", aria_label="Recipients").rows()
    assert [row[0] for row in people] == ["bob", "carol", "fails"]
    assert "the recipient has no address on this channel" in people[1][2]
    outcomes = page.one("div", aria_label="Deliveries by outcome").rows()
    assert outcomes == [["wire", "failed", "spam", "1"], ["wire", "sent", "–", "1"]]
    assert '"A <b>title</b>"' in page.one("pre").text
    # Addresses are shown with the one whose they are, and that is noted.
    assert "bob@a.test" not in page.text


async def test_why_somebody_did_not_get_it(console: Visitor, clarion: Clarion, event: UUID) -> None:
    page = await console.get(f"/events/{event}")
    asking = page.one("form", aria_label="Why did somebody get it, or not?")
    carol = await console.send(asking, recipient="carol")
    assert console.address == f"/console/events/{event}?recipient=carol"
    assert [
        "wire",
        "no",
        "reachable",
        "suppressed: the recipient has no address on this channel",
    ] in carol.one("div", aria_label="By channel").rows()
    nobody = await console.send(asking, recipient="nobody")
    assert "nobody was not in the audience; asked were: direct: bob, fails, carol" in nobody.text
    fails = await console.send(asking, recipient="fails")
    assert "fails@a.test" in fails.text
    (attempt,) = fails.one("div", aria_label="Attempts on wire").rows()
    assert attempt[2:5] == ["failed", "spam", SAID]


async def test_looking_at_somebody_is_noted(console: Visitor, clarion: Clarion, event: UUID) -> None:
    await console.get(f"/events/{event}")
    desk = clarion.desk("a test")
    assert desk.audit(recipient="fails").items == ()
    await console.get(f"/events/{event}", recipient="fails")
    noted = desk.audit(recipient="fails").items
    assert noted
    assert noted[0].by == "operator olga"


async def test_failures_are_replayed_from_here(console: Visitor, event: UUID) -> None:
    page = await console.get(f"/events/{event}")
    (replay,) = [f for f in page.all("form") if ("verb", "replay") in f.values()]
    preview = await console.send(replay)
    assert preview.one("h1").text == "Replay 1 delivery?"


@pytest.mark.parametrize(
    ("action", "title", "said"),
    [
        ("cancel", "Cancel this event?", "The event is cancelled."),
        ("withdraw", "Withdraw all about its subject?", "All about cl/1 is withdrawn."),
        ("resolve", "Resolve its condition?", "The condition disk full is resolved."),
    ],
)
async def test_what_is_done_asks_first(
    console: Visitor, clarion: Clarion, action: str, title: str, said: str
) -> None:
    event = emit(clarion, "note", to=["bob"], subject="cl/1", condition="disk full", at=clock.now() + later())
    page = await console.get(f"/events/{event}")
    (link,) = [one for one in page.all("a") if (one.get("href") or "").endswith(f"/{action}")]
    asked = await console.get(link.get("href") or "")
    assert asked.one("h1").text == title
    assert clarion.story(event).taken_back == ()
    (form,) = [f for f in asked.all("form") if (f.get("action") or "").endswith(f"/{action}")]
    done = await console.send(form)
    assert done.one("p", role="status").text == said
    (taken,) = clarion.story(event).taken_back
    assert taken.what == {"cancel": "event", "withdraw": "subject", "resolve": "condition"}[action]


async def test_who_may_only_look_is_offered_nothing(sign_in: SignIn, event: UUID) -> None:
    observer = await sign_in("observe")
    page = await observer.get(f"/events/{event}")
    assert [one for one in page.all("form") if "selections" in (one.get("action") or "")] == []
    await observer.get(f"/events/{event}/cancel", status=403)


async def test_people_page_by_page(console: Visitor, clarion: Clarion) -> None:
    declare(clarion)
    event = await told(clarion, "note", to=[f"p{n:03}" for n in range(60)])
    page = await console.get(f"/events/{event}")
    assert len(page.one("div", aria_label="Recipients").rows()) == 50
    (following,) = page.all("a", rel="next")
    rest = await console.get(following.get("href") or "")
    assert [row[0] for row in rest.one("div", aria_label="Recipients").rows()] == [
        f"p{n:03}" for n in range(50, 60)
    ]


async def test_what_is_not_there(console: Visitor, clarion: Clarion) -> None:
    elsewhere = emit(clarion, "note", to=["bob"], tenant="other")
    for path in (f"/events/{uuid4()}", f"/events/{elsewhere}", "/events/nonsense"):
        await console.get(path, status=404)
    await console.get(f"/events/{emit(clarion, 'note', to=['bob'])}/explode", status=404)


async def test_times_in_the_recipients_zone(console: Visitor, clarion: Clarion, event: UUID) -> None:
    clarion.recipients.upsert("bob", time_zone="America/New_York")
    page = await console.get(f"/events/{event}", recipient="bob")
    (zone,) = [a for a in page.one("p", id="zones").all("a") if "bob" in a.text]
    there = await console.get(zone.get("href") or "")
    assert "Shown in America/New_York" in there.text
