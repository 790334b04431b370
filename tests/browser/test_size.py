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


LOCALES = sorted(path.name for path in (STATIC / "locale").glob("*.js"))
HEAVIEST = max((f"locale/{name}" for name in LOCALES), key=weight)


@pytest.mark.parametrize(
    ("files", "most"),
    [
        (("clarion.js",), 8),
        (("inbox.js",), 14),
        (("preferences.js", "arrivals.js", "locale/en.js", HEAVIEST), 20),
    ],
)
def test_each_part_stays_small(files: tuple[str, ...], most: int) -> None:
    assert weight(*files) <= most * KILOBYTE


def test_everything_together_stays_small() -> None:
    assert weight(*(f"{entry}.js" for entry in ENTRIES), "locale/en.js", HEAVIEST) <= 32 * KILOBYTE


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
