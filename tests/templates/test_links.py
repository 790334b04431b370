from __future__ import annotations

import pytest

from clarion import event as events
from clarion.errors import ConfigError
from clarion.event import Event
from clarion.templates import Renderer, links


@pytest.mark.parametrize(
    ("base", "url", "joined"),
    [
        ("https://acme.test", "/cl/42#c7", "https://acme.test/cl/42#c7"),
        ("https://acme.test/app/", "/cl/42", "https://acme.test/app/cl/42"),
        (None, "/cl/42?a=1&b=2", "/cl/42?a=1&b=2"),
        ("https://acme.test", "https://other.test/x", "https://other.test/x"),
        ("https://acme.test", None, None),
        ("https://acme.test", '/a b"><i>\n\u202e', "https://acme.test/a%20b%22%3E%3Ci%3E%0A%E2%80%AE"),
        ("https://acme.test", "/größe/%20", "https://acme.test/größe/%20"),
    ],
)
def test_paths_go_behind_the_base(base: str | None, url: str | None, joined: str | None) -> None:
    assert links.join(links.base(base), url) == joined


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:a@b.test",
        "//evil.test/x",
        "/\\evil.test",
        "https:evil.test",
        "https://",
        "https://[broken",
        "https://acme.test@evil.test/",
        "https://acme.test\\@evil.test/",
        "relative",
        "",
    ],
)
def test_nothing_else_is_a_link(url: str) -> None:
    assert links.join("https://acme.test", url) is None
    assert links.join(None, url) is None


@pytest.mark.parametrize(
    "url", ["acme.test", "ftp://acme.test", "https://a.test?x", "https://a.test#x", "https://a b", ""]
)
def test_a_base_url_must_be_a_place_on_the_web(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        Renderer(base_url=url)


def test_a_stored_event_with_a_bad_url_has_no_link() -> None:
    event = events.make("t", {})
    bad = Event(id=event.id, type="t", emitted_at=event.at, at=event.at, data={}, url="javascript:alert(1)")
    assert Renderer(base_url="https://acme.test").url(bad) is None
