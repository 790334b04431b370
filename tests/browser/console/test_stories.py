"""Search, stories, failures, bulk actions and the template lab in a browser: in every mode, and by keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from clarion import Clarion, Email, clock
from tests.browser.console.conftest import MODES, Opener
from tests.browser.pages import await_that
from tests.browser.test_page import findings
from tests.support.working import await_true, emit
from tests.web.console.scene import declare, wire


@pytest.fixture(scope="module")
def clarion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clarion]:
    path: Path = tmp_path_factory.mktemp("stories") / "clarion.db"
    made = Clarion(
        f"sqlite:///{path}",
        channels=[wire(), Email("smtp://localhost:1", sender="Acme <hello@acme.test>")],
        base_url="https://acme.test",
    )
    made.migrate()
    made.type("mailed", channels=["inbox", "email"], category="notes", description="Mail came.")
    declare(made)
    for n in range(101):
        made.recipients.upsert(f"fails-{n:03}", addresses={"wire": f"{n}@a.test"})
    yield made
    made.close()


@pytest.fixture(scope="module")
def event(clarion: Clarion, url: str) -> UUID:
    """Told to two, and not to a third; `url`: where a worker runs."""
    found = emit(
        clarion, "post", to=["bob", "fails", "carol"], actor="alice", subject="cl/1", key="comment/7"
    )
    await_true(lambda: clarion.counts(found).failed == 1 and clarion.counts(found).sent == 1)
    return found


@pytest.fixture(scope="module")
def later(clarion: Clarion, url: str) -> UUID:
    at = clock.now() + timedelta(hours=2)
    return emit(clarion, "mailed", to=["bob"], at=at, condition="disk full", data={"title": "Later"})


PAGES = {
    "search": "/search",
    "deliveries": "/search?kind=deliveries&state=failed",
    "nothing": "/search?q=nothing",
    "story": "/events/{event}",
    "recipient": "/events/{event}?recipient=fails",
    "asked": "/events/{later}/cancel",
    "failures": "/failures",
    "selections": "/selections",
    "lab": "/templates?type=mailed&event={later}",
    "headers": "/templates?type=mailed&part=headers",
}


@pytest.mark.parametrize("mode", MODES)
def test_every_page_in_every_mode(open_page: Opener, event: UUID, later: UUID, mode: str) -> None:
    page = open_page("/search", **MODES[mode])
    for name, path in PAGES.items():
        page.goto(page.url.partition("/console")[0] + "/console" + path.format(event=event, later=later))
        assert page.locator("h1").count() == 1, name
        if mode != "without-scripts":
            assert findings(page) == [], (mode, name)
            beyond = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert beyond <= 0, f"{name} is {beyond} px wider than the window"


def test_from_an_id_to_why_by_keys_alone(open_page: Opener, event: UUID) -> None:
    page = open_page("/failures")
    page.keyboard.press("/")
    page.keyboard.type("comment/7")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/events/{event}")
    page.get_by_role("textbox", name="Why did somebody get it, or not?").focus()
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")
    page.wait_for_url("**recipient=nobody")
    assert page.get_by_text("nobody was not in the audience").is_visible()
    page.go_back()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "bob"


@pytest.mark.parametrize("mode", ["light", "without-scripts"])
def test_many_are_replayed_after_their_number_is_typed(
    open_page: Opener, clarion: Clarion, url: str, mode: str
) -> None:
    subject = f"cl/{mode}"
    many = emit(clarion, "post", to=[f"fails-{n:03}" for n in range(101)], subject=subject)
    await_true(lambda: clarion.counts(many).failed == 101)
    page = open_page(f"/events/{many}", **MODES[mode])
    page.get_by_role("button", name="Replay 101 failed").click()
    typed = page.get_by_label("type the number")
    typed.fill("100")
    page.get_by_role("button", name="Replay 101").click()
    assert page.get_by_role("alert").is_visible()
    typed.fill("101")
    page.get_by_role("button", name="Replay 101").click()
    await_that(page, lambda: _looked_again(page, mode), "all are back in the queue")


def _looked_again(page: Any, mode: str) -> bool:
    """Without scripts, a page says how far it is when one looks again."""
    done = page.get_by_text("101 of 101 are back in the queue").is_visible()
    if not done and mode == "without-scripts":
        page.reload()
    return bool(done)


def test_a_mail_in_its_frame(open_page: Opener, later: UUID) -> None:
    page = open_page(f"/templates?type=mailed&event={later}&scheme=dark&width=320")
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="Later").wait_for()
    body = frame.locator("body")
    assert body.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(13, 17, 23)"
    assert page.locator("iframe").evaluate("node => node.clientWidth") == 320
    page.goto(page.url.replace("scheme=dark", "scheme=light"))
    frame.get_by_role("heading", name="Later").wait_for()
    assert body.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(243, 244, 246)"


def test_edited_beside_live(open_page: Opener, later: UUID) -> None:
    page = open_page(f"/templates?type=mailed&event={later}")
    page.get_by_label("JSON").fill('{"title": "Sooner"}')
    page.locator("form.edit").get_by_role("button", name="Show").click()
    page.wait_for_url("**draft=**")
    page.frame_locator("iframe").nth(1).get_by_role("heading", name="Sooner").wait_for()
    page.frame_locator("iframe").nth(0).get_by_role("heading", name="Later").wait_for()
