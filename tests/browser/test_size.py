"""Points 11 and 15: how much comes over the wire, that it is made of its sources, and what is shipped beside it."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from components.build import AS_IT_IS, ENTRIES, SOURCES, STATIC, fingerprint

KILOBYTE = 1024


def weight(*names: str) -> int:
    """Bytes, each file compressed alone, as they are served."""
    return sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in names)


HEAVIEST = max((f"locale/{path.name}" for path in (STATIC / "locale").glob("*.js")), key=weight)

BELL = ("clarion.js",)
PANEL = (*BELL, "inbox.js")
ALL = (*PANEL, "preferences.js", HEAVIEST)


@pytest.mark.parametrize(("visit", "most"), [(BELL, 8), (PANEL, 18), (ALL, 25)])
def test_a_first_visit_stays_small(visit: tuple[str, ...], most: float) -> None:
    """English comes with each part; another language is one file more."""
    assert weight(*visit) <= most * KILOBYTE


@pytest.mark.parametrize(
    ("part", "most"), [("deeds.js", 5), ("finding.js", 2.25), ("arrivals.js", 1.75), ("opt-in.js", 0.75)]
)
def test_what_is_loaded_when_it_is_wanted_stays_small(part: str, most: float) -> None:
    assert weight(part) <= most * KILOBYTE


def test_every_part_has_a_budget() -> None:
    counted = {*ALL, "deeds.js", "finding.js", "arrivals.js", "opt-in.js"}
    assert counted >= {f"{entry}.js" for entry in ENTRIES}


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
