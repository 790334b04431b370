"""Points 3, 4, 5, 14: changes and their undoing, the keyboard, and why somebody was told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.pages import await_that, await_titles, focused, row, streaming, titles


@pytest.fixture
def three(inbox: Any) -> list[str]:
    return [inbox.emit(title, quietly=True) for title in ("One", "Two", "Three")]


def test_a_failed_change_is_rolled_back_alone(show: Any, backend: Any, inbox: Any, three: list[str]) -> None:
    page = show()
    await_titles(page, ["Three", "Two", "One"])
    streaming(page, backend)
    backend.slow["done"] = 1.5
    backend.fail("/done", 500)
    row(page, "Two").hover()
    row(page, "Two").get_by_role("button", name="Done").click()
    await_titles(page, ["Three", "One"])
    row(page, "One").hover()
    row(page, "One").get_by_role("button", name="Save").click()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    inbox.emit("Four")
    await_titles(page, ["Four", "Three", "Two", "One"])
    assert page.get_by_text("“Two” could not be marked as done. Told to answer 500").first.is_visible()
    assert inbox.items[three[0]]["saved_at"]
    assert row(page, "One").get_by_role("button", name="Remove from saved").count() == 1


def test_of_two_changes_of_one_item_only_the_failed_goes(
    show: Any, backend: Any, inbox: Any, three: list[str]
) -> None:
    page = show()
    await_titles(page, ["Three", "Two", "One"])
    backend.fail("/save", 500)
    row(page, "Two").focus()
    page.keyboard.press("s")
    page.keyboard.press("Shift+I")
    await_that(page, lambda: inbox.items[three[1]]["read_at"] is not None, "read")
    await_that(
        page,
        lambda: row(page, "Two").get_by_role("button", name="Save", exact=True).count() == 1,
        "not saved",
    )
    assert "unread" not in row(page, "Two").get_attribute("class").split()


def test_quick_changes_of_one_item_never_overtake(
    show: Any, backend: Any, inbox: Any, three: list[str]
) -> None:
    page = show()
    await_titles(page, ["Three", "Two", "One"])
    backend.slow["save"] = 0.3
    row(page, "Two").focus()
    page.keyboard.press("s")
    page.keyboard.press("s")
    await_that(page, lambda: backend.count("POST", "/v1/inbox/unsave") == 1, "taken back")
    await_that(page, lambda: inbox.items[three[1]]["saved_at"] is None, "not saved")
    order = [path for _, path in backend.requests if path.endswith("save")]
    assert order == ["/v1/inbox/save", "/v1/inbox/unsave"]


def test_undo_for_ten_seconds(show: Any, inbox: Any, three: list[str], context: Any) -> None:
    page = context.new_page()
    page.clock.install()
    show(page=page)
    await_titles(page, ["Three", "Two", "One"])
    row(page, "Three").focus()
    page.keyboard.press("e")
    await_titles(page, ["Two", "One"])
    page.clock.run_for(9_000)
    page.get_by_role("button", name="Undo").click()
    await_titles(page, ["Three", "Two", "One"])
    await_that(page, lambda: inbox.items[three[2]]["done_at"] is None, "undone")
    row(page, "Three").focus()
    page.keyboard.press("e")
    await_titles(page, ["Two", "One"])
    page.mouse.move(0, 0)
    page.clock.run_for(11_000)
    await_that(page, lambda: page.get_by_role("button", name="Undo").count() == 0, "too late")


def test_mark_all_takes_what_is_shown(show: Any, backend: Any, inbox: Any) -> None:
    for n in range(30):
        inbox.emit(f"N{n}", quietly=True)
    page = show()
    page.get_by_role("button", name="Mark 25 shown as read").click()
    page.locator(".undo").get_by_text("25 marked as read: N29, N28, and 23 more").wait_for()
    await_that(page, lambda: inbox.counts()["unread"] == 5, "the rest is left")
    page.get_by_role("button", name="Undo").click()
    await_that(page, lambda: inbox.counts()["unread"] == 30, "undone")


def test_everything_by_keyboard(show: Any, inbox: Any, three: list[str]) -> None:
    page = show("inbox")
    await_titles(page, ["Three", "Two", "One"])
    page.keyboard.press("Tab")
    for _ in range(8):
        if focused(page) == "Three":
            break
        page.keyboard.press("Tab")
    assert focused(page) == "Three"
    page.keyboard.press("j")
    await_that(page, lambda: focused(page) == "Two", "what keys mean is loaded with the first")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "One"
    page.keyboard.press("k")
    page.keyboard.press("Shift+I")
    await_that(page, lambda: inbox.items[three[1]]["read_at"] is not None, "read")
    page.keyboard.press("Shift+U")
    await_that(page, lambda: inbox.items[three[1]]["read_at"] is None, "unread")
    page.keyboard.press("s")
    await_that(page, lambda: inbox.items[three[1]]["saved_at"] is not None, "saved")
    page.keyboard.press("e")
    await_titles(page, ["Three", "One"])
    assert focused(page) == "One"
    page.keyboard.press("m")
    await_that(page, lambda: ("POST", "mute", three[0]) in inbox.said, "muted")
    page.keyboard.press("h")
    page.get_by_role("menu", name="Snooze").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    await_titles(page, ["Three"])
    await_that(page, lambda: inbox.items[three[0]]["snoozed_until"] is not None, "snoozed")
    assert focused(page) == "Three"
    page.keyboard.press("/")
    await_that(page, lambda: focused(page) == "Search notifications", "the search is loaded")
    page.keyboard.press("Escape")
    row(page, "Three").focus()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for(state="detached")


def test_the_rows_are_one_tab_stop(show: Any, three: list[str]) -> None:
    page = show(inside='<a slot="footer" href="/after">After</a>')
    await_titles(page, ["Three", "Two", "One"])
    row(page, "Two").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "After"
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "Two"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    await_that(page, lambda: focused(page) == "Done", "inside")
    page.keyboard.press("Escape")
    assert focused(page) == "Two"


def test_single_letters_can_be_switched_off(show: Any, inbox: Any, three: list[str]) -> None:
    page = show("inbox", 'keys="off"')
    await_titles(page, ["Three", "Two", "One"])
    row(page, "Three").focus()
    for key in ("e", "s", "j", "/", "?"):
        page.keyboard.press(key)
    page.keyboard.press("ArrowDown")
    await_that(page, lambda: focused(page) == "Two", "the arrows go on")
    for key in ("e", "s", "j", "/", "?"):
        page.keyboard.press(key)
    assert focused(page) == "Two"
    assert titles(page) == ["Three", "Two", "One"]


def test_opening_is_the_hosts_to_route(show: Any, inbox: Any, three: list[str]) -> None:
    page = show()
    await_titles(page, ["Three", "Two", "One"])
    page.evaluate(
        "addEventListener('clarion:open', (event) => { event.preventDefault(); window.opened = event.detail.item.title; })"
    )
    row(page, "Two").focus()
    page.keyboard.press("Enter")
    await_that(page, lambda: page.evaluate("window.opened") == "Two", "told")
    await_that(page, lambda: inbox.items[three[1]]["read_at"] is not None, "read")


def test_opening_goes_there(show: Any, inbox: Any) -> None:
    inbox.emit("Here", quietly=True, url="/static/clarion.js")
    inbox.emit("Evil", quietly=True, url="javascript:document.title='evil'")
    page = show()
    await_titles(page, ["Evil", "Here"])
    row(page, "Evil").locator(".title").click()
    assert page.title() == "Page"
    row(page, "Here").locator(".title").click()
    page.wait_for_url("**/static/clarion.js")


def test_why_am_i_getting_this_and_its_stop(show: Any, inbox: Any, three: list[str]) -> None:
    page = show()
    await_titles(page, ["Three", "Two", "One"])
    row(page, "Two").hover()
    row(page, "Two").get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Why am I getting this?").click()
    row(page, "Two").get_by_text("because you were mentioned in cl/2").wait_for()
    row(page, "Two").get_by_role("button", name="Stop watching cl/2").click()
    await_that(page, lambda: ("POST", "stop", three[1]) in inbox.said, "stopped")
    row(page, "Two").get_by_text("you get no more of these").wait_for()


def test_tabs_filters_and_search(show: Any, inbox: Any) -> None:
    inbox.emit("Read", quietly=True, read_at="2026-01-01T00:00:00Z", severity="urgent")
    inbox.emit("Kept", quietly=True, saved_at="2026-01-01T00:00:00Z", category="deploys")
    inbox.emit("Over", quietly=True, done_at="2026-01-01T00:00:00Z")
    page = show()
    await_titles(page, ["Kept", "Read"])
    for tab, wanted in (
        ("Unread", ["Kept"]),
        ("Saved", ["Kept"]),
        ("Done", ["Over"]),
        ("Inbox", ["Kept", "Read"]),
    ):
        page.get_by_role("tab", name=tab).click()
        await_titles(page, wanted)
    page.get_by_role("button", name="Search and filter").click()
    page.get_by_label("Severity").select_option("urgent")
    await_titles(page, ["Read"])
    page.get_by_label("Severity").select_option("")
    page.get_by_label("Category").select_option("deploys")
    await_titles(page, ["Kept"])
    page.get_by_label("Category").select_option("")
    page.get_by_role("searchbox").fill("nothing like it")
    page.get_by_role("heading", name="Nothing found").wait_for()
    page.get_by_role("button", name="Clear filters").click()
    await_titles(page, ["Kept", "Read"])


def test_threads_are_grouped_and_acted_on_together(show: Any, backend: Any, inbox: Any) -> None:
    for title in ("A1", "A2", "A3"):
        inbox.emit(title, quietly=True, thread="cl/a")
    inbox.emit("B1", quietly=True, thread="cl/b")
    page = show()
    await_titles(page, ["B1", "A3", "A2", "A1"])
    page.get_by_role("button", name="Search and filter").click()
    page.get_by_label("Group by thread").check()
    await_titles(page, ["B1", "A3"])
    assert row(page, "A3").get_by_text("3 in thread").is_visible()
    streaming(page, backend)
    inbox.emit("A4", thread="cl/a")
    await_titles(page, ["A4", "B1"])
    row(page, "A4").hover()
    row(page, "A4").get_by_role("button", name="Show thread").click()
    await_titles(page, ["A4", "A4", "A3", "A2", "A1", "B1"])
    row(page, "A4").focus()
    page.keyboard.press("e")
    await_titles(page, ["B1"])
    await_that(page, lambda: inbox.counts()["done"] == 4, "the whole thread")


def test_seen_is_said_when_the_panel_is_opened(show: Any, inbox: Any, three: list[str]) -> None:
    page = show("bell")
    await_that(page, lambda: page.locator(".badge").text_content() == "3", "counted")
    page.get_by_role("button", name="Notifications, 3 new").click()
    await_titles(page, ["Three", "Two", "One"])
    await_that(page, lambda: inbox.counts()["unseen"] == 0, "seen")
    await_that(page, lambda: page.locator(".badge").is_hidden(), "no badge")
    page.keyboard.press("Escape")
    await_that(page, lambda: focused(page) == "Notifications", "the bell has the focus again")
