"""Points 1, 2, 7, 8: the stream, what is said while there is none, and that nothing moves or shouts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.browser.pages import await_that, await_titles, focused, row, states, streaming, titles


def test_what_arrives_is_shown_at_once(show: Any, backend: Any, inbox: Any) -> None:
    inbox.emit("One", quietly=True)
    page = show()
    await_titles(page, ["One"])
    streaming(page, backend)
    inbox.emit("Two")
    await_titles(page, ["Two", "One"])


def test_sent_while_the_stream_was_dropped_comes_in_order_and_once(
    show: Any, backend: Any, inbox: Any
) -> None:
    inbox.emit("Before", quietly=True)
    page = show()
    await_titles(page, ["Before"])
    streaming(page, backend)
    backend.drop_streams(closed=True)
    await_that(page, lambda: backend.streams["open"] == 0, "the stream ends")
    for title in ("One", "Two", "Three"):
        inbox.emit(title)
    backend.closed = False
    await_titles(page, ["Three", "Two", "One", "Before"], within=2)
    assert backend.count("GET", "/v1/inbox/stream") >= 2
    assert sum(path == "/v1/inbox" for _, path in backend.requests) == 1


def test_what_is_known_is_too_old(show: Any, backend: Any, inbox: Any) -> None:
    inbox.emit("Old", quietly=True)
    page = show()
    await_titles(page, ["Old"])
    streaming(page, backend)
    inbox.emit("Unheard", quietly=True)
    inbox.reset()
    await_titles(page, ["Unheard", "Old"])
    inbox.emit("And on")
    await_titles(page, ["And on", "Unheard", "Old"])


def test_loading_and_empty_say_what_they_are(show: Any, context: Any) -> None:
    page = context.new_page()
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/v1/inbox?*", hold)
    show(page=page)
    await_that(page, lambda: states(page) == {"loading"}, "loading")
    assert page.get_by_text("Loading…").count() == 1
    await_that(page, lambda: page.locator(".bone").count() == 5, "it takes long")
    assert page.get_by_text("Loading…").count() == 1
    [asked] = held
    asked.continue_()
    await_that(page, lambda: states(page) == {"empty"}, "empty")
    assert page.get_by_role("heading", name="All caught up").is_visible()


@pytest.mark.parametrize("status", [500, 503, 429, 404])
def test_an_error_on_load_is_said_and_heals_by_itself(
    show: Any, backend: Any, inbox: Any, status: int
) -> None:
    inbox.emit("There", quietly=True)
    backend.fail("/v1/inbox", *[status] * 4)
    page = show()
    await_that(page, lambda: states(page) == {"error"}, "error")
    assert page.get_by_text(f"Told to answer {status}", exact=True).is_visible()
    backend.fails.clear()
    await_titles(page, ["There"], within=5)
    assert states(page) == set()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_that_asks_for_time_is_given_it(
    show: Any, backend: Any, inbox: Any, context: Any, form: str
) -> None:
    inbox.emit("There", quietly=True)
    backend.fail("/v1/inbox", 429)
    then = datetime.now(UTC) + timedelta(seconds=60)
    backend.retry_after = "60" if form == "seconds" else format_datetime(then, usegmt=True)
    page = context.new_page()
    page.clock.install()
    show(page=page)
    await_that(page, lambda: states(page) == {"error"}, "error")
    page.clock.run_for(40_000)
    page.evaluate("dispatchEvent(new Event('online')); document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(500)
    assert [path for _, path in backend.requests if path == "/v1/inbox"] == ["/v1/inbox"]
    page.clock.run_for(21_000)
    await_titles(page, ["There"])


def test_a_stream_that_has_died_in_silence_is_opened_again(
    show: Any, backend: Any, inbox: Any, context: Any
) -> None:
    page = context.new_page()
    now = datetime.now(UTC)
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(seconds=1))  # before there is a stream: its 75 s are those told here
    cut: list[str] = []
    page.on("requestfailed", lambda it: "/v1/inbox/stream" in it.url and cut.append(it.url))
    show(page=page)
    streaming(page, backend)
    await_that(page, lambda: states(page) == {"empty"}, "live")
    backend.silence_streams()
    inbox.emit("Unheard")
    page.clock.run_for(74_900)  # a server says something every 30 s
    assert page.evaluate("fetch('/favicon.ico').then(({ status }) => status)") == 204, (
        "all said so far is here"
    )
    assert cut == []
    assert backend.streams["ever"] == 1
    page.clock.run_for(200)
    await_that(page, lambda: len(cut) == 1, "given up")

    def again() -> bool:
        """The pause before the next try is made of the page's time, which stands still."""
        page.clock.run_for(200)
        return bool(backend.streams["ever"] == 2)

    await_that(page, again, "opened again")
    await_titles(page, ["Unheard"])
    assert backend.streams["ever"] == 2


def test_offline_and_stale_say_so_over_what_is_known(
    show: Any, backend: Any, inbox: Any, context: Any
) -> None:
    inbox.emit("Known", quietly=True)
    page = show()
    await_titles(page, ["Known"])
    streaming(page, backend)
    context.set_offline(True)
    await_that(page, lambda: states(page) == {"offline"}, "offline")
    assert page.get_by_text("Offline. This is how it was").first.is_visible()
    context.set_offline(False)
    await_that(page, lambda: states(page) == set(), "well again")
    backend.drop_streams(closed=True)
    await_that(page, lambda: states(page) == {"stale"}, "stale")
    assert page.get_by_text("Connection lost").first.is_visible()
    assert titles(page) == ["Known"]
    inbox.emit("Meanwhile")
    backend.closed = False
    await_titles(page, ["Meanwhile", "Known"], within=5)
    await_that(page, lambda: states(page) == set(), "well again", within=5)


def test_the_inbox_heals_after_a_server_that_hangs_up(show: Any, backend: Any, inbox: Any) -> None:
    inbox.emit("There", quietly=True)
    page = show()
    page.route("**/v1/inbox?*", lambda route: route.abort())
    page.reload()
    await_that(page, lambda: states(page) == {"error"}, "error")
    page.unroute("**/v1/inbox?*")
    await_titles(page, ["There"], within=5)


def test_focus_and_scroll_stay_and_a_pill_counts(show: Any, backend: Any, inbox: Any) -> None:
    for n in range(40):
        inbox.emit(f"Old {n}", quietly=True)
    page = show(head="<style>clarion-inbox{height:500px}</style>")
    page.locator(".row").nth(3).click(position={"x": 200, "y": 40})
    page.locator(".row").nth(2).focus()
    page.mouse.move(0, 0)
    before = focused(page)
    page.locator(".scroller").evaluate("(scroller) => scroller.scrollTop = 300")
    streaming(page, backend)
    inbox.emit_many(3)
    page.get_by_role("button", name="3 new").wait_for()
    assert focused(page) == before
    assert page.locator(".scroller").evaluate("(scroller) => scroller.scrollTop") == 300
    page.get_by_role("button", name="3 new").click()
    await_that(
        page,
        lambda: titles(page)[:3] == ["Notification 43", "Notification 42", "Notification 41"],
        "revealed",
    )
    assert page.get_by_role("button", name="3 new").count() == 0


def test_a_focused_row_that_goes_elsewhere_stays_until_the_focus_leaves(
    show: Any, backend: Any, inbox: Any
) -> None:
    ids = [inbox.emit(title, quietly=True) for title in ("One", "Two", "Three")]
    page = show()
    await_titles(page, ["Three", "Two", "One"])
    streaming(page, backend)
    row(page, "Two").focus()
    inbox.change("done", [ids[1]])
    row(page, "Two").and_(page.locator(".gone")).wait_for()
    assert focused(page) == "Two"
    page.keyboard.press("j")
    await_titles(page, ["Three", "One"])
    assert focused(page) == "One"


def test_a_burst_is_announced_at_most_twice(show: Any, backend: Any, inbox: Any) -> None:
    page = show("bell", 'toasts="off"')
    streaming(page, backend)
    page.evaluate(
        """() => {
            window.said = [];
            const voice = document.querySelector('clarion-bell').shadowRoot.querySelector('[role=status]');
            new MutationObserver(() => window.said.push(voice.textContent)).observe(voice, { childList: true, subtree: true });
        }"""
    )
    inbox.emit_many(100)
    await_that(page, lambda: page.evaluate("said.length") > 0, "announced")
    await_that(page, lambda: page.locator(".badge").text_content() == "99+", "counted")
    page.wait_for_function("() => performance.now() > 6000")  # past the next announcement, if there were one
    said = page.evaluate("said")
    assert 1 <= len(said) <= 2
    assert sum(int(sentence.split()[0]) for sentence in said) == 100


def test_a_burst_asks_the_server_nothing(show: Any, backend: Any, inbox: Any) -> None:
    page = show()
    streaming(page, backend)
    await_that(page, lambda: states(page) == {"empty"}, "loaded")
    backend.requests.clear()
    inbox.emit_many(100)
    await_that(page, lambda: len(titles(page)) == 100, "all shown")
    assert backend.requests == []


def test_two_hundred_rows_are_the_most(show: Any, backend: Any, inbox: Any) -> None:
    for n in range(60):
        inbox.emit(f"Old {n}", quietly=True)
    page = show()
    page.get_by_role("button", name="Show older").wait_for()
    streaming(page, backend)
    inbox.emit_many(190)
    newest = [f"Notification {n}" for n in range(250, 60, -1)]
    await_titles(page, [*newest, *(f"Old {n}" for n in range(59, 49, -1))])
    assert page.get_by_text("The newest 200 are listed here. Search finds the rest.").is_visible()
    assert page.get_by_role("button", name="Show older").count() == 0
    assert page.get_by_role("tab", name="Inbox 250").is_visible()
    inbox.change("read", ["n5"])  # of one that is listed no longer
    inbox.emit("And one")
    await_that(page, lambda: titles(page)[0] == "And one", "one more")
    assert len(titles(page)) == 200
    assert titles(page)[-1] == "Old 51"


def test_toasts_are_for_what_is_new_only(show: Any, backend: Any, inbox: Any) -> None:
    page = show("bell", 'viewing="cl/9"')
    streaming(page, backend)
    backend.drop_streams(closed=True)
    await_that(page, lambda: backend.streams["open"] == 0, "dropped")
    inbox.emit("Replayed")
    backend.closed = False
    await_that(page, lambda: page.locator(".badge").text_content() == "1", "replayed")
    inbox.emit("In the open thread", thread="cl/9")
    inbox.emit("New")
    page.locator(".toast").wait_for()
    assert page.locator(".toast .title").all_text_contents() == ["New"]


def test_a_toast_waits_while_somebody_reads_it(show: Any, backend: Any, inbox: Any, context: Any) -> None:
    page = context.new_page()
    page.clock.install()
    show("bell", page=page)
    streaming(page, backend)
    inbox.emit("New")
    page.locator(".toast").wait_for()
    page.locator(".toast").hover()
    page.clock.run_for(20_000)
    assert page.locator(".toast").count() == 1
    page.mouse.move(0, 0)
    page.clock.run_for(5_000)
    page.locator(".toast").get_by_role("button", name="Close").focus()
    page.clock.run_for(20_000)
    assert page.locator(".toast").count() == 1
    page.get_by_role("button", name="Notifications", exact=False).focus()
    page.clock.run_for(7_000)
    await_that(page, lambda: page.locator(".toast").count() == 0, "gone")


def test_no_toast_for_who_looks_at_the_panel(show: Any, backend: Any, inbox: Any) -> None:
    page = show("bell")
    streaming(page, backend)
    page.locator("button.bell").click()
    await_that(page, lambda: states(page) == {"empty"}, "open")
    inbox.emit("Here")
    await_titles(page, ["Here"])
    page.keyboard.press("Escape")
    page.locator("clarion-inbox").wait_for(state="hidden")
    inbox.emit("There")
    page.locator(".toast").wait_for()
    assert page.locator(".toast .title").all_text_contents() == ["There"]


def test_times_tick(show: Any, inbox: Any, context: Any) -> None:
    inbox.emit("Now", quietly=True, age=timedelta(seconds=1))
    page = context.new_page()
    page.clock.install()
    show(page=page)
    await_titles(page, ["Now"])
    assert page.locator("time").text_content() == "now"
    page.clock.run_for(5 * 60_000)
    await_that(page, lambda: page.locator("time").text_content() == "5 min. ago", "older")
