"""Mail is asked for after the first notification, once, and only of who gets none and never said a word of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.pages import await_that, await_titles, states

QUESTION = "Do you want to get these by email, too?"


@pytest.fixture(autouse=True)
def mail_is_not_the_default(inbox: Any) -> None:
    for type in inbox.me["types"]:
        for cell in type["channels"]:
            if cell["channel"] == "email" and not type["required"]:
                cell["wanted"] = False


def asked(page: Any) -> Any:
    return page.get_by_role("group", name=QUESTION)


def me_was_read(page: Any, backend: Any) -> None:
    await_that(page, lambda: backend.count("GET", "/v1/me") == 1, "their choices are read")
    page.wait_for_function("performance.getEntriesByName(new URL('/v1/me', location).href).length")
    page.locator(".row").focus()
    page.keyboard.press("w")
    page.get_by_text(
        "because you were mentioned"
    ).first.wait_for()  # what follows from the one answer came before


@pytest.mark.parametrize(("answer", "enabled"), [("Yes, by email", True), ("No, only here", False)])
def test_asked_after_the_first_one_and_not_again(
    show: Any, backend: Any, inbox: Any, answer: str, enabled: bool
) -> None:
    page = show()
    await_that(page, lambda: states(page) == {"empty"}, "nothing yet")
    assert asked(page).count() == 0
    inbox.emit("First")
    await_titles(page, ["First"])
    page.locator(".row").hover()
    page.mouse.wheel(0, 10)
    asked(page).get_by_role("button", name=answer).click()
    asked(page).wait_for(state="detached")
    assert inbox.me["preferences"] == [{"scope": "*", "channel": "email", "enabled": enabled}]
    backend.requests.clear()
    page.reload()
    await_titles(page, ["First"])
    me_was_read(page, backend)
    assert asked(page).count() == 0


def test_a_refused_answer_is_said_and_asked_again(show: Any, backend: Any, inbox: Any) -> None:
    inbox.emit("First", quietly=True)
    page = show()
    asked(page).wait_for()
    backend.fail("/v1/me", 500)
    asked(page).get_by_role("button", name="Yes, by email").click()
    page.get_by_text("Not saved. Told to answer 500").first.wait_for()
    asked(page).get_by_role("button", name="Yes, by email").click()
    asked(page).wait_for(state="detached")
    assert inbox.me["preferences"] == [{"scope": "*", "channel": "email", "enabled": True}]


def unreachable(me: dict[str, Any]) -> None:
    me["addresses"] = {}


def no_mail(me: dict[str, Any]) -> None:
    me["channels"] = ["inbox"]


def said_no(me: dict[str, Any]) -> None:
    me["preferences"] = [{"scope": "category:reviews", "channel": "email", "enabled": False}]


def gets_some(me: dict[str, Any]) -> None:
    me["types"][0]["channels"][1]["wanted"] = True


def silent(me: dict[str, Any]) -> None:
    me["enabled"] = False


@pytest.mark.parametrize("they", [unreachable, no_mail, said_no, gets_some, silent])
def test_not_asked(show: Any, backend: Any, inbox: Any, they: Callable[[dict[str, Any]], None]) -> None:
    they(inbox.me)
    inbox.emit("First", quietly=True)
    page = show()
    await_titles(page, ["First"])
    me_was_read(page, backend)
    assert asked(page).count() == 0
