"""A hundred texts that would run a script, stored wherever an application or a person writes, on every page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest

from clarion import Address, Clarion, Email, Reject, clock
from clarion.message import Message
from clarion.templates.plain import one_line
from clarion.web.console import routes
from tests.browser.console.conftest import Opener
from tests.support.payloads import ADDRESSES, PAYLOADS, Watched
from tests.support.working import Wire, await_true, emit
from tests.web.console.scene import ONCE

NAMES = [one_line(text, 200).strip() or "empty" for text in PAYLOADS]  # names hold no controls


async def refuse(message: Message, _to: Address) -> str:
    raise Reject("refused", str(message.event.data["says"][message.recipient.id]))


@pytest.fixture(scope="module")
def clarion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clarion]:
    path = tmp_path_factory.mktemp("inert") / "clarion.db"
    made = Clarion(
        f"sqlite:///{path}",
        channels=[Wire(refuse), Email("smtp://localhost:1", sender="Acme <hello@acme.test>")],
        name="<script>pwned(0)</script>",
    )
    made.migrate()
    made.type("post", channels=["inbox", "wire"], policy=ONCE, description=PAYLOADS[0])
    made.type("mailed", channels=["inbox", "email"], description=PAYLOADS[12])
    for name in NAMES:
        made.recipients.upsert(name, name=name, addresses={"wire": name})
    yield made
    made.close()


@pytest.fixture(scope="module")
def told(clarion: Clarion, url: str) -> list[UUID]:
    """An event for all, which the other side refuses with these words; and one for each, with all else of it."""
    says = dict(zip(NAMES, PAYLOADS, strict=True))
    first = emit(clarion, "post", to={"direct": NAMES}, tags=NAMES, data={"says": says, **says})
    rest = [
        emit(clarion, "post", to=NAMES[:1], data={"says": says, "title": text, "text": text}, **_fields(n))
        for n, text in enumerate(PAYLOADS)
    ]
    mailed = emit(
        clarion,
        "mailed",
        to=NAMES[:1],
        at=clock.now() + timedelta(hours=1),
        data={"title": "\n".join(PAYLOADS), "text": "\n".join(PAYLOADS), "actor_name": PAYLOADS[1]},
    )
    desk = clarion.desk(NAMES[3], tenant="default")
    for name in NAMES[:20]:
        desk.silence(
            {"type": "post"},
            comment=name,
            until=clock.now() + timedelta(hours=1),
            starts=clock.now() + timedelta(minutes=30),
        )
    desk.preview_replay(recipient=NAMES[5])
    await_true(lambda: clarion.counts(first).failed == len(NAMES))
    return [first, *rest, mailed]


def _fields(n: int) -> dict[str, Any]:
    """A payload in each field; an address that `emit` takes."""
    at = [NAMES[(n + step) % 100] for step in range(6)]
    url = f"/{ADDRESSES[n % 20]}".replace("\n", "").replace("\t", "").replace("\x01", "")
    return {
        "actor": at[0],
        "subject": at[1],
        "thread": at[2],
        "key": f"{n}{at[3]}",
        "condition": f"{n}{at[4]}",
        "correlation_id": at[5],
        "url": url,
    }


def paths(told: list[UUID]) -> Iterator[str]:
    """Every page, and those of single things where all of these stand."""
    yield from (one.path for one in routes.declared() if one.method == "GET" and "{" not in one.path)
    first, *rest, mailed = told
    for kind in ("events", "decisions", "deliveries"):
        yield f"/search?kind={kind}"
    yield "/search?kind=events&" + urlencode({"subject": NAMES[1], "actor": NAMES[0]})
    yield f"/events/{first}"
    yield f"/events/{first}?" + urlencode({"after": NAMES[50]})
    for name in NAMES[12], NAMES[52], NAMES[88]:
        yield "/search?" + urlencode({"q": name})
        yield f"/events/{first}?" + urlencode({"recipient": name})
        yield "/recipients/" + quote(name, safe="")
        yield "/failures?" + urlencode({"channel": name})
    for event in rest[::10]:
        yield f"/events/{event}"
        yield f"/events/{event}/withdraw"
    for part in ("html", "text", "headers"):
        yield f"/templates?type=mailed&event={mailed}&part={part}"
    yield "/types/post"


def test_nothing_runs_and_nothing_is_reported(open_page: Opener, told: list[UUID]) -> None:
    page = open_page()
    origin = page.url.partition("/console")[0]
    watched = Watched(page)
    for path in paths(told):
        answer = page.goto(f"{origin}/console{path}")
        assert answer.status < 500, path
        assert watched.caught() == [], path


def test_they_are_shown_as_the_texts_they_are(open_page: Opener, told: list[UUID]) -> None:
    page = open_page(f"/events/{told[0]}")
    shown = page.locator("main").text_content()
    seen = [name for name in sorted(NAMES)[:50] if name in shown]
    assert len(seen) == 50
