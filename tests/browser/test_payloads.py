"""A hundred stored payloads stay texts, in everything that the components show, and the page's policy reports nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.store.schema import events
from clarion.web.settings import Settings, TokenSettings
from clarion.web.tokens import sign
from tests.browser.backend import STRICT
from tests.browser.pages import await_that, streaming, titles
from tests.support.payloads import PAYLOADS, Watched
from tests.support.working import PATIENCE, emit_many
from tests.web.conftest import SECRET
from tests.web.inbox import served

LIMITS = {"recipient_rate": 1000.0, "recipient_burst": 1000}
TAGS = {"A", "BUTTON", "DIV", "PATH", "SPAN", "SVG", "TIME"}  # of which a row is made


def name(payload: str) -> str:
    """As far as a name can hold it: no control characters."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", payload)


@pytest.fixture(scope="module")
def clarion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clarion]:
    """Every payload is the category and description of a type, and everything that an event of it can carry."""
    made = Clarion(f"sqlite:///{tmp_path_factory.mktemp('payloads') / 'clarion.db'}")
    made.migrate()
    for n, payload in enumerate(PAYLOADS):
        made.type(f"p{n}", channels=["inbox"], category=payload.replace(":", ";"), description=payload)
    made.recipients.upsert("bob", name=name(PAYLOADS[0]))
    made.recipients.subscribe("bob", *map(name, PAYLOADS))
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(clarion: Clarion) -> Iterator[str]:
    with served(clarion, Settings(tokens=TokenSettings(secret=SECRET), **LIMITS)) as (found, _):
        yield found


@pytest.fixture(scope="module")
def stored(clarion: Clarion, url: str) -> None:
    """One notification for each, with an address that no emit takes: it is checked where it is shown, too."""
    batch = [
        (
            f"p{n}",
            {
                "to": ["bob"],
                "actor": name(payload),
                "subject": name(payload),
                "thread": name(payload),
                "tags": [name(payload)],
                "data": {"title": payload, "text": payload},
                "url": "/",
            },
        )
        for n, payload in enumerate(PAYLOADS)
    ]
    emit_many(clarion, batch)
    deadline = time.monotonic() + PATIENCE
    while clarion.inbox.counts("bob").total < len(PAYLOADS):
        assert time.monotonic() < deadline, clarion.inbox.counts("bob")
        time.sleep(0.02)
    with clarion.database.engine.begin() as conn:
        for n, payload in enumerate(PAYLOADS):
            conn.execute(
                sa.update(events)
                .where(events.c.tenant == "default", events.c.type == f"p{n}")
                .values(url=payload)
            )


def opened(context: Any, url: str, element: str) -> tuple[Any, Watched]:
    """A page of the service's own origin under the strictest policy, and what watches it."""
    page = context.new_page()
    watched = Watched(page)
    html = f"""<!doctype html><html lang="en"><title>Test</title><script type="module" src="/static/clarion.js"></script>
        <clarion-{element} token-url="/token"></clarion-{element}>"""
    headers = {"Content-Security-Policy": STRICT}
    page.route(f"{url}/page", lambda it: it.fulfill(body=html, content_type="text/html", headers=headers))
    page.route(f"{url}/token", lambda it: it.fulfill(json={"token": sign(SECRET, "bob")}))
    page.goto(f"{url}/page")
    return page, watched


def made_of(page: Any, selector: str) -> set[str]:
    """Which elements stand there."""
    found: list[str] = page.locator(selector).evaluate_all(
        "(all) => all.flatMap((one) => [...one.querySelectorAll('*')].map((each) => each.tagName.toUpperCase()))"
    )
    return set(found)


@pytest.mark.usefixtures("stored")
def test_in_the_inbox_behind_the_bell_and_in_why(context: Any, clarion: Clarion, url: str) -> None:
    page, watched = opened(context, url, "bell")
    page.locator("button.bell").click()
    for shown in range(25, len(PAYLOADS), 25):
        await_that(page, lambda shown=shown: len(titles(page)) >= shown, f"{shown} rows")
        page.get_by_role("button", name="Show older").click()
    await_that(page, lambda: len(titles(page)) == len(PAYLOADS), "all are shown")
    items = clarion.inbox.list("bob", most=len(PAYLOADS)).items
    assert titles(page) == [item.title for item in items]
    assert page.locator(".row .text").all_text_contents() == [item.text for item in items]
    assert {item.title for item in items} > {payload.strip() for payload in PAYLOADS if payload.isprintable()}
    facts = page.locator(".row .meta span").all_text_contents()
    assert {name(payload) for payload in PAYLOADS} <= set(facts), "the actors"
    assert {payload.replace(":", ";") for payload in PAYLOADS} <= set(facts), "the categories"
    assert made_of(page, ".row") <= TAGS
    links = page.locator(".row .title").evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
    assert all(link is None or re.match("https?://", link) for link in links)
    page.locator(".row").first.focus()
    for _ in PAYLOADS:
        page.keyboard.press("w")
        page.keyboard.press("j")
    await_that(page, lambda: page.locator(".why ul").count() == len(PAYLOADS), "all reasons are shown")
    assert made_of(page, ".why") <= {"P", "UL", "LI", "B", "BUTTON"}
    page.get_by_role("button", name="Search and filter").click()
    page.get_by_label("Category").wait_for()
    choices = page.get_by_label("Category").locator("option").all_text_contents()
    assert {payload.replace(":", ";") for payload in PAYLOADS} < set(choices)
    unsafe = page.locator(".row.unread .title:not([href])")
    assert unsafe.count() >= 15
    unsafe.evaluate_all("(all) => all.forEach((title) => title.click())")
    await_that(page, lambda: unsafe.count() == 0, "opened, which leads nowhere")
    assert watched.caught() == []


def test_in_the_preferences(context: Any, url: str) -> None:
    page, watched = opened(context, url, "preferences")
    page.locator("table").wait_for()
    said = page.locator("th").all_text_contents()
    assert set(PAYLOADS) <= set(said), "the descriptions"
    assert {payload.replace(":", ";") for payload in PAYLOADS} <= set(said), "the categories"
    assert {name(payload) for payload in PAYLOADS} == set(page.locator(".topic").all_text_contents())
    page.locator(".topics select").first.select_option("mentions")
    page.locator(".note").get_by_text("Saved").wait_for()
    assert watched.caught() == []


def test_in_toasts_and_what_is_announced(show: Any, backend: Any, inbox: Any, context: Any) -> None:
    page = context.new_page()
    watched = Watched(page)
    show("bell", page=page, csp=STRICT)
    streaming(page, backend)
    page.evaluate(
        """() => {
            window.said = [];
            const voice = document.querySelector('clarion-bell').shadowRoot.querySelector('[role=status]');
            new MutationObserver(() => said.push(voice.textContent)).observe(voice, { childList: true });
        }"""
    )
    for payload in PAYLOADS:
        inbox.emit(payload, text=payload, url=payload, actor=payload, category=payload)
        page.locator(".toast").wait_for()
        assert page.locator(".toast .title").text_content() == payload
        assert page.locator(".toast .text").text_content() == payload
        assert made_of(page, ".toast") <= {"DIV", "A", "BUTTON", "SVG", "PATH"}
        link = page.locator(".toast .title").get_attribute("href")
        assert link is None or re.match("https?://", link)
        if link is None:
            page.locator(".toast .title").click()
        else:
            page.locator(".toast .close").click()
    await_that(page, lambda: page.evaluate("said.length") > 0, "announced")
    assert watched.caught() == []
    assert page.title() == "Page", "nothing was followed"


def test_a_payload_that_is_parsed_is_caught(context: Any, backend: Any) -> None:
    """What watches sees what it is there for: one that runs, and one that only the policy stops."""
    page = context.new_page()
    watched = Watched(page)
    page.goto(backend.page("<img src=x onerror=pwned(13)>"))
    await_that(page, lambda: watched.caught() == ["payload 13 has run"], "it has run")
    page.goto(backend.page("<img src=x onerror=pwned(13)>", csp=STRICT))
    await_that(page, lambda: any("script-src-attr" in each for each in watched.caught()), "reported")
