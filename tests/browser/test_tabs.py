"""Point 9: ten tabs hold one stream, are in step, and share one token."""

from __future__ import annotations

import time
from typing import Any

from tests.browser.pages import await_that, await_titles, row, states, streaming


def test_ten_tabs_hold_one_stream_and_are_in_step(show: Any, backend: Any, inbox: Any, context: Any) -> None:
    inbox.emit("One", quietly=True)
    tabs = [show() for _ in range(10)]
    for page in tabs:
        await_titles(page, ["One"])
    streaming(tabs[0], backend)
    inbox.emit("Two")
    for page in tabs:
        await_titles(page, ["Two", "One"])
    row(tabs[3], "One").focus()
    tabs[3].keyboard.press("e")
    for page in tabs:
        await_titles(page, ["Two"])
    assert backend.streams["open"] == 1


def test_another_tab_takes_over_within_a_second(show: Any, backend: Any, inbox: Any) -> None:
    first = show()
    streaming(first, backend)
    second, third = show(), show()
    inbox.emit("One")
    for page in (first, second, third):
        await_titles(page, ["One"])
    began = time.monotonic()
    first.close()
    inbox.emit("Two")
    await_titles(second, ["Two", "One"], within=1)
    await_titles(third, ["Two", "One"], within=1)
    assert time.monotonic() - began < 1.5
    streaming(second, backend)


def test_a_tab_that_missed_something_asks_for_it(show: Any, backend: Any, inbox: Any) -> None:
    first = show()
    streaming(first, backend)
    second = show()
    inbox.emit("One")
    await_titles(second, ["One"])
    # what the second tab hears is lost for a while
    second.evaluate(
        """() => {
            const value = Object.getOwnPropertyDescriptor(MessageEvent.prototype, 'data').get;
            Object.defineProperty(MessageEvent.prototype, 'data', { configurable: true, get() {
                const data = value.call(this);
                return window.deafened && data?.type === 'changes' ? { type: 'nothing' } : data;
            } });
            window.deafened = true;
        }"""
    )
    inbox.emit("Two")
    await_titles(first, ["Two", "One"])
    second.evaluate("window.deafened = false")
    inbox.emit("Three")
    await_titles(second, ["Three", "Two", "One"])
    assert sum(path == "/v1/inbox" for _, path in backend.requests) == 2


def test_a_visible_tab_takes_the_stream_from_a_hidden_one(show: Any, backend: Any, inbox: Any) -> None:
    first = show()
    streaming(first, backend)
    second = show()
    await_that(second, lambda: states(second) == {"empty"}, "loaded")
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden }); document.dispatchEvent(new Event('visibilitychange')); }"
    first.evaluate(hide, True)
    second.evaluate(hide, True)
    before = backend.streams["ever"]
    second.evaluate(hide, False)
    await_that(second, lambda: backend.streams["ever"] == before + 1, "taken over")
    streaming(second, backend)
    inbox.emit("Here")
    await_titles(second, ["Here"])
    await_titles(first, ["Here"])


def test_a_refused_token_is_renewed_once_and_tried_again(
    show: Any, backend: Any, inbox: Any, recipient: str
) -> None:
    inbox.emit("There", quietly=True)
    stale = backend.token(recipient)
    backend.refused.add(stale)
    page = show(
        token_url=False,
        head=f"<script>addEventListener('DOMContentLoaded', () => {{ let n = 0; document.querySelector('clarion-inbox').getToken = async () => (window.asked = ++n) === 1 ? '{stale}' : '{backend.token(recipient)}'; }})</script>",
    )
    await_titles(page, ["There"])
    assert page.evaluate("window.asked") == 2
    assert backend.count("POST", "/token") == 0


def test_a_token_is_renewed_at_four_fifths_of_its_life_by_one_tab(
    show: Any, backend: Any, inbox: Any
) -> None:
    backend.token_life = 6
    tabs = [show() for _ in range(3)]
    streaming(tabs[0], backend)
    asked = backend.count("POST", "/token")
    assert asked == 3
    backend.token_life = 600
    await_that(tabs[0], lambda: backend.count("POST", "/token") > asked, "renewed")
    inbox.emit("After")
    for page in tabs:
        await_titles(page, ["After"])
    tabs[0].wait_for_function("() => performance.now() > 6500")
    assert backend.count("POST", "/token") == asked + 1
    assert not any("token=" in path for _, path in backend.requests)


def test_another_recipients_token_shows_nothing_of_the_first(
    show: Any, backend: Any, inbox: Any, recipient: str
) -> None:
    inbox.emit("Private", quietly=True)
    backend.inbox("somebody-else").emit("Theirs", quietly=True)
    first = backend.token(recipient)
    page = show(
        token_url=False,
        head=f"<script>addEventListener('DOMContentLoaded', () => {{ document.querySelector('clarion-inbox').getToken = async () => window.other ?? '{first}'; }})</script>",
    )
    await_titles(page, ["Private"])
    page.evaluate("(token) => { window.other = token; }", backend.token("somebody-else"))
    backend.refused.add(first)
    backend.drop_streams()
    await_titles(page, ["Theirs"])
    streaming(page, backend)
    backend.inbox("somebody-else").emit("And live")
    inbox.emit("Still private")
    await_titles(page, ["And live", "Theirs"])


def test_an_answer_that_comes_too_late_is_nobodys(
    show: Any, backend: Any, inbox: Any, recipient: str
) -> None:
    inbox.emit("Private", quietly=True, saved_at="2026-01-01T00:00:00Z")
    backend.inbox("newcomer").emit("Theirs", quietly=True)
    first = backend.token(recipient)
    page = show(
        token_url=False,
        head=f"<script>addEventListener('DOMContentLoaded', () => {{ document.querySelector('clarion-inbox').getToken = async () => window.other ?? '{first}'; }})</script>",
    )
    await_titles(page, ["Private"])
    streaming(page, backend)
    backend.slow["inbox"] = 1.0
    page.get_by_role("tab", name="Saved").click()
    await_that(page, lambda: [path for _, path in backend.requests].count("/v1/inbox") == 2, "asked")
    page.evaluate("(token) => { window.other = token; }", backend.token("newcomer"))
    backend.refused.add(first)
    backend.slow.clear()
    backend.drop_streams()
    await_titles(page, ["Theirs"])
    page.get_by_role("tab", name="Inbox 1").wait_for()
    await_that(page, lambda: page.get_by_role("tab", name="Saved", exact=True).is_visible(), "none is saved")
    assert "Private" not in page.locator("clarion-inbox .frame").text_content()
