"""The demo in a browser: what one person does, the other hears of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.pages import await_that
from tests.browser.test_page import findings
from tests.support.demo import Demo, serving

COMMENTED = "Cody Tocat commented on “Warmer empty states”"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with serving(tmp_path_factory.mktemp("demo"), "--port", "0") as found:
        found.http.post("/acme/flow", json={"paused": True})
        yield found


@pytest.fixture
def page(context: Any, demo: Demo) -> Iterator[Any]:
    """The demo's page, wide. Nothing may go wrong in it: what breaks its policy is said on the console."""
    wrong: list[str] = []
    made = context.new_page()
    made.set_viewport_size({"width": 1440, "height": 900})
    made.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.goto(demo.where["url"])
    yield made
    assert wrong == []


def side(page: Any, name: str) -> Any:
    return page.frame_locator(f"iframe[name={name}]")


def test_a_comment_goes_from_one_to_the_other(page: Any, demo: Demo) -> None:
    cody, sam = side(page, "left"), side(page, "right")
    sam.get_by_role("button", name="Notifications").wait_for()
    cody.get_by_label("Comment as Cody Tocat").fill("Shall we say it more softly?")
    cody.get_by_role("button", name="Comment").click()
    for each in (cody, sam):
        each.locator("#comments").get_by_text("Shall we say it more softly?").wait_for()
    cody.get_by_text("email: sent").first.wait_for()

    bell = sam.get_by_role("button", name="Notifications")
    await_that(page, lambda: "new" in (bell.get_attribute("aria-label") or ""), "the bell counts")
    bell.click()
    sam.locator(".row").get_by_text(COMMENTED).first.click()
    await_that(page, lambda: sam.locator(".looked-for").count() == 1, "it leads to the comment")

    page.get_by_role("link", name="Mail").click()
    page.locator(".list").get_by_text(COMMENTED).first.click()
    mail = page.frame_locator("iframe.html")
    mail.get_by_text("Shall we say it more softly?", exact=True).wait_for()
    with page.context.expect_page() as opened:
        mail.get_by_role("link").first.click()
    opened.value.wait_for_url(demo.where["url"] + "/*")

    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Console").click()
    opened.value.get_by_role("heading", name="Overview").wait_for()


def test_what_is_seen_by_whom_can_be_chosen(page: Any) -> None:
    page.locator("select[data-side=right]").select_option("layla-haddad")
    page.wait_for_url("**/?right=layla-haddad")
    layla = side(page, "right")
    layla.get_by_role("button", name="Preferences").click()
    layla.locator("clarion-preferences form").wait_for()
    assert layla.locator("clarion-preferences").evaluate("element => element.matches(':lang(ar)')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Any, scheme: str, demo: Demo) -> None:
    demo.do("sam-lee", "fail-build", **{"with": "codertocat"})
    demo.do("codertocat", "declare-incident", **{"with": "sam-lee"})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    side(page, "left").get_by_role("button", name="Mention Sam Lee").click()
    side(page, "left").get_by_text("email: sent").first.wait_for()
    for path in ("", "/as/sam-lee?with=codertocat", "/mail", "/mail/1", "/mail/1?view=headers"):
        if path:
            page.goto(demo.where["url"] + path)
        page.get_by_role("heading").first.wait_for()
        assert findings(page) == [], path


def test_where_there_is_little_room_one_is_shown(page: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.get_by_role("button", name="Sam Lee").click()
    side(page, "right").get_by_role("button", name="Mention Cody Tocat").wait_for()
    assert not page.locator("iframe[name=left]").is_visible()
    for frame in page.frames:
        assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Mail").click()
    page.get_by_role("heading", name="Mail").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
