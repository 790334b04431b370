"""Points 6, 10, 12, 13, 15: any page, any theme, any language, any eyes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.backend import STRICT
from tests.browser.pages import await_that, await_titles, row, states, streaming

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced-colours": {"forced_colors": "active"},
    "zoomed": {"viewport": {"width": 450, "height": 380}, "device_scale_factor": 2},
    "narrow": {"viewport": {"width": 320, "height": 640}},
}
SCHEME = "<style>:root { color-scheme: light dark } body { background: Canvas; margin: 0 } clarion-inbox { height: 600px }</style>"


def findings(page: Any) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{v['id']}: {v['help']}: {node['target']} {node['failureSummary']}"
        for v in found
        for node in v["nodes"]
    ]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    options = {"viewport": {"width": 900, "height": 760}, **MODES[request.param]}
    made = browser.new_context(reduced_motion="reduce", **options)
    made.set_default_timeout(10_000)
    yield made.new_page()
    made.close()


def test_axe_finds_nothing_in_the_inbox(mode: Any, show: Any, backend: Any, inbox: Any) -> None:
    for severity in ("info", "warning", "action", "urgent"):
        inbox.emit(f"A {severity} one", quietly=True, severity=severity)
    inbox.emit("Read", quietly=True, read_at="2026-01-01T00:00:00Z", saved_at="2026-01-01T00:00:00Z")
    page = show("bell", page=mode, head=SCHEME)
    page.get_by_role("button", name="Notifications, 5 new").click()
    row(page, "Read").focus()
    page.keyboard.press("w")
    row(page, "Read").get_by_text("because you were mentioned").wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row(page, "Read").focus()
    page.keyboard.press("h")
    page.get_by_role("menu", name="Snooze").wait_for()
    assert findings(page) == []


def test_axe_finds_nothing_in_the_preferences(mode: Any, show: Any) -> None:
    page = show("preferences", page=mode, head=SCHEME)
    page.get_by_role("checkbox", name="Somebody asks for your review: Inbox").wait_for()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_in_any_state(show: Any, backend: Any, context: Any) -> None:
    backend.fail("/v1/inbox", *[500] * 50)
    page = show(head=SCHEME)
    await_that(page, lambda: states(page) == {"error"}, "error")
    assert findings(page) == []
    backend.fails.clear()
    await_that(page, lambda: states(page) == {"empty"}, "empty", within=5)
    assert findings(page) == []


def test_strict_policy_and_trusted_types(show: Any, backend: Any, inbox: Any) -> None:
    inbox.emit("One", quietly=True)
    page = show("bell", csp=STRICT)
    page.evaluate(
        "addEventListener('securitypolicyviolation', (event) => (window.violations ??= []).push(event.violatedDirective + event.blockedURI))"
    )
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    streaming(page, backend)
    inbox.emit("Two")
    page.locator(".toast").wait_for()
    page.get_by_role("button", name="Notifications, 2 new").click()
    await_titles(page, ["Two", "One"])
    row(page, "Two").focus()
    page.keyboard.press("h")
    page.keyboard.press("Escape")
    page.evaluate(
        "document.body.append(document.createElement('clarion-preferences')); document.querySelector('clarion-preferences').setAttribute('token-url', document.querySelector('clarion-bell').getAttribute('token-url'))"
    )
    page.locator("clarion-preferences table").wait_for()
    assert page.evaluate("window.violations ?? []") == []
    assert errors == []


def test_no_markup_is_ever_parsed() -> None:
    sources = Path(__file__).parents[2] / "components"
    for path in sources.rglob("*.js"):
        for banned in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "setHTMLUnsafe",
        ):
            assert banned not in path.read_text(), f"{path.name} uses {banned}"


def test_text_from_outside_stays_text(show: Any, inbox: Any) -> None:
    inbox.emit("<img src=x onerror=alert(1)>", quietly=True, text="<b>bold</b>")
    page = show()
    await_titles(page, ["<img src=x onerror=alert(1)>"])
    assert page.locator(".row img, .row b").count() == 0


def test_hostile_styles_of_the_page_change_nothing(show: Any, inbox: Any) -> None:
    inbox.emit("One", quietly=True)
    read = """() => {
        const root = document.querySelector('clarion-inbox').shadowRoot;
        return ['.row', '.title', '.tabs button', '.text'].map((name) => {
            const { color, fontSize, fontWeight, display, padding, letterSpacing, textTransform, lineHeight } = getComputedStyle(root.querySelector(name));
            return [color, fontSize, fontWeight, display, padding, letterSpacing, textTransform, lineHeight];
        });
    }"""
    page = show()
    await_titles(page, ["One"])
    calm = page.evaluate(read)
    hostile = "* { color: red !important; font: 40px/3 fantasy !important; letter-spacing: 9px !important; text-transform: uppercase !important } button { padding: 40px !important; display: none !important } .row, .title { display: none !important }"
    page = show(head=f"<style>{hostile}</style>")
    await_titles(page, ["One"])
    assert page.evaluate(read) == calm


def test_themes_by_properties_parts_states_and_slots(show: Any, backend: Any, inbox: Any) -> None:
    css = "clarion-inbox { --clarion-surface: rgb(1, 2, 3) } clarion-inbox::part(tab) { text-transform: uppercase } clarion-inbox:state(empty) { border: 3px solid rgb(4, 5, 6) }"
    page = show(head=f"<style>{css}</style>", inside='<p slot="empty">Nothing here, have a tea</p>')
    page.get_by_text("Nothing here, have a tea").wait_for()
    style = "(element, name) => getComputedStyle(element)[name]"
    assert page.locator("clarion-inbox .frame").evaluate(style, "backgroundColor") == "rgb(1, 2, 3)"
    assert page.get_by_role("tab", name="Inbox").evaluate(style, "textTransform") == "uppercase"
    assert page.locator("clarion-inbox").evaluate(style, "borderTopColor") == "rgb(4, 5, 6)"


def test_a_dark_theme_is_the_pages_choice(show: Any) -> None:
    style = "(element) => getComputedStyle(element).backgroundColor"
    page = show()
    assert page.locator("clarion-inbox .frame").evaluate(style) == "rgb(255, 255, 255)"
    page.locator("clarion-inbox").evaluate("(element) => element.setAttribute('theme', 'dark')")
    assert page.locator("clarion-inbox .frame").evaluate(style) == "rgb(23, 24, 29)"


@pytest.mark.parametrize(
    ("lang", "direction", "heading", "pill"),
    [
        ("de", "ltr", "Benachrichtigungen", "3 neue"),
        ("fr", "ltr", "Notifications", "3 nouvelles"),
        ("ar", "rtl", "الإشعارات", "3 إشعارات جديدة"),
    ],
)
def test_the_language_is_switched_at_run_time(
    show: Any, backend: Any, inbox: Any, lang: str, direction: str, heading: str, pill: str
) -> None:
    inbox.emit("One", quietly=True)
    page = show()
    page.get_by_role("heading", name="Notifications").wait_for()
    streaming(page, backend)
    row(page, "One").focus()
    inbox.emit_many(3)
    page.get_by_role("button", name="3 new").wait_for()
    page.evaluate("(lang) => { document.documentElement.lang = lang }", lang)
    page.get_by_role("heading", name=heading, exact=True).wait_for()
    numbers = str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")
    await_that(page, lambda: page.locator(".pill").text_content().translate(numbers) == pill, pill)
    assert page.locator("clarion-inbox .root").get_attribute("dir") == direction
    at = page.locator(".row .title").first.bounding_box()
    box = page.locator("clarion-inbox").bounding_box()
    assert (at["x"] - box["x"] < 100) == (direction == "ltr")


def test_every_language_says_everything() -> None:
    sources = Path(__file__).parents[2] / "components"

    def said(path: Path) -> set[str]:
        return set(re.findall(r"(?:[{,]\s|^\s\s)(\w+): (?=['{])", path.read_text(), re.MULTILINE))

    english = {path.stem: said(path) for path in (sources / "english").glob("*.js")}
    tables = {path.stem: said(path) for path in (sources / "locale").glob("*.js")}
    assert set(tables) == {"de", "de-deeds", "fr", "fr-deeds", "ar", "ar-deeds"}
    of_deeds = ("deeds", "finding", "opt-in")  # which load what is said of deeds
    for lang in ("de", "fr", "ar"):
        for part, wanted in english.items():
            told = tables[lang] | (tables[f"{lang}-deeds"] if part in of_deeds else set())
            assert wanted - told == set(), (lang, part)


def test_moved_cloned_and_attached_a_hundred_times_leaves_nothing(
    show: Any, backend: Any, inbox: Any, context: Any
) -> None:
    inbox.emit("One", quietly=True)
    page = show("bell")
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    page.locator("clarion-bell button.bell").click()
    await_titles(page, ["One"])
    page.keyboard.press("Escape")

    def listeners() -> int:
        session.send("HeapProfiler.collectGarbage")
        return int(
            next(
                m["value"]
                for m in session.send("Performance.getMetrics")["metrics"]
                if m["name"] == "JSEventListeners"
            )
        )

    again = """async (times) => {
        const bell = document.querySelector('clarion-bell');
        for (let n = 0; n < times; n++) {
            bell.remove();
            document.body.append(bell);
            document.querySelector('main').append(bell);
            const clone = bell.cloneNode(true);
            const inbox = document.createElement('clarion-inbox');
            inbox.setAttribute('token-url', bell.getAttribute('token-url'));
            document.body.append(clone, inbox);
            await new Promise((done) => setTimeout(done));
            clone.remove();
            inbox.remove();
        }
    }"""
    page.evaluate(again, 3)
    await_that(page, lambda: backend.streams["open"] == 1, "one stream")
    before = listeners()
    page.evaluate(again, 100)
    await_that(page, lambda: listeners() <= before, f"no listener left of {before}; now {listeners()}")
    assert backend.streams["open"] == 1
    inbox.emit("Two")
    await_that(page, lambda: page.locator(".badge").text_content() == "1", "still alive")


@pytest.mark.parametrize("part", ["inbox", "hands", "deeds"])
def test_a_part_that_could_not_be_loaded_is_said_and_tried_again(
    show: Any, inbox: Any, context: Any, part: str
) -> None:
    one = inbox.emit("One", quietly=True)
    page = context.new_page()
    page.route(f"**/{part}.js", lambda route: route.abort())
    show(page=page)
    if part == "inbox":
        await_that(page, lambda: states(page) == {"error"}, "said")
    else:
        row(page, "One").focus()
        page.keyboard.press("s")
        page.locator(".banner").get_by_text("a part of this page could not be loaded").wait_for()
    page.unroute(f"**/{part}.js")
    await_titles(page, ["One"], within=5)
    row(page, "One").focus()
    page.keyboard.press("s")
    await_that(page, lambda: inbox.items[one]["saved_at"] is not None, "done")
    await_that(page, lambda: page.locator(".banner").is_hidden(), "said no longer")


def test_the_last_to_leave_ends_the_stream(show: Any, backend: Any) -> None:
    page = show()
    streaming(page, backend)
    page.evaluate("document.querySelector('clarion-inbox').remove()")
    streaming(page, backend, 0)


def test_properties_set_before_the_definition_count(backend: Any, context: Any, recipient: str) -> None:
    page = context.new_page()
    token = backend.token(recipient)
    page.goto(
        backend.page(
            "<clarion-bell></clarion-bell>",
            head=f"<script>addEventListener('DOMContentLoaded', () => {{ document.querySelector('clarion-bell').getToken = () => '{token}'; }})</script>",
        )
    )
    page.evaluate("document.addEventListener('clarion:count', (event) => (window.count = event.detail))")
    backend.inbox(recipient).emit()
    await_that(page, lambda: (page.evaluate("window.count") or {}).get("unseen") == 1, "counted")
