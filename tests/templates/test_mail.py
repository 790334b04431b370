"""The built-in HTML mail, read back with a parser."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from clarion.message import Content
from clarion.severity import Severity
from clarion.templates import Renderer, words

Write = Callable[..., Content]
VOID = {"meta", "br"}
LOCALES = sorted(path.stem for path in words.BUILT_IN.glob("*.po"))


class Page(HTMLParser):
    """Its elements as (name, attributes), and the text inside each kind of element; refuses what does not nest."""

    def __init__(self, html: str | None) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        assert html is not None
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts[tag] = self.texts.get(tag, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("severity", list(Severity))
def test_structure(write: Write, locale: str, severity: Severity) -> None:
    content = write(locale=locale, severity=severity, data={"text": "one\ntwo\n\nthree", "button": "Go"})
    page = Page(content.html)
    root = page.all("html")[0]
    assert root == {"lang": locale.replace("_", "-"), "dir": "rtl" if locale == "ar" else "ltr"}
    assert len(page.all("h1")) == 1
    assert page.texts["h1"] == page.texts["title"] == content.title
    assert [link["href"] for link in page.all("a")] == ["https://acme.test/cl/42#c7"]
    assert page.texts["a"] == "Go"
    assert page.texts["bdi"] == "alicecl/42Go"
    assert {"name": "color-scheme", "content": "light dark"} in page.all("meta")
    assert "prefers-color-scheme:dark" in page.texts["style"]
    assert len(page.all("br")) == 1
    # Tables for layout say so; the facts are a real one, with headings.
    assert [table.get("role") for table in page.all("table")].count(None) == 1
    assert len(page.all("th")) == 2
    assert {name for name, _ in page.elements}.isdisjoint({"script", "img", "iframe", "form", "link", "base"})


def test_right_to_left_mirrors_the_layout(write: Write) -> None:
    html = write(locale="ar-EG").html or ""
    assert 'lang="ar-EG" dir="rtl"' in html
    assert "text-align:right" in html
    assert "text-align:left" not in html
    assert "padding-left:12px" in html


HOSTILE = (
    "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href='javascript:alert(1)'>"
)


def test_whatever_is_said_stays_text(write: Write) -> None:
    content = write(
        Renderer(app_name=HOSTILE, base_url="https://acme.test"),
        actor=HOSTILE,
        subject=HOSTILE,
        reason=HOSTILE,
        url="/" + HOSTILE,
        data={"title": HOSTILE, "text": HOSTILE, "button": HOSTILE[:50]},
    )
    page = Page(content.html)
    assert len(page.all("a")) == 1
    assert (page.all("a")[0]["href"] or "").startswith("https://acme.test/%3C/title%3E")
    assert page.all("script") == page.all("img") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.texts["h1"] == content.title == HOSTILE
    assert HOSTILE in page.texts["p"]


@pytest.mark.parametrize("base", [None, "https://acme.test"])
@pytest.mark.parametrize("url", [None, "//evil.test/x"])
def test_no_button_without_a_safe_link(write: Write, base: str | None, url: str | None) -> None:
    content = write(Renderer(base_url=base), url=url)
    assert Page(content.html).all("a") == []
    assert "Open:" not in content.text


def test_a_relative_link_is_none_without_a_base(write: Write) -> None:
    assert Page(write(Renderer(), url="/cl/42").html).all("a") == []
    assert len(Page(write(Renderer(), url="http://acme.test/").html).all("a")) == 1


def test_the_preview_shows_the_text_or_else_the_reason(write: Write) -> None:
    def preview(content: Content) -> str:
        return (
            (content.html or "").partition('aria-hidden="true"')[2].partition(">")[2].partition("&#847;")[0]
        )

    assert preview(write(data={"text": "Looks <b>good</b>\n" + "x" * 500})).startswith(
        "Looks &lt;b&gt;good&lt;/b&gt; xx"
    )
    assert preview(write()) == "You got this because you were mentioned."


def test_severity_is_said_in_words_too(write: Write) -> None:
    assert "Urgent" in Page(write(severity=Severity.URGENT).html).texts["p"]
    assert "Urgent" not in Page(write(severity=Severity.INFO).html).texts["p"]


def test_a_text_that_repeats_the_title_is_said_once(write: Write) -> None:
    content = write()
    assert content.text.count("Comment created: cl/42") == 1
    assert (content.html or "").count("Comment created: cl/42") == 2  # <title> and <h1>
