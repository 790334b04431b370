"""Points 11 and 15: how much comes over the wire, that it is made of its sources, and what is shipped beside it."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from components.build import AS_IT_IS, ENTRIES, OURS, SOURCES, STATIC, fingerprint

from tests.browser.pages import await_that, await_titles, streaming

KILOBYTE = 1024


def weight(*names: str) -> int:
    """Bytes, each file compressed alone, as they are served."""
    return sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in names)


LANGUAGES = sorted(path.stem for path in (STATIC / "locale").glob("*.js") if "-" not in path.stem)
HEAVIEST = max(LANGUAGES, key=lambda lang: weight(f"locale/{lang}.js"))

BELL = ("clarion.js",)
PANEL = (*BELL, "inbox.js")
ALL = (*PANEL, "preferences.js", f"locale/{HEAVIEST}.js")
LATER = {
    "arrivals.js": 1.75,
    "deeds.js": 5,
    "finding.js": 2.25,
    "hands.js": 2.5,
    "opt-in.js": 0.75,
    "pictures.js": 1.5,
    f"locale/{HEAVIEST}-deeds.js": 1.25,
}


@pytest.mark.parametrize(("visit", "most"), [(BELL, 8), (PANEL, 15.6), (ALL, 21.2)])
def test_a_first_visit_stays_small(visit: tuple[str, ...], most: float) -> None:
    """English comes with each part; another language is one file more, and one for what is said of deeds."""
    assert weight(*visit) <= most * KILOBYTE


@pytest.mark.parametrize(("part", "most"), LATER.items())
def test_what_is_loaded_when_it_is_wanted_stays_small(part: str, most: float) -> None:
    assert weight(part) <= most * KILOBYTE


def test_every_part_has_a_budget() -> None:
    assert {*ALL, *LATER} >= {f"{entry}.js" for entry in ENTRIES}


def test_the_budgets_count_all_that_is_loaded(show: Any, backend: Any, inbox: Any, context: Any) -> None:
    """By a bell, by the panel that is opened and looked at, and with the preferences, in the heaviest language."""
    inbox.emit("One", quietly=True)
    page = context.new_page()
    loaded: list[str] = []
    page.on("request", lambda it: "/static/" in it.url and loaded.append(it.url.partition("/static/")[2]))
    show("bell", page=page, lang=HEAVIEST)
    streaming(page, backend)
    await_that(page, lambda: page.locator(".badge").is_visible(), "counted")
    assert {*loaded} == {*BELL, f"locale/{HEAVIEST}.js"}
    page.locator("button.bell").click()
    await_titles(page, ["One"])
    await_that(page, lambda: inbox.counts()["unseen"] == 0, "seen")
    await_that(page, lambda: backend.count("GET", "/v1/me") == 1, "whether mail is to be offered")
    page.wait_for_function("performance.getEntriesByName(new URL('/v1/me', location).href).length")
    assert page.evaluate("fetch('/favicon.ico').then(({ status }) => status)") == 204, (
        "and what follows from it"
    )
    assert {*loaded} == {*PANEL, f"locale/{HEAVIEST}.js"}
    page.evaluate(
        """() => {
            const made = document.createElement('clarion-preferences');
            made.setAttribute('token-url', document.querySelector('clarion-bell').getAttribute('token-url'));
            document.querySelector('main').append(made);
        }"""
    )
    page.locator("clarion-preferences table").wait_for()
    assert {*loaded} == {*ALL}
    assert len(loaded) == len(ALL), "once"


def test_what_is_served_is_made_of_these_sources() -> None:
    for path in [*STATIC.glob("*.js"), *STATIC.glob("locale/*.js")]:
        first = path.read_text().splitlines()[0]
        assert first.endswith(fingerprint()), (
            f"{path.name} is older than its sources: python components/build.py"
        )
    for name in AS_IT_IS:
        assert (STATIC / name).read_bytes() == (SOURCES / name).read_bytes(), (
            f"{name}: python components/build.py"
        )


def test_no_name_that_is_shortened_is_asked_for_by_a_string() -> None:
    tables = [SOURCES / "words.js", *SOURCES.glob("english/*.js")]
    said = {key for path in tables for key in re.findall(r"^  (\w+): ", path.read_text(), re.MULTILINE)}
    sources = "\n".join(path.read_text() for path in SOURCES.glob("*.js"))
    [of_elements] = re.findall(r"for \(const name of \[(.*?)\]\) {\n  Later", sources)
    called = {*re.findall(r"\bdo\('(\w+)'", sources), *re.findall(r"\w+", of_elements)}
    assert {"reveal", "forgotten"} <= called
    assert not (said | called) & {*OURS.split("|")}


def test_the_bell_loads_one_file() -> None:
    text = (STATIC / "clarion.js").read_text()
    assert not re.search(r"\bfrom\s*[\"']\.", text)
    assert not re.search(r"\bimport\s*[\"']", text)


def test_the_manifest_names_every_attribute_and_event() -> None:
    manifest = json.loads((STATIC / "custom-elements.json").read_text())
    [module] = manifest["modules"]
    by_tag = {each["tagName"]: each for each in module["declarations"]}
    assert set(by_tag) == {"clarion-bell", "clarion-inbox", "clarion-preferences"}
    sources = "\n".join(path.read_text() for path in SOURCES.glob("*.js"))
    told = {
        f"clarion:{name}"
        for pair in re.findall(r"tell\((?:open \? )?'(\w+)'(?: : '(\w+)')?", sources)
        for name in pair
        if name
    }
    named = {event["name"] for each in by_tag.values() for event in each["events"]}
    assert told == named
    types = (STATIC / "clarion.d.ts").read_text()
    for name in (*by_tag, *named):
        assert f"'{name}'" in types
