"""What is further down the list: a click away, and not lost under a hand that is slow."""

from __future__ import annotations

from typing import Any

from tests.browser.pages import await_that, await_titles, focused, states, streaming, titles


def test_older_ones_are_a_click_away(show: Any, inbox: Any) -> None:
    for n in range(60):
        inbox.emit(f"N{n}", quietly=True)
    page = show()
    await_that(page, lambda: len(titles(page)) == 25, "a page")
    page.get_by_role("button", name="Show older").click()
    await_that(page, lambda: len(titles(page)) == 50, "two pages")
    page.get_by_role("button", name="Show older").click()
    await_titles(page, [f"N{n}" for n in range(59, -1, -1)])
    assert page.get_by_role("button", name="Show older").count() == 0


def test_the_way_to_older_ones_stays_under_the_hand(show: Any, inbox: Any) -> None:
    """Rows that were never on the screen are as high as it was guessed: nobody notices at the end of the list."""
    for n in range(60):
        inbox.emit(
            f"{n} of a title that takes two lines and more in a bell " * 3, quietly=True, text="tall " * 60
        )
    page = show("bell")
    page.locator("button.bell").click()
    await_that(page, lambda: len(titles(page)) == 25, "a page")
    for shown in (50, 60):
        places = page.locator(".scroller").evaluate(
            """(scroller) => new Promise((done) => {
                scroller.scrollTop = scroller.scrollHeight;
                const places = [];
                const look = () => {
                    places.push(scroller.querySelector('.older').getBoundingClientRect().top);
                    if (places.length < 15) requestAnimationFrame(look);
                    else done(places);
                };
                requestAnimationFrame(look);
            })"""
        )
        assert len(set(places)) == 1, places
        page.get_by_role("button", name="Show older").click()
        await_that(page, lambda shown=shown: len(titles(page)) == shown, "one page more")


def test_older_ones_are_shown_although_the_list_was_read_anew_meanwhile(
    show: Any, backend: Any, inbox: Any
) -> None:
    for n in range(60):
        inbox.emit(f"N{n}", quietly=True)
    page = show()
    streaming(page, backend)
    await_that(page, lambda: len(titles(page)) == 25, "a page")
    held: list[Any] = []
    page.route("**/v1/inbox?*cursor=*", lambda route: held.append(route) if not held else route.continue_())
    page.get_by_role("button", name="Show older").click()
    await_that(page, lambda: len(held) == 1, "asked for")
    inbox.reset()
    await_that(page, lambda: backend.count("GET", "/v1/inbox") > 2, "read anew")
    await_that(page, lambda: states(page) == set(), "and well")
    held[0].continue_()
    await_titles(page, [f"N{n}" for n in range(59, 9, -1)])


def test_the_focus_stays_where_older_ones_are_asked_for(show: Any, inbox: Any) -> None:
    for n in range(60):
        inbox.emit(f"N{n}", quietly=True)
    page = show()
    await_that(page, lambda: len(titles(page)) == 25, "a page")
    page.get_by_role("button", name="Show older").focus()
    page.keyboard.press("Enter")
    await_that(page, lambda: len(titles(page)) == 50, "two pages")
    assert focused(page) == "Show older"
    page.keyboard.press("Enter")
    await_that(page, lambda: len(titles(page)) == 60, "all")
    await_that(
        page, lambda: focused(page) == "N10", "at the last that was there, for there is nothing to ask for"
    )
