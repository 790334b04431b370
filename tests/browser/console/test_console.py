"""The console in a browser: any eyes, keys, brushing, a strict policy, and live parts that wait for whoever reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from clarion import Clarion, clock
from tests.browser.console.conftest import MODES, Opener
from tests.browser.pages import await_that
from tests.browser.test_page import findings
from tests.support.working import emit

PAGES = ("", "/queue", "/recipients", "/recipients/bob", "/silences", "/types", "/types/note", "/keys", "/audit", "/addresses", "/examination")  # fmt: skip


@pytest.fixture(scope="module")
def filled(clarion: Clarion, url: str) -> Clarion:
    """Somebody was told, and something is silenced."""
    event = emit(clarion, "note", to=["bob"], subject="cl/1", data={"title": "First"})
    deadline = clock.monotonic() + 30
    while not clarion.status(event):
        assert clock.monotonic() < deadline
    clarion.silence({"type": "ci.*"}, author="olga", comment="c", until=clock.now() + timedelta(hours=1))
    return clarion


@pytest.fixture(params=[mode for mode in MODES if mode != "without-scripts"])
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return MODES[request.param]


def test_axe_finds_nothing_and_nothing_is_cut_off(
    open_page: Opener, filled: Clarion, mode: dict[str, Any], url: str
) -> None:
    page = open_page("", **mode)
    page.locator("#findings, #examination table").first.wait_for()
    for path in PAGES:
        page.goto(f"{url}/console{path}")
        for details in page.locator("details.sure").all()[:1]:
            details.locator("summary").click()
        assert findings(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to, or search for").wait_for()
    assert findings(page) == []


def test_axe_finds_nothing_where_one_signs_in(browser: Any, url: str) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
        page = context.new_page()
        page.goto(f"{url}/console/recipients")
        assert findings(page) == []
        page.get_by_label("Key").fill("clk_wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert findings(page) == []
        context.close()


@pytest.fixture
def watched(open_page: Opener) -> Iterator[Any]:
    """A page that has broken no rule of its policy, and raised no error, when the test is over."""
    page = open_page("")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.add_init_script("addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))")  # fmt: skip
    page.reload()
    yield page
    assert said == []


def test_keys(watched: Any, filled: Clarion, url: str) -> None:
    page = watched
    page.keyboard.press("g")
    page.keyboard.press("x")
    page.get_by_role("heading", name="Silences", exact=True).wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("gq?")
    assert page.locator("#find").input_value() == "gq?"
    page.keyboard.press("Tab")
    page.goto(f"{url}/console/types")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == "note"
    page.keyboard.press("Enter")
    page.wait_for_url("**/types/note")
    page.keyboard.press("t")
    page.wait_for_url("**/types/note?zone=UTC")


def test_single_keys_can_be_switched_off(watched: Any, url: str) -> None:
    page = watched
    page.keyboard.press("?")
    page.get_by_label("Single letters are keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("x")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    box.fill("go to keys")
    assert page.get_by_role("option").first.text_content() == "Go to Keysg k"
    assert "silences" not in page.url
    box.press("Enter")
    page.get_by_role("heading", name="Issue a key").wait_for()


def test_the_palette_searches_and_acts(watched: Any) -> None:
    page = watched
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    box.fill("times utc")
    assert page.get_by_role("option", selected=True).text_content() == "Times: UTC"
    box.press("Enter")
    page.wait_for_url("**/console?zone=UTC")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("cl/1")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r".*/search\?.*=cl%2F1.*"))  # which knows what it is


def test_times_are_in_the_zone_of_the_browser(browser: Any, signed_in: Any, url: str) -> None:
    context = browser.new_context(timezone_id="Asia/Kolkata", storage_state=signed_in)
    context.clear_cookies(name="clarion_zone")
    page = context.new_page()
    page.goto(f"{url}/console/silences")
    page.get_by_text(re.compile(r"mine \(Asia/(Kolkata|Calcutta)\)")).wait_for()  # as browsers call it
    shown = page.locator("footer time").text_content()
    local = clock.now() + timedelta(hours=5, minutes=30)
    assert shown[:10] in {local.strftime("%Y-%m-%d"), (local - timedelta(minutes=1)).strftime("%Y-%m-%d")}
    assert page.locator("footer time").get_attribute("title").endswith(" UTC")
    context.close()


def test_a_zone_that_the_server_does_not_know_is_no_loop(browser: Any, signed_in: Any, url: str) -> None:
    context = browser.new_context(storage_state=signed_in)
    context.add_init_script(
        "Intl.DateTimeFormat.prototype.resolvedOptions = () => ({ timeZone: 'Mars/Base' })"
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    page.goto(f"{url}/console/silences")
    page.get_by_text("Shown in UTC.").wait_for()
    page.wait_for_load_state("networkidle")
    assert len(asked) <= 2
    context.close()


def test_brushing_a_chart_is_a_range(watched: Any, filled: Clarion, url: str) -> None:
    page = watched
    page.goto(f"{url}/console/types/note")
    chart = page.locator("svg[data-brush]")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    assert "told" in page.locator(".readout").text_content()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40, steps=4)
    page.locator(".brush").wait_for()
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=.*Z&to=.*Z"))
    said = dict(part.split("=") for part in page.url.split("?")[1].split("&"))
    begins, ends = (datetime.fromisoformat(unquote(said[name])) for name in ("from", "to"))
    assert timedelta(hours=4) < ends - begins < timedelta(hours=6)  # a fifth of a day


# ── Live parts ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_live_part_comes_up_to_date(watched: Any, filled: Clarion, url: str) -> None:
    page = watched
    page.goto(f"{url}/console")
    events = page.locator(".figures div", has_text="Events emitted").locator("dd")
    before = events.text_content()
    emit(filled, "note", to=["bob"])
    await_that(page, lambda: events.text_content() != before, "the figure goes up", within=25)


def test_it_waits_while_something_is_selected_and_says_what_it_holds_back(
    open_page: Opener, filled: Clarion, url: str
) -> None:
    page = open_page("/queue")
    page.locator("#queue h2").first.evaluate("(one) => getSelection().selectAllChildren(one)")
    held = page.get_by_role("status").filter(has_text="held back")
    held.wait_for(timeout=20_000)
    assert findings(page) == []
    made = page.evaluate("(document.querySelector('#queue').mark = 1, document.querySelector('#queue').mark)")
    assert made == 1
    page.evaluate("getSelection().removeAllRanges()")
    await_that(
        page,
        lambda: page.evaluate("document.querySelector('#queue').mark") is None,
        "it was swapped",
        within=20,
    )
    await_that(page, lambda: held.count() == 0, "it says so no longer")


def test_it_counts_the_rows_that_it_holds_back(open_page: Opener, filled: Clarion) -> None:
    page = open_page("")
    page.locator("#now a").first.focus()
    page.evaluate(
        """() => {
            const gone = Object.assign(document.createElement("p"), { id: "extra" });
            gone.dataset.row = "a row that is there no longer";
            document.querySelector("#now").append(gone);
        }"""
    )
    page.get_by_role("status").filter(has_text="Held back: 1 gone").wait_for(timeout=25_000)
    assert page.evaluate("document.activeElement.closest('#now') !== null")
    page.get_by_role("button", name="Show", exact=True).click()
    await_that(page, lambda: page.locator("#extra").count() == 0, "it was swapped")


def test_it_says_when_it_cannot_refresh(open_page: Opener, filled: Clarion) -> None:
    page = open_page("/queue")
    page.route("**/console/queue", lambda route: route.fulfill(status=503, body="no"))
    page.get_by_role("status").filter(has_text="Not refreshed since").wait_for(timeout=20_000)
    assert page.locator("#queue table, #queue p").first.is_visible()
    page.unroute("**/console/queue")
    page.get_by_role("button", name="Try again").click()
    await_that(page, lambda: page.get_by_text("Not refreshed since").count() == 0, "it is said no longer")


# ── Without scripts ──────────────────────────────────────────────────────────────────────────────────────


def test_all_of_it_without_scripts(open_page: Opener, filled: Clarion, url: str) -> None:
    page = open_page("/silences?zone=UTC", **MODES["without-scripts"])
    page.get_by_label("Type").fill("deploy.*")
    page.get_by_label("Why").fill("A rehearsal")
    page.get_by_role("button", name="Silence it").click()
    page.get_by_role("status").filter(has_text="It is silent until").wait_for()
    row = page.locator("tr", has_text="deploy.*")
    row.locator("summary").click()
    row.get_by_role("button", name="End it now").click()
    page.get_by_role("status").filter(has_text="has ended").wait_for()
    assert page.locator("tr", has_text="deploy.*").count() == 0
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Name").fill("unscripted")
    page.get_by_label("observe").first.check()
    page.get_by_role("button", name="Issue it").click()
    assert page.locator("code.once").text_content().startswith("clk_")
    page.get_by_role("link", name="Recipients").click()
    page.get_by_label("How their id, name or an address begins").fill("bo")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="bob").click()
    page.get_by_role("heading", name="Bob").wait_for()
