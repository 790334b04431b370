"""The components with the real service: what the library emits is shown, and what is done there is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clarion import Clarion
from clarion.web.settings import Settings, TokenSettings
from clarion.web.tokens import sign
from tests.browser.pages import await_that, await_titles, row
from tests.support.working import Wire, emit
from tests.web.conftest import SECRET
from tests.web.inbox import served


@pytest.fixture
def clarion(tmp_path: Path) -> Iterator[Clarion]:
    made = Clarion(f"sqlite:///{tmp_path / 'clarion.db'}")
    made.migrate()
    made.type("note", channels=["inbox"], category="notes", description="Something was noted.")
    made.recipients.upsert("bob")
    yield made
    made.close()


@pytest.fixture
def url(clarion: Clarion) -> Iterator[str]:
    with served(clarion, Settings(tokens=TokenSettings(secret=SECRET))) as (found, _):
        yield found


def note(clarion: Clarion, title: str) -> None:
    emit(clarion, "note", to=["bob"], thread="cl/1", data={"title": title}, actor="alice")


def opened(context: Any, url: str, element: str) -> Any:
    """A page of the service's own origin, with the element and the token that its page gives it."""
    page = context.new_page()
    html = f"""<!doctype html><title>Test</title><clarion-{element}></clarion-{element}>
        <script type="module">
          import "{url}/static/clarion.js";
          document.querySelector("clarion-{element}").getToken = async () => "{sign(SECRET, "bob")}";
        </script>"""
    page.route(f"{url}/page", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{url}/page")
    return page


def test_items_come_and_are_dealt_with(context: Any, clarion: Clarion, url: str) -> None:
    note(clarion, "Before")
    page = opened(context, url, "inbox")
    await_titles(page, ["Before"])
    note(clarion, "Live")
    await_titles(page, ["Live", "Before"])
    live, _ = clarion.inbox.list("bob").items
    clarion.inbox.mark("bob", [live.id], "done")
    await_titles(page, ["Before"])
    row(page, "Before").focus()
    page.keyboard.press("e")
    await_that(page, lambda: clarion.inbox.counts("bob").done == 2, "it is stored")


def test_choices_are_stored(context: Any, clarion: Clarion, url: str) -> None:
    page = opened(context, url, "preferences")
    page.get_by_label("Something was noted.: Inbox").uncheck()
    await_that(page, lambda: bool(clarion.recipients.said("bob").preferences), "it is stored")
    (said,) = clarion.recipients.said("bob").preferences
    assert (said.scope, said.channel, said.enabled) == ("type:note", "inbox", False)


def test_mail_comes_once_somebody_has_said_yes(context: Any, tmp_path: Path) -> None:
    mail = Wire(name="email")
    made = Clarion(f"sqlite:///{tmp_path / 'mailing.db'}", channels=[mail])
    made.migrate()
    made.type("note", channels=["inbox"], category="notes")
    made.recipients.upsert("bob", addresses={"email": "bob@acme.test"})
    with served(made, Settings(tokens=TokenSettings(secret=SECRET))) as (found, _):
        note(made, "First")
        page = opened(context, found, "inbox")
        page.get_by_role("button", name="Yes, by email").click()
        await_that(page, lambda: bool(made.recipients.said("bob").preferences), "it is stored")
        note(made, "Second")
        await_that(page, lambda: len(mail.taken) == 1, "it comes by mail")
        assert mail.taken[0].content.title == "Second"
    made.close()
